"""SwinIR: Image Restoration Using Swin Transformer.

Jingyun Liang, Jiezhang Cao, Guolei Sun, Kai Zhang, Luc Van Gool, Radu Timofte, ICCV Workshops 2021, arXiv 2108.10257.
The network of figure 2 for classical and lightweight super-resolution:

    RGB -> mean shift -> 3x3 conv -> RSTB x K -> norm -> 3x3 conv -> + -> PixelShuffle -> mean shift -> RGB
                                  |__________________________________|

Section 3.1 describes the whole, 3.2 the residual Swin transformer block (RSTB). Parts carry the names of the published
weights. Features are (N, H, W, C).

Two things differ from the published code. Pictures are reflected up to the next multiple of the window; the published
test program repeats the border pixel too and always adds a row and a column at least, which changes pixels near the
right and lower border. Stochastic depth in training is left out.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elansr.benchmark.networks.edsr import require_scale, upsampler
from elansr.nn.config import DIV2K_RGB_MEAN
from elansr.nn.ops import crop, from_windows, pad_to_multiple, roll, to_picture, to_pixels, to_windows

RECONSTRUCTION_CHANNELS = 64
OTHER_SIDE = -100.0
"""Added to the logit of two pixels that lie in one window only because the picture was rolled."""

PresetName = Literal["swinir-light", "swinir"]


@dataclass(frozen=True)
class SwinIRConfig:
    """A size of the network (section 4.1).

    Attributes:
        channels: C, a multiple of `heads`.
        depths: transformer layers in each RSTB.
        heads: of every attention.
        window: side of the attention windows in pixels, even.
        mlp_ratio: hidden channels of the perceptron, in units of `channels`.
        direct: whether one convolution and PixelShuffle reconstruct the picture, as in lightweight SR.
    """

    channels: int
    depths: tuple[int, ...]
    heads: int
    window: int
    mlp_ratio: int
    direct: bool


PRESETS: dict[PresetName, SwinIRConfig] = {
    "swinir-light": SwinIRConfig(channels=60, depths=(6,) * 4, heads=6, window=8, mlp_ratio=2, direct=True),
    "swinir": SwinIRConfig(channels=180, depths=(6,) * 6, heads=6, window=8, mlp_ratio=2, direct=False),
}


class Seams(NamedTuple):
    """Where the rolled picture's opposite borders meet.

    Attributes:
        windows: int64, (E,), the windows in which they do.
        mask: (E, 1, L, L), `OTHER_SIDE` for two pixels on different sides, else 0.
    """

    windows: Tensor
    mask: Tensor


class SwinIR(nn.Module):
    """The network of one scale.

    Args:
        scale: super-resolution factor, 2, 3, 4 or 8; "swinir-light" is published for 2, 3 and 4. Its 910,152, 918,267
            and 929,628 parameters are the paper's 878, 886 and 897 K and the 32,400 position biases.

    Raises:
        ConfigError: another scale.
    """

    mean: Tensor

    def __init__(self, scale: int, config: SwinIRConfig = PRESETS["swinir-light"]) -> None:
        super().__init__()
        require_scale(scale)
        self.scale, self.config = scale, config
        self._seams: dict[tuple[object, ...], Seams] = {}
        c = config.channels
        self.register_buffer("mean", torch.tensor(DIV2K_RGB_MEAN).view(1, 3, 1, 1), persistent=False)
        self.conv_first = nn.Conv2d(3, c, 3, padding=1)
        self.patch_embed = nn.Sequential(OrderedDict(norm=nn.LayerNorm(c)))
        self.layers = nn.ModuleList(ResidualSwinTransformerBlock(config, depth) for depth in config.depths)
        self.norm = nn.LayerNorm(c)
        self.conv_after_body = nn.Conv2d(c, c, 3, padding=1)
        self._add_reconstruction()
        self.apply(_initialise)

    def forward(self, x: Tensor) -> Tensor:
        """Super-resolves float RGB (N, 3, H, W) in [0, 1] to (N, 3, H * scale, W * scale), not clamped."""
        height, width = x.shape[-2:]
        features = self.conv_first(pad_to_multiple(x, self.config.window) - self.mean)
        features = features + self.conv_after_body(self._deep_features(features))
        sr = self.conv_last(self.upsample(self.conv_before_upsample(features))) + self.mean
        return crop(sr, 0, 0, height * self.scale, width * self.scale)

    def _add_reconstruction(self) -> None:
        c, narrow = self.config.channels, RECONSTRUCTION_CHANNELS
        self.conv_before_upsample: nn.Module = nn.Identity()
        self.conv_last: nn.Module = nn.Identity()
        if self.config.direct:
            self.upsample = nn.Sequential(nn.Conv2d(c, 3 * self.scale**2, 3, padding=1), nn.PixelShuffle(self.scale))
        else:
            self.conv_before_upsample = nn.Sequential(nn.Conv2d(c, narrow, 3, padding=1), nn.LeakyReLU())
            self.upsample = upsampler(self.scale, narrow)
            self.conv_last = nn.Conv2d(narrow, 3, 3, padding=1)

    def _deep_features(self, features: Tensor) -> Tensor:
        pixels = self.patch_embed(to_pixels(features))
        seams = self._seams_of(pixels)
        for layer in self.layers:
            pixels = layer(pixels, seams)
        return to_picture(self.norm(pixels))

    def _seams_of(self, x: Tensor) -> Seams:
        """Those of the last size are kept: a training or a timing has but one."""
        batch, height, width, _ = x.shape
        key = (batch, height, width, x.device, x.dtype)
        if key not in self._seams:
            # Made under inference_mode they could not be used in a training step later.
            with torch.inference_mode(False):
                self._seams = {key: seams_of(batch, height, width, self.config.window, x.device, x.dtype)}
        return self._seams[key]


class ResidualSwinTransformerBlock(nn.Module):
    """RSTB (figure 2a): transformer layers, every second of them shifted, and a convolution."""

    def __init__(self, config: SwinIRConfig, depth: int) -> None:
        super().__init__()
        self.residual_group = SwinTransformerLayers(config, depth)
        self.conv = nn.Conv2d(config.channels, config.channels, 3, padding=1)

    def forward(self, x: Tensor, seams: Seams) -> Tensor:
        return x + to_pixels(self.conv(to_picture(self.residual_group(x, seams))))


class SwinTransformerLayers(nn.Module):
    """The transformer layers of one RSTB."""

    def __init__(self, config: SwinIRConfig, depth: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(SwinTransformerLayer(config, shifted=i % 2 == 1) for i in range(depth))

    def forward(self, x: Tensor, seams: Seams) -> Tensor:
        for block in self.blocks:
            x = block(x, seams)
        return x


class SwinTransformerLayer(nn.Module):
    """STL (figure 2b): attention within windows, then a perceptron at every pixel."""

    def __init__(self, config: SwinIRConfig, shifted: bool) -> None:
        super().__init__()
        c, hidden = config.channels, config.channels * config.mlp_ratio
        self.window = config.window
        self.shift = config.window // 2 if shifted else 0
        self.norm1 = nn.LayerNorm(c)
        self.attn = WindowAttention(c, config.heads, config.window)
        self.norm2 = nn.LayerNorm(c)
        self.mlp = nn.Sequential(OrderedDict(fc1=nn.Linear(c, hidden), act=nn.GELU(), fc2=nn.Linear(hidden, c)))

    def forward(self, x: Tensor, seams: Seams) -> Tensor:
        windows = to_windows(roll(self.norm1(x), self.shift), self.window)
        attended = self.attn(windows, seams if self.shift else None)
        x = x + roll(from_windows(attended, *x.shape[1:3]), -self.shift)
        return x + self.mlp(self.norm2(x))


class WindowAttention(nn.Module):
    """Multi-head attention with a bias for each relative position (equation 6)."""

    relative_position_index: Tensor

    def __init__(self, channels: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads = heads
        self.relative_position_bias_table = nn.Parameter(torch.empty((2 * window - 1) ** 2, heads))
        self.register_buffer("relative_position_index", relative_position_index(window), persistent=False)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.proj = nn.Linear(channels, channels)
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)

    def forward(self, x: Tensor, seams: Seams | None) -> Tensor:
        """Attends within windows (B, L, C); a mask is needed, and added, at the seams alone."""
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        bias = self.relative_position_bias_table[self.relative_position_index].permute(2, 0, 1).unsqueeze(0)
        attended = F.scaled_dot_product_attention(q, k, v, bias)
        if seams is not None:
            at = seams.windows
            masked = F.scaled_dot_product_attention(q[at], k[at], v[at], bias + seams.mask)
            attended = attended.index_copy(0, at, masked)
        return self.proj(attended.transpose(1, 2).flatten(2))


def relative_position_index(window: int) -> Tensor:
    """Row of the bias table for each pair of pixels of a window, which are numbered row by row.

    Returns:
        int64, (window^2, window^2): (dy + window - 1) * (2 * window - 1) + (dx + window - 1), where (dy, dx) leads from
        the pixel of the column, the key, to the pixel of the row, the query.
    """
    pixel = torch.arange(window**2)
    y, x = pixel // window, pixel % window
    dy, dx = y[:, None] - y[None, :], x[:, None] - x[None, :]
    return (dy + window - 1) * (2 * window - 1) + (dx + window - 1)


def seams_of(batch: int, height: int, width: int, window: int, device: torch.device, dtype: torch.dtype) -> Seams:
    """The seams of pictures (batch, height, width, C) rolled by half a window; height and width are its multiples."""
    # The roll brings the first rows and columns to the end.
    row = torch.arange(height, device=device) >= height - window // 2
    column = torch.arange(width, device=device) >= width - window // 2
    side = (2 * row[:, None] + column[None, :]).view(1, height, width, 1).expand(batch, -1, -1, -1)
    sides = to_windows(side, window).squeeze(-1)
    windows = (sides != sides[:, :1]).any(1).nonzero().squeeze(1)
    apart = sides[windows, :, None] != sides[windows, None, :]
    return Seams(windows, (apart * OTHER_SIDE).to(dtype).unsqueeze(1))


def _initialise(module: nn.Module) -> None:
    """The published initialisation: small matrices, no biases."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
