"""Antialiased resizing of batches, one matrix per axis, so that every kind keeps the picture centred.

`elansr.images.imresize` does the same for one kind and 8-bit pictures; this one runs on any device and inside training.
"""

import math
from functools import lru_cache

import torch
from torch import Tensor

from elansr.training.degradation.ranges import ResizeKind

SUPPORT = {"area": 1.0, "bilinear": 2.0, "bicubic": 4.0}
"""Full width of each kernel in pixels of the coarser grid."""


def resize(picture: Tensor, height: int, width: int, kind: ResizeKind) -> Tensor:
    """Resizes float (N, C, H, W) to (N, C, height, width); borders are mirrored, the edge pixel repeated."""
    rows = resize_matrix(picture.shape[-2], height, kind).to(picture)
    columns = resize_matrix(picture.shape[-1], width, kind).to(picture)
    return rows @ (picture @ columns.T)


def resize_matrix(size: int, new_size: int, kind: ResizeKind) -> Tensor:
    """The float64 matrix (new_size, size) that resizes a line; every row sums to 1.

    Sample i of the result looks at (i + 0.5) * size / new_size - 0.5 of the line: the ends of both lines meet.
    """
    sources, weights = _taps(size, new_size, kind)
    return torch.zeros(new_size, size, dtype=torch.float64).scatter_add_(1, sources, weights)


@lru_cache(maxsize=256)
def _taps(size: int, new_size: int, kind: ResizeKind) -> tuple[Tensor, Tensor]:
    """Which samples of the line go into each of the result, and their weights, both (new_size, taps)."""
    scale = new_size / size
    centre = (torch.arange(new_size, dtype=torch.float64).unsqueeze(1) + 0.5) / scale - 0.5
    reach = math.ceil(SUPPORT[kind] / min(scale, 1.0) / 2) + 1
    position = centre.floor() + torch.arange(-reach, reach + 1, dtype=torch.float64)
    weights = _weights(position - centre, scale, kind)
    around = position.long() % (2 * size)
    return torch.where(around < size, around, 2 * size - 1 - around), weights / weights.sum(1, keepdim=True)


def _weights(distance: Tensor, scale: float, kind: ResizeKind) -> Tensor:
    """What a pixel at `distance` from the sample's centre weighs, in pixels of the line; not normalised."""
    if kind == "area":  # how much of the pixel lies in the sample's footprint
        half = 0.5 / scale
        return ((distance + 0.5).clamp(-half, half) - (distance - 0.5).clamp(-half, half)).clamp(min=0)
    x = (distance * min(scale, 1.0)).abs()
    if kind == "bilinear":
        return (1 - x).clamp(min=0)
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return torch.where(x <= 1, near, torch.where(x <= 2, far, torch.zeros_like(x)))
