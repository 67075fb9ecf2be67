"""Studio-range BT.601 against the standard's corner values and scikit-image."""

import numpy as np
import pytest
from skimage.color import rgb2ycbcr

from elansr.images import luma, rgb_to_ycbcr, ycbcr_to_rgb

NOISE = np.random.default_rng(0).integers(0, 256, (9, 7, 3), np.uint8)


@pytest.mark.parametrize(
    ("rgb", "ycbcr"),
    [
        ((0, 0, 0), (16, 128, 128)),
        ((255, 255, 255), (235, 128, 128)),
        ((255, 0, 0), (81.481, 90.203, 240)),
        ((0, 0, 255), (40.966, 240, 109.786)),
    ],
)
def test_corner_values(rgb: tuple[int, ...], ycbcr: tuple[float, ...]) -> None:
    np.testing.assert_allclose(rgb_to_ycbcr(np.array(rgb)), ycbcr, atol=1e-9)


def test_equals_scikit_image() -> None:
    np.testing.assert_allclose(rgb_to_ycbcr(NOISE), rgb2ycbcr(NOISE), atol=1e-9)


def test_the_pair_is_inverse() -> None:
    np.testing.assert_allclose(ycbcr_to_rgb(rgb_to_ycbcr(NOISE)), NOISE, atol=1e-9)


def test_luma_is_the_first_channel_and_grey_counts_as_three_equal_ones() -> None:
    np.testing.assert_allclose(luma(NOISE), rgb2ycbcr(NOISE)[..., 0], atol=1e-9)
    grey = NOISE[..., :1]
    np.testing.assert_array_equal(luma(grey), luma(grey.repeat(3, axis=2)))
