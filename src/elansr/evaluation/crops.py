"""Chooses crops to show enlarged: the places where pictures differ most on lines and edges."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from elansr.errors import ConfigError
from elansr.evaluation.datasets import RGB
from elansr.images import luma

BLOCK = 8
"""Side in pixels of the blocks that are judged; windows start on multiples of it."""
STRIP = 64 * BLOCK
"""Rows judged at a time, so that a large photo takes little memory."""
FLAT = 4.0
"""Squared luma gradient per pixel that counts as noise on a flat surface."""


@dataclass(frozen=True)
class CropBox:
    """A rectangle in a picture: its upper left pixel, width and height, in pixels."""

    x: int
    y: int
    width: int
    height: int

    @staticmethod
    def parse(text: str) -> "CropBox":
        """The box that "X,Y,W,H" means.

        Raises:
            ConfigError: not four whole numbers, or without a pixel in it.
        """
        try:
            x, y, width, height = (int(part) for part in text.split(","))
        except ValueError:
            x, y, width, height = -1, -1, 0, 0
        if min(x, y) < 0 or min(width, height) < 1:
            raise ConfigError(f"crop {text!r}: must be X,Y,W,H in pixels, such as 120,80,96,96")
        return CropBox(x, y, width, height)

    def __str__(self) -> str:
        return f"{self.x},{self.y},{self.width},{self.height}"

    def of(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The part of a picture (H, W, ...) that lies in the box."""
        return picture[self.y : self.y + self.height, self.x : self.x + self.width]

    def require_inside(self, width: int, height: int) -> None:
        """Refuses a box that reaches beyond a picture.

        Raises:
            ConfigError: it does.
        """
        if self.x + self.width > width or self.y + self.height > height:
            raise ConfigError(f"crop {self}: outside the picture of {width}x{height} pixels")


def most_different(pictures: Sequence[RGB], guide: RGB, size: int, count: int = 1, border: int = 0) -> list[CropBox]:
    """The windows in which pictures differ most where the guide has lines and edges.

    Every block of 8x8 pixels scores the variance of luma between the pictures (of SR and HR: a quarter of the squared
    error) times the coherence of the guide's gradients in it (Bigün and Granlund 1987): 1 on a straight edge, 0 on
    noise and on flat areas. The window with the largest sum is taken, then the next that does not touch it.

    Args:
        pictures: uint8, (H, W, 3), of one size; at least two.
        guide: of the same size: HR, or the best there is.
        size: side of the windows in pixels; a smaller picture limits it.
        border: pixels at each side of the picture that are left out, where it is large enough.

    Returns:
        The best first; at least one, which is the middle of pictures that do not differ.
    """
    height, width = guide.shape[:2]
    border = border if min(height, width) > 2 * border else 0
    inner = CropBox(border, border, width - 2 * border, height - 2 * border)
    side, rows, columns = min(BLOCK, inner.width, inner.height), min(size, inner.height), min(size, inner.width)
    window = max(rows // side, 1), max(columns // side, 1)
    blocks = _block_scores([inner.of(picture) for picture in pictures], inner.of(guide), side)
    boxes = []
    for row, column in _peaks(_window_sums(blocks, *window), *window, count):
        y, x = min(row * side, inner.height - rows), min(column * side, inner.width - columns)
        boxes.append(CropBox(x + border, y + border, columns, rows))
    return boxes or [CropBox((width - columns) // 2, (height - rows) // 2, columns, rows)]


def _peaks(scores: NDArray[np.float64], rows: int, columns: int, count: int) -> list[tuple[int, int]]:
    """Rows and columns of the largest scores above 0, none within a window of `rows` x `columns` of another."""
    left = scores.copy()
    found: list[tuple[int, int]] = []
    while len(found) < count and left.max() > 0:
        row, column = (int(i) for i in np.unravel_index(left.argmax(), left.shape))
        found.append((row, column))
        left[max(row - rows, 0) : row + rows + 1, max(column - columns, 0) : column + columns + 1] = 0
    return found


def _window_sums(blocks: NDArray[np.float64], rows: int, columns: int) -> NDArray[np.float64]:
    """The sums over every window of `rows` x `columns` blocks."""
    sums = sliding_window_view(blocks, rows, axis=0).sum(axis=-1)
    return sliding_window_view(sums, columns, axis=1).sum(axis=-1)


def _block_scores(pictures: Sequence[RGB], guide: RGB, side: int) -> NDArray[np.float64]:
    """The score of every whole block: float64, (H // side, W // side)."""
    height, width = guide.shape[0] // side * side, guide.shape[1] // side * side
    strips = [slice(top, min(top + STRIP, height)) for top in range(0, height, STRIP)]
    return np.concatenate(
        [_scores_of([p[rows, :width] for p in pictures], luma(guide[rows, :width]), side) for rows in strips]
    )


def _scores_of(pictures: Sequence[RGB], guide: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    spread = np.var([luma(picture) for picture in pictures], axis=0)
    return _in_blocks(spread, side) * _coherence(guide, side)


def _coherence(plane: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """How much the gradients of every block point one way, 0 to 1, from the eigenvalues of their structure tensor."""
    down, right = _gradient(plane, 0), _gradient(plane, 1)
    vertical, horizontal = _in_blocks(down * down, side), _in_blocks(right * right, side)
    mixed = _in_blocks(down * right, side)
    difference = np.hypot(horizontal - vertical, 2 * mixed)
    ratio: NDArray[np.float64] = difference / (horizontal + vertical + FLAT * side**2)
    return ratio**2


def _gradient(plane: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Central differences; 0 along an axis of one pixel, which `numpy.gradient` refuses."""
    return np.zeros_like(plane) if plane.shape[axis] == 1 else np.asarray(np.gradient(plane, axis=axis))


def _in_blocks(plane: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """Sums over blocks of `side` x `side`."""
    height, width = plane.shape
    return plane.reshape(height // side, side, width // side, side).sum(axis=(1, 3))
