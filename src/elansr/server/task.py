"""`Task`: one request that was taken on, as those see it who wait for it or do it."""

import time
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from threading import Lock
from typing import NamedTuple

from elansr.server.limits import Rejected, cancelled, too_slow
from elansr.server.work import Result, Wanted


class Ended(NamedTuple):
    """How a request ended, for those who count.

    Attributes:
        status: of HTTP; 200 is done, 499 withdrawn by the client.
        seconds: from when it was taken on.
        pixels: of its source; 0 unless done.
    """

    status: int
    seconds: float
    pixels: int


class Task:
    """One request, taken on by `Service.submit`.

    Attributes:
        file_name: the client's name for the file.
        wanted: the result.
        progress: share of the work that is done, 0 to 1.
        future: the result, for those who wait otherwise than by `result`; only the service sets or cancels it.
        seconds: that it may take, from when it was taken on.
        in_work: whether its turn has come.
    """

    def __init__(self, data: bytes, file_name: str, wanted: Wanted, seconds: float) -> None:
        self.data, self.file_name, self.wanted, self.progress = data, file_name, wanted, 0.0
        self.future: Future[Result] = Future()
        self.started, self.seconds = time.monotonic(), seconds
        self.in_work = False
        self._claimed = Lock()
        self._end: Rejected | None = None

    @property
    def remaining(self) -> float:
        """Seconds until it is too late, at least 0."""
        return max(self.started + self.seconds - time.monotonic(), 0.0)

    def result(self, timeout: float | None = None) -> Result:
        """Waits for the result.

        Raises:
            Rejected: there is none, because of the file, the time, or the end of the service.
            TimeoutError: it is not there after `timeout` seconds, and may still come.
        """
        remaining = self.remaining
        try:
            return self.future.result(remaining if timeout is None else min(timeout, remaining))
        except FutureTimeout:
            if timeout is not None and timeout < remaining:
                raise TimeoutError(f"not there after {timeout:g} s: ask again, or cancel") from None
        self.give_up()
        raise too_slow(self.seconds)

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
        """Told by the work how far it is; see `check`."""
        self.check()
        self.progress = progress
