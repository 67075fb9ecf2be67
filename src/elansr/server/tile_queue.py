"""One network thread for the pictures of several requests, whose tiles take turns.

    request 1   cut ... wait ... join        -+
    request 2   cut ... wait ... join        -+->  the network thread: one tile after the other, or, on a GPU,
    request 3   cut ... wait ... join        -+    those of one shape together

Each request is a thread with one tile in the queue at a time, so requests take turns: a thumbnail waits for one tile of
each of the others, not for their whole pictures.
"""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from threading import Condition, Event, Thread
from typing import TypeVar

import numpy as np

from elansr.engines.device import cpu_threads, require_threads, set_cpu_threads
from elansr.errors import DeviceError
from elansr.upscaling import Network, Samples, TiledNetwork

Check = Callable[[], None]
"""Returns if a request may continue, otherwise raises the reason."""

Shared = TypeVar("Shared", bound=TiledNetwork)


@dataclass(eq=False)
class _Waiting:
    """A tile in the queue: its network, the useful batch size, and the future of its result."""

    network: Network
    tile: Samples
    most: int
    check: Check
    answer: "Future[Samples]" = field(default_factory=Future)

    def fits_in_a_batch_with(self, other: "_Waiting") -> bool:
        """Whether both can be in one batch."""
        return self.network is other.network and self.tile.shape == other.tile.shape


class TileQueue:
    """The network thread.

    Args:
        threads: CPU threads for the networks; 0 leaves the number unchanged.
    """

    def __init__(self, threads: int = 0) -> None:
        self._queue: deque[_Waiting] = deque()
        self._changed, self._closed = Condition(), False
        require_threads(threads)
        self._threads, ready = threads or cpu_threads(), Event()
        self._thread = Thread(target=self._run, args=(ready,), name="elansr-network", daemon=True)
        self._thread.start()
        ready.wait()

    def share(self, upscaler: Shared, check: Check) -> Shared:
        """Wraps an upscaler for one request: its tiles take turns with those of others.

        Args:
            check: called before each tile; an exception ends the request.
        """

        def in_turn(network: Network, tile: Samples) -> Samples:
            most = upscaler.together(tile.shape[-2], tile.shape[-1])
            return self._answer(_Waiting(network, tile, most, check))

        return upscaler.through(lambda network: partial(in_turn, network))

    def close(self) -> None:
        """Ends the thread after the current tile; other tiles end with a DeviceError."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()

    def _answer(self, waiting: _Waiting) -> Samples:
        with self._changed:
            if self._closed:
                raise _shut_down()
            self._queue.append(waiting)
            self._changed.notify_all()
        return waiting.answer.result()

    def _run(self, ready: Event) -> None:
        set_cpu_threads(self._threads)  # in this thread, as PyTorch has a number per thread
        ready.set()
        while batch := self._next():
            _run_together(batch)
            del batch  # do not keep tiles in memory while idle
        for waiting in self._queue:
            waiting.answer.set_exception(_shut_down())

    def _next(self) -> list[_Waiting]:
        """The next tiles, of one shape and for one network; none when the thread must end."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closed)
            if self._closed:
                return []
            first = self._queue[0]
            batch = [waiting for waiting in self._queue if waiting.fits_in_a_batch_with(first)][: first.most]
            for waiting in batch:
                self._queue.remove(waiting)
            return batch


def _run_together(batch: Sequence[_Waiting]) -> None:
    wanted = [waiting for waiting in batch if _is_wanted(waiting)]
    if len(wanted) > 1:
        try:
            together = np.concatenate([waiting.tile for waiting in wanted], axis=1)
            answers = np.split(wanted[0].network(together), len(wanted), axis=1)
        except (RuntimeError, MemoryError):  # out of memory: one by one, each with its own error
            answers = []
        for waiting, answer in zip(wanted, answers, strict=False):
            waiting.answer.set_result(answer)
    for waiting in wanted:
        if not waiting.answer.done():
            _run_alone(waiting)


def _is_wanted(waiting: _Waiting) -> bool:
    try:
        waiting.check()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the request's
        waiting.answer.set_exception(error)
        return False
    return True


def _run_alone(waiting: _Waiting) -> None:
    try:
        waiting.answer.set_result(waiting.network(waiting.tile))
    except Exception as error:  # noqa: BLE001 - the request's thread deals with it
        waiting.answer.set_exception(error)


def _shut_down() -> DeviceError:
    return DeviceError("the network thread has stopped: restart the server")
