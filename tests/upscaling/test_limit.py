"""What fits into an exported model of one size."""

import pytest

from elansr.errors import ConfigError
from elansr.upscaling.limit import Limit
from elansr.upscaling.tiling import Axis


@pytest.mark.parametrize("margin", [0, 5, 16, 32, 48])
@pytest.mark.parametrize("turned", [False, True])
def test_every_tile_fits_into_the_one_size(margin: int, turned: bool) -> None:
    limit = Limit(176, 192, margin, 16, turned)
    rounded = -(-margin // 16) * 16
    for length in range(1, 500, 3):
        for height, width in ((length, 100), (100, length), (length, length)):
            tile = limit.tile_for(height, width)
            reads = [[axis.read(core).size for core in axis.cores(tile, 16)] for axis in axes(height, width, rounded)]
            assert max(reads[0]) <= 176
            assert max(reads[1]) <= (176 if turned else 192)


def axes(height: int, width: int, margin: int) -> tuple[Axis, Axis]:
    return Axis(height, margin), Axis(width, margin)


def test_what_fits_nowhere_is_refused() -> None:
    limit = Limit(64, 640, 0, 16, False)
    assert limit.tile_for(64, 640) == 640
    with pytest.raises(ConfigError, match="700x64 pixels does not fit into a model exported for 640x64.*80x80"):
        limit.tile_for(64, 700)
    assert Limit(80, 80, 0, 16, False).tile_for(64, 700) == 16
