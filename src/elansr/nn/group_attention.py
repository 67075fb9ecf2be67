"""Attention of all channel groups at once, each within windows of its own size (arXiv 2203.06697, section 3.3).

The features of a block that computes attention hold, group after group, the group's queries and its values: (N, H, W,
2C). What comes out, and what sharing blocks put in, is (N, H, W, C), group after group.
"""

from collections.abc import Sequence
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from elansr.engines.cpu.attention import attend as native_attend
from elansr.engines.cpu.attention import sides_within, takes
from elansr.errors import ConfigError
from elansr.nn.attention import AttentionForm, window_attention
from elansr.nn.ops import from_windows, roll, to_windows


class GroupAttention(Protocol):
    """The attention that a block has computed; blocks after it may apply it to values of their own (section 3.4)."""

    def own(self) -> Tensor:
        """The block's own values, attended: (N, H, W, C)."""

    def __call__(self, values: Tensor) -> Tensor:
        """Other values (N, H, W, C), attended."""


def group_attention(
    projected: Tensor, windows: Sequence[int], shifted: bool, form: AttentionForm = "auto", closed: bool = False
) -> GroupAttention:
    """The attention that the queries in `projected` define.

    Args:
        projected: (N, H, W, 2C), queries and values of each group; H and W multiples of every window unless borders
            are closed.
        windows: side of the windows of each group, in pixels.
        shifted: whether each group's windows lie half a window further down and to the right.
        form: "native" runs the native library; "reference" and "sdpa" cut out the windows and run `window_attention`;
            "auto" takes the native library where it can (`elansr.engines.cpu`).
        closed: whether every window ends at the border; else shifted ones go on at the opposite one, as in the paper.

    Raises:
        ConfigError: an unknown form, or "native" where the library cannot run.
    """
    if form == "native" and not takes(projected):
        raise ConfigError(f"attention form 'native': not for {projected.dtype} on {projected.device} here; use 'auto'")
    if form == "native" or (form == "auto" and takes(projected)):
        return _Native(projected, windows, shifted, closed)
    if closed:
        return _InClosedWindows(projected, sides_within(windows, *projected.shape[1:3]), shifted, form)
    return _InWindows(projected, windows, shifted, form)


class _Native:
    """Windows are addresses, maps never leave the cache."""

    def __init__(self, projected: Tensor, windows: Sequence[int], shifted: bool, closed: bool) -> None:
        self._projected, self._windows, self._shifted, self._closed = projected, windows, shifted, closed
        self._depth = projected.shape[-1] // (2 * len(windows))
        self._queries = [2 * self._depth * group for group in range(len(windows))]

    def own(self) -> Tensor:
        return self._attend(self._projected, [first + self._depth for first in self._queries])

    def __call__(self, values: Tensor) -> Tensor:
        return self._attend(values, [self._depth * group for group in range(len(self._windows))])

    def _attend(self, values: Tensor, first_channels: Sequence[int]) -> Tensor:
        values = values.to(self._projected.dtype)
        args = (self._queries, first_channels, self._depth, self._windows, self._shifted, self._closed)
        return native_attend(self._projected, values, *args)


class _InWindows:
    """Windows are cut out, attended and put together again."""

    def __init__(self, projected: Tensor, windows: Sequence[int], shifted: bool, form: AttentionForm) -> None:
        self._windows, self._shifted = windows, shifted
        self._height, self._width = projected.shape[1:3]
        pairs = [group.chunk(2, dim=-1) for group in self._cut(projected)]
        self._values = [values for _, values in pairs]
        masks = [self._inside(window, projected) for window in windows]
        self._attentions = [window_attention(q, form, mask) for (q, _), mask in zip(pairs, masks, strict=True)]

    def own(self) -> Tensor:
        return self._attend(self._values)

    def __call__(self, values: Tensor) -> Tensor:
        return self._attend(self._cut(values))

    def _cut(self, features: Tensor) -> list[Tensor]:
        """One tensor (B, window * window, D) a channel group."""
        groups = features.chunk(len(self._windows), dim=-1)
        return [to_windows(self._moved(g, w), w) for g, w in zip(groups, self._windows, strict=True)]

    def _attend(self, values: Sequence[Tensor]) -> Tensor:
        attended = [attend(v) for attend, v in zip(self._attentions, values, strict=True)]
        return torch.cat([self._joined(g, w) for g, w in zip(attended, self._windows, strict=True)], dim=-1)

    def _distance(self, window: int) -> int:
        return window // 2 if self._shifted else 0

    def _moved(self, group: Tensor, window: int) -> Tensor:
        """The picture, moved so that windows begin at its upper left corner."""
        return roll(group, self._distance(window))

    def _joined(self, attended: Tensor, window: int) -> Tensor:
        return roll(from_windows(attended, self._height, self._width), -self._distance(window))

    def _inside(self, window: int, like: Tensor) -> Tensor | None:
        """Which pixels of each window are the picture's, (B, window * window); None: all."""
        del window, like
        return None


class _InClosedWindows(_InWindows):
    """Pixels of nothing around the picture make its windows whole, and nothing attends to them."""

    def _moved(self, group: Tensor, window: int) -> Tensor:
        rows, columns = self._added(self._height, window), self._added(self._width, window)
        return F.pad(group, (0, 0, *columns, *rows))

    def _joined(self, attended: Tensor, window: int) -> Tensor:
        (top, bottom), (left, right) = self._added(self._height, window), self._added(self._width, window)
        picture = from_windows(attended, top + self._height + bottom, left + self._width + right)
        return picture[:, top : top + self._height, left : left + self._width]

    def _added(self, size: int, window: int) -> tuple[int, int]:
        """Pixels before and after a side of the picture that make its windows whole."""
        half = self._distance(window)
        before = window - half if half else 0
        return before, -(before + size) % window

    def _inside(self, window: int, like: Tensor) -> Tensor | None:
        if not any(self._added(self._height, window) + self._added(self._width, window)):
            return None  # a mask would keep SDPA from its fastest kernels
        ones = torch.ones_like(like[..., :1], dtype=torch.bool)
        return to_windows(self._moved(ones, window), window).squeeze(-1)
