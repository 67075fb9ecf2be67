"""ELAN: Efficient Long-Range Attention Network for Image Super-resolution.

Xindong Zhang, Hui Zeng, Shi Guo, Lei Zhang, ECCV 2022, arXiv 2203.06697. The network of figure 2:

    RGB -> mean shift -> head -> ELAB x M -> + -> tail -> PixelShuffle -> mean shift -> RGB
                           |________________|

Section 3.1 describes the whole, 3.2 local feature extraction, 3.3 group-wise multi-scale self-attention,
3.4 the accelerated and shared attention.
"""

import dataclasses
import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from elansr.errors import ConfigError, PictureError
from elansr.nn.attention import AttentionForm
from elansr.nn.layers import GroupwiseSelfAttention, LocalFeatureExtraction, SharedGroupwiseSelfAttention
from elansr.nn.ops import SHIFT_GROUPS, crop, pad_to_multiple, to_picture, to_pixels

MAX_SCALE = 8
DIV2K_RGB_MEAN = (0.4488, 0.4371, 0.4040)

PresetName = Literal["elan-light", "elan"]


@dataclass(frozen=True)
class ELANConfig:
    """Everything that defines the network's function and its parameter shapes.

    Attributes:
        scale: super-resolution factor, 1 to 8.
        channels: C, a multiple of the number of windows and at least 5.
        blocks: LFE + GMSA steps in the whole body, a multiple of `n_share + 1`.
        n_share: how many blocks reuse the attention of the block that computes it.
        expansion: r, by which local feature extraction widens the channels.
        windows: side of the attention windows of each channel group, in pixels.
        rgb_mean: subtracted before and added after, per colour, in [0, 1]; its length is the number of colours.
        rgb_range: the factor on [0, 1] inside the network.

    Raises:
        ConfigError: a value breaks one of these rules.
    """

    scale: int
    channels: int
    blocks: int
    n_share: int
    expansion: int = 2
    windows: tuple[int, ...] = (4, 8, 16)
    rgb_mean: tuple[float, ...] = DIV2K_RGB_MEAN
    rgb_range: float = 255.0

    def __post_init__(self) -> None:
        self._set_tuples()
        for name in ("scale", "channels", "blocks", "n_share", "expansion"):
            value = getattr(self, name)
            self._require(type(value) is int, f"{name}={value!r}: must be a whole number")
        self._require(all(type(w) is int for w in self.windows), f"windows={self.windows}: must be whole numbers")
        self._require(1 <= self.scale <= MAX_SCALE, f"scale={self.scale}: must be from 1 to {MAX_SCALE}")
        self._require(len(self.windows) > 0 and min(self.windows) > 0, f"windows={self.windows}: must be positive")
        self._require(
            self.channels >= SHIFT_GROUPS and self.channels % len(self.windows) == 0,
            f"channels={self.channels}: must be at least {SHIFT_GROUPS} and a multiple of the "
            f"{len(self.windows)} windows",
        )
        self._require(self.n_share >= 0, f"n_share={self.n_share}: must be 0 or more")
        self._require(
            self.blocks > 0 and self.blocks % (self.n_share + 1) == 0,
            f"blocks={self.blocks}: must be a positive multiple of n_share + 1 = {self.n_share + 1}",
        )
        self._require(self.expansion >= 1, f"expansion={self.expansion}: must be 1 or more")
        self._require(
            len(self.rgb_mean) in (1, 3) and all(map(math.isfinite, self.rgb_mean)),
            f"rgb_mean={self.rgb_mean}: must be 1 or 3 finite numbers",
        )
        self._require(
            math.isfinite(self.rgb_range) and self.rgb_range > 0, f"rgb_range={self.rgb_range}: must be positive"
        )

    def _set_tuples(self) -> None:
        """Takes lists, as JSON has them, for tuples."""
        for name in ("windows", "rgb_mean"):
            value = getattr(self, name)
            self._require(isinstance(value, (list, tuple)), f"{name}={value!r}: must be a sequence of numbers")
            object.__setattr__(self, name, tuple(value))

    @staticmethod
    def _require(holds: bool, rule: str) -> None:
        if not holds:
            raise ConfigError(rule)

    @property
    def colors(self) -> int:
        """Colour channels of the pictures, 3 for RGB."""
        return len(self.rgb_mean)

    @property
    def multiple(self) -> int:
        """Height and width are padded to this, the least common multiple of the windows, in pixels."""
        return math.lcm(*self.windows)


PRESETS: dict[PresetName, ELANConfig] = {
    "elan-light": ELANConfig(scale=4, channels=60, blocks=24, n_share=1, expansion=2, windows=(4, 8, 16)),
    "elan": ELANConfig(scale=4, channels=180, blocks=36, n_share=0, expansion=2, windows=(4, 8, 16)),
}
"""The networks of the paper's tables, at x4; `create_model` takes any scale."""


class ELAB(nn.Module):
    """Efficient long-range attention block: `n_share + 1` steps of LFE + GMSA that use one attention (figure 2b)."""

    def __init__(self, config: ELANConfig, shifted: bool, form: AttentionForm = "auto") -> None:
        super().__init__()
        c, windows = config.channels, config.windows
        self.local = nn.ModuleList(LocalFeatureExtraction(c, config.expansion) for _ in range(config.n_share + 1))
        self.attention = GroupwiseSelfAttention(c, windows, shifted, form)
        self.shared = nn.ModuleList(SharedGroupwiseSelfAttention(c) for _ in range(config.n_share))

    def forward(self, x: Tensor) -> Tensor:
        first_local, *other_locals = self.local
        x = x + first_local(x)
        attended, attention = self.attention(x)
        x = x + attended
        for local, shared in zip(other_locals, self.shared, strict=True):
            x = x + local(x)
            x = x + shared(x, attention)
        return x


class ELAN(nn.Module):
    """The network in its training form.

    Args:
        config: see `ELANConfig`.
        form: how attention is computed, see `group_attention`.
    """

    mean: Tensor

    def __init__(self, config: ELANConfig, form: AttentionForm = "auto") -> None:
        super().__init__()
        self.config = config
        c, scale, colors = config.channels, config.scale, config.colors
        mean = torch.tensor(config.rgb_mean).view(1, -1, 1, 1) * config.rgb_range
        self.register_buffer("mean", mean, persistent=False)
        self.head = nn.Conv2d(colors, c, 3, padding=1)
        n_elab = config.blocks // (config.n_share + 1)
        self.body = nn.Sequential(*(ELAB(config, shifted=i % 2 == 1, form=form) for i in range(n_elab)))
        self.tail = nn.Sequential(nn.Conv2d(c, colors * scale**2, 3, padding=1), nn.PixelShuffle(scale))

    def forward(self, x: Tensor) -> Tensor:
        """Super-resolves a batch of pictures.

        Args:
            x: float, (N, 3, H, W), RGB in [0, 1], any H and W from 1.

        Returns:
            float, (N, 3, H * scale, W * scale), RGB, near [0, 1] but not clamped.

        Raises:
            PictureError: another shape, or not floating.
        """
        check_batch(x, self.config)
        height, width = x.shape[-2:]
        x = pad_to_multiple(x, self.config.multiple)
        features = self.head(x * self.config.rgb_range - self.mean)
        features = features + to_picture(self.body(to_pixels(features)))
        x = (self.tail(features) + self.mean) / self.config.rgb_range
        return crop(x, 0, 0, height * self.config.scale, width * self.config.scale)


def check_batch(x: Tensor, config: ELANConfig) -> None:
    """Refuses what is not a float (N, colors, H, W) of at least one pixel, with a PictureError."""
    if x.ndim != 4 or x.shape[1] != config.colors or 0 in x.shape:
        raise PictureError(f"a batch of shape {tuple(x.shape)}: must be (N, {config.colors}, H, W), none of them 0")
    if not x.is_floating_point():
        raise PictureError(f"a batch of dtype {x.dtype}: must be floating, with values in [0, 1]")


def create_model(preset: PresetName, scale: int, form: AttentionForm = "auto") -> ELAN:
    """An untrained network of one of the `PRESETS`, in training mode, with PyTorch's default initialisation.

    Args:
        preset: "elan-light" (0.6 M parameters) or "elan" (8.3 M).
        scale: super-resolution factor, 1 to 8; the paper has 2, 3 and 4.
        form: how attention is computed, see `group_attention`.

    Raises:
        ConfigError: an unknown preset or a scale out of range.
    """
    if preset not in PRESETS:
        raise ConfigError(f"unknown preset {preset!r}: choose one of {', '.join(PRESETS)}")
    return ELAN(dataclasses.replace(PRESETS[preset], scale=scale), form)
