"""IMDN: Lightweight Image Super-Resolution with Information Multi-distillation Network.

Zheng Hui, Xinbo Gao, Yunchu Yang, Xiumei Wang, ACM MM 2019, arXiv 1909.11856. The network of figure 2:

    RGB -> 3x3 conv -> IMDB x 6 -> concat -> 1x1 conv -> 3x3 conv -> + -> 3x3 conv -> PixelShuffle -> RGB
                    |_____________________________________________|

Its published weights score their published PSNR wherever LR, metrics and colours are right, so it proves an
evaluation. Parts carry the names of those weights. All tensors are (N, C, H, W).
"""

import torch
from torch import Tensor, nn

CHANNELS, BLOCKS = 64, 6
DISTILLED = CHANNELS // 4
"""What every step of a block keeps: distillation rate 0.25 (section 3.2)."""
REDUCTION = 16
SLOPE = 0.05


class IMDN(nn.Module):
    """The network of the paper's tables.

    Args:
        scale: super-resolution factor; the paper has 2, 3 and 4, with 694 K, 703 K and 715 K parameters.
    """

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.scale = scale
        self.fea_conv = _conv3x3(3, CHANNELS)
        for name in self._block_names():
            self.add_module(name, IMDB())
        self.c = nn.Sequential(nn.Conv2d(BLOCKS * CHANNELS, CHANNELS, 1), nn.LeakyReLU(SLOPE))
        self.LR_conv = _conv3x3(CHANNELS, CHANNELS)
        self.upsampler = nn.Sequential(_conv3x3(CHANNELS, 3 * scale**2), nn.PixelShuffle(scale))

    def forward(self, x: Tensor) -> Tensor:
        """Super-resolves float RGB (N, 3, H, W) in [0, 1] to (N, 3, H * scale, W * scale), not clamped."""
        features = self.fea_conv(x)
        outputs = [features]
        for name in self._block_names():
            outputs.append(self.get_submodule(name)(outputs[-1]))
        collected = self.LR_conv(self.c(torch.cat(outputs[1:], dim=1)))
        return self.upsampler(features + collected)

    @staticmethod
    def _block_names() -> list[str]:
        return [f"IMDB{i}" for i in range(1, BLOCKS + 1)]


class IMDB(nn.Module):
    """Information multi-distillation block (figure 3): each 3x3 convolution keeps a quarter of its channels."""

    def __init__(self) -> None:
        super().__init__()
        remaining = CHANNELS - DISTILLED
        self.c1 = _conv3x3(CHANNELS, CHANNELS)
        self.c2 = _conv3x3(remaining, CHANNELS)
        self.c3 = _conv3x3(remaining, CHANNELS)
        self.c4 = _conv3x3(remaining, DISTILLED)
        self.cca = ContrastAwareAttention()
        self.c5 = nn.Conv2d(CHANNELS, CHANNELS, 1)
        self.act = nn.LeakyReLU(SLOPE)

    def forward(self, x: Tensor) -> Tensor:
        kept, rest = [], x
        for conv in (self.c1, self.c2, self.c3):
            distilled, rest = self.act(conv(rest)).split((DISTILLED, CHANNELS - DISTILLED), dim=1)
            kept.append(distilled)
        kept.append(self.c4(rest))
        return x + self.c5(self.cca(torch.cat(kept, dim=1)))


class ContrastAwareAttention(nn.Module):
    """Channel attention by contrast (section 3.3): each channel's standard deviation plus its mean decides."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_du = nn.Sequential(
            nn.Conv2d(CHANNELS, CHANNELS // REDUCTION, 1),
            nn.ReLU(),
            nn.Conv2d(CHANNELS // REDUCTION, CHANNELS, 1),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        std, mean = torch.std_mean(x, dim=(2, 3), correction=0, keepdim=True)
        return x * self.conv_du(std + mean)


def _conv3x3(in_channels: int, out_channels: int) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, 3, padding=1)
