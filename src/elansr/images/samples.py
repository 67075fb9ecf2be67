"""Converts samples between 8- or 16-bit integers and floats.

Halves are rounded to even, as NumPy and PyTorch do; where pictures must equal MATLAB's, they are rounded up.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

LARGEST: dict[str, float] = {"uint8": 255.0, "uint16": 65535.0, "float16": 1.0, "float32": 1.0, "float64": 1.0}
"""The dtypes of pictures, and the value of white."""


def to_float(pixels: NDArray[Any]) -> NDArray[np.float32]:
    """Pixels of a dtype in `LARGEST` as float32 in [0, 1], of the same shape."""
    return np.divide(pixels, LARGEST[pixels.dtype.name], dtype=np.float32)


def from_float(values: NDArray[np.floating], dtype: Any) -> NDArray[Any]:
    """The inverse of `to_float`: values, cut to [0, 1], as pixels of a dtype in `LARGEST`."""
    kind, values = np.dtype(dtype), values.clip(0, 1)
    if kind.kind == "u":
        np.multiply(values, LARGEST[kind.name], out=values)
        np.rint(values, out=values)
    return values.astype(kind, copy=False)


def rounded(values: NDArray[Any], dtype: Any) -> NDArray[Any]:
    """Values in the range of `dtype`, uint8 or uint16, as its nearest integers; those outside are cut."""
    kind = np.dtype(dtype)
    return np.rint(values).clip(0, LARGEST[kind.name]).astype(kind)


def rounded_half_up(values: NDArray[Any], dtype: Any) -> NDArray[Any]:
    """As `rounded`, but halves go up, as in MATLAB."""
    kind = np.dtype(dtype)
    return np.clip(np.floor(values + 0.5), 0, LARGEST[kind.name]).astype(kind)


def in_8_bits(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """uint8 as it is, uint16 rounded to uint8."""
    return pixels if pixels.dtype == np.uint8 else from_float(to_float(pixels), np.uint8)
