"""Window attention with closed borders, in PyTorch: no window reaches from one border to the opposite one.

The paper's shifted windows continue at the opposite border, whose pixels leak in, and its pictures are padded to
whole windows. Closed, every pixel attends to its own surroundings only, and nothing is padded (docs/tiling.md).
"""

from collections.abc import Sequence
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from elansr.nn.attention import Attention
from elansr.nn.ops import from_windows, to_windows


def closed_group_attention(projected: Tensor, windows: Sequence[int], shifted: bool) -> tuple[Tensor, Attention]:
    """`elansr.nn.attention.group_attention` with windows that end at the border.

    Args:
        projected: (N, H, W, 2C): group after group, its queries and its values; any H and W.
        windows: side of the windows of each group, in pixels.
        shifted: whether the windows lie half a window further down and to the right.

    Returns:
        The attended values (N, H, W, C), group after group, and the attention, for other values (N, H, W, C).
    """
    height, width = projected.shape[1:3]
    # A window of twice the larger side holds the whole picture, shifted or not: a larger one would hold no more.
    grids = [_Grid(height, width, min(window, 2 * max(height, width)), shifted) for window in windows]

    def cut(features: Tensor) -> list[Tensor]:
        return [grid.cut(group) for grid, group in zip(grids, features.chunk(len(grids), dim=-1), strict=True)]

    def attend(values: Sequence[Tensor]) -> Tensor:
        groups = zip(grids, attentions, values, strict=True)
        return torch.cat([grid.join(attention(v)) for grid, attention, v in groups], dim=-1)

    queries, values = zip(*(group.chunk(2, dim=-1) for group in cut(projected)), strict=True)
    masks = [grid.inside(projected) for grid in grids]
    attentions = [partial(_attended, query, mask) for query, mask in zip(queries, masks, strict=True)]
    return attend(values), lambda other_values: attend(cut(other_values))


def _attended(query: Tensor, inside: Tensor | None, values: Tensor) -> Tensor:
    """`softmax(q @ q^T) @ v` over the pixels that are inside, bool (B, L); None: all."""
    q, mask = query.unsqueeze(1), None if inside is None else inside[:, None, None, :]
    return F.scaled_dot_product_attention(q, q, values.unsqueeze(1), mask, scale=1.0).squeeze(1)


class _Grid:
    """The windows of one channel group; zeros around the picture make those at the border whole."""

    def __init__(self, height: int, width: int, window: int, shifted: bool) -> None:
        self._height, self._width, self._window = height, width, window
        self._before = window - window // 2 if shifted and window > 1 else 0
        self._below, self._right = (-(self._before + side) % window for side in (height, width))

    def cut(self, features: Tensor) -> Tensor:
        """(N, H, W, D) to (B, window * window, D)."""
        before = self._before
        return to_windows(F.pad(features, (0, 0, before, self._right, before, self._below)), self._window)

    def join(self, windows: Tensor) -> Tensor:
        """The inverse of `cut`."""
        before, height, width = self._before, self._height, self._width
        picture = from_windows(windows, before + height + self._below, before + width + self._right)
        return picture[:, before : before + height, before : before + width]

    def inside(self, like: Tensor) -> Tensor | None:
        """Which pixels of each window are the picture's, bool (B, window * window); None: all."""
        if not (self._before or self._below or self._right):
            return None  # a mask would keep SDPA from its fastest kernels
        return self.cut(torch.ones_like(like[..., :1], dtype=torch.bool)).squeeze(-1)
