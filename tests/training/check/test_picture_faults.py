"""Gradient and sharpness against closed forms and on photos that were blurred and enlarged; what files say."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from elansr.training.check.picture_faults import BLURRY, FLAT, LARGEST, Finding, gradient, grey, measure, sharpness
from tests.training.photos import city, otter, resized


def test_grey_weighs_as_jpeg_does() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    expected = np.array(Image.fromarray(rgb).convert("YCbCr"))[..., 0]
    assert np.abs(grey(rgb) - expected - 0.5).max() <= 0.51, "Pillow cuts what follows the point"


def test_the_gradient_of_a_slope_is_its_slope() -> None:
    """Over 2x2 means a slope of 3 levels a pixel is one of 6; the last column has no right neighbour."""
    slope = np.tile(np.arange(40, dtype=np.float32) * 3, (20, 1))
    assert gradient(slope) == pytest.approx(6 * 19 / 20)
    assert gradient(slope.T) == pytest.approx(6 * 19 / 20)
    assert gradient(np.full((1, 1), 7, np.float32)) == 0


def test_white_noise_is_as_strong_at_every_frequency() -> None:
    noise = np.random.default_rng(0).normal(128, 20, (512, 512)).astype(np.float32)
    assert sharpness(noise) == pytest.approx(1, abs=0.05)


def test_a_wave_of_one_frequency_has_only_that() -> None:
    x = np.arange(256)
    coarse, fine = (np.tile(128 + 50 * np.sin(2 * np.pi * f * x), (256, 1)).astype(np.float32) for f in (0.1, 0.45))
    assert sharpness(coarse) == pytest.approx(0, abs=1e-4)
    assert sharpness(coarse + fine) == pytest.approx(0, abs=1e-4), "four of the five bands are empty"


@pytest.mark.parametrize("shape", [(63, 200), (200, 63), (1, 1)])
def test_a_small_picture_says_nothing(shape: tuple[int, int]) -> None:
    assert sharpness(np.random.default_rng(0).random(shape, np.float32) * 255) is None


def test_a_flat_picture_says_nothing_about_sharpness() -> None:
    rng = np.random.default_rng(0)
    assert sharpness(rng.integers(100, 102, (200, 200)).astype(np.float32)) is None


@pytest.mark.parametrize("photo", [otter, city])
def test_photos_are_neither_flat_nor_blurry_until_they_are_made_so(photo) -> None:
    picture = photo()
    assert gradient(grey(picture)) > 2 * FLAT
    assert sharpness(grey(picture)) > 5 * BLURRY
    for kind in (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS):
        for factor in (2, 3, 4):
            assert sharpness(grey(resized(resized(picture, 1 / factor), factor, kind))) < BLURRY
    for sigma in (1.2, 2, 4):
        blurred = np.array(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(sigma)))
        assert sharpness(grey(blurred)) < BLURRY


def test_sky_is_flat() -> None:
    """A gradient from 120 to 200 levels with the noise of a good camera."""
    sky = np.linspace(120, 200, 240)[:, None, None] + np.random.default_rng(0).normal(0, 1.5, (240, 320, 3))
    assert gradient(grey(sky.round().astype(np.uint8))) < FLAT


def test_of_a_large_picture_the_middle_is_measured() -> None:
    picture = np.zeros((100, 2 * LARGEST), np.float32)
    picture[:, LARGEST // 2 : 3 * LARGEST // 2 : 4] = 100
    inner = picture[:, LARGEST // 2 : 3 * LARGEST // 2]
    assert gradient(picture) == gradient(inner) > FLAT


# --- how files say they are compressed, on files that Pillow wrote ---

PICTURE = Image.fromarray(city()[:64, :64])


def storage(path: Path) -> tuple[str, bool, int | None]:
    measured = measure(path)
    assert not isinstance(measured, Finding)
    return measured.format, measured.lossy, measured.quality


@pytest.mark.parametrize("quality", [1, 10, 30, 50, 75, 90, 95, 100])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_the_quality_of_a_jpeg(tmp_path: Path, quality: int, mode: str) -> None:
    PICTURE.convert(mode).save(tmp_path / "a.jpg", quality=quality)
    assert storage(tmp_path / "a.jpg") == ("jpeg", True, quality)


def test_tables_of_another_program_get_the_nearest_quality(tmp_path: Path) -> None:
    PICTURE.save(tmp_path / "a.jpg", qtables=[[4] * 64, [6] * 64])
    assert storage(tmp_path / "a.jpg") == ("jpeg", True, 94)


def test_webp_and_png(tmp_path: Path) -> None:
    PICTURE.save(tmp_path / "a.webp", quality=80)
    PICTURE.save(tmp_path / "b.webp", lossless=True)
    PICTURE.save(tmp_path / "c.png")
    PICTURE.save(tmp_path / "jpeg.png", format="JPEG", quality=40)
    assert storage(tmp_path / "a.webp") == ("webp", True, None)
    assert storage(tmp_path / "b.webp") == ("webp", False, None)
    assert storage(tmp_path / "c.png") == ("png", False, None)
    assert storage(tmp_path / "jpeg.png") == ("jpeg", True, 40)


def test_an_unreadable_file_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("no picture")
    found = measure(tmp_path / "a.png")
    assert isinstance(found, Finding)
    assert (found.kind, found.file) == ("unreadable", tmp_path / "a.png")
