"""How large tiles are where the user does not say, and what the user may say."""

import math

from elansr.errors import ConfigError
from elansr.upscaling.tiling import HALO

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
