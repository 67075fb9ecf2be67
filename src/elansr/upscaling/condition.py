"""What condition a picture is in, seen from its pixels: how noisy it is, and how sharp.

Measured on the luma of blocks spread over the picture, so that a picture of any size takes a few milliseconds and one
that is read in rows gives the same answer as one in memory.

noise      robust standard deviation, in levels of 8 bits, of the finest diagonal detail in the flattest fifth of areas
           of 16x16 pixels: texture is diagonal detail too, but not everywhere
sharpness  strength of detail of one pixel over that of two: pictures that were shrunk have much of it, pixels of
           cameras and blurred or enlarged pictures little
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from elansr.images import Pixels, to_float

BLOCK, MOST_BLOCKS = 96, 5
"""Side of a block in pixels, and how many there are at most along an axis."""
_AREA = 16
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_MAD = 0.6745
"""Median of the absolute value of a normal variable of standard deviation 1."""
_DARK, _LIGHT = 2.0, 253.0
"""Areas that come nearer to black or white are left out, for noise is cut off there."""
_FEWEST_AREAS = 8
_LEAST_DETAIL = 0.5
"""Levels of two-pixel detail below which a picture is too flat to have a sharpness."""

ReadBand = Callable[[int, int], Pixels]
"""Rows `start` to `stop` (exclusive) of a picture, (stop - start, W, C); called from top to bottom."""


class Condition(NamedTuple):
    """The condition of a picture.

    Attributes:
        noise: standard deviation in levels of 8 bits; None if the picture is too small or too flat to say.
        sharpness: about 0.8 for shrunk pictures, below 0.5 for soft ones; None as above.
    """

    noise: float | None = None
    sharpness: float | None = None


def measure(pixels: Pixels) -> Condition:
    """The condition of a picture (H, W, C) in memory, uint8 or uint16."""
    return measure_rows(lambda start, stop: pixels[start:stop], *pixels.shape[:2])


def measure_rows(read: ReadBand, height: int, width: int) -> Condition:
    """The condition of a picture that is read in rows."""
    blocks = []
    for lines in _spans(height):
        band = read(lines.start, lines.stop)
        blocks += [_luma(band[:, columns]) for columns in _spans(width)]
    return Condition(_noise(blocks), _sharpness(blocks))


def _spans(size: int) -> list[slice]:
    """Where blocks lie along an axis: evenly spread, the first and the last as far from the ends as from each other."""
    length, count = min(BLOCK, size), max(1, min(MOST_BLOCKS, size // BLOCK))
    gap = (size - count * length) / (count + 1)
    starts = [round(gap + number * (length + gap)) for number in range(count)]
    return [slice(start, start + length) for start in starts]


def _luma(block: NDArray[Any]) -> NDArray[np.float32]:
    """Luma, 0 to 255, of pixels of any kind; alpha is left out."""
    colors = block[..., : block.shape[-1] - (block.shape[-1] % 2 == 0)]
    rgb = np.broadcast_to(colors, (*colors.shape[:2], 3))
    return (to_float(rgb) @ _LUMA) * np.float32(255)


def _noise(blocks: list[NDArray[np.float32]]) -> float | None:
    areas = [_areas(block) for block in blocks if min(block.shape) > _AREA]
    if not areas:
        return None
    spreads, usable = (np.concatenate(each) for each in zip(*areas, strict=True))
    if usable.sum() < _FEWEST_AREAS:
        return None
    return float(np.quantile(spreads[usable], 0.2))


def _areas(y: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """For each 16x16 area, the spread of its finest diagonal detail, and whether it keeps clear of black and white."""
    diagonal = (y[:-1, :-1] - y[:-1, 1:] - y[1:, :-1] + y[1:, 1:]) / 2
    parts, values = _cut(np.abs(diagonal)), _cut(y[:-1, :-1])
    return np.median(parts, axis=1) / _MAD, (values.min(axis=1) > _DARK) & (values.max(axis=1) < _LIGHT)


def _cut(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """(h, w) to (areas, pixels of an area)."""
    rows, columns = x.shape[0] // _AREA, x.shape[1] // _AREA
    whole = x[: rows * _AREA, : columns * _AREA].reshape(rows, _AREA, columns, _AREA)
    return whole.swapaxes(1, 2).reshape(-1, _AREA * _AREA)


def _sharpness(blocks: list[NDArray[np.float32]]) -> float | None:
    fine = coarse = 0.0
    for y in blocks:
        rows, columns = y.shape[0] // 2, y.shape[1] // 2
        if min(rows, columns) < _AREA // 2:
            continue
        fine += _detail(y)
        coarse += _detail(y[: 2 * rows, : 2 * columns].reshape(rows, 2, columns, 2).mean(axis=(1, 3)))
    return float(np.sqrt(fine / coarse)) if coarse > _LEAST_DETAIL**2 * len(blocks) else None


def _detail(y: NDArray[np.float32]) -> float:
    """Mean square of second differences, across plus down."""
    across, down = 2 * y[:, 1:-1] - y[:, :-2] - y[:, 2:], 2 * y[1:-1] - y[:-2] - y[2:]
    return float(np.mean(across**2) + np.mean(down**2))
