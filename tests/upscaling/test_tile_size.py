"""Tiles by the memory: worked out by hand."""

import pytest

from elansr.errors import ConfigError
from elansr.upscaling.tile_size import FixedSize, auto_tile, require_pixels
from elansr.upscaling.tiling import Axis

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


@pytest.mark.parametrize("margin", [0, 5, 16, 32, 48])
@pytest.mark.parametrize("turned", [False, True])
def test_every_tile_fits_into_the_one_size(margin: int, turned: bool) -> None:
    fixed = FixedSize(176, 192, margin, 16, turned)
    rounded = -(-margin // 16) * 16
    for length in range(1, 500, 3):
        for height, width in ((length, 100), (100, length), (length, length)):
            tile = fixed.tile_for(height, width)
            reads = [[axis.read(core).size for core in axis.cores(tile, 16)] for axis in axes(height, width, rounded)]
            assert max(reads[0]) <= 176
            assert max(reads[1]) <= (176 if turned else 192)


def axes(height: int, width: int, margin: int) -> tuple[Axis, Axis]:
    return Axis(height, margin), Axis(width, margin)


def test_what_fits_nowhere_is_refused() -> None:
    fixed = FixedSize(64, 640, 0, 16, False)
    assert fixed.tile_for(64, 640) == 640
    with pytest.raises(ConfigError, match="700x64 pixels does not fit into a model exported for 640x64.*80x80"):
        fixed.tile_for(64, 700)
    assert FixedSize(80, 80, 0, 16, False).tile_for(64, 700) == 16
