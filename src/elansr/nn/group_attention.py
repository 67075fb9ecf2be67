"""Attention of all channel groups at once, each within windows of its own size (arXiv 2203.06697, section 3.3).

The features of a block that computes attention hold, group after group, the group's queries and its values: (N, H, W,
2C). What comes out, and what sharing blocks put in, is (N, H, W, C), group after group.
"""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from elansr.errors import ConfigError
from elansr.native.attention import attend as native_attend
from elansr.native.attention import takes
from elansr.nn.attention import AttentionForm, window_attention
from elansr.nn.ops import from_windows, roll, to_windows


class GroupAttention(Protocol):
    """The attention that a block has computed; blocks after it may apply it to values of their own (section 3.4)."""

    def own(self) -> Tensor:
        """The block's own values, attended: (N, H, W, C)."""

    def __call__(self, values: Tensor) -> Tensor:
        """Other values (N, H, W, C), attended."""


def group_attention(
    projected: Tensor, windows: Sequence[int], shifted: bool, form: AttentionForm = "auto"
) -> GroupAttention:
    """The attention that the queries in `projected` define.

    Args:
        projected: (N, H, W, 2C), queries and values of each group; H and W multiples of every window.
        windows: side of the windows of each group, in pixels.
        shifted: whether each group's windows lie half a window further down and to the right, around the border.
        form: "native" runs the native library; "reference" and "sdpa" cut out the windows and run `window_attention`;
            "auto" takes the native library where it can (`elansr.native`).

    Raises:
        ConfigError: an unknown form, or "native" where the library cannot run.
    """
    if form == "native" and not takes(projected):
        raise ConfigError(f"attention form 'native': not for {projected.dtype} on {projected.device} here; use 'auto'")
    if form == "native" or (form == "auto" and takes(projected)):
        return _Native(projected, windows, shifted)
    return _InWindows(projected, windows, shifted, form)


class _Native:
    """Windows are addresses, maps never leave the cache."""

    def __init__(self, projected: Tensor, windows: Sequence[int], shifted: bool) -> None:
        self._projected, self._windows, self._shifted = projected, windows, shifted
        self._depth = projected.shape[-1] // (2 * len(windows))
        self._queries = [2 * self._depth * group for group in range(len(windows))]

    def own(self) -> Tensor:
        return self._attend(self._projected, [first + self._depth for first in self._queries])

    def __call__(self, values: Tensor) -> Tensor:
        return self._attend(values, [self._depth * group for group in range(len(self._windows))])

    def _attend(self, values: Tensor, first_channels: Sequence[int]) -> Tensor:
        values = values.to(self._projected.dtype)
        args = (self._queries, first_channels, self._depth, self._windows, self._shifted)
        return native_attend(self._projected, values, *args)


class _InWindows:
    """Windows are cut out, attended and put together again."""

    def __init__(self, projected: Tensor, windows: Sequence[int], shifted: bool, form: AttentionForm) -> None:
        self._windows, self._shifted = windows, shifted
        pairs = [group.chunk(2, dim=-1) for group in self._cut(projected)]
        self._values = [values for _, values in pairs]
        self._attentions = [window_attention(queries, form) for queries, _ in pairs]
        self._height, self._width = projected.shape[1:3]

    def own(self) -> Tensor:
        return self._attend(self._values)

    def __call__(self, values: Tensor) -> Tensor:
        return self._attend(self._cut(values))

    def _cut(self, features: Tensor) -> list[Tensor]:
        """One tensor (B, window * window, D) a channel group."""
        groups = features.chunk(len(self._windows), dim=-1)
        return [to_windows(roll(g, self._distance(w)), w) for g, w in zip(groups, self._windows, strict=True)]

    def _attend(self, values: Sequence[Tensor]) -> Tensor:
        attended = [attend(v) for attend, v in zip(self._attentions, values, strict=True)]
        pictures = [from_windows(group, self._height, self._width) for group in attended]
        rolled = [roll(p, -self._distance(w)) for p, w in zip(pictures, self._windows, strict=True)]
        return torch.cat(rolled, dim=-1)

    def _distance(self, window: int) -> int:
        return window // 2 if self._shifted else 0
