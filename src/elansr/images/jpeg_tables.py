"""JPEG quantisation tables: libjpeg's table for each quality, and the quality that a table stands for.

The two tables are the examples of ITU-T T.81, annex K.1; how quality scales them is libjpeg's rule, which most programs
follow: 50 is the tables themselves, 100 divides by next to nothing, and every step is a whole number in 1..255.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

BLOCK = 8
Table: TypeAlias = NDArray[np.float64]
"""Quantisation steps, (8, 8), rows of rising vertical frequency."""

_LUMA = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
_CHROMA = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *((99,) * BLOCK,) * 4,
)


def _scaled(quality: int) -> NDArray[np.int64]:
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    return ((np.array([_LUMA, _CHROMA]) * percent + 50) // 100).clip(1, 255)


TABLES: NDArray[np.uint8] = np.stack([_scaled(quality) for quality in range(1, 101)]).astype(np.uint8)
"""Steps of luma and chroma at qualities 1 to 100, (100, 2, 8, 8), rows of rising vertical frequency."""

_ZIGZAG = sorted(
    ((row, column) for row in range(BLOCK) for column in range(BLOCK)),
    key=lambda at: (sum(at), at[0] if sum(at) % 2 else at[1]),
)
"""Row and column of the 64 steps in the order of a file."""


def tables_in(segment: bytes) -> dict[int, Table]:
    """The tables of a DQT segment.

    Args:
        segment: what follows its length.

    Returns:
        Each by the number that the frame calls it; a table that is cut off is left out.
    """
    found: dict[int, Table] = {}
    at = 0
    while at < len(segment):
        kind = np.dtype(">u2" if segment[at] >> 4 else "u1")
        steps = segment[at + 1 : at + 1 + BLOCK * BLOCK * kind.itemsize]
        if len(steps) < BLOCK * BLOCK * kind.itemsize:
            break
        table = np.empty((BLOCK, BLOCK))
        table[tuple(np.transpose(_ZIGZAG))] = np.frombuffer(steps, kind)
        found[segment[at] & 15] = table
        at += 1 + len(steps)
    return found


def quality_of(luma: Table) -> int:
    """The quality that a table of luma stands for.

    That of libjpeg's own table is exact. For any other table (Photoshop, many cameras) it is an estimate: the quality
    whose table has steps of about the same size, the mean of the 64 ratios being nearest to 1.

    Args:
        luma: the table; zeros, which no file may hold, count as 1.

    Returns:
        1 to 100.
    """
    ratios = luma.clip(1) / TABLES[:, 0]
    distances = np.abs(np.log(ratios.mean((1, 2))))
    exact = (ratios == 1).all((1, 2))
    return int(np.where(exact, -1.0, distances).argmin()) + 1
