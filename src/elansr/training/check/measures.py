"""How much there is to learn from a picture: its gradient and its sharpness."""

import numpy as np
from numpy.typing import NDArray

from elansr.evaluation.datasets import RGB

Luma = NDArray[np.float32]
"""(H, W), 0..255, as JPEG weighs R, G and B."""

LARGEST = 2048
"""Of a larger picture, so many rows and columns in its middle are measured."""
TILE = 64
COARSE = (0.075, 0.125)
FINE = ((0.225, 0.275), (0.275, 0.325), (0.325, 0.375), (0.375, 0.425), (0.425, 0.475))
"""Bands of frequencies in cycles a pixel."""
ROUNDING = 1 / 12
"""Spectral density of rounding to whole levels."""
WEAK = 1.0
"""Where the coarse band holds less, sharpness means nothing."""

_WINDOW = np.outer(np.hanning(TILE), np.hanning(TILE)).astype(np.float32)
_FREQUENCY = np.hypot(np.fft.fftfreq(TILE)[:, None], np.fft.rfftfreq(TILE)[None])


def luma(rgb: RGB) -> Luma:
    """Luma of uint8 (H, W, 3), not rounded."""
    weighted: Luma = rgb.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    return weighted


def middle(picture: Luma, side: int = LARGEST) -> Luma:
    """At most `side` rows and columns around the centre."""
    top, left = (max(0, (length - side) // 2) for length in picture.shape)
    return picture[top : top + side, left : left + side]


def gradient(picture: Luma) -> float:
    """Mean length of the gradient, in levels a pixel, after 2x2 means, which take most of the noise away."""
    picture = middle(np.pad(picture, [(0, max(0, 2 - side)) for side in picture.shape], mode="edge"))
    height, width = (side // 2 * 2 for side in picture.shape)
    half = picture[:height, :width].reshape(height // 2, 2, width // 2, 2).mean((1, 3))
    down, right = np.diff(half, axis=0, append=half[-1:]), np.diff(half, axis=1, append=half[:, -1:])
    return float(np.hypot(down, right).mean())


def sharpness(picture: Luma) -> float | None:
    """Energy of fine details over that of coarse ones, in the parts that have most contrast.

    The picture is cut into tiles of 64x64. Those of the upper half by contrast are transformed (Hann window) and their
    spectral densities averaged. The emptiest of the five bands of `FINE`, less the density of rounding, is divided by
    `COARSE`. Photos lie around 0.01. Enlarging and blurring leave at least one of the fine bands next to empty; which
    one depends on the factor and the kernel.

    Returns:
        The ratio, or None where the picture is too small or too flat to tell.
    """
    picture = middle(picture)
    rows, columns = (side // TILE for side in picture.shape)
    if not rows * columns:
        return None
    tiles = picture[: rows * TILE, : columns * TILE].reshape(rows, TILE, columns, TILE).transpose(0, 2, 1, 3)
    tiles = tiles.reshape(-1, TILE, TILE)
    tiles = tiles[np.argsort(tiles.std((1, 2)))[len(tiles) // 2 :]]
    centred = (tiles - tiles.mean((1, 2), keepdims=True)) * _WINDOW
    density = (np.abs(np.fft.rfft2(centred)) ** 2).mean(0) / (_WINDOW**2).sum()
    fine, coarse = min(float(density[_band(*limits)].mean()) for limits in FINE), float(density[_band(*COARSE)].mean())
    return max(0.0, fine - ROUNDING) / coarse if coarse > WEAK else None


def _band(low: float, high: float) -> NDArray[np.bool_]:
    return np.logical_and(low <= _FREQUENCY, high > _FREQUENCY)
