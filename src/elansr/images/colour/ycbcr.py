"""RGB <-> YCbCr of ITU-R BT.601 in studio range, as MATLAB's `rgb2ycbcr`: Y in 16..235, Cb and Cr in 16..240."""

import numpy as np
from numpy.typing import NDArray

_RGB_TO_YCBCR = np.array(
    [[65.481, 128.553, 24.966], [-37.797, -74.203, 112.0], [112.0, -93.786, -18.214]], dtype=np.float64
)
_OFFSET = np.array([16.0, 128.0, 128.0])


def rgb_to_ycbcr(rgb: NDArray[np.generic]) -> NDArray[np.float64]:
    """Converts RGB to YCbCr without rounding.

    Args:
        rgb: (..., 3), any dtype, values 0-255.

    Returns:
        float64, (..., 3), Y in 16..235, Cb and Cr in 16..240.
    """
    return np.asarray(rgb, dtype=np.float64) @ (_RGB_TO_YCBCR.T / 255) + _OFFSET


def ycbcr_to_rgb(ycbcr: NDArray[np.floating]) -> NDArray[np.float64]:
    """The inverse of `rgb_to_ycbcr`; neither rounded nor clipped."""
    return (np.asarray(ycbcr, dtype=np.float64) - _OFFSET) @ np.linalg.inv(_RGB_TO_YCBCR / 255).T


def luma(picture: NDArray[np.generic]) -> NDArray[np.float64]:
    """The Y on which the literature measures PSNR and SSIM; a one-channel picture counts as three equal channels.

    Args:
        picture: (H, W, 3) or (H, W, 1), any dtype, values 0-255.

    Returns:
        float64, (H, W), 16..235, not rounded.
    """
    rgb = np.broadcast_to(picture, (*picture.shape[:2], 3)).astype(np.float64)
    return rgb @ (_RGB_TO_YCBCR[0] / 255) + _OFFSET[0]
