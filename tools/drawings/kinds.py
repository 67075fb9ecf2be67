"""Makes a picture from a seed and a number: its kind, the size it is drawn at, and how it is shrunk."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyvips
from numpy.typing import NDArray

from elansr.errors import ConfigError
from tools.drawings.comic import comic
from tools.drawings.flat import flat
from tools.drawings.pages import clip_art, text_page
from tools.drawings.screen import screen
from tools.drawings.svg import Picture, Random, pick
from tools.drawings.wall import wall
from tools.drawings.words import PACKAGES

INSTALLED = Path("/var/lib/dpkg/info")
"""Where Debian keeps a list of files for each installed package."""
EVEN, ANY = ("area", "linear"), ("area", "linear", "lanczos3")
"""Filters to reduce with: those that do not overshoot, so that white paper stays 255; all."""


@dataclass(frozen=True)
class Painter:
    """One kind: how often it is drawn, by what, its filters, how many times too large, the Debian packages it needs."""

    share: float
    paint: Callable[[Random, int], Picture]
    filters: tuple[str, ...]
    factors: tuple[int, ...]
    packages: tuple[str, ...] = ()

    def missing(self) -> list[str]:
        """Packages that are not installed."""
        return [name for name in self.packages if not (INSTALLED / f"{name}.list").exists()]


KINDS = {
    "clipart": Painter(0.25, clip_art, ANY, (2, 3), ("openclipart-svg", *PACKAGES)),
    "text": Painter(0.25, text_page, EVEN, (2, 3, 4), PACKAGES),
    "comic": Painter(0.12, comic, ANY, (4,), PACKAGES),
    "wall": Painter(0.12, wall, ANY, (2, 3, 4)),
    "flat": Painter(0.13, flat, EVEN, (2, 3, 4)),
    "screen": Painter(0.13, screen, EVEN, (2, 3, 4), PACKAGES),
}


def check_packages() -> None:
    """Clip art and fonts must be there: other fonts would give other pictures.

    Raises:
        ConfigError: naming the Debian packages that are not installed.
    """
    missing = sorted({name for painter in KINDS.values() for name in painter.missing()})
    if missing:
        raise ConfigError(f"clip art or fonts are missing: apt-get install --no-install-recommends {' '.join(missing)}")


def kind_of(seed: int, index: int) -> str:
    """Which kind a picture is of."""
    return pick(np.random.default_rng([seed, index, 0]), list(KINDS), [painter.share for painter in KINDS.values()])


def draw(kind: str, seed: int, index: int) -> Picture:
    """A picture of a kind, (SIDE, SIDE, 3), the same whenever seed and index are."""
    random, painter = np.random.default_rng([seed, index, 1]), KINDS[kind]
    factor, reduce_by, in_light = pick(random, painter.factors), pick(random, painter.filters), random.random() < 0.3
    image = pyvips.Image.new_from_array(painter.paint(random, factor))
    to_light, from_light = _tables()
    if in_light:
        image = image.maplut(pyvips.Image.new_from_array(to_light[None]))
    image = image.shrink(factor, factor) if reduce_by == "area" else image.resize(1 / factor, kernel=reduce_by)
    if in_light:
        image = image.maplut(pyvips.Image.new_from_array(from_light[None]))
    return np.array(image.numpy())


@functools.cache
def _tables() -> tuple[NDArray[np.uint16], NDArray[np.uint8]]:
    """From sRGB levels to linear light of 0 to 65535, and back."""
    level = np.arange(256) / 255
    light = np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)
    every = np.arange(65536) / 65535
    back = np.where(every <= 0.0031308, every * 12.92, 1.055 * every ** (1 / 2.4) - 0.055)
    return (light * 65535).round().astype(np.uint16), (back * 255).round().astype(np.uint8)
