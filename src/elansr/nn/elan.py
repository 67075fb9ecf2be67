"""ELAN: Efficient Long-Range Attention Network for Image Super-resolution.

Xindong Zhang, Hui Zeng, Shi Guo, Lei Zhang, ECCV 2022, arXiv 2203.06697. The network of figure 2:

    RGB -> mean shift -> head -> ELAB x M -> + -> tail -> PixelShuffle -> mean shift -> RGB
                           |________________|

Section 3.1 describes the whole, 3.2 local feature extraction, 3.3 group-wise multi-scale self-attention,
3.4 the accelerated and shared attention.
"""

import dataclasses

import torch
from torch import Tensor, nn

from elansr.errors import ConfigError, PictureError
from elansr.nn.config import PRESETS, ELANConfig, PresetName
from elansr.nn.layers import GroupwiseSelfAttention, LocalFeatureExtraction, SharedGroupwiseSelfAttention
from elansr.nn.ops import crop, pad_to_multiple, to_picture, to_pixels


class ELAB(nn.Module):
    """Efficient long-range attention block: `n_share + 1` steps of LFE + GMSA that use one attention (figure 2b)."""

    def __init__(self, config: ELANConfig, shifted: bool) -> None:
        super().__init__()
        c, windows = config.channels, config.windows
        self.local = nn.ModuleList(LocalFeatureExtraction(c, config.expansion) for _ in range(config.n_share + 1))
        self.attention = GroupwiseSelfAttention(c, windows, shifted)
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
    """The network of figure 2, as it is trained.

    Args:
        config: see `ELANConfig`.
    """

    mean: Tensor

    def __init__(self, config: ELANConfig) -> None:
        super().__init__()
        self.config = config
        c, scale, colors = config.channels, config.scale, config.colors
        mean = torch.tensor(config.rgb_mean).view(1, -1, 1, 1) * config.rgb_range
        self.register_buffer("mean", mean, persistent=False)
        self.head = nn.Conv2d(colors, c, 3, padding=1)
        n_elab = config.blocks // (config.n_share + 1)
        self.body = nn.Sequential(*(ELAB(config, shifted=i % 2 == 1) for i in range(n_elab)))
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
        raise PictureError(f"a batch of dtype {x.dtype}: must be float, with values in [0, 1]")


def create_model(preset: PresetName, scale: int) -> ELAN:
    """An untrained network of one of the `PRESETS`, in training mode, with PyTorch's default initialisation.

    Args:
        preset: "elan-light" (0.6 M parameters) or "elan" (8.3 M).
        scale: super-resolution factor, 1 to 8; the paper has 2, 3 and 4.

    Raises:
        ConfigError: an unknown preset or a scale out of range.
    """
    if preset not in PRESETS:
        raise ConfigError(f"unknown preset {preset!r}: must be one of {', '.join(PRESETS)}")
    return ELAN(dataclasses.replace(PRESETS[preset], scale=scale))
