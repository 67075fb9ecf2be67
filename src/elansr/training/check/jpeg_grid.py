"""Finds traces of JPEG in decoded pixels, in any file format: the 8x8 grid and the quality.

The grid is found as ZERO does (Nikoukhah et al., "ZERO: a Local JPEG Grid Origin Detector Based on the Number of DCT
Zeros", IPOL 2021): an 8x8 block that lies on the grid has more zero DCT coefficients than one that lies across it. Each
pixel votes for the grid of the block around it with most zeros; how improbable it is that so many agree is a number
that needs no tuning.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.fft import dct

from elansr.images.jpeg_tables import BLOCK, TABLES

Grey = NDArray[np.float32]
"""(H, W), 0..255."""

WINDOW = 384
"""Side of the part of a picture that is looked at, the one with most contrast."""
ORIGINS = BLOCK * BLOCK
ROWS_AT_A_TIME = 64
FOUND = 20.0
"""Evidence from which a grid is taken for found."""
NOT_ZERO = 3.0
"""Only coefficients above tell quantisation from the rounding of R, G and B."""
FITS = 0.22
"""Mean distance to the nearest multiple, in quantisation steps, up to which a quality explains the coefficients; 0.25
is what chance gives."""

LUMA_TABLES = TABLES[:, 0].reshape(100, BLOCK * BLOCK).astype(np.float32)
"""Of qualities 1 to 100, each row by row."""

_DCT = dct(np.eye(BLOCK), norm="ortho", axis=0)
_DCT_2D = np.kron(_DCT, _DCT).astype(np.float32)
"""Takes a block of 64 pixels, row by row, to its coefficients."""


@dataclass(frozen=True)
class JpegGrid:
    """An 8x8 grid in a picture.

    Attributes:
        evidence: -log10 of how many such grids are expected in a picture without one; negative means none at all.
        share: of the pixels that vote for it, of those that vote.
        origin: column and row, 0 to 7, of the first block's corner.
        quality: of the JPEG, as libjpeg counts it; None where its standard tables do not explain the pixels.
    """

    evidence: float
    share: float
    origin: tuple[int, int]
    quality: int | None

    @property
    def found(self) -> bool:
        """Whether there is one."""
        return self.evidence >= FOUND


def squares(picture: Grey, side: int) -> NDArray[np.float32]:
    """The whole squares of a picture from its corner on, row by row: (count, side, side)."""
    rows, columns = (length // side for length in picture.shape)
    grid = picture[: rows * side, : columns * side].reshape(rows, side, columns, side)
    return grid.transpose(0, 2, 1, 3).reshape(-1, side, side)


def jpeg_grid(picture: Grey) -> JpegGrid | None:
    """The most likely JPEG grid of a picture; None if it is too small to tell (under 16 pixels a side)."""
    if min(picture.shape) < 2 * BLOCK:
        return None
    top, left = _busiest(picture)
    window = picture[top : top + WINDOW, left : left + WINDOW]
    votes, voters = _votes(_zeros(window))
    best = int(votes.argmax())
    row, column = divmod(best, BLOCK)
    evidence = _evidence(int(votes[best]), voters)
    quality = _quality(window[row:, column:]) if evidence >= FOUND else None
    origin = ((left + column) % BLOCK, (top + row) % BLOCK)
    return JpegGrid(evidence, float(votes[best] / max(1, voters)), origin, quality)


def _busiest(picture: Grey) -> tuple[int, int]:
    """Row and column of the window with most contrast, of windows side by side from the top left to the far ends."""
    starts = [sorted({*range(0, max(1, side - WINDOW), WINDOW), max(0, side - WINDOW)}) for side in picture.shape]
    corners = [(row, column) for row in starts[0] for column in starts[1]]
    return max(corners, key=lambda c: float(picture[c[0] : c[0] + WINDOW, c[1] : c[1] + WINDOW].std()))


def _zeros(picture: Grey) -> NDArray[np.int32]:
    """How many coefficients of the block that starts at each pixel round to zero, (H - 7, W - 7)."""
    blocks = sliding_window_view(picture, (BLOCK, BLOCK))
    counts = np.empty(blocks.shape[:2], np.int32)
    for top in range(0, len(blocks), ROWS_AT_A_TIME):
        strip = blocks[top : top + ROWS_AT_A_TIME]
        coefficients = strip.reshape(-1, BLOCK * BLOCK) @ _DCT_2D.T
        counts[top : top + ROWS_AT_A_TIME] = (np.abs(coefficients) < 0.5).sum(1).reshape(strip.shape[:2])
    return counts


def _votes(zeros: NDArray[np.int32]) -> tuple[NDArray[np.int64], int]:
    """Votes for each of the 64 origins, and how many voted.

    A pixel looks at the 64 blocks that contain it, one of each origin. Where two have equally many zeros it does not
    vote: the largest of zeros * 64 + origin and of zeros * 64 + 63 - origin then name different origins.
    """
    rows, columns = (np.arange(side) % BLOCK for side in zeros.shape)
    origin = (rows[:, None] * BLOCK + columns[None]).astype(np.int32)
    last = _largest_around(zeros * ORIGINS + origin) % ORIGINS
    first = ORIGINS - 1 - _largest_around(zeros * ORIGINS + (ORIGINS - 1 - origin)) % ORIGINS
    votes = np.bincount(last[last == first], minlength=ORIGINS)
    return votes, int(votes.sum())


def _largest_around(values: NDArray[np.int32]) -> NDArray[np.int32]:
    """The largest value of each 8x8 window."""
    across = sliding_window_view(values, BLOCK, axis=1).max(-1)
    return sliding_window_view(across, BLOCK, axis=0).max(-1)


def _evidence(votes: int, voters: int) -> float:
    """-log10 of 64 times the chance that so many independent voters agree on one origin (Chernoff's bound).

    Neighbours share their blocks, so 64 pixels count as one voter.
    """
    chance = 1 / ORIGINS
    share = votes / max(1, voters)
    if share <= chance:
        return -math.log10(ORIGINS)
    disagree = (1 - share) * math.log((1 - share) / (1 - chance)) if share < 1 else 0.0
    divergence = share * math.log(share / chance) + disagree
    return voters / ORIGINS * divergence / math.log(10) - math.log10(ORIGINS)


def _quality(picture: Grey) -> int | None:
    """The quality whose table's multiples the coefficients of the blocks, the first at the corner, lie nearest to.

    Only coefficients other than zero are asked, and for the nearest multiple other than zero.
    """
    blocks = squares(picture, BLOCK).reshape(-1, BLOCK * BLOCK)
    unclipped = blocks[(blocks.min(1) > 1) & (blocks.max(1) < 254)]
    coefficients = np.abs(unclipped @ _DCT_2D.T)
    coefficients[:, 0] = 0
    _, which = np.nonzero(coefficients > NOT_ZERO)
    sizes = coefficients[coefficients > NOT_ZERO]
    if not len(sizes):
        return None
    steps = [sizes / table[which] for table in LUMA_TABLES]
    distances = [float(np.abs(step - np.maximum(1, np.round(step))).mean()) for step in steps]
    best = int(np.argmin(distances))
    return best + 1 if distances[best] < FITS else None
