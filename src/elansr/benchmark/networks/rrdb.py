"""RRDBNet, the network of ESRGAN and Real-ESRGAN at x4.

Xintao Wang et al., "ESRGAN: Enhanced Super-Resolution Generative Adversarial Networks", ECCV Workshops 2018,
arXiv 1809.00219, figure 4; Xintao Wang et al., "Real-ESRGAN", ICCV Workshops 2021, arXiv 2107.10833, section 3.3:

    RGB -> 3x3 conv -> RRDB x 23 -> 3x3 conv -> + -> (nearest x2 -> 3x3 conv -> LeakyReLU) x 2 -> 3x3 conv -> LeakyReLU
                    |___________________________|         -> 3x3 conv -> RGB

Parts carry the names of the published weights. All tensors are (N, C, H, W).
"""

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

RESIDUAL_SCALE = 0.2
SLOPE = 0.2
SCALE = 4


class RRDBNet(nn.Module):
    """Residual-in-residual dense blocks: 16,697,987 parameters as published.

    Args:
        growth: channels that each convolution of a dense block adds.
    """

    scale: ClassVar[int] = SCALE

    def __init__(self, channels: int = 64, blocks: int = 23, growth: int = 32) -> None:
        super().__init__()
        self.conv_first = nn.Conv2d(3, channels, 3, padding=1)
        self.body = nn.Sequential(*(RRDB(channels, growth) for _ in range(blocks)))
        self.conv_body = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv_up1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv_up2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv_hr = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv_last = nn.Conv2d(channels, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Super-resolves float RGB (N, 3, H, W) in [0, 1] to (N, 3, 4 * H, 4 * W), not clamped."""
        features = self.conv_first(x)
        features = features + self.conv_body(self.body(features))
        for conv in (self.conv_up1, self.conv_up2):
            features = F.leaky_relu(conv(F.interpolate(features, scale_factor=2, mode="nearest")), SLOPE)
        return self.conv_last(F.leaky_relu(self.conv_hr(features), SLOPE))


class RRDB(nn.Module):
    """Three dense blocks with a residual around them, scaled by 0.2."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.rdb1 = ResidualDenseBlock(channels, growth)
        self.rdb2 = ResidualDenseBlock(channels, growth)
        self.rdb3 = ResidualDenseBlock(channels, growth)

    def forward(self, x: Tensor) -> Tensor:
        return x + RESIDUAL_SCALE * self.rdb3(self.rdb2(self.rdb1(x)))


class ResidualDenseBlock(nn.Module):
    """Five 3x3 convolutions, each of which sees all features before it; the residual is scaled by 0.2."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, growth, 3, padding=1)
        self.conv2 = nn.Conv2d(channels + growth, growth, 3, padding=1)
        self.conv3 = nn.Conv2d(channels + 2 * growth, growth, 3, padding=1)
        self.conv4 = nn.Conv2d(channels + 3 * growth, growth, 3, padding=1)
        self.conv5 = nn.Conv2d(channels + 4 * growth, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        features = x
        for conv in (self.conv1, self.conv2, self.conv3, self.conv4):
            features = torch.cat([features, F.leaky_relu(conv(features), SLOPE)], dim=1)
        return x + RESIDUAL_SCALE * self.conv5(features)
