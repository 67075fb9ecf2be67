"""Landmarks of a picture: corners at many sizes, each with a description that survives rescaling and compression.

The corners are those of Harris and Stephens (1988) by the harmonic mean of the eigenvalues, on every level of a pyramid
of three levels an octave. The descriptions are gradients by direction and place around the corner, pooled as in SIFT
(Lowe, 2004), upright, with the square root of Arandjelovic and Zisserman (2012).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from elansr.images import imresize
from elansr.training.check.likeness import moving_mean
from elansr.training.check.measures import Luma

LARGEST = 1024
"""Longest side of the finest level."""
SMALLEST = 40
"""Shorter side of the coarsest level."""
STEP = 2 ** (1 / 3)
FEWEST, PIXELS_EACH = 15, 3000
"""A level has at most FEWEST landmarks, and one more for every PIXELS_EACH pixels."""
APART = 9
"""A landmark is the strongest corner of a square of so many pixels."""
WEAK = 0.5
"""Corners below are noise."""
REACH = 11
"""Pixels around a landmark that its description looks at."""
CELLS, DIRECTIONS = 4, 8
LENGTH = CELLS * CELLS * DIRECTIONS


@dataclass(frozen=True)
class Landmarks:
    """N landmarks.

    Attributes:
        place: (N, 3): row, column and how many pixels of the picture make one of the level.
        description: (N, LENGTH), mean 0 and length 1.
    """

    place: NDArray[np.float64]
    description: NDArray[np.float32]

    @staticmethod
    def joined(parts: "list[Landmarks]") -> "Landmarks":
        """All in one."""
        empty = Landmarks(np.empty((0, 3)), np.empty((0, LENGTH), np.float32))
        everything = [empty, *parts]
        return Landmarks(
            np.concatenate([part.place for part in everything]),
            np.concatenate([part.description for part in everything]),
        )


def landmarks_of(luma: Luma) -> Landmarks:
    """Landmarks of a picture at all its sizes; few or none where it is flat or small."""
    height, width = luma.shape
    factor = min(1.0, LARGEST / max(height, width))
    found = []
    while min(height, width) * factor >= SMALLEST:
        size = round(height * factor), round(width * factor)
        luma = luma if size == luma.shape else imresize(luma[..., None], *size)[..., 0]
        found.append(_of_level(luma, np.array([height / size[0], width / size[1]])))
        factor /= STEP
    return Landmarks.joined(found)


def _of_level(luma: Luma, unit: NDArray[np.float64]) -> Landmarks:
    """Landmarks of one level, `unit` (2,) pixels of the picture to one of the level's."""
    smooth = moving_mean(luma, 3)
    down, right = np.zeros_like(smooth), np.zeros_like(smooth)
    down[1:-1], right[:, 1:-1] = (smooth[2:] - smooth[:-2]) / 2, (smooth[:, 2:] - smooth[:, :-2]) / 2
    corners = _corners(down, right)
    places = np.column_stack([(corners + 0.5) * unit - 0.5, np.full(len(corners), math.sqrt(unit.prod()))])
    return Landmarks(places, _described(down, right, corners))


def _corners(down: Luma, right: Luma) -> NDArray[np.intp]:
    """Rows and columns (N, 2) of the strongest corners."""
    dd, rr, dr = (moving_mean(product, 5) for product in (down * down, right * right, down * right))
    strength = (dd * rr - dr * dr) / (dd + rr + 1e-3)
    border = REACH + 1
    strength[:border], strength[-border:], strength[:, :border], strength[:, -border:] = 0, 0, 0, 0
    padded = np.pad(strength, APART // 2)
    across = sliding_window_view(padded, APART, axis=1).max(-1)
    peaks = np.argwhere((strength == sliding_window_view(across, APART, axis=0).max(-1)) & (strength > WEAK))
    order = np.argsort(-strength[peaks[:, 0], peaks[:, 1]], kind="stable")
    return peaks[order[: FEWEST + strength.size // PIXELS_EACH]]


def _described(down: Luma, right: Luma, corners: NDArray[np.intp]) -> NDArray[np.float32]:
    """How much gradient there is in each of 8 directions and 4x4 overlapping cells around each corner, (N, LENGTH)."""
    line = np.arange(-REACH, REACH + 1)
    rows, columns = corners[:, 0, None, None] + line[:, None], corners[:, 1, None, None] + line[None]
    angle = np.arange(DIRECTIONS) * (2 * math.pi / DIRECTIONS)
    towards = (
        np.cos(angle)[:, None, None, None] * right[rows, columns]
        + np.sin(angle)[:, None, None, None] * down[rows, columns]
    )
    pooled = _CELL @ np.maximum(towards, 0).astype(np.float32) @ _CELL.T
    flat = pooled.transpose(1, 0, 2, 3).reshape(len(corners), LENGTH)
    flat = np.sqrt(flat / (flat.sum(1, keepdims=True) + 1e-9))
    flat -= flat.mean(1, keepdims=True)
    return (flat / (np.linalg.norm(flat, axis=1, keepdims=True) + 1e-9)).astype(np.float32)


def _cells() -> NDArray[np.float32]:
    """Triangles 5 pixels apart that pool a line of 23 pixels into CELLS, (CELLS, 23)."""
    centres = (np.arange(CELLS) - (CELLS - 1) / 2) * 5
    distance = np.abs(np.arange(-REACH, REACH + 1)[None] - centres[:, None])
    return np.maximum(0, 1 - distance / 4).astype(np.float32)


_CELL = _cells()
