"""The bicubic rows of the literature's protocol, what the protocols measure, and how pairs are read and checked."""

import dataclasses
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

import elansr
from elansr.engines.cpu import bindings
from elansr.errors import ConfigError, DataError, OutputExistsError, PictureError
from elansr.evaluation.datasets import BenchmarkSet
from elansr.evaluation.metrics import consistency
from elansr.evaluation.models import Model, bicubic
from elansr.evaluation.scoring import Evaluation, Score, ScoredPicture, SetScores, score_set
from elansr.images import Picture, downscale, read, write

Enlarge = Callable[[np.ndarray], np.ndarray]

BICUBIC = {
    ("Set5", 2): (33.673, 0.9303),
    ("Set5", 3): (30.403, 0.8689),
    ("Set5", 4): (28.429, 0.8111),
    ("Set14", 2): (30.325, 0.8699),
    ("Set14", 3): (27.631, 0.7759),
    ("Set14", 4): (26.088, 0.7048),
    ("B100", 2): (29.560, 0.8434),
    ("B100", 3): (27.209, 0.7391),
    ("B100", 4): (25.961, 0.6681),
}


@pytest.mark.parametrize(("name", "scale"), BICUBIC)
def test_bicubic_scores_what_it_must(data_dir: Path, name: str, scale: int) -> None:
    (scores,) = elansr.evaluate("bicubic", data_dir / "benchmark" / name, scale=scale, check=False).scores
    psnr, ssim = BICUBIC[name, scale]
    assert scores.lr_source == ("files" if name == "Set5" else "made by MATLAB bicubic")
    assert scores.psnr == pytest.approx(psnr, abs=0.005 / 2)
    assert scores.ssim == pytest.approx(ssim, abs=0.0001)


def score(enlarge: Enlarge, folder: Path, scale: int, protocol: Literal["paper", "authors"] = "paper") -> SetScores:
    return score_set(Model("model", scale, enlarge), BenchmarkSet.of(folder, scale), protocol)


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write(Picture(pages=(pixels,), format="png"), path)


HR = np.random.default_rng(0).integers(0, 256, (50, 62, 3), np.uint8)


def test_a_plain_folder_gets_its_lr_made(tmp_path: Path) -> None:
    save(tmp_path / "a.png", HR)
    ((name, lr, hr),) = BenchmarkSet.of(tmp_path, 4).pairs()
    assert name == "a"
    np.testing.assert_array_equal(hr, HR[:48, :60])
    np.testing.assert_array_equal(lr, downscale(hr, 4))


def test_the_edsr_layout_is_used_where_there_is_one(tmp_path: Path) -> None:
    lr_file = np.random.default_rng(1).integers(0, 256, (12, 15, 3), np.uint8)
    save(tmp_path / "HR" / "a.png", HR)
    save(tmp_path / "LR_bicubic" / "X4" / "ax4.png", lr_file)
    ((_, lr, _),) = BenchmarkSet.of(tmp_path, 4).pairs()
    np.testing.assert_array_equal(lr, lr_file)


def test_hr_that_is_too_small_to_measure_is_named(tmp_path: Path) -> None:
    for scale, least in ((2, 16), (3, 18), (4, 20)):
        save(tmp_path / f"x{scale}" / "a.png", HR[: least - 1])
        with pytest.raises(DataError, match=rf"a\.png: 62x{least - 1} .*x{scale} .*{least}"):
            score(bicubic(scale), tmp_path / f"x{scale}", scale)
        save(tmp_path / f"fits{scale}" / "a.png", HR[:least])
        assert math.isfinite(score(bicubic(scale), tmp_path / f"fits{scale}", scale).ssim)


def test_a_pair_that_does_not_fit_names_the_file_and_both_sizes(tmp_path: Path) -> None:
    save(tmp_path / "HR" / "a.png", HR)
    save(tmp_path / "LR_bicubic" / "X4" / "ax4.png", HR)
    with pytest.raises(DataError, match=r"ax4\.png: 62x50 .*15x12"):
        list(BenchmarkSet.of(tmp_path, 4).pairs())


def test_grey_counts_as_three_equal_channels(tmp_path: Path) -> None:
    save(tmp_path / "a.png", HR[..., :1])
    ((_, _, hr),) = BenchmarkSet.of(tmp_path, 2).pairs()
    np.testing.assert_array_equal(hr, HR[..., :1].repeat(3, axis=2))


def test_no_folder_and_an_empty_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=str(tmp_path)):
        BenchmarkSet.of(tmp_path, 2)
    with pytest.raises(DataError, match="missing"):
        BenchmarkSet.of(tmp_path / "missing", 2)


FLAT = np.full((48, 60, 3), 100, np.uint8)


def off_by(levels: float) -> Callable[[np.ndarray], np.ndarray]:
    """A model whose SR of `FLAT` is so many levels brighter, in every channel."""
    return lambda lr: np.full((lr.shape[0] * 4, lr.shape[1] * 4, 3), 100 + levels, np.float32)


def test_paper_rounds_sr_and_authors_does_not(tmp_path: Path) -> None:
    """Grey d brighter is luma 219 / 255 * d brighter."""
    save(tmp_path / "a.png", FLAT)
    assert score(off_by(0.25), tmp_path, 4).pictures["a"].psnr == math.inf
    authors = score(off_by(0.25), tmp_path, 4, protocol="authors").pictures["a"]
    assert authors.psnr == pytest.approx(20 * math.log10(255 / (219 / 255 * 0.25)), abs=1e-6)
    assert authors.consistency == math.inf  # of the 8-bit picture, whatever the protocol


def test_both_protocols_clamp_sr(tmp_path: Path) -> None:
    save(tmp_path / "a.png", FLAT)
    expected = 20 * math.log10(255 / (219 / 255 * 155))
    for protocol in ("paper", "authors"):
        clamped = score(off_by(400), tmp_path, 4, protocol=protocol).pictures["a"]  # type: ignore[arg-type]
        assert clamped.psnr == pytest.approx(expected, abs=1e-9)


def test_only_the_authors_round_means_up() -> None:
    pictures = {"a": Score(30.0, 0.8), "b": Score(31.0006, 0.80013)}
    paper = SetScores("s", pictures)
    assert (paper.psnr, paper.ssim) == (pytest.approx(30.5003), pytest.approx(0.800065))
    authors = dataclasses.replace(paper, protocol="authors")
    assert (authors.psnr, authors.ssim) == (30.51, 0.8001)


def test_each_picture_is_shown_as_it_was_scored(tmp_path: Path) -> None:
    for name in ("a", "b"):
        save(tmp_path / "S" / f"{name}.png", HR)
    seen: list[tuple[ScoredPicture, int, int]] = []
    model = Model("mine", 2, lambda lr: bicubic(2)(lr) + np.float32(0.25), "network")
    scores = score_set(model, BenchmarkSet.of(tmp_path / "S", 2), after=lambda *each: seen.append(each))
    assert (scores.name, scores.model, scores.network) == ("S", "mine", "network")
    assert [(p.set_name, p.name, p.scale, done, total) for p, done, total in seen] == [
        ("S", "a", 2, 1, 2),
        ("S", "b", 2, 2, 2),
    ]
    picture = seen[0][0]
    assert picture.hr is not None
    np.testing.assert_array_equal(picture.hr, HR)
    np.testing.assert_array_equal(picture.lr, downscale(HR, 2))
    np.testing.assert_array_equal(picture.sr, bicubic(2)(picture.lr))
    assert picture.sr.dtype == np.uint8
    assert picture.score is scores.pictures["a"]
    assert picture.score.consistency == consistency(picture.sr, picture.lr, 2)
    assert 0 < picture.score.seconds < 60


def test_lr_without_hr_is_measured_against_itself(tmp_path: Path) -> None:
    save(tmp_path / "phone" / "a.png", HR)
    (scores,) = elansr.evaluate("bicubic", lr=tmp_path / "phone", scale=3, save=tmp_path / "out").scores
    assert (scores.name, scores.lr_source, list(scores.pictures)) == ("phone", "files, no HR", ["a"])
    assert scores.consistency == consistency(bicubic(3)(HR), HR, 3)
    assert math.isnan(scores.psnr)
    assert math.isnan(scores.ssim)
    np.testing.assert_array_equal(read(tmp_path / "out" / "phone" / "a.png").pixels, bicubic(3)(HR))


def test_a_model_of_another_scale_or_without_numbers_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "a.png", FLAT)
    with pytest.raises(DataError, match=r"^a: .*\(24, 30, 3\), not \(48, 60, 3\)"):
        score(bicubic(2), tmp_path, 4)
    with pytest.raises(DataError, match="^a: "):
        score(off_by(math.nan), tmp_path, 4)


# The public function; `tests/cli/test_evaluate.py` has the rest.


@pytest.fixture
def two_sets(tmp_path: Path) -> list[Path]:
    for name in ("one", "two"):
        save(tmp_path / name / "HR" / "a.png", HR)
    return [tmp_path / "one", tmp_path / "two"]


def test_models_and_sets_are_scored_in_their_order_and_written(two_sets: list[Path], tmp_path: Path) -> None:
    calls: list[tuple[str, int, int]] = []
    flat = Model("flat", 4, off_by(0))
    result = elansr.evaluate(
        ["bicubic", flat],
        two_sets,
        csv=tmp_path / "scores.csv",
        save=tmp_path / "sr",
        progress=lambda *call: calls.append(call),
    )
    assert isinstance(result, Evaluation)
    assert (result.scale, result.protocol, result.lr_checked) == (4, "paper", True)
    order = [("bicubic", "one"), ("bicubic", "two"), ("flat", "one"), ("flat", "two")]
    assert [(scores.model, scores.name) for scores in result.scores] == order
    assert calls == [(f"{model}: {name}", 1, 1) for model, name in order]
    assert len((tmp_path / "scores.csv").read_text().splitlines()) == 1 + 2 * 4
    for model, name in order:
        assert (tmp_path / "sr" / model / name / "a.png").is_file()


def test_a_report_is_written(two_sets: list[Path], tmp_path: Path) -> None:
    elansr.evaluate("bicubic", two_sets, html=tmp_path / "report.html")
    assert "<html" in (tmp_path / "report.html").read_text()


def test_what_cannot_be_evaluated_is_refused_before_the_run(two_sets: list[Path], tmp_path: Path) -> None:
    def never(lr: np.ndarray) -> np.ndarray:
        raise AssertionError("ran")

    model, other = Model("m", 4, never), Model("other", 2, never)
    (tmp_path / "there.csv").touch()
    refused: list[tuple[type[Exception], dict[str, object]]] = [
        (ConfigError, {"data": ()}),
        (ConfigError, {"models": []}),
        (ConfigError, {"models": [model, model]}),
        (ConfigError, {"models": [model, other]}),
        (ConfigError, {"data": [two_sets[0], two_sets[0]]}),
        (ConfigError, {"lr": two_sets[0]}),
        (ConfigError, {"html": tmp_path / "page.txt"}),
        (ConfigError, {"metrics": ["psnr"]}),
        (OutputExistsError, {"csv": tmp_path / "there.csv"}),
        (PictureError, {"csv": tmp_path / "nowhere" / "scores.csv"}),
    ]
    for error, arguments in refused:
        with pytest.raises(error):
            elansr.evaluate(**{"models": model, "data": two_sets} | arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("model", ["bicubic", "elan-light-x2"])
def test_pytorch_is_not_imported(two_sets: list[Path], tmp_path: Path, model: str) -> None:
    if model != "bicubic" and not bindings.available():
        pytest.skip("the native library is not built")
    program = (
        "import sys, elansr\n"
        f"sets, page = {list(map(str, two_sets))}, {str(tmp_path / 'r.html')!r}\n"
        f"elansr.evaluate({model!r}, sets, scale=2, device='cpu', html=page)\n"
        "print('torch' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (run.stdout, run.stderr) == ("False\n", "")
