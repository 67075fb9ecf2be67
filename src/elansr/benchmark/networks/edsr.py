"""EDSR: Enhanced Deep Residual Networks for Single Image Super-Resolution.

Bee Lim, Sanghyun Son, Heewon Kim, Seungjun Nah, Kyoung Mu Lee, CVPR Workshops 2017, arXiv 1707.02921. The network of
figure 3:

    RGB -> mean shift -> 3x3 conv -> ResBlock x B -> 3x3 conv -> + -> PixelShuffles -> 3x3 conv -> mean shift -> RGB
                                  |______________________________|

Parts carry the names of BasicSR's published weights; the mean shift is no part of them. All tensors are (N, C, H, W).
"""

from dataclasses import dataclass
from itertools import chain
from typing import Literal

import torch
from torch import Tensor, nn

from elansr.errors import ConfigError
from elansr.nn.config import DIV2K_RGB_MEAN

RGB_RANGE = 255.0
STEPS = {2: (2,), 3: (3,), 4: (2, 2), 8: (2, 2, 2)}
"""The factors by which each scale is reached, one convolution each (figure 3)."""

PresetName = Literal["edsr-baseline", "edsr"]


@dataclass(frozen=True)
class EDSRConfig:
    """A column of the paper's table 1.

    Attributes:
        channels: F, of the features.
        blocks: B, residual blocks.
        residual_scale: the factor on what a block adds (section 3.2).
    """

    channels: int
    blocks: int
    residual_scale: float


PRESETS: dict[PresetName, EDSRConfig] = {
    "edsr-baseline": EDSRConfig(channels=64, blocks=16, residual_scale=1.0),
    "edsr": EDSRConfig(channels=256, blocks=32, residual_scale=0.1),
}


class EDSR(nn.Module):
    """The network of one scale.

    Args:
        scale: super-resolution factor, 2, 3, 4 or 8; the paper has 2, 3 and 4. The baseline has
            1370, 1554 and 1518 K parameters there.

    Raises:
        ConfigError: another scale.
    """

    mean: Tensor

    def __init__(self, scale: int, config: EDSRConfig = PRESETS["edsr-baseline"]) -> None:
        super().__init__()
        self.scale, self.config = scale, config
        c = config.channels
        self.register_buffer("mean", torch.tensor(DIV2K_RGB_MEAN).view(1, 3, 1, 1), persistent=False)
        self.conv_first = nn.Conv2d(3, c, 3, padding=1)
        self.body = nn.Sequential(*(ResidualBlock(c, config.residual_scale) for _ in range(config.blocks)))
        self.conv_after_body = nn.Conv2d(c, c, 3, padding=1)
        self.upsample = upsampler(scale, c)
        self.conv_last = nn.Conv2d(c, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Super-resolves float RGB (N, 3, H, W) in [0, 1] to (N, 3, H * scale, W * scale), not clamped."""
        features = self.conv_first((x - self.mean) * RGB_RANGE)
        features = features + self.conv_after_body(self.body(features))
        return self.conv_last(self.upsample(features)) / RGB_RANGE + self.mean


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions without BatchNorm (figure 2c)."""

    def __init__(self, channels: int, residual_scale: float) -> None:
        super().__init__()
        self.residual_scale = residual_scale
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(torch.relu(self.conv1(x))) * self.residual_scale


def upsampler(scale: int, channels: int) -> nn.Sequential:
    """(N, channels, H, W) to (N, channels, H * scale, W * scale), by steps of 3x3 convolution and PixelShuffle.

    Raises:
        ConfigError: a scale that is not in `STEPS`.
    """
    require_scale(scale)
    steps = ((nn.Conv2d(channels, step**2 * channels, 3, padding=1), nn.PixelShuffle(step)) for step in STEPS[scale])
    return nn.Sequential(*chain.from_iterable(steps))


def require_scale(scale: int) -> None:
    """Refuses a scale that is not in `STEPS`, with a ConfigError."""
    if scale not in STEPS:
        raise ConfigError(f"scale={scale}: must be one of {', '.join(map(str, STEPS))}")
