"""PSNR, SSIM and consistency as the super-resolution literature defines them, in float64.

PSNR and SSIM are measured on the studio-range luma of 8-bit pictures after a border of `scale` pixels is cropped. SSIM
(Wang et al. 2004) uses an 11x11 Gaussian window of sigma 1.5 and only windows that lie wholly inside the picture.

Consistency needs no HR. SR that adds detail and changes nothing else gives LR back when it is shrunk as LR was made. So
SR, rounded to 8 bits, is shrunk by MATLAB's bicubic with antialiasing, and its PSNR against LR is taken over all pixels
and the three channels together, without a border. A high value says that SR does not contradict LR, not that it is
sharp: plain bicubic has a fair one too.
"""

import math

import numpy as np
from numpy.typing import NDArray

from elansr.errors import DataError
from elansr.images import downscale, luma

SSIM_WINDOW, SSIM_SIGMA = 11, 1.5
PEAK = 255.0
BAND = 32
"""Rows of SSIM computed at a time, so that they stay in the CPU's cache."""


def psnr(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    """Peak signal-to-noise ratio in dB of two (H, W) planes on the 0-255 scale; infinite when they are equal."""
    _require_same_shape(a, b)
    error = float(np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2))
    return math.inf if error == 0 else 10 * math.log10(PEAK**2 / error)


def ssim(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    """Structural similarity, -1 to 1, of two (H, W) planes on the 0-255 scale, at least 11 pixels on each side."""
    _require_same_shape(a, b)
    if min(a.shape) < SSIM_WINDOW:
        raise DataError(
            f"a picture of {a.shape[1]}x{a.shape[0]} pixels is too small for SSIM, which needs {SSIM_WINDOW} per side"
        )
    x, y = a.astype(np.float64), b.astype(np.float64)
    height, width = (side - SSIM_WINDOW + 1 for side in x.shape)
    total = 0.0
    for top in range(0, height, BAND):
        rows = slice(top, min(top + BAND, height) + SSIM_WINDOW - 1)
        total += float(_ssim_map(x[rows], y[rows]).sum())
    return total / (height * width)


def psnr_y(sr: NDArray[np.generic], hr: NDArray[np.generic], border: int) -> float:
    """PSNR-Y in dB of two pictures, uint8 or float 0-255, (H, W, 1 or 3), without `border` pixels on each side."""
    return psnr(_inner_luma(sr, border), _inner_luma(hr, border))


def ssim_y(sr: NDArray[np.generic], hr: NDArray[np.generic], border: int) -> float:
    """SSIM-Y of two pictures, uint8 or float 0-255, (H, W, 1 or 3), without `border` pixels on each side."""
    return ssim(_inner_luma(sr, border), _inner_luma(hr, border))


def consistency(sr: NDArray[np.uint8], lr: NDArray[np.uint8], scale: int) -> float:
    """PSNR in dB of SR shrunk `scale` times against LR; infinite when they are equal.

    Args:
        sr: uint8, (h * scale, w * scale, 3).
        lr: uint8, (h, w, 3).

    Raises:
        DataError: sizes that do not fit.
    """
    return psnr(downscale(sr, scale).astype(np.float64), lr.astype(np.float64))


def _inner_luma(picture: NDArray[np.generic], border: int) -> NDArray[np.float64]:
    height, width = picture.shape[:2]
    if min(height, width) <= 2 * border:
        raise DataError(f"a picture of {width}x{height} pixels is too small to crop a border of {border}")
    return luma(picture[border : height - border, border : width - border])


def _ssim_map(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """SSIM of every whole window of two (H, W) planes: (H - 10, W - 10)."""
    mean_x, mean_y, mean_xx, mean_yy, mean_xy = _blur(_blur(np.stack([x, y, x * x, y * y, x * y]), axis=1), axis=2)
    variances = mean_xx - mean_x**2 + mean_yy - mean_y**2
    covariance = mean_xy - mean_x * mean_y
    c1, c2 = (0.01 * PEAK) ** 2, (0.03 * PEAK) ** 2
    structure = (2 * covariance + c2) / (variances + c2)
    brightness = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    return structure * brightness


def _blur(planes: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Gaussian means along an axis over every whole window; pixels of equal weight are added first."""
    middle = SSIM_WINDOW // 2
    weights = np.exp(-((np.arange(SSIM_WINDOW) - middle) ** 2) / (2 * SSIM_SIGMA**2))
    weights /= weights.sum()
    shifted = np.moveaxis(np.lib.stride_tricks.sliding_window_view(planes, SSIM_WINDOW, axis), -1, 0)
    means: NDArray[np.float64] = weights[middle] * shifted[middle]
    for i in range(middle):
        means += weights[i] * (shifted[i] + shifted[SSIM_WINDOW - 1 - i])
    return means


def _require_same_shape(a: NDArray[np.floating], b: NDArray[np.floating]) -> None:
    if a.shape != b.shape:
        raise DataError(f"pictures of {a.shape[1]}x{a.shape[0]} and {b.shape[1]}x{b.shape[0]} cannot be compared")
