"""ELAN's configuration: what defines its function and its parameter shapes. Needs no PyTorch."""

import math
from dataclasses import dataclass
from typing import Literal

from elansr.errors import ConfigError

SHIFT_GROUPS = 5
"""Into how many groups a shift-conv cuts the channels (arXiv 2203.06697, section 3.2)."""
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
