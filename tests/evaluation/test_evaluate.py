"""The bicubic rows of the literature's protocol, what the protocols measure, and how pairs are read and checked."""

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from elansr.errors import DataError
from elansr.evaluation.checks import check_pairs
from elansr.evaluation.consistency import consistency
from elansr.evaluation.datasets import BenchmarkSet, LRFolder
from elansr.evaluation.evaluate import Example, Score, SetScores, bicubic, evaluate, evaluate_lr
from elansr.images import Picture, downscale, write

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
    scores = evaluate(bicubic(scale), data_dir / "benchmark" / name, scale)
    psnr, ssim = BICUBIC[name, scale]
    assert scores.lr_source == ("files" if name == "Set5" else "made by MATLAB bicubic")
    assert scores.psnr == pytest.approx(psnr, abs=0.005 / 2)
    assert scores.ssim == pytest.approx(ssim, abs=0.0001)


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
        with pytest.raises(DataError, match=rf"a\.png: 62x{least - 1} pixels; x{scale} needs {least} each way"):
            evaluate(bicubic(scale), tmp_path / f"x{scale}", scale)
        save(tmp_path / f"fits{scale}" / "a.png", HR[:least])
        assert math.isfinite(evaluate(bicubic(scale), tmp_path / f"fits{scale}", scale).ssim)


def test_a_pair_that_does_not_fit_names_the_file_and_both_sizes(tmp_path: Path) -> None:
    save(tmp_path / "HR" / "a.png", HR)
    save(tmp_path / "LR_bicubic" / "X4" / "ax4.png", HR)
    with pytest.raises(DataError, match=r"ax4\.png: 62x50 .* needs 15x12"):
        list(BenchmarkSet.of(tmp_path, 4).pairs())


def test_grey_counts_as_three_equal_channels(tmp_path: Path) -> None:
    save(tmp_path / "a.png", HR[..., :1])
    ((_, _, hr),) = BenchmarkSet.of(tmp_path, 2).pairs()
    np.testing.assert_array_equal(hr, HR[..., :1].repeat(3, axis=2))


def test_no_folder_and_an_empty_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no picture"):
        BenchmarkSet.of(tmp_path, 2)
    with pytest.raises(DataError, match="not a folder"):
        BenchmarkSet.of(tmp_path / "missing", 2)


FLAT = np.full((48, 60, 3), 100, np.uint8)


def off_by(levels: float) -> Callable[[np.ndarray], np.ndarray]:
    """A model whose SR of `FLAT` is so many levels brighter, in every channel."""
    return lambda lr: np.full((lr.shape[0] * 4, lr.shape[1] * 4, 3), 100 + levels, np.float32)


def test_paper_rounds_sr_and_authors_does_not(tmp_path: Path) -> None:
    """Grey d brighter is luma 219 / 255 * d brighter."""
    save(tmp_path / "a.png", FLAT)
    assert evaluate(off_by(0.25), tmp_path, 4).pictures["a"].psnr == math.inf
    authors = evaluate(off_by(0.25), tmp_path, 4, protocol="authors").pictures["a"]
    assert authors.psnr == pytest.approx(20 * math.log10(255 / (219 / 255 * 0.25)), abs=1e-6)
    assert authors.consistency == math.inf  # of the 8-bit picture, whatever the protocol


def test_both_protocols_clamp_sr(tmp_path: Path) -> None:
    save(tmp_path / "a.png", FLAT)
    expected = 20 * math.log10(255 / (219 / 255 * 155))
    for protocol in ("paper", "authors"):
        score = evaluate(off_by(400), tmp_path, 4, protocol=protocol).pictures["a"]  # type: ignore[arg-type]
        assert score.psnr == pytest.approx(expected, abs=1e-9)


def test_only_the_authors_round_means_up() -> None:
    pictures = {"a": Score(30.0, 0.8), "b": Score(31.0006, 0.80013)}
    paper = SetScores("s", pictures)
    assert (paper.psnr, paper.ssim) == (pytest.approx(30.5003), pytest.approx(0.800065))
    authors = dataclasses.replace(paper, protocol="authors")
    assert (authors.psnr, authors.ssim) == (30.51, 0.8001)


def test_each_picture_is_shown_as_it_was_scored(tmp_path: Path) -> None:
    for name in ("a", "b"):
        save(tmp_path / "S" / f"{name}.png", HR)
    seen: list[Example] = []
    told: list[tuple[int, int]] = []
    scores = evaluate(
        lambda lr: bicubic(2)(lr) + np.float32(0.25),
        tmp_path / "S",
        2,
        progress=lambda done, total: told.append((done, total)),
        observe=seen.append,
    )
    assert told == [(1, 2), (2, 2)]
    assert [(e.set_name, e.name, e.scale) for e in seen] == [("S", "a", 2), ("S", "b", 2)]
    example = seen[0]
    np.testing.assert_array_equal(example.hr, HR)
    np.testing.assert_array_equal(example.lr, downscale(HR, 2))
    np.testing.assert_array_equal(example.sr, bicubic(2)(example.lr))
    assert example.sr.dtype == np.uint8
    assert example.score is scores.pictures["a"]
    assert example.score.consistency == consistency(example.sr, example.lr, 2)
    assert 0 < example.score.seconds < 60


def test_lr_without_hr_is_measured_against_itself(tmp_path: Path) -> None:
    save(tmp_path / "phone" / "a.png", HR)
    saved = {}
    scores = evaluate_lr(bicubic(3), LRFolder.of(tmp_path / "phone"), 3, observe=saved.__setitem__)
    assert (scores.name, scores.lr_source, list(scores.pictures)) == ("phone", None, ["a"])
    assert scores.consistency == consistency(bicubic(3)(HR), HR, 3)
    assert math.isnan(scores.psnr)
    assert math.isnan(scores.ssim)
    np.testing.assert_array_equal(saved["a"], bicubic(3)(HR))


def test_a_model_of_another_scale_or_without_numbers_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "a.png", FLAT)
    with pytest.raises(DataError, match=r"^a: SR of shape \(24, 30, 3\), not \(48, 60, 3\)"):
        evaluate(bicubic(2), tmp_path, 4)
    with pytest.raises(DataError, match="^a: SR has values that are no numbers"):
        evaluate(off_by(math.nan), tmp_path, 4)


def test_pairs_that_fit_pass_the_check(data_dir: Path) -> None:
    told: list[tuple[int, int]] = []
    sets = [BenchmarkSet.of(data_dir / "benchmark" / name, 4) for name in ("Set14", "Set5")]
    check_pairs(sets, lambda done, total: told.append((done, total)))
    assert told == [(n, 5) for n in range(1, 6)]  # Set14 has no LR files


def test_a_pair_that_does_not_belong_together_fails_the_check_by_name(tmp_path: Path) -> None:
    smooth = np.linspace(0, 255, 48 * 60 * 3).reshape(48, 60, 3).astype(np.uint8)
    smooth[20:30, 20:40] = HR[:10, :20]
    save(tmp_path / "HR" / "a.png", smooth)
    save(tmp_path / "LR_bicubic" / "X4" / "ax4.png", downscale(smooth, 4))
    check_pairs([BenchmarkSet.of(tmp_path, 4)])
    save(tmp_path / "LR_bicubic" / "X3" / "ax3.png", downscale(smooth, 3)[:, ::-1])
    with pytest.raises(DataError, match=r"ax3\.png: LR is .*; --no-check measures it as it is$"):
        check_pairs([BenchmarkSet.of(tmp_path, 3)])
    save(tmp_path / "LR_bicubic" / "X2" / "ax2.png", smooth)
    with pytest.raises(DataError, match=r"ax2\.png: LR is 60x48.*made by MATLAB bicubic$"):
        check_pairs([BenchmarkSet.of(tmp_path, 2)])
