"""Files at once: while pictures are in the network, the next ones are read and the last results are written.

    the caller's thread     the network on window k
    the worker              read and decode window k + 1; encode and write window k - 1, and of k what is made

A window is one file, or a few consecutive ones whose pictures are so small that they gain by going through the network
together (`Stages.most`). At most one window is read ahead, and the results of at most one wait to be written. What
cannot be read ahead, because it is large or bad, is done alone, with nothing else under way.

One worker does the reading and the writing: libvips keeps one error text for all threads, and two at work would take
each other's.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from itertools import count
from threading import Event
from typing import Generic, Protocol, TypeVar

from elansr.upscaling.jobs import Job
from elansr.upscaling.outcome import Outcome

AHEAD = 2**21
"""Pixels, over all pages, of the largest picture that is read ahead; 1920 x 1080 is one."""
WINDOW = 2**19
"""Pixels at which a window is full; its last picture may go beyond it."""

Opened = TypeVar("Opened")


class Stages(Protocol[Opened]):
    """What is done with a file, cut where threads change."""

    @property
    def most(self) -> int:
        """How many files the next window may have."""

    def read(self, job: Job) -> Opened | None:
        """In the worker: the picture; None if the job is to be done alone."""

    def pixels(self, opened: Opened) -> int:
        """Of what was read."""

    def upscale(self, window: Sequence[Opened]) -> Iterator[tuple[int, Callable[[], Outcome]]]:
        """In the caller's thread: of every picture its position and what is left to be done, in the worker."""

    def alone(self, job: Job) -> Outcome:
        """In the caller's thread: the whole of a job."""


def overlapped(jobs: Sequence[Job], stages: Stages[Opened]) -> Iterator[Outcome]:
    """Does the jobs and tells of each in their order.

    After an interrupt, results that were made already are written and told; what was read ahead is dropped.

    Yields:
        One outcome a job.
    """
    stopped, behind = Event(), _Behind()
    reader = _Reader(jobs, stages, stopped)
    with ThreadPoolExecutor(1, "elansr-files") as worker:
        try:
            yield from _windows(worker, reader, stages, behind)
        except GeneratorExit:  # nobody listens any more
            raise
        except BaseException:  # Ctrl-C or termination, which come wherever this thread is
            stopped.set()
            yield from behind.told()
            raise
        finally:
            stopped.set()


def _windows(
    worker: ThreadPoolExecutor, reader: "_Reader[Opened]", stages: Stages[Opened], behind: "_Behind"
) -> Iterator[Outcome]:
    coming = worker.submit(reader.window, stages.most)
    for number in count():
        window, alone = coming.result()
        if not (window or alone):
            break
        if not alone:
            coming = worker.submit(reader.window, stages.most)
        for position, finish in stages.upscale(window):
            behind.wait(before=number)
            behind.files[number, position] = worker.submit(finish)
            del finish  # it holds the result, which is not kept longer than it takes to write it
            yield from behind.told(before=number)
        if alone:
            yield from behind.told()
            yield stages.alone(alone)
            coming = worker.submit(reader.window, stages.most)
    yield from behind.told()


class _Reader(Generic[Opened]):
    """Takes the jobs in their order, a window at a time."""

    def __init__(self, jobs: Sequence[Job], stages: Stages[Opened], stopped: Event) -> None:
        self._jobs, self._stages, self._stopped = iter(jobs), stages, stopped

    def window(self, most: int) -> tuple[list[Opened], Job | None]:
        """The pictures of the next window, `most` at most, and the job that ended it because it is to be done alone."""
        window: list[Opened] = []
        pixels = 0
        while len(window) < most and pixels < WINDOW and not self._stopped.is_set():
            job = next(self._jobs, None)
            opened = None if job is None else self._stages.read(job)
            if opened is None:
                return window, job
            window.append(opened)
            pixels += self._stages.pixels(opened)
        return window, None


class _Behind:
    """What the worker is writing, or has written and was not told yet.

    Attributes:
        files: by the numbers of their windows and their positions in them.
    """

    def __init__(self) -> None:
        self.files: dict[tuple[int, int], Future[Outcome]] = {}

    def wait(self, before: int) -> None:
        """Waits until the files of windows `before` a number are through."""
        wait([file for (number, _), file in self.files.items() if number < before])

    def told(self, before: int | None = None) -> Iterator[Outcome]:
        """Waits for the outcomes, all or of windows `before` a number, and yields them in the order of the jobs."""
        for key in sorted(self.files):
            if before is None or key[0] < before:
                outcome = self.files[key].result()
                del self.files[key]
                yield outcome
