"""The parts of an ELAB: shift-conv, local feature extraction, group-wise multi-scale self-attention.

Source: arXiv 2203.06697, sections 3.2 to 3.4 and figure 2. All tensors are (N, C, H, W).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from elansr.nn.attention import Attend, AttentionForm, window_attention
from elansr.nn.ops import from_windows, roll, shift, to_windows


class ShiftConv(nn.Module):
    """A 1x1 convolution after the shift: the reach of a 3x3 convolution at the cost of a 1x1 (section 3.2)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(shift(x))


class LocalFeatureExtraction(nn.Module):
    """LFE (section 3.2): shift-conv C -> rC, ReLU, shift-conv rC -> C; the residual is added by the ELAB."""

    def __init__(self, channels: int, expansion: int) -> None:
        super().__init__()
        self.expand = ShiftConv(channels, channels * expansion)
        self.reduce = ShiftConv(channels * expansion, channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.reduce(torch.relu(self.expand(x)))


class Projection(nn.Sequential):
    """1x1 convolution + BatchNorm: the accelerated form of LayerNorm + linear (section 3.4, ASA)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 1)
        self.norm = nn.BatchNorm2d(out_channels)


class GroupwiseSelfAttention(nn.Module):
    """GMSA (section 3.3): channel groups, each attending within windows of its own size.

    Args:
        channels: C, a multiple of the number of windows.
        windows: side of the windows of each group, in pixels.
        shifted: whether each group is rolled diagonally by half its window.
        form: how the attention is computed, see `window_attention`.
    """

    def __init__(self, channels: int, windows: Sequence[int], shifted: bool, form: AttentionForm = "auto") -> None:
        super().__init__()
        self.windows, self.shifted, self.form = tuple(windows), shifted, form
        self.project: nn.Module = Projection(channels, 2 * channels)
        self.merge = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, list[Attend]]:
        """Returns the attended features (N, C, H, W) and the attention of each group, for blocks that share it."""
        groups = _to_groups(self.project(x), self.windows, self.shifted)
        queries, values = zip(*(group.chunk(2, dim=-1) for group in groups), strict=True)
        attentions = [window_attention(query, self.form) for query in queries]
        attended = [attend(value) for attend, value in zip(attentions, values, strict=True)]
        return self.merge(_from_groups(attended, self.windows, self.shifted, x)), attentions


class SharedGroupwiseSelfAttention(nn.Module):
    """GMSA that applies the attention of the block before to values of its own (section 3.4, shared attention)."""

    def __init__(self, channels: int, windows: Sequence[int], shifted: bool) -> None:
        super().__init__()
        self.windows, self.shifted = tuple(windows), shifted
        self.project: nn.Module = Projection(channels, channels)
        self.merge = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor, attentions: Sequence[Attend]) -> Tensor:
        values = _to_groups(self.project(x), self.windows, self.shifted)
        attended = [attend(value) for attend, value in zip(attentions, values, strict=True)]
        return self.merge(_from_groups(attended, self.windows, self.shifted, x))


def _to_groups(x: Tensor, windows: Sequence[int], shifted: bool) -> list[Tensor]:
    """One tensor (B, window * window, C / groups) a channel group."""
    groups = x.chunk(len(windows), dim=1)
    return [to_windows(roll(g, w // 2 if shifted else 0), w) for g, w in zip(groups, windows, strict=True)]


def _from_groups(groups: Sequence[Tensor], windows: Sequence[int], shifted: bool, like: Tensor) -> Tensor:
    """The inverse of `_to_groups`, as a picture of the height and width of `like`."""
    height, width = like.shape[-2:]
    pictures = [from_windows(g, height, width) for g in groups]
    return torch.cat([roll(p, -(w // 2) if shifted else 0) for p, w in zip(pictures, windows, strict=True)], dim=1)
