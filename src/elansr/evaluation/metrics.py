"""PSNR and SSIM as the super-resolution literature defines them, in float64.

Both are measured on the studio-range luma of 8-bit pictures after a border of `scale` pixels is cropped. SSIM
(Wang et al. 2004) uses an 11x11 Gaussian window of sigma 1.5 and only windows that lie wholly inside the picture.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from elansr.errors import DataError
from elansr.images import luma

SSIM_WINDOW, SSIM_SIGMA = 11, 1.5
PEAK = 255.0


def psnr(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    """Peak signal-to-noise ratio in dB of two (H, W) planes on the 0-255 scale; infinite when they are equal."""
    _require_same_shape(a, b)
    error = float(np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2))
    return math.inf if error == 0 else 10 * math.log10(PEAK**2 / error)


def ssim(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    """Structural similarity, -1 to 1, of two (H, W) planes on the 0-255 scale, at least 11 pixels on each side."""
    _require_same_shape(a, b)
    if min(a.shape) < SSIM_WINDOW:
        raise DataError(f"a picture of {a.shape[1]}x{a.shape[0]} pixels has no SSIM: it needs {SSIM_WINDOW} each way")
    x, y = torch.from_numpy(a.astype(np.float64)), torch.from_numpy(b.astype(np.float64))
    mean_x, mean_y, mean_xx, mean_yy, mean_xy = _blur(torch.stack([x, y, x * x, y * y, x * y]))
    variances = mean_xx - mean_x**2 + mean_yy - mean_y**2
    covariance = mean_xy - mean_x * mean_y
    c1, c2 = (0.01 * PEAK) ** 2, (0.03 * PEAK) ** 2
    structure = (2 * covariance + c2) / (variances + c2)
    brightness = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    return float((structure * brightness).mean())


def psnr_y(sr: NDArray[np.generic], hr: NDArray[np.generic], border: int) -> float:
    """PSNR-Y in dB of two pictures, uint8 or float 0-255, (H, W, 1 or 3), without `border` pixels on each side."""
    return psnr(_inner_luma(sr, border), _inner_luma(hr, border))


def ssim_y(sr: NDArray[np.generic], hr: NDArray[np.generic], border: int) -> float:
    """SSIM-Y of two pictures, uint8 or float 0-255, (H, W, 1 or 3), without `border` pixels on each side."""
    return ssim(_inner_luma(sr, border), _inner_luma(hr, border))


def _inner_luma(picture: NDArray[np.generic], border: int) -> NDArray[np.float64]:
    height, width = picture.shape[:2]
    if min(height, width) <= 2 * border:
        raise DataError(f"a picture of {width}x{height} pixels is gone once a border of {border} is cropped")
    return luma(picture[border : height - border, border : width - border])


def _blur(planes: torch.Tensor) -> torch.Tensor:
    """Gaussian means of (N, H, W) over every whole window: (N, H - 10, W - 10)."""
    offset = torch.arange(SSIM_WINDOW, dtype=torch.float64) - SSIM_WINDOW // 2
    kernel = torch.exp(-(offset**2) / (2 * SSIM_SIGMA**2))
    kernel = kernel / kernel.sum()
    rows = F.conv2d(planes.unsqueeze(1), kernel.view(1, 1, -1, 1))
    return F.conv2d(rows, kernel.view(1, 1, 1, -1)).squeeze(1)


def _require_same_shape(a: NDArray[np.floating], b: NDArray[np.floating]) -> None:
    if a.shape != b.shape:
        raise DataError(f"pictures of {a.shape[1]}x{a.shape[0]} and {b.shape[1]}x{b.shape[0]} cannot be compared")
