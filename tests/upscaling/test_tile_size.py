"""Tiles by the memory: worked out by hand."""

import pytest

from elansr.errors import ConfigError
from elansr.upscaling.tile_size import auto_tile, require_pixels

MUCH = 2.0**50


@pytest.mark.parametrize(
    ("free", "width", "scale", "tile"),
    [
        (MUCH, 1000, 2, 768),  # nothing is short
        (2 * 5000 * (300 + 64) ** 2, 1000, 2, 300),  # half of the memory holds a tile of 300 and its halos
        (1.0, 1000, 2, 64),
        (MUCH, 10_000, 2, 768),  # a strip of 384 MiB: 838 lines of 480,000 bytes
        (MUCH, 20_000, 2, 419),  # 419 of 960,000
        (MUCH, 30_000, 2, 384),  # 279 would be that, and a good tile is less than 1 GiB
        (MUCH, 20_000, 4, 279),  # 1 GiB: 279 lines of 3,840,000 bytes
        (MUCH, 10**6, 4, 64),
    ],
)
def test_the_largest_that_fits(free: float, width: int, scale: int, tile: int) -> None:
    assert auto_tile(free, 5000, width, scale) == tile


@pytest.mark.parametrize(
    ("tile", "margin", "complaint"),
    [
        (-1, 0, "tile=-1, margin=0: must be 0 or more pixels"),
        (0, -1, "margin=-1: must be 0 or more pixels"),
        (0, 257, "margin=257: must be at most 256 pixels, .*; 32 are enough"),
    ],
)
def test_what_cannot_be_is_refused(tile: int, margin: int, complaint: str) -> None:
    require_pixels(0, 0)
    require_pixels(4096, 256)
    with pytest.raises(ConfigError, match=complaint):
        require_pixels(tile, margin)
