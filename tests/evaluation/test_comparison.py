"""Pictures and models brought to one size: pixels, labels, scores and refusals."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from elansr.benchmark.networks.imdn import IMDN
from elansr.errors import ConfigError, PictureError, WeightsError
from elansr.evaluation.comparison import compare
from elansr.evaluation.scoring import evaluate
from elansr.images import Picture, downscale, imresize, write
from elansr.nn.config import ELANConfig
from elansr.nn.elan import ELAN
from elansr.upscaling.upscaler import load
from elansr.weights.provenance import Provenance
from elansr.weights.weights_file import save

HR = np.random.default_rng(0).integers(0, 256, (50, 62, 3), np.uint8)
LR = HR[:24, :30]


def saved(path: Path, pixels: np.ndarray, icc: bytes | None = None) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    write(Picture((pixels,), icc=icc), path)
    return str(path)


def tiny(path: Path, scale: int) -> str:
    torch.manual_seed(scale)
    path.parent.mkdir(parents=True, exist_ok=True)
    save(ELAN(ELANConfig(scale=scale, channels=6, blocks=2, n_share=1)), path, Provenance(name="tiny"))
    return str(path)


def test_files_are_shown_as_they_are(tmp_path: Path) -> None:
    a, b = saved(tmp_path / "a.png", HR), saved(tmp_path / "b.png", HR[::-1])
    comparison = compare([a, b])
    assert [side.label for side in comparison.pictures] == ["a.png", "b.png"]
    assert (comparison.size, comparison.title, comparison.border) == ((62, 50), "a.png, b.png", None)
    np.testing.assert_array_equal(comparison.pictures[0].pixels, HR)
    np.testing.assert_array_equal(comparison.pictures[1].pixels, HR[::-1])
    assert {side.psnr for side in comparison.pictures} == {None}


def test_grey_alpha_and_16_bits_become_8_bit_colour(tmp_path: Path) -> None:
    grey = saved(tmp_path / "grey.png", HR[..., :1])
    deep = saved(tmp_path / "deep.png", np.where(HR < 255, HR * np.uint32(257) + 100, 65535).astype(np.uint16))
    half = np.concatenate([HR, np.full((50, 62, 1), 102, np.uint8)], axis=2)
    clear = saved(tmp_path / "clear.png", half)
    sides = compare([grey, deep, clear]).pictures
    np.testing.assert_array_equal(sides[0].pixels, HR[..., :1].repeat(3, axis=2))
    np.testing.assert_array_equal(sides[1].pixels, HR)
    np.testing.assert_allclose(sides[2].pixels, 0.4 * HR + 0.6 * 255, atol=0.51)


def test_a_smaller_picture_is_enlarged_by_matlab_bicubic_and_says_so(tmp_path: Path) -> None:
    small = saved(tmp_path / "small.png", LR)
    large = saved(tmp_path / "large.png", np.zeros((72, 90, 3), np.uint8))
    sides = compare([small, large]).pictures
    np.testing.assert_array_equal(sides[0].pixels, imresize(LR, 72, 90))
    assert [side.note for side in sides] == ["enlarged x3 with bicubic", ""]


@pytest.mark.parametrize("shape", [(49, 62, 3), (25, 30, 3), (50, 31, 3), (33, 41, 3)])
def test_sizes_that_do_not_fit_are_named(tmp_path: Path, shape: tuple[int, ...]) -> None:
    a, b = saved(tmp_path / "a.png", HR), saved(tmp_path / "b.png", np.zeros(shape, np.uint8))
    with pytest.raises(PictureError, match=f"b.png: {shape[1]}x{shape[0]} .*62x50"):
        compare([a, b])


def test_models_work_on_lr_as_upscale_does(tmp_path: Path) -> None:
    photo = saved(tmp_path / "photo.png", LR)
    x2, x4 = tiny(tmp_path / "tiny_x2.safetensors", 2), tiny(tmp_path / "other.safetensors", 4)
    told: list[tuple[str, int, int]] = []
    comparison = compare([x2, "bicubic", x4], Path(photo), progress=lambda *told_now: told.append(told_now))
    assert [side.label for side in comparison.pictures] == ["tiny_x2.safetensors", "bicubic x4", "other.safetensors x4"]
    assert (comparison.title, comparison.size) == ("photo.png", (120, 96))
    np.testing.assert_array_equal(comparison.pictures[0].pixels, imresize(load(x2)(LR), 96, 120))
    assert comparison.pictures[0].note == "enlarged x2 with bicubic"
    np.testing.assert_array_equal(comparison.pictures[1].pixels, imresize(LR, 96, 120))
    np.testing.assert_array_equal(comparison.pictures[2].pixels, load(x4)(LR))
    assert {label for label, _, _ in told} == {side.label for side in comparison.pictures}
    assert all(0 < done <= total for _, done, total in told)


def test_a_preset_without_a_scale_is_x4(tmp_path: Path) -> None:
    photo = saved(tmp_path / "photo.png", LR[:8, :8])
    sides = compare(["elan-light", "bicubic"], Path(photo)).pictures
    assert [side.label for side in sides] == ["elan-light x4", "bicubic x4"]
    sides = compare(["elan-light", "bicubic"], Path(photo), scale=2).pictures
    assert [side.label for side in sides] == ["elan-light x2", "bicubic x2"]


def test_against_hr_the_scores_are_those_of_an_evaluation(tmp_path: Path) -> None:
    hr = saved(tmp_path / "set" / "hr.png", HR)
    model = tiny(tmp_path / "tiny.safetensors", 3)
    comparison = compare(["bicubic", model], Path(hr), hr=True)
    reference = comparison.pictures[-1]
    np.testing.assert_array_equal(reference.pixels, HR[:48, :60])
    assert (reference.label, reference.psnr, comparison.border) == ("HR", None, 3)
    for side, name in zip(comparison.pictures, ("bicubic", model), strict=False):
        (scores,) = evaluate(name, tmp_path / "set", scale=3).scores
        assert side.psnr == pytest.approx(scores.psnr, abs=1e-3)
    np.testing.assert_array_equal(comparison.pictures[0].pixels, imresize(downscale(HR[:48, :60], 3), 48, 60))


def test_a_baseline_is_scored_as_in_an_evaluation(tmp_path: Path) -> None:
    hr = saved(tmp_path / "set" / "hr.png", HR)
    path = tmp_path / "IMDN_x2.pth"
    torch.save(IMDN(2).state_dict(), path)
    side = compare([str(path)], Path(hr), hr=True).pictures[0]
    (scores,) = evaluate(path, tmp_path / "set").scores
    assert side.psnr == scores.psnr
    assert side.label == "IMDN_x2.pth"


def test_results_of_other_programs_are_scored_too(tmp_path: Path) -> None:
    """One grey level is 219 / 255 of luma."""
    dark = HR // 2
    hr, brighter = saved(tmp_path / "hr.png", dark), saved(tmp_path / "brighter.png", dark + 1)
    comparison = compare([brighter, hr], Path(hr), hr=True)
    assert (comparison.size, comparison.border) == ((62, 50), 4)
    assert comparison.pictures[0].psnr == pytest.approx(20 * math.log10(255 / (219 / 255)))
    assert comparison.pictures[1].psnr == math.inf


def test_files_of_one_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    names = [saved(tmp_path / folder / "a.png", HR) for folder in ("x", "y")]
    names.append(saved(tmp_path / "b.png", HR))
    assert [side.label for side in compare(names).pictures] == [names[0], names[1], "b.png"]
    photo = saved(tmp_path / "photo.png", LR)
    runs = [tiny(tmp_path / folder / "best.safetensors", 2) for folder in ("x", "y")]
    assert [side.label for side in compare(runs, Path(photo)).pictures] == runs
    twice = compare([names[2], names[2]])
    assert [side.label for side in twice.pictures] == ["b.png", "b.png"]


def test_a_profile_of_another_colour_space_is_left_out(tmp_path: Path) -> None:
    gray = bytearray(128)
    gray[16:20] = b"GRAY"
    a = saved(tmp_path / "a.tif", HR[..., :1], bytes(gray))
    assert [side.icc for side in compare([a, a]).pictures] == [None, None]


def test_the_size_is_known_before_a_model_runs(tmp_path: Path) -> None:
    photo = saved(tmp_path / "photo.png", LR)
    asked: list[object] = []

    def check(size: tuple[int, int], count: int) -> None:
        asked.append((size, count))
        raise ConfigError("too large")

    model = tiny(tmp_path / "tiny.safetensors", 2)
    with pytest.raises(ConfigError, match="too large"):
        compare([model, "bicubic"], Path(photo), check=check, progress=lambda *_: asked.append("ran"))
    assert asked == [((60, 48), 2)]


@pytest.mark.parametrize(
    ("names", "photo", "hr", "scale", "error", "words"),
    [
        (["a.png"], None, False, None, ConfigError, "`photo`"),
        (["a.png", "elan-light-x4"], None, False, None, ConfigError, "^elan-light-x4: .*`photo`"),
        (["a.png", "b.png"], None, True, None, ConfigError, "`hr=True`.*`photo`"),
        (["a.png", "a.png"], "a.png", False, None, ConfigError, "`photo`"),
        (["a.png", "none.png"], None, False, None, PictureError, "none.png: "),
        (["bicubic", "a.png"], "none.png", False, None, PictureError, "none.png: "),
        (["bicubic", "elan-lite-x4"], "a.png", False, None, WeightsError, "elan-lite-x4.*elan-light"),
        (["bicubic", "elan-light-x4"], "a.png", False, 2, WeightsError, "x4, not x2"),
        (["bicubic", "none.pth"], "a.png", False, None, WeightsError, "none.pth: "),
        (["elan-light-x2", "elan-light-x4"], "a.png", True, None, ConfigError, "x2, x4 .*`hr=True`"),
        (["bicubic", "bicubic"], "a.png", False, 9, ConfigError, "scale 9: .*1 to 8"),
        (["bicubic"], "dot.png", True, 4, PictureError, "dot.png: 3x3 .*x4"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    names: list[str],
    photo: str | None,
    hr: bool,
    scale: int | None,
    error: type[Exception],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    saved(tmp_path / "a.png", HR)
    saved(tmp_path / "dot.png", HR[:3, :3])
    with pytest.raises(error, match=words) as caught:
        compare(names, Path(photo) if photo else None, hr, scale=scale, device="cpu")
    assert "\n" not in str(caught.value)
