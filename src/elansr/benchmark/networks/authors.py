"""ELAN computed as in its authors' code, to compare our version with.

The same function and the same state dictionary as `ELAN`. Features are (N, C, H, W) throughout, the shift is a
depth-wise 3x3 convolution with a constant kernel, the attention maps are written to memory and handed on, and
BatchNorm stays a layer of its own in inference too. Facts from the repository of arXiv 2203.06697; used by the
benchmarks alone.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elansr.nn.config import ELANConfig
from elansr.nn.elan import ELAN
from elansr.nn.ops import from_windows, shift, to_picture, to_pixels, to_windows


class DenseShiftConv(nn.Module):
    """Shift-conv whose shift is a depth-wise convolution."""

    kernel: Tensor

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 1)
        # The response to a lone pixel, mirrored, is the kernel of a convolution.
        pixel = F.pad(torch.ones(1, in_channels, 1, 1), (1, 1, 1, 1))
        kernel = to_picture(shift(to_pixels(pixel))).flip(-2, -1).transpose(0, 1).contiguous()
        self.register_buffer("kernel", kernel, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.conv2d(x, self.kernel, padding=1, groups=x.shape[1]))


class DenseLocalFeatureExtraction(nn.Module):
    """LFE (section 3.2)."""

    def __init__(self, channels: int, expansion: int) -> None:
        super().__init__()
        self.expand = DenseShiftConv(channels, channels * expansion)
        self.reduce = DenseShiftConv(channels * expansion, channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.reduce(torch.relu(self.expand(x)))


class MaterialisedAttention(nn.Module):
    """GMSA (section 3.3) that writes its maps, or applies those of the block before (section 3.4)."""

    def __init__(self, channels: int, windows: tuple[int, ...], shifted: bool, shares: bool) -> None:
        super().__init__()
        self.windows, self.shifted, self.shares = windows, shifted, shares
        width = channels if shares else 2 * channels
        self.project = nn.Sequential()
        self.project.add_module("conv", nn.Conv2d(channels, width, 1))
        self.project.add_module("norm", nn.BatchNorm2d(width))
        self.merge = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor, maps: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Features and maps: new ones, or the given ones when this block shares."""
        groups = self.project(x).chunk(len(self.windows), dim=1)
        outputs, new_maps = [], []
        for index, (group, window) in enumerate(zip(groups, self.windows, strict=True)):
            distance = window // 2 if self.shifted else 0
            group = torch.roll(group, (-distance, -distance), (2, 3)) if distance else group
            windows = to_windows(group.movedim(1, -1), window)
            if self.shares:
                attention_map, values = maps[index], windows
            else:
                query, values = windows.chunk(2, dim=-1)
                attention_map = torch.softmax(query @ query.transpose(-2, -1), dim=-1)
            new_maps.append(attention_map)
            picture = from_windows(attention_map @ values, *x.shape[2:]).movedim(-1, 1)
            outputs.append(torch.roll(picture, (distance, distance), (2, 3)) if distance else picture)
        return self.merge(torch.cat(outputs, dim=1)), new_maps


class MaterialisedELAB(nn.Module):
    """ELAB whose maps travel from block to block."""

    def __init__(self, config: ELANConfig, shifted: bool) -> None:
        super().__init__()
        c, windows = config.channels, config.windows
        self.local = nn.ModuleList(DenseLocalFeatureExtraction(c, config.expansion) for _ in range(config.n_share + 1))
        self.attention = MaterialisedAttention(c, windows, shifted, shares=False)
        self.shared = nn.ModuleList(MaterialisedAttention(c, windows, shifted, True) for _ in range(config.n_share))

    def forward(self, x: Tensor) -> Tensor:
        maps: list[Tensor] = []
        for local, attention in zip(self.local, [self.attention, *self.shared], strict=True):
            x = x + local(x)
            attended, maps = attention(x, maps)
            x = x + attended
        return x


class MaterialisedBody(nn.Sequential):
    """The body between the features of `ELAN`, which are (N, H, W, C) there."""

    def forward(self, x: Tensor) -> Tensor:
        features = to_picture(x).contiguous()
        for block in self:
            features = block(features)
        return to_pixels(features)


def authors_elan(config: ELANConfig) -> ELAN:
    """ELAN as its authors compute it; takes the state dictionary of `ELAN`."""
    network = ELAN(config)
    n_elab = config.blocks // (config.n_share + 1)
    network.body = MaterialisedBody(*(MaterialisedELAB(config, shifted=i % 2 == 1) for i in range(n_elab)))
    return network
