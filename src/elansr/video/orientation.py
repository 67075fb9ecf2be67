"""How a video is turned for showing: its display matrix, kept beside larger frames or applied to their pixels."""

from typing import NamedTuple

import numpy as np

from elansr.images import Pixels


class Turn(NamedTuple):
    """A turn by right angles, a mirror image, or both.

    Attributes:
        swaps: rows become columns, first of all.
        down: 1, or -1 to turn it upside down after that.
        across: 1, or -1 to mirror it after that.
    """

    swaps: bool = False
    down: int = 1
    across: int = 1

    def size(self, width: int, height: int) -> tuple[int, int]:
        """What becomes of width and height."""
        return (height, width) if self.swaps else (width, height)

    def __call__(self, pixels: Pixels) -> Pixels:
        """Turns (H, W, C)."""
        turned = pixels.transpose(1, 0, 2) if self.swaps else pixels
        return np.ascontiguousarray(turned[:: self.down, :: self.across])


def turn_of(matrix: tuple[int, ...]) -> Turn:
    """The turn nearest to a display matrix, in which x' = m0 x + m3 y and y' = m1 x + m4 y, y downwards."""
    if abs(matrix[1]) > abs(matrix[0]):
        return Turn(True, _sign(matrix[1]), _sign(matrix[3]))
    return Turn(False, _sign(matrix[4]), _sign(matrix[0]))


def scaled(matrix: tuple[int, ...], scale: int) -> tuple[int, ...]:
    """The display matrix for frames `scale` times as large: what moves them grows, what turns them stays."""
    return tuple(value * scale if index in (6, 7) else value for index, value in enumerate(matrix))


def _sign(value: int) -> int:
    return -1 if value < 0 else 1
