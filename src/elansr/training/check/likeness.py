"""Which pictures are the same, re-encoded, rescaled, turned or mirrored: by what is left of them in 32x32 pixels."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from elansr.images import imresize
from elansr.training.check.measures import Luma

SIDE = 32
SURROUNDINGS = 7
"""Side of the mean that is subtracted: what is left is detail, which two skies do not share."""
EVEN = 0.3
"""Detail is divided by its local strength and this share of the overall one."""
FAINT = 0.1
"""Levels: detail below is the rounding of a picture that has none."""
ALIKE = 0.8
"""Correlation from which two pictures are taken for one."""
ROWS_AT_A_TIME = 1024

Print = NDArray[np.float32]
"""(SIDE * SIDE,), mean 0 and length 1: the product of two is their correlation."""


def print_of(luma: Luma) -> Print:
    """The fingerprint of a picture of any size and shape, which is squeezed into a square."""
    thumb = imresize(_roughly(luma)[..., None].astype(np.float32), SIDE, SIDE)[..., 0]
    return _normalised(even_detail(thumb)).reshape(-1)


def most_alike(prints: Sequence[Print], others: Sequence[Print] | None = None) -> Iterator[tuple[int, float]]:
    """For each print the index of the most similar other one and their correlation, over all flips and quarter turns.

    Args:
        prints: of N pictures.
        others: what they are compared with; None compares each with those before it.

    Yields:
        N indices and correlations; (-1, 0) where there is nothing to compare with.
    """
    candidates = prints if others is None else others
    if not candidates:
        yield from ((-1, 0.0) for _ in prints)
        return
    table = np.stack(candidates)
    for start in range(0, len(prints), ROWS_AT_A_TIME):
        likeness = _over_turns(np.stack(prints[start : start + ROWS_AT_A_TIME]), table)
        for place, values in enumerate(likeness, start=start):
            earlier = values[:place] if others is None else values
            best = int(earlier.argmax()) if len(earlier) else -1
            yield best, float(earlier[best]) if len(earlier) else 0.0


def even_detail(luma: Luma) -> Luma:
    """What is left of a picture without its local mean, over its local strength: every part counts, no edge decides."""
    detail = luma - moving_mean(luma, SURROUNDINGS)
    strength = np.sqrt(
        np.maximum(0, moving_mean(detail * detail, SURROUNDINGS)) + (EVEN * detail.std()) ** 2 + FAINT**2
    )
    even: Luma = (detail / strength).astype(np.float32)
    return even


def moving_mean(values: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Means of `side` neighbours (odd) along the last two axes, the edge values going on."""
    reach = side // 2
    for axis in (-2, -1):
        padded = np.pad(
            values, [(reach + 1, reach) if i == values.ndim + axis else (0, 0) for i in range(values.ndim)], "edge"
        )
        summed = np.moveaxis(np.cumsum(padded, axis=axis, dtype=np.float64), axis, 0)
        values = np.moveaxis((summed[side:] - summed[:-side]) / side, 0, axis).astype(np.float32)
    return values


def _over_turns(block: NDArray[np.float32], table: NDArray[np.float32]) -> NDArray[np.float32]:
    """Correlations of every row of `block` with every row of `table`, the best over eight turns."""
    squares = block.reshape(-1, SIDE, SIDE)
    best = np.full((len(block), len(table)), -1, np.float32)
    for mirrored in (squares, squares[:, :, ::-1]):
        for turns in range(4):
            turned = np.rot90(mirrored, turns, axes=(1, 2)).reshape(len(block), -1)
            np.maximum(best, turned @ table.T, out=best)
    return best


def _roughly(luma: Luma) -> Luma:
    """A large picture, shrunk by whole numbers: means of n x n pixels, so that the exact resizing has less to do."""
    n = max(1, min(luma.shape) // (4 * SIDE))
    rows, columns = (side // n for side in luma.shape)
    means: Luma = luma[: rows * n, : columns * n].reshape(rows, n, columns, n).mean((1, 3), dtype=np.float32)
    return means


def _normalised(values: NDArray[np.float32]) -> Print:
    centred = values - values.mean()
    length = float(np.linalg.norm(centred))
    return (centred / length if length > FAINT else np.zeros_like(centred)).astype(np.float32)
