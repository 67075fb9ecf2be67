"""The service: queues requests, runs them on a few threads and one network, and returns their results."""

import math
import time
import weakref
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import replace
from functools import partial
from threading import Condition, Lock
from typing import NamedTuple

from elansr.errors import ElansrError
from elansr.server.limits import Limits, Rejected, cancelled, queue_full, shutting_down, too_many_bytes, too_slow
from elansr.server.offered_models import OfferedModels
from elansr.server.processing import RequestOptions, UpscaledFile, rejected, upscale_bytes
from elansr.server.throughput import Throughput
from elansr.server.tile_queue import TileQueue
from elansr.upscaling import TiledNetwork, Upscalers


class RequestRecord(NamedTuple):
    """How a request ended, for those who count.

    Attributes:
        status: of HTTP; 200 is done, 499 withdrawn by the client.
        seconds: from when it was taken on.
        pixels: of its source; 0 unless done.
    """

    status: int
    seconds: float
    pixels: int


class QueuedRequest:
    """One request, taken on by `Service.submit`.

    Attributes:
        progress: share of the work that is done, 0 to 1.
        future: the result, for those who wait otherwise than by `result`; only the service sets or cancels it.
        seconds: that it may take, from when it was taken on.
        in_work: whether its turn has come.
    """

    def __init__(self, data: bytes, file_name: str, options: RequestOptions, seconds: float) -> None:
        self.data, self.file_name, self.options, self.progress = data, file_name, options, 0.0
        self.future: Future[UpscaledFile] = Future()
        self.started, self.seconds = time.monotonic(), seconds
        self.in_work = False
        self._claimed = Lock()
        self._end: Rejected | None = None

    @property
    def remaining(self) -> float:
        """Seconds until it is too late, at least 0."""
        return max(self.started + self.seconds - time.monotonic(), 0.0)

    def result(self) -> UpscaledFile:
        """Waits for the result, as long as the request may take.

        Raises:
            Rejected: there is none, because of the file, the time, or the end of the service.
        """
        try:
            return self.future.result(self.remaining)
        except FutureTimeout:
            self.give_up()
            raise too_slow(self.seconds) from None

    def cancel(self) -> None:
        """Withdraws the request: what is left of it is not done."""
        self.end(cancelled())

    def give_up(self) -> None:
        """Ends a request that ran out of time."""
        self.end(too_slow(self.seconds))

    def end(self, why: Rejected) -> None:
        """Ends the request, at its next tile or, where it still waits for its turn, at once; `result` raises `why`."""
        self._end = self._end or why
        if self.claim():
            self.future.set_exception(why)

    def claim(self) -> bool:
        """Whether the caller is the first: it, and nobody else, is to set the future."""
        return self._claimed.acquire(blocking=False)

    def check(self) -> None:
        """Raises what the request is to end with, if it is to end."""
        if self._end:
            raise self._end
        if not self.remaining:
            raise too_slow(self.seconds)

    def advance(self, progress: float) -> None:
        """Sets the progress; see `check`."""
        self.check()
        self.progress = progress


TILE = 256
"""Side of a tile: a turn of a few seconds on a CPU of two cores, and half a GB at its peak."""
SHORTEST_RETRY, LONGEST_RETRY = 1, 120


class Service:
    """Upscales pictures for several clients at once.

    Args:
        model: what requests that name none get: "auto", a released name or family, or a file.
        device, precision, tile: see `Upscaler`; a fixed tile keeps memory flat and turns short.
        threads: CPU threads for the networks; 0 means one per core.

    Attributes:
        limits: with `at_once` made a number.
        throughput: how long work takes here.
        closing: whether no more requests are taken on.
        on_ended: called with how each request ended, in any thread.

    Raises:
        ElansrError: unusable weights, or a device that is not there.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        model: str = "auto",
        device: str = "auto",
        precision: str = "auto",
        tile: int = TILE,
        threads: int = 0,
    ) -> None:
        self.limits = replace(limits, at_once=limits.workers)
        self.models = OfferedModels(
            model,
            lambda name, strength: TiledNetwork.open(
                name, strength=strength, device=device, precision=precision, tile=tile
            ),
        )
        self.throughput = Throughput()
        self.on_ended: Callable[[RequestRecord], None] = lambda ended: None
        self._changed, self.closing = Condition(), False
        self._waiting: set[QueuedRequest] = set()
        self._in_work: set[QueuedRequest] = set()
        self._mean_seconds = 1.0
        self._tiles = TileQueue(threads)
        self._threads = ThreadPoolExecutor(self.limits.at_once, "elansr-request")
        try:
            self.models.prepare()
        except BaseException:
            self.close(wait=False)
            raise

    @property
    def waiting(self) -> int:
        """Requests that wait for their turn."""
        return len(self._waiting)

    @property
    def in_work(self) -> int:
        """Requests that a thread works on."""
        return len(self._in_work)

    def require_room(self) -> None:
        """Says no, before anything is uploaded, to what `submit` would refuse.

        Raises:
            Rejected: 429 where the queue is full, 503 where the service shuts down.
        """
        if self.closing:
            raise shutting_down()
        if self.waiting + self.in_work >= self.limits.queue + self.limits.at_once:
            raise queue_full(self.limits.queue, self.retry_after())

    def retry_after(self) -> int:
        """Seconds in which a place should be free: about what it takes to do those that wait."""
        rounds = 1 + self.waiting / self.limits.at_once
        return min(max(math.ceil(self._mean_seconds * rounds), SHORTEST_RETRY), LONGEST_RETRY)

    def submit(self, data: bytes, file_name: str, options: RequestOptions) -> QueuedRequest:
        """Takes a request on.

        Args:
            file_name: of the client: decides the name and, where nothing else is asked for, the format of the result.

        Raises:
            Rejected: 413 too many bytes; 422 an unknown model or scale; 429 the queue is full; 503 the service shuts
                down.
        """
        if len(data) > self.limits.max_bytes:
            raise too_many_bytes(self.limits.max_bytes)
        task = QueuedRequest(data, file_name, options, self.limits.seconds)
        try:
            upscalers = self.models.upscalers(
                options.model,
                options.scale,
                options.size,
                lambda upscaler: self._tiles.share(upscaler, task.check),
                options.strength,
            )
        except ElansrError as error:
            raise Rejected(422, "invalid_request", str(error)) from error
        with self._changed:
            self.require_room()
            self._waiting.add(task)
            task.future.add_done_callback(partial(self._ended, weakref.ref(task)))  # a cycle would keep the result
            self._threads.submit(self._work, task, upscalers)
        return task

    def try_out(self) -> None:
        """Measures a first figure for `throughput`, a fraction of a second, of the weights that were loaded first."""
        if upscaler := self.models.any_loaded():
            self.throughput.try_out(self._tiles.share(upscaler, lambda: None))

    def close(self, wait: bool, grace: float | None = None) -> None:
        """Takes nothing on any more and ends; safe to call again.

        Args:
            wait: whether what was taken on is done first; else it ends at its next tile.
            grace: seconds to wait at most; None is without end.
        """
        with self._changed:
            self.closing = True
            if wait:
                self._changed.wait_for(lambda: not (self._waiting or self._in_work), grace)
            left = [*self._waiting, *self._in_work]
        for task in left:
            task.end(shutting_down())
        self._threads.shutdown()
        self._tiles.close()

    def _work(self, task: QueuedRequest, upscalers: Upscalers) -> None:
        """In a request's thread."""
        if not task.claim():
            return
        with self._changed:
            self._waiting.discard(task)
            self._in_work.add(task)
        task.in_work = True
        try:
            result = self._result(task, upscalers)
        except Exception as error:  # noqa: BLE001 - whatever it is, the place must become free
            task.future.set_exception(rejected(error, task.file_name, self.limits).bare())
        else:
            task.future.set_result(result)

    def _result(self, task: QueuedRequest, upscalers: Upscalers) -> UpscaledFile:
        task.check()
        data, task.data = task.data, b""
        result = upscale_bytes(data, task.file_name, task.options, upscalers, self.limits, task.advance)
        task.advance(1.0)
        return replace(result, model=self.models.shown(result.model))

    def _ended(self, known: "weakref.ref[QueuedRequest]", future: "Future[UpscaledFile]") -> None:
        """Called when a future is set, in whichever thread set it."""
        task = known()
        assert task is not None, "one that is taken on is among those that wait or are in work"
        task.data = b""
        error, seconds = future.exception(), time.monotonic() - task.started
        status = error.status if isinstance(error, Rejected) else 200
        with self._changed:
            self._waiting.discard(task)
            self._in_work.discard(task)
            if error is None:
                self._mean_seconds += (future.result().seconds - self._mean_seconds) / 8
                self.throughput.count(future.result().seconds, future.result().pixels)
            self._changed.notify_all()
        self.on_ended(RequestRecord(status, seconds, 0 if error else future.result().pixels))
