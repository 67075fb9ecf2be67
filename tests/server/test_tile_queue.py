"""Pictures of several requests through one network thread: the same numbers, in turn, together, and dropped."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from types import MethodType

import numpy as np
import pytest
import torch

from elansr.errors import DeviceError
from elansr.nn.config import ELANConfig
from elansr.nn.elan import ELAN
from elansr.server.tile_queue import TileQueue
from elansr.upscaling import TiledNetwork
from elansr.upscaling.rows import Array
from elansr.upscaling.tiling import Samples

SLOW = 60
"""Seconds that a busy machine may take."""


@pytest.fixture
def upscaler() -> TiledNetwork:
    torch.set_num_threads(1)
    torch.manual_seed(2)
    network = ELAN(ELANConfig(scale=2, channels=6, blocks=2, n_share=1)).eval()
    return TiledNetwork.open(network, device="cpu", precision="fp32", tile=32)


@pytest.fixture
def turns() -> Iterator[TileQueue]:
    made = TileQueue(threads=1)
    yield made
    made.close()


def noise(height: int, width: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def nothing() -> None:
    """A check that lets everything go on."""


def watched(upscaler: TiledNetwork, see: Callable[[Samples], None]) -> None:
    """Has `see` told of every batch before it goes through the network."""
    network = upscaler._network

    def seen(tile: Samples) -> Samples:
        see(tile)
        return network(tile)

    upscaler._network = seen  # type: ignore[assignment]


def two_together(upscaler: TiledNetwork) -> None:
    """As on a GPU, where tiles of one shape gain by going together."""
    upscaler.together = MethodType(lambda _self, _height, _width: 2, upscaler)  # type: ignore[method-assign]


def test_several_at_once_are_as_one_alone(upscaler: TiledNetwork, turns: TileQueue) -> None:
    pictures = [noise(h, w, seed) for seed, (h, w) in enumerate([(70, 50), (20, 20), (33, 90), (20, 20)])]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(turns.share(upscaler, nothing), pictures))
    for picture, result in zip(pictures, results, strict=True):
        np.testing.assert_array_equal(result, upscaler(picture))


def test_equal_tiles_of_several_requests_go_together_and_come_out_the_same(
    upscaler: TiledNetwork, turns: TileQueue
) -> None:
    """The first tile is held up until the others wait: three of one shape and one of another."""
    started, go_on, batches = Event(), Event(), list[tuple[int, ...]]()

    def see(tile: Samples) -> None:
        batches.append(tuple(tile.shape))
        started.set()
        assert go_on.wait(SLOW)

    pictures = [noise(24, 24, 1), noise(30, 30, 2), noise(30, 30, 3), noise(16, 20, 4), noise(30, 30, 5)]
    expected = [upscaler(picture) for picture in pictures]
    watched(upscaler, see)
    two_together(upscaler)
    with ThreadPoolExecutor(5) as pool:
        shared = turns.share(upscaler, nothing)
        results = [pool.submit(shared, pictures[0])]
        assert started.wait(SLOW)
        for picture in pictures[1:]:
            before = len(turns._queue)
            results.append(pool.submit(shared, picture))
            while len(turns._queue) == before:
                assert not results[-1].done()
        go_on.set()
        found = [result.result(SLOW) for result in results]
    assert batches == [(1, 3, 24, 24), (1, 6, 30, 30), (1, 3, 16, 20), (1, 3, 30, 30)]
    for result, wanted in zip(found, expected, strict=True):
        different = result != wanted  # sums over a batch are rounded in another order
        assert different.mean() < 1e-3
        np.testing.assert_allclose(result.astype(int), wanted.astype(int), atol=1)


def test_a_thumbnail_does_not_wait_for_a_large_picture(upscaler: TiledNetwork, turns: TileQueue) -> None:
    """A picture of 24 tiles begins; when the small one that came after is done, most of them are still to come."""
    sizes, begun = list[int](), Event()

    def see(tile: Samples) -> None:
        sizes.append(tile.shape[-1])
        begun.set()
        time.sleep(0.02)  # time enough for the small picture to come

    watched(upscaler, see)
    shared = turns.share(upscaler, nothing)
    with ThreadPoolExecutor(2) as pool:
        large = pool.submit(shared, noise(192, 128))
        assert begun.wait(SLOW)
        small = pool.submit(shared, noise(8, 8))
        small.result(SLOW)
        assert sizes.index(8) < 12
        large.result(SLOW)
    assert len(sizes) == 25


def test_what_is_not_wanted_any_more_ends_at_its_next_tile(upscaler: TiledNetwork, turns: TileQueue) -> None:
    class GoneError(Exception):
        pass

    calls: list[int] = []

    def check() -> None:
        calls.append(len(calls))
        if len(calls) > 2:
            raise GoneError

    run: list[tuple[int, ...]] = []
    watched(upscaler, lambda tile: run.append(tuple(tile.shape)))
    with pytest.raises(GoneError):
        turns.share(upscaler, check)(noise(96, 96))
    assert len(run) == 2
    assert turns.share(upscaler, nothing)(noise(8, 8)).shape == (16, 16, 3)


def test_a_batch_that_is_too_large_for_the_memory_is_done_one_by_one(upscaler: TiledNetwork, turns: TileQueue) -> None:
    started, go_on = Event(), Event()

    def see(tile: Samples) -> None:
        started.set()
        assert go_on.wait(SLOW)
        if tile.shape[1] > 3:
            raise MemoryError

    pictures = [noise(24, 24, 1), noise(30, 30, 2), noise(30, 30, 3)]
    expected = [upscaler(picture) for picture in pictures]
    watched(upscaler, see)
    two_together(upscaler)
    shared = turns.share(upscaler, nothing)
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(shared, pictures[0])
        assert started.wait(SLOW)
        rest = [pool.submit(shared, picture) for picture in pictures[1:]]
        while len(turns._queue) < 2:
            assert not rest[0].done()
        go_on.set()
        found = [result.result(SLOW) for result in (first, *rest)]
    for result, wanted in zip(found, expected, strict=True):
        np.testing.assert_array_equal(result, wanted)


def test_the_networks_failure_is_that_of_the_request_alone(upscaler: TiledNetwork, turns: TileQueue) -> None:
    def see(tile: Samples) -> None:
        if tile.shape[-1] == 8:
            raise RuntimeError("broken")

    watched(upscaler, see)
    shared = turns.share(upscaler, nothing)
    with pytest.raises(RuntimeError, match="broken"):
        shared(noise(8, 8))
    assert shared(noise(9, 9)).shape == (18, 18, 3)


def test_after_the_end_nothing_is_taken(upscaler: TiledNetwork) -> None:
    turns = TileQueue(threads=1)
    turns.close()
    with pytest.raises(DeviceError, match="network thread"):
        turns.share(upscaler, nothing)(noise(8, 8))


def test_the_network_thread_has_its_own_number_of_threads(upscaler: TiledNetwork) -> None:
    turns, threads = TileQueue(threads=2), list[int]()
    watched(upscaler, lambda tile: threads.append(torch.get_num_threads()))
    turns.share(upscaler, nothing)(noise(8, 8))
    turns.close()
    assert threads == [2]
