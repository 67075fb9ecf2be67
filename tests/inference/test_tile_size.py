"""Tiles by the memory: worked out by hand."""

import pytest

from elansr.inference.tile_size import auto_tile

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
