"""Antialiased bicubic resizing, equal to MATLAB's `imresize(picture, "bicubic")` in every pixel.

The super-resolution literature makes its LR pictures with this function, so an evaluation or a training that uses
another one (OpenCV's, Pillow's, PyTorch's) is not comparable. The facts: the cubic kernel of Keys with a = -0.5,
widened by 1/scale when shrinking; weights normalised per sample; borders mirrored with the edge pixel repeated;
the axis with the smaller scale first, height before width when equal; integer pictures rounded (half up) and clipped
after each axis.
"""

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elansr.images.samples import rounded_half_up

KERNEL_WIDTH = 4.0
COLUMNS_AT_A_TIME = 1024
"""So that what a step works on stays in the processor's cache."""


def imresize(picture: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    """Resizes a picture to `height` x `width` pixels.

    Args:
        picture: (H, W, C); uint8, uint16 or floating.
        height, width: size of the result in pixels, at least 1.

    Returns:
        (height, width, C) of the same dtype. Integer results are rounded half up and clipped to the dtype's range
        after each axis; floating ones are neither.
    """
    sizes = (height, width)
    for axis in sorted((0, 1), key=lambda a: sizes[a] / picture.shape[a]):
        picture = _resize_axis(picture, axis, sizes[axis])
    return picture


def downscale(picture: NDArray[Any], scale: int) -> NDArray[Any]:
    """LR from HR: `picture` (H, W, C), H and W multiples of `scale`, shrunk `scale` times on both axes."""
    return imresize(picture, picture.shape[0] // scale, picture.shape[1] // scale)


def crop_to_multiple(picture: NDArray[Any], scale: int) -> NDArray[Any]:
    """Drops the rows at the bottom and the columns at the right that `scale` does not divide."""
    height, width = picture.shape[0] // scale * scale, picture.shape[1] // scale * scale
    return picture[:height, :width]


def _resize_axis(picture: NDArray[Any], axis: int, size: int) -> NDArray[Any]:
    lines = np.moveaxis(picture, axis, 0)
    columns = lines.reshape(lines.shape[0], -1)
    resized = np.empty((size, columns.shape[1]), picture.dtype)
    for start in range(0, columns.shape[1], COLUMNS_AT_A_TIME):
        block = slice(start, start + COLUMNS_AT_A_TIME)
        resized[:, block] = _weighted_sum(columns[:, block], size)
    return np.ascontiguousarray(np.moveaxis(resized.reshape(size, *lines.shape[1:]), 0, axis))


def _weighted_sum(lines: NDArray[Any], size: int) -> NDArray[Any]:
    """Resizes the first axis of (in_size, n) to (size, n), in the lines' own dtype."""
    indices, factors = _weights(lines.shape[0], size)
    work = lines if lines.dtype == np.float32 else lines.astype(np.float64)
    result = np.zeros((size, lines.shape[1]), work.dtype)
    for tap in range(indices.shape[1]):
        result += factors[:, tap, None].astype(work.dtype) * work[indices[:, tap]]
    if np.issubdtype(lines.dtype, np.integer):
        return rounded_half_up(result, lines.dtype)
    return result.astype(lines.dtype)


@lru_cache(maxsize=64)
def _weights(in_size: int, out_size: int) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Source indices and weights of every output sample, both (out_size, taps); a weight row sums to 1."""
    scale = out_size / in_size
    stretch = min(scale, 1.0)
    width = KERNEL_WIDTH / stretch
    centre = (np.arange(out_size) + 0.5) / scale - 0.5
    taps = math.ceil(width) + 2
    position = np.floor(centre - width / 2)[:, None] + np.arange(taps)
    factors = stretch * _cubic(stretch * (centre[:, None] - position))
    factors /= factors.sum(axis=1, keepdims=True)
    mirrored = np.mod(position.astype(np.intp), 2 * in_size)
    indices = np.where(mirrored < in_size, mirrored, 2 * in_size - 1 - mirrored)
    used = factors.any(axis=0)
    return indices[:, used], factors[:, used]


def _cubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """The cubic convolution kernel of Keys (1981) with a = -0.5."""
    x = np.abs(x)
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return np.where(x <= 1, near, np.where(x <= 2, far, 0.0))
