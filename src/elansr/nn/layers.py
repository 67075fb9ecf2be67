"""The parts of an ELAB: shift-conv, local feature extraction, group-wise multi-scale self-attention.

Source: arXiv 2203.06697, sections 3.2 to 3.4 and figure 2. All tensors are (N, H, W, C).
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elansr.nn.attention import Attention, group_attention
from elansr.nn.ops import shift


class PointwiseConv(nn.Conv2d):
    """A 1x1 convolution of (N, H, W, C) as one matrix product over all pixels."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight.flatten(1), self.bias)


class ShiftConv(nn.Module):
    """A 1x1 convolution after the shift: the reach of a 3x3 convolution at the cost of a 1x1 (section 3.2)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = PointwiseConv(in_channels, out_channels)

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
        self.conv = PointwiseConv(in_channels, out_channels)
        self.norm = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x).movedim(-1, 1)).movedim(1, -1)


class GroupwiseSelfAttention(nn.Module):
    """GMSA (section 3.3): channel groups, each attending within windows of its own size.

    Args:
        channels: C, a multiple of the number of windows.
        windows: side of the windows of each group, in pixels.
        shifted: whether each group is rolled diagonally by half its window.
    """

    def __init__(self, channels: int, windows: Sequence[int], shifted: bool) -> None:
        super().__init__()
        self.windows, self.shifted = tuple(windows), shifted
        self.project = Projection(channels, 2 * channels)
        self.merge = PointwiseConv(channels, channels)

    def forward(self, x: Tensor) -> tuple[Tensor, Attention]:
        """Returns the attended features (N, H, W, C) and the attention, for blocks that share it."""
        attended, attention = self.attend(self.project(x))
        return self.merge(attended), attention

    def attend(self, projected: Tensor) -> tuple[Tensor, Attention]:
        """See `group_attention`."""
        return group_attention(projected, self.windows, self.shifted)


class SharedGroupwiseSelfAttention(nn.Module):
    """GMSA that applies the attention of the block before to values of its own (section 3.4, shared attention)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.project = Projection(channels, channels)
        self.merge = PointwiseConv(channels, channels)

    def forward(self, x: Tensor, attention: Attention) -> Tensor:
        return self.merge(attention(self.project(x)))
