"""The table that judges weights on degraded pictures: its pictures against Pillow, its numbers with made-up models."""

import dataclasses
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import typer
from numpy.typing import NDArray
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio

from elansr.errors import ConfigError
from elansr.evaluation import Model, load_model
from elansr.images import crop_to_multiple, downscale
from elansr.training.degradation import DegradationRecipe, degrade_pictures
from tools import degraded
from tools.degraded import DEGRADED, KINDS, QUALITIES, clean_from, jpeg_only, kind_of, names, row, score, scores

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PHOTO: NDArray[np.uint8] = np.asarray(Image.open(EXAMPLES / "cityscape.png").convert("RGB"))[:66, :98]


def shifted(name: str, levels: int, scale: int = 2) -> Model:
    """A model that knows one answer: grey, so many levels off."""

    def super_resolve(lr: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.full((lr.shape[0] * scale, lr.shape[1] * scale, 3), 100 + levels, np.float32)

    return Model(name, scale, super_resolve)


# --- how LR is made ---


def test_every_kind_is_there_in_order() -> None:
    assert list(KINDS) == [DEGRADED, *(f"JPEG quality {quality}" for quality in (30, 50, 70, 75, 80, 85, 90, 95, 98))]
    assert KINDS[DEGRADED] == DegradationRecipe()
    for quality in QUALITIES:
        assert KINDS[kind_of(quality)].jpeg_quality == (quality, quality)


@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize("quality", [30, 80, 98])
def test_jpeg_only_is_bicubic_and_then_libjpeg_with_half_the_colour(scale: int, quality: int) -> None:
    """The bicubic is that of the literature but for one rounding between the axes, a level here and there."""
    recipe = jpeg_only(quality)
    ((shrunk, _),) = degrade_pictures([PHOTO], scale, dataclasses.replace(recipe, jpeg_probability=0), seed=0)
    ((lr, hr),) = degrade_pictures([PHOTO], scale, recipe, seed=0)
    np.testing.assert_array_equal(hr, crop_to_multiple(PHOTO, scale))
    assert (np.abs(shrunk.astype(int) - downscale(hr, scale)) <= 1).mean() > 0.99
    file = io.BytesIO()
    Image.fromarray(shrunk).save(file, "JPEG", quality=quality, subsampling="4:2:0")
    difference = np.abs(lr.astype(int) - np.asarray(Image.open(file)))
    assert (difference <= 1).mean() > 0.99
    assert difference.mean() < 0.05


# --- who is compared, and how ---


def test_the_weights_that_auto_chooses_from() -> None:
    assert names(4) == ("bicubic", "elan-light-x4", "elan-light-x4-real")
    assert names(2) == ("bicubic", "elan-light-x2", "elan-light-x2-real")


@pytest.mark.parametrize("scale", [1, 8])
def test_a_scale_without_both(scale: int) -> None:
    with pytest.raises(ConfigError, match=f"-s {scale}: elan-light and elan-light-real are not both released for x"):
        names(scale)


def test_a_score_is_the_mean_over_the_pictures() -> None:
    """Of grey pictures, level 100, against grey ones: luma spans 219 of 255 levels, so one level counts 219/255."""
    pairs = [(np.full((8, 8, 3), 9, np.uint8), np.full((16, 16, 3), level, np.uint8)) for level in (100, 104)]
    luma = [np.full((4, 4), level * 219 / 255) for level in (100, 102, 104)]
    expected = [peak_signal_noise_ratio(luma[at], luma[1], data_range=255) for at in (0, 2)]
    assert score(shifted("two off", 2), pairs) == pytest.approx(np.mean(expected), abs=1e-9)


def test_rows_come_as_they_are_measured() -> None:
    kinds = {kind: KINDS[kind] for kind in ("JPEG quality 50", "JPEG quality 98")}
    models = [load_model("bicubic", 2, "cpu", "fp32"), shifted("grey", 0)]
    found = scores([PHOTO], models, kinds)
    kind, (low, grey) = next(found)
    assert (kind, low > grey + 5) == ("JPEG quality 50", True)
    kind, (high, same) = next(found)
    assert (kind, high > low + 0.5, same) == ("JPEG quality 98", True, grey)
    assert not list(found)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ((25.671, 26.384, 26.796), "| degraded | 25.67 | 26.38 | **26.80** |"),
        ((26.92, 28.2249, 27.90), "| degraded | 26.92 | **28.22** | 27.90 |"),
    ],
)
def test_a_row_has_its_best_bold(found: tuple[float, ...], expected: str) -> None:
    assert row("degraded", found) == expected


@pytest.mark.parametrize(
    ("leads", "expected"),
    [
        ((-0.3, -0.3, -0.2, -0.1, 0.02, 0.2, 0.5, 0.8, 1.0), 85),
        ((-0.3, -0.3, -0.2, -0.1, 0.11, 0.2, 0.5, 0.8, 1.0), 80),
        ((0.2,) * 9, 30),
        ((0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.09, 0.5), 98),
        ((0.5,) * 8 + (0.0,), None),
    ],
)
def test_from_which_quality_on_the_clean_weights_are_ahead(leads: Sequence[float], expected: int | None) -> None:
    found = {kind_of(quality): (20.0, 25.0 + lead, 25.0) for quality, lead in zip(QUALITIES, leads, strict=True)}
    assert clean_from({DEGRADED: (0.0, 0.0, 9.0), **found}) == expected


# --- the command ---


def test_the_command_prints_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for at in range(5):
        Image.fromarray(PHOTO[at : at + 32, :32]).save(tmp_path / f"{at}.png")
    models = iter([load_model("bicubic", 2, "cpu", "fp32"), shifted("clean", 0), shifted("real", 30)])
    monkeypatch.setattr(degraded, "load_model", lambda *given: next(models))
    degraded.command(tmp_path, 2, 2)
    lines = capsys.readouterr().out.splitlines()
    lines = [line for line in lines if line.strip()]
    assert lines[:2] == ["| | bicubic | clean | real |", "|---|---|---|---|"]
    assert [line.split(" | ")[0].strip("| ") for line in lines[2:-1]] == list(KINDS)
    assert lines[-1] == "3 pictures; clean is ahead by 0.1 dB from quality 30 on"


def test_an_error_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended:
        degraded.command(tmp_path / "missing", 8, 1)
    assert ended.value.exit_code == 2
    assert capsys.readouterr().err == (
        "error: -s 8: elan-light and elan-light-real are not both released for x8: choose x2, x4\n"
    )
