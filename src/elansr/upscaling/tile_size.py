"""How large tiles are where the user does not say, and what the user may say."""

import math
from dataclasses import dataclass

from elansr.errors import ConfigError
from elansr.upscaling.tiling import FEATHER, HALO

SMALLEST, GOOD, LARGEST = 64, 384, 768
"""Sides of tiles. Beyond the second, less is computed twice in halos, which saves a tenth of the time."""
STRIP_BYTES, MOST_STRIP_BYTES = 3 * 2**27, 2**30
"""Bytes that a strip of the result, as wide as the picture and as high as a tile, may take in float32: with any tile,
and with one of up to `GOOD`."""
SAMPLE_BYTES, COLORS = 4, 3
MOST_MARGIN = 256
"""Pixels around a picture. What lies 48 pixels away changes nothing that can be measured (docs/tiling.md)."""


def auto_tile(free: float, bytes_per_pixel: int, width: int, scale: int) -> int:
    """The largest tile that takes at most half of the free memory, and makes strips that are not too large.

    Args:
        free: bytes.
        bytes_per_pixel: what a pixel that the network is given takes at the peak.
        width: of the picture, in LR pixels.
        scale: of the network.

    Returns:
        Its side in LR pixels, from `SMALLEST` to `LARGEST`.
    """
    fitting = math.sqrt(free / 2 / bytes_per_pixel) - 2 * HALO
    line = width * scale**2 * COLORS * SAMPLE_BYTES
    highest = max(STRIP_BYTES // line, min(MOST_STRIP_BYTES // line, GOOD))
    return int(min(max(min(fitting, highest), SMALLEST), LARGEST))


def require_pixels(tile: int, margin: int) -> None:
    """Refuses a side of tiles or a margin that cannot be.

    Raises:
        ConfigError: one is negative, or the margin larger than any use of it.
    """
    if tile < 0 or margin < 0:
        raise ConfigError(f"tile={tile}, margin={margin}: must be 0 or more pixels")
    if margin > MOST_MARGIN:
        reason = f"must be at most {MOST_MARGIN} pixels, as what lies further away changes nothing"
        raise ConfigError(f"margin={margin}: {reason}; {HALO} are enough")


@dataclass(frozen=True)
class FixedSize:
    """The one size that an exported model takes, and how large a tile may be for it.

    Attributes:
        height, width: that the model takes, in pixels.
        margin: reflected pixels around the picture.
        grid: tiles and margins are multiples of it.
        turned: whether tiles are transposed too.
    """

    height: int
    width: int
    margin: int
    grid: int
    turned: bool

    @property
    def tile(self) -> int:
        """The largest side of a tile; 0 if there is none."""
        return max(min(self.height, self.width) - self._around, 0) // self.grid * self.grid

    def tile_for(self, height: int, width: int) -> int:
        """The side of tiles for a picture: all of it where it fits.

        Raises:
            ConfigError: it does not fit, and neither does a tile.
        """
        if self._holds(height, width):
            return -(-max(height, width) // self.grid) * self.grid
        if not self.tile:
            least = -(-(self._around + 1) // self.grid) * self.grid
            raise ConfigError(
                f"a picture of {width}x{height} pixels does not fit into a model exported for "
                f"{self.width}x{self.height}, nor does a tile with its surroundings: export one of at least "
                f"{least}x{least}, or without --size"
            )
        return self.tile

    def require(self, tile: int) -> None:
        """Refuses a tile that the user asked for and that does not fit, with a ConfigError."""
        if tile > self.tile:
            raise ConfigError(
                f"tile={tile}: at most {self.tile} pixels with its surroundings fit into a model exported for "
                f"{self.width}x{self.height}; 0 chooses"
            )

    @property
    def _around(self) -> int:
        """Pixels that a tile is read with at most.

        A halo at each side that has a neighbour, the margin at each that has none, and up to a feather because the last
        tile of an axis takes what is too little for one of its own.
        """
        return max(2 * HALO, HALO + self._margin + FEATHER, 2 * self._margin + FEATHER)

    @property
    def _margin(self) -> int:
        return -(-self.margin // self.grid) * self.grid

    def _holds(self, height: int, width: int) -> bool:
        """Whether the picture and its margin go through at once."""
        rows, columns = height + 2 * self._margin, width + 2 * self._margin
        as_it_is = rows <= self.height and columns <= self.width
        return as_it_is and (not self.turned or (columns <= self.height and rows <= self.width))
