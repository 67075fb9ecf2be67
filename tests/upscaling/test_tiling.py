"""Tiling: coverage, alignment and blending by closed forms; the network against itself untiled in test_upscaler."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elansr.errors import ConfigError, DeviceError
from elansr.upscaling.tiling import (
    FEATHER,
    HALO,
    MIN_TILE,
    Axis,
    FixedSize,
    Samples,
    Span,
    Tiler,
    auto_tile,
    blend,
)

GRID = 16
RNG = np.random.default_rng(0)
SIZES = st.integers(1, 300)


@given(SIZES, st.integers(16, 128), st.integers(0, 64))
def test_cores_cover_an_axis_once_on_the_grid(size: int, tile: int, skip: int) -> None:
    start = skip // GRID * GRID if skip < size else 0
    cores = Axis(size, 0).cores(tile // GRID * GRID, GRID, start)
    assert cores[0].start == start
    assert cores[-1].stop == size
    assert all(a.stop == b.start for a, b in pairwise(cores))
    assert all((core.start - start) % GRID == 0 for core in cores)
    assert all(core.size >= FEATHER for core in cores) or len(cores) == 1
    assert all(core.size < tile // GRID * GRID + GRID + FEATHER for core in cores)


@given(SIZES, st.integers(16, 128), st.sampled_from([0, 16, 32]))
def test_every_tile_reads_its_halo_or_the_margin_and_starts_on_the_grid(size: int, tile: int, margin: int) -> None:
    axis = Axis(size, margin)
    cores = axis.cores(tile // GRID * GRID, GRID)
    for core in cores:
        given, kept = axis.read(core), axis.blended(core)
        assert given.start % GRID == 0
        assert given.start == (max(core.start - HALO, -margin) if core.start > 0 else -margin)
        assert given.stop == (min(core.stop + HALO, size + margin) if core.stop < size else size + margin)
        assert given.start <= kept.start <= core.start
        assert core.stop <= kept.stop <= given.stop
    for left, right in pairwise(cores):
        assert axis.blended(left).stop - axis.blended(right).start == FEATHER


def noise(*shape: int) -> Samples:
    return RNG.random(shape, np.float32)


@pytest.mark.parametrize("axis", [-1, -2])
def test_blending_pieces_of_one_picture_gives_it_back(axis: int) -> None:
    whole = noise(3, 40, 50)
    cuts = [(0, 20), (12, 30), (22, whole.shape[axis])]
    pieces = (whole.take(range(a, b), axis=axis) for a, b in cuts)
    np.testing.assert_allclose(np.concatenate(list(blend(pieces, 8, axis)), axis), whole, atol=1e-6)


def test_blending_fades_linearly_from_one_piece_to_the_next() -> None:
    black, white = np.zeros((1, 1, 10), np.float32), np.ones((1, 1, 10), np.float32)
    joined = np.concatenate(list(blend([black, white], 4, -1)), -1).flatten().tolist()
    assert joined == [0.0] * 6 + [0.125, 0.375, 0.625, 0.875] + [1.0] * 6


def nearest(scale: int):
    def enlarge(x: Samples) -> Samples:
        return x.repeat(scale, -1).repeat(scale, -2)

    return enlarge


def reader(picture: Samples):
    """Reads regions of (C, H, W); beyond the picture it answers with NaN, which must never be kept."""

    def read(rows: Span, columns: Span) -> Samples:
        around = np.full((picture.shape[0], rows.size, columns.size), np.nan, np.float32)
        top, left = max(rows.start, 0), max(columns.start, 0)
        inside = picture[:, top : rows.stop, left : columns.stop]
        y, x = top - rows.start, left - columns.start
        around[:, y : y + inside.shape[1], x : x + inside.shape[2]] = inside
        return around[None]

    return read


def run(tiler: Tiler, picture: Samples) -> Samples:
    strips: Iterator[Samples] = tiler.strips(reader(picture), *picture.shape[-2:], lambda done, total: None)
    return np.concatenate(list(strips), axis=-2)


@given(SIZES, SIZES, st.integers(16, 128), st.sampled_from([0, 16, 32]), st.integers(1, 4))
def test_a_network_without_reach_comes_out_as_if_untiled(h: int, w: int, tile: int, margin: int, scale: int) -> None:
    picture = noise(1, h, w)
    tiler = Tiler(nearest(scale), scale, GRID, tile, margin)
    np.testing.assert_allclose(run(tiler, picture), nearest(scale)(picture), atol=1e-6)


@pytest.mark.parametrize("taken", [1, 2, 3])
def test_from_the_row_of_a_strip_on_all_but_the_first_are_those_that_followed(taken: int) -> None:
    picture, scale = noise(1, 150, 70), 2
    tiler = Tiler(nearest(scale), scale, GRID, 48, 0)
    strips, rows = [], []
    for strip in tiler.strips(reader(picture), 150, 70, lambda done, total: None):
        strips.append(strip.copy())
        rows.append(tiler.row)
    again = list(tiler.strips(reader(picture), 150, 70, lambda done, total: None, start=rows[taken - 1]))
    assert np.array_equal(np.concatenate(again[1:], -2), np.concatenate(strips[taken:], -2))


class Limited:
    """Runs out of memory on tiles of more than `pixels`."""

    def __init__(self, pixels: int) -> None:
        self.pixels, self.calls = pixels, 0

    def __call__(self, x: Samples) -> Samples:
        self.calls += 1
        if x.shape[-1] * x.shape[-2] > self.pixels:
            raise MemoryError
        return x


def test_out_of_memory_halves_the_tile_for_good_and_goes_on() -> None:
    picture, network = noise(1, 400, 300), Limited((128 + 2 * HALO) ** 2)
    tiler = Tiler(network, 1, GRID, 512, 0)
    np.testing.assert_allclose(run(tiler, picture), picture, atol=1e-6)
    assert tiler.tile == 128
    failures = 2
    assert network.calls == failures + 4 * 3


def test_finished_rows_are_kept_when_memory_runs_out_later() -> None:
    picture, seen = noise(1, 256, 64), []

    class Tightening(Limited):
        def __call__(self, x: Samples) -> Samples:
            if len(seen) == 2:
                self.pixels = 64 * (32 + 2 * HALO)
            result = super().__call__(x)
            seen.append(x.shape)
            return result

    tiler = Tiler(Tightening(10**9), 1, GRID, 64, 0)
    done: list[int] = []
    strips = tiler.strips(reader(picture), 256, 64, lambda d, total: done.append(d))
    np.testing.assert_allclose(np.concatenate(list(strips), axis=-2), picture, atol=1e-6)
    assert tiler.tile == 32
    assert done == sorted(done)
    assert done[-1] == 256 * 64


def test_no_tile_small_enough_is_one_clear_error() -> None:
    with pytest.raises(DeviceError, match=f"tiles of {MIN_TILE} pixels"):
        run(Tiler(Limited(0), 1, GRID, 512, 0), noise(1, 64, 64))


def test_other_errors_pass_through() -> None:
    def broken(x: Samples) -> Samples:
        raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError, match="shapes do not fit"):
        run(Tiler(broken, 1, GRID, 64, 0), noise(1, 64, 64))


# --- how large tiles are, worked out by hand ---

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
    with pytest.raises(ConfigError, match="640x64 .*700x64 .*80x80"):
        fixed.tile_for(64, 700)
    assert FixedSize(80, 80, 0, 16, False).tile_for(64, 700) == 16
