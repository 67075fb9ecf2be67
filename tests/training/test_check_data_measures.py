"""Gradient and sharpness against closed forms, and on photos that were blurred and enlarged."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from elansr.training.check.measures import gradient, luma, middle, sharpness
from elansr.training.check.picture import BLURRY, FLAT
from tests.training.photos import city, otter, resized


def test_luma_weighs_as_jpeg_does() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    expected = np.array(Image.fromarray(rgb).convert("YCbCr"))[..., 0]
    assert np.abs(luma(rgb) - expected - 0.5).max() <= 0.51, "Pillow cuts what follows the point"


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
    assert gradient(luma(picture)) > 2 * FLAT
    assert sharpness(luma(picture)) > 5 * BLURRY
    for kind in (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS):
        for factor in (2, 3, 4):
            assert sharpness(luma(resized(resized(picture, 1 / factor), factor, kind))) < BLURRY
    for sigma in (1.2, 2, 4):
        blurred = np.array(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(sigma)))
        assert sharpness(luma(blurred)) < BLURRY


def test_sky_is_flat() -> None:
    """A gradient from 120 to 200 levels with the noise of a good camera."""
    sky = np.linspace(120, 200, 240)[:, None, None] + np.random.default_rng(0).normal(0, 1.5, (240, 320, 3))
    assert gradient(luma(sky.round().astype(np.uint8))) < FLAT


def test_the_middle_of_a_large_picture() -> None:
    picture = np.arange(20 * 30, dtype=np.float32).reshape(20, 30)
    np.testing.assert_array_equal(middle(picture, 10), picture[5:15, 10:20])
    np.testing.assert_array_equal(middle(picture, 25), picture[:, 2:27])
