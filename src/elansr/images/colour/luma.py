"""Luma of ITU-R BT.601 in studio range, 16..235, as the first channel of MATLAB's `rgb2ycbcr`."""

import numpy as np
from numpy.typing import NDArray

_FACTORS = np.array([65.481, 128.553, 24.966])
_BLACK = 16.0


def luma(picture: NDArray[np.generic]) -> NDArray[np.float64]:
    """The Y on which the literature measures PSNR and SSIM; a one-channel picture counts as three equal channels.

    Args:
        picture: (H, W, 3) or (H, W, 1), any dtype, values 0-255.

    Returns:
        float64, (H, W), 16..235, not rounded.
    """
    rgb = np.broadcast_to(picture, (*picture.shape[:2], 3)).astype(np.float64)
    return rgb @ (_FACTORS / 255) + _BLACK
