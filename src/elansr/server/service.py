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
    """How a request ended, for metrics.

    Attributes:
        status: HTTP status; 200 for done, 499 for cancelled by the client.
        seconds: since it was accepted.
        pixels: of its source; 0 unless done.
    """

    status: int
    seconds: float
    pixels: int


class QueuedRequest:
    """One request, accepted by `Service.submit`.

    Attributes:
        progress: share of the work that is done, 0 to 1.
        future: the result, for waiting in other ways than `result`; only the service sets or cancels it.
        seconds: time limit, from when it was accepted.
        in_work: whether it is being processed.
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
        """Seconds left, at least 0."""
        return max(self.started + self.seconds - time.monotonic(), 0.0)

    def result(self) -> UpscaledFile:
        """Waits for the result until the time limit.

        Raises:
            Rejected: there is none, because of the file, the time, or the end of the service.
        """
        try:
            return self.future.result(self.remaining)
        except FutureTimeout:
            self.give_up()
            raise too_slow(self.seconds) from None

    def cancel(self) -> None:
        """Cancels the request."""
        self.end(cancelled())

    def give_up(self) -> None:
        """Ends a request after its time limit."""
        self.end(too_slow(self.seconds))

    def end(self, why: Rejected) -> None:
        """Ends the request: at its next tile, or at once if it is still waiting. `result` then raises `why`."""
        self._end = self._end or why
        if self.claim():
            self.future.set_exception(why)

    def claim(self) -> bool:
        """Whether the caller is the first, which sets the future."""
        return self._claimed.acquire(blocking=False)

    def check(self) -> None:
        """Raises the reason if the request must end."""
        if self._end:
            raise self._end
        if not self.remaining:
            raise too_slow(self.seconds)

    def advance(self, progress: float) -> None:
        """Sets the progress; see `check`."""
        self.check()
        self.progress = progress


TILE = 256
"""Tile size: a few seconds per tile on a CPU with two cores, and a peak of half a GB."""
SHORTEST_RETRY, LONGEST_RETRY = 1, 120


class Service:
    """Upscales pictures for several clients at once.

    Args:
        model: default model: "auto", released weights, a family, or a file.
        device, precision, tile: see `Upscaler`; a fixed tile size keeps memory constant and turns short.
        threads: CPU threads for the networks; 0 means one per core.

    Attributes:
        limits: with `at_once` resolved.
        throughput: estimates processing times.
        closing: whether new requests are refused.
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
        """Number of waiting requests."""
        return len(self._waiting)

    @property
    def in_work(self) -> int:
        """Number of requests being processed."""
        return len(self._in_work)

    def require_room(self) -> None:
        """Raises what `submit` would raise, before anything is uploaded.

        Raises:
            Rejected: 429 where the queue is full, 503 where the service shuts down.
        """
        if self.closing:
            raise shutting_down()
        if self.waiting + self.in_work >= self.limits.queue + self.limits.at_once:
            raise queue_full(self.limits.queue, self.retry_after())

    def retry_after(self) -> int:
        """Estimated seconds until the waiting requests are done."""
        rounds = 1 + self.waiting / self.limits.at_once
        return min(max(math.ceil(self._mean_seconds * rounds), SHORTEST_RETRY), LONGEST_RETRY)

    def submit(self, data: bytes, file_name: str, options: RequestOptions) -> QueuedRequest:
        """Accepts a request.

        Args:
            file_name: the client's file name: sets the name and the default format of the result.

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
            task.future.add_done_callback(
                partial(self._ended, weakref.ref(task))
            )  # avoids a reference cycle, which would keep the result
            self._threads.submit(self._work, task, upscalers)
        return task

    def try_out(self) -> None:
        """Measures a first value for `throughput` with the weights that were loaded first."""
        if upscaler := self.models.any_loaded():
            self.throughput.try_out(self._tiles.share(upscaler, lambda: None))

    def close(self, wait: bool, grace: float | None = None) -> None:
        """Refuses new requests and ends; safe to call again.

        Args:
            wait: whether to finish accepted requests; otherwise they end at their next tile.
            grace: maximum seconds to wait; None for no limit.
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
        """Processes a request, in its thread."""
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
        """Called when a future is set, in the thread that set it."""
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
