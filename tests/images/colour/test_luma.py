"""Studio-range BT.601 against the standard's corner values and scikit-image."""

import numpy as np
import pytest
from skimage.color import rgb2ycbcr

from elansr.images import luma

NOISE = np.random.default_rng(0).integers(0, 256, (9, 7, 3), np.uint8)


@pytest.mark.parametrize(
    ("rgb", "y"), [((0, 0, 0), 16), ((255, 255, 255), 235), ((255, 0, 0), 81.481), ((0, 0, 255), 40.966)]
)
def test_corner_values(rgb: tuple[int, ...], y: float) -> None:
    np.testing.assert_allclose(luma(np.array(rgb).reshape(1, 1, 3)), [[y]], atol=1e-9)


def test_it_is_the_first_channel_of_scikit_image_and_grey_counts_as_three_equal_ones() -> None:
    np.testing.assert_allclose(luma(NOISE), rgb2ycbcr(NOISE)[..., 0], atol=1e-9)
    grey = NOISE[..., :1]
    np.testing.assert_array_equal(luma(grey), luma(grey.repeat(3, axis=2)))
