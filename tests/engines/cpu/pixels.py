"""Rows taken apart by what their docstrings say about memory, without the native library."""

import torch
from torch import Tensor

from elansr.engines.cpu.rows import MARGIN, Rows


def decoded(rows: Rows) -> Tensor:
    """The features of `rows`, float64 (N, C, H, W)."""
    words = rows.words[..., MARGIN : MARGIN + rows.width].contiguous()
    if rows.dtype == torch.bfloat16:
        halves = words.view(torch.bfloat16).unflatten(-1, (rows.width, 2)).movedim(-1, 3)
        words = halves.flatten(2, 3).float()
    return words.movedim(2, 1).double()


def used_room(rows: Rows) -> Rows:
    """The same room, full of what must not come out of it."""
    rows.words.fill_(torch.nan)
    return rows


def relative_error(actual: Tensor, expected: Tensor) -> float:
    """Of the whole tensor, by the norm."""
    return ((actual.double() - expected).norm() / expected.norm()).item()
