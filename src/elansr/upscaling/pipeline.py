"""Files through the network, past the bad ones: while some are in it, the next are read and the last are written.

upscale_files  jobs -> results, one a file, as they come
upscale_file   one file; its errors are the caller's

    the caller's thread     the network on window k
    the worker              read and decode window k + 1; encode and write window k - 1, and of k what is made

A window is one file, or a few consecutive ones whose pictures are so small that they gain by going through the network
together (`Stages.most`). At most one window is read ahead, and the results of at most one wait to be written. What
cannot be read ahead, because it is large or bad, is done alone, with nothing else under way.

One worker does the reading and the writing: libvips keeps one error text for all threads, and two at work would take
each other's. An interrupted run is continued by running it again: what is there already is skipped.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from threading import Event
from typing import Generic, Protocol, TypeVar

from elansr.errors import ElansrError
from elansr.images import Picture, open_picture, read
from elansr.upscaling.files import Choose, FileResult, FileTask, Options, Progress, attempt, begin, check_target
from elansr.upscaling.final_size import SCALES, fit
from elansr.upscaling.on_disk import work_on_disk
from elansr.upscaling.plan import Job

AHEAD = 2**21
"""Pixels, over all pages, of the largest picture that is read ahead; 1920 x 1080 is one."""
WINDOW = 2**19
"""Pixels at which a window is full; its last picture may go beyond it."""


def has_work(jobs: Iterable[Job], options: Options) -> bool:
    """Whether a run of these jobs will read any file at all."""
    planned = (job for job in jobs if job.status == "planned")
    return any(options.existing == "replace" or not os.path.lexists(job.target) for job in planned)


def upscale_files(
    jobs: Iterable[Job], choose: Choose, options: Options, on_progress: Progress | None = None
) -> Iterator[FileResult]:
    """Does the jobs and tells of each in their order; a job that fails does not keep the rest.

    Of several, the next are read and the last written while one is in the network, see `pipeline`: the outcome of one
    is told when the next has come through the network.

    Args:
        jobs: from `plan_jobs`.
        choose: gives the upscaler, an `Upscalers`.
        options: for all of them.
        on_progress: called often while a file is upscaled, first with 0 pixels done, in the caller's thread.

    Yields:
        One outcome a job.
    """
    jobs = list(jobs)

    def alone(job: Job) -> FileResult:
        return _attempt(job, choose, options, on_progress or _silent)

    if sum(job.status == "planned" for job in jobs) > 1:
        yield from overlapped(jobs, FileStages(choose, options, on_progress or _silent, alone))
    else:
        yield from map(alone, jobs)


def upscale_file(job: Job, choose: Choose, options: Options, on_progress: Progress) -> FileResult:
    """Reads a picture, upscales its pages and writes the result whole or not at all.

    Raises:
        OutputExistsError: the target exists and `options.existing` is not "replace".
        ElansrError: the picture cannot be read, upscaled or written.
    """
    started = time.perf_counter()
    check_target(job, options)
    file = open_picture(job.source, name=job.source_name)
    if work := work_on_disk(file, job, choose, options):
        return work.upscale(on_progress)
    task = begin(job, file.read(max_pixels=options.max_pixels), choose, options)
    task.write(task.upscaled(on_progress))
    return task.done(time.perf_counter() - started)


def _attempt(job: Job, choose: Choose, options: Options, on_progress: Progress) -> FileResult:
    """All of a job, one that is not to be done included."""
    if job.status != "planned":
        return FileResult(job.source, job.target, job.status, job.reason)
    return attempt(job, options, lambda: upscale_file(job, choose, options, on_progress))


def _silent(_job: Job, _done: int, _total: int) -> None:
    """Progress that nobody watches."""


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

    def upscale(self, window: Sequence[Opened]) -> Iterator[tuple[int, Callable[[], FileResult]]]:
        """In the caller's thread: of every picture its position and what is left to be done, in the worker."""

    def alone(self, job: Job) -> FileResult:
        """In the caller's thread: the whole of a job."""


def overlapped(jobs: Sequence[Job], stages: Stages[Opened]) -> Iterator[FileResult]:
    """Does the jobs and tells of each in their order.

    After an interrupt, results that were made already are written and told; what was read ahead is dropped.

    Yields:
        One outcome a job.
    """
    stopped, pending = Event(), _PendingWrites()
    reader = _Reader(jobs, stages, stopped)
    with ThreadPoolExecutor(1, "elansr-files") as worker:
        try:
            yield from _windows(worker, reader, stages, pending)
        except GeneratorExit:  # nobody listens any more
            raise
        except BaseException:  # Ctrl-C or termination, which come wherever this thread is
            stopped.set()
            yield from pending.finished()
            raise
        finally:
            stopped.set()


def _windows(
    worker: ThreadPoolExecutor, reader: "_Reader[Opened]", stages: Stages[Opened], pending: "_PendingWrites"
) -> Iterator[FileResult]:
    coming = worker.submit(reader.window, stages.most)
    for number in count():
        window, alone = coming.result()
        if not (window or alone):
            break
        if not alone:
            coming = worker.submit(reader.window, stages.most)
        for position, finish in stages.upscale(window):
            pending.wait(before=number)
            pending.files[number, position] = worker.submit(finish)
            del finish  # it holds the result, which is not kept longer than it takes to write it
            yield from pending.finished(before=number)
        if alone:
            yield from pending.finished()
            yield stages.alone(alone)
            coming = worker.submit(reader.window, stages.most)
    yield from pending.finished()


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


class _PendingWrites:
    """What the worker is writing, or has written and was not told yet.

    Attributes:
        files: by the numbers of their windows and their positions in them.
    """

    def __init__(self) -> None:
        self.files: dict[tuple[int, int], Future[FileResult]] = {}

    def wait(self, before: int) -> None:
        """Waits until the files of windows `before` a number are through."""
        wait([file for (number, _), file in self.files.items() if number < before])

    def finished(self, before: int | None = None) -> Iterator[FileResult]:
        """Waits for the outcomes, all or of windows `before` a number, and yields them in the order of the jobs."""
        for key in sorted(self.files):
            if before is None or key[0] < before:
                outcome = self.files[key].result()
                del self.files[key]
                yield outcome


@dataclass(frozen=True)
class DecodedFile:
    """A picture that was read ahead, and the seconds that it took."""

    job: Job
    picture: Picture
    seconds: float


class FileStages:
    """See `pipeline.Stages`.

    Args:
        choose: gives the upscaler for a picture.
        options: of the run.
        on_progress: told of the network's work.
        alone: does the whole of a job.

    Attributes:
        most: files of the next window: as many as the last picture's upscaler takes together of its size.
    """

    def __init__(
        self, choose: Choose, options: Options, on_progress: Progress, alone: Callable[[Job], FileResult]
    ) -> None:
        self._choose, self._options, self._on_progress, self.alone = choose, options, on_progress, alone
        self._ahead = replace(options, max_pixels=min(options.max_pixels, AHEAD))
        self.most = 1

    def read(self, job: Job) -> DecodedFile | None:
        """The picture; None where there is none to be read ahead, for whatever reason: done alone, it will tell."""
        started = time.perf_counter()
        if job.status != "planned":
            return None
        try:
            check_target(job, self._ahead)
            picture = read(job.source, name=job.source_name, max_pixels=self._ahead.max_pixels)
            opened = DecodedFile(job, picture, time.perf_counter() - started)
            return opened if self._result_may_wait(opened) else None
        except (ElansrError, OSError, MemoryError):
            return None

    def _result_may_wait(self, opened: DecodedFile) -> bool:
        """Whether it is no larger than x4 makes the largest picture that is read ahead."""
        page, *more = opened.picture.pages
        width, height = self._options.size.of(page.shape[1], page.shape[0], SCALES[-1])
        return width * height * (1 + len(more)) <= SCALES[-1] ** 2 * AHEAD

    def pixels(self, opened: DecodedFile) -> int:
        """Over all pages."""
        height, width = opened.picture.pages[0].shape[:2]
        return height * width * len(opened.picture.pages)

    def upscale(self, window: Sequence[DecodedFile]) -> Iterator[tuple[int, Callable[[], FileResult]]]:
        """Picture by picture, and those of one kind together; a group that fails is done one by one."""
        groups: dict[object, list[_Part]] = {}
        for position, opened in enumerate(window):
            part = self._begun(position, opened)
            if isinstance(part, FileResult):
                yield position, partial(_as_it_is, part)
            else:
                groups.setdefault(part.kind, []).append(part)
                self.most = part.task.together
        for parts in groups.values():
            for part, (result, spent) in zip(parts, self._results(parts), strict=True):
                yield part.position, partial(_finished, part.task, result, spent)

    def _begun(self, position: int, opened: DecodedFile) -> "_Part | FileResult":
        started = time.perf_counter()

        def work() -> _Part:
            task = begin(opened.job, opened.picture, self._choose, self._options)
            return _Part(position, task, opened.seconds + time.perf_counter() - started)

        return attempt(opened.job, self._options, work, opened.seconds)

    def _results(self, parts: "list[_Part]") -> "Iterator[tuple[Picture | FileResult, float]]":
        """The results in their order, or what became of a file instead, and the seconds that each took so far."""
        started = time.perf_counter()
        results = self._together([part.task for part in parts]) if len(parts) > 1 else None
        if results:
            share = (time.perf_counter() - started) / len(parts)
            yield from ((result, part.spent + share) for part, result in zip(parts, results, strict=True))
            return
        for part in parts:
            started = time.perf_counter()
            work = partial(part.task.upscaled, self._on_progress)
            result = attempt(part.task.job, self._options, work, part.spent)
            yield result, part.spent + time.perf_counter() - started

    def _together(self, tasks: Sequence[FileTask]) -> list[Picture] | None:
        """The results; None where they cannot be made together."""
        first, area = tasks[0], tasks[0].area
        self._on_progress(first.job, 0, area)

        def report(done: int, of: int) -> None:
            self._on_progress(first.job, area * done // of, area)

        try:
            pages = first.upscaler.many([task.picture.pages[0] for task in tasks], progress=report)
            results = [task.picture.with_pages([fit(p, *task.final)]) for task, p in zip(tasks, pages, strict=True)]
        except (ElansrError, MemoryError, RuntimeError):
            return None
        for task in tasks[1:]:
            self._on_progress(task.job, 0, area)
            self._on_progress(task.job, area, area)
        return results


@dataclass(frozen=True)
class _Part:
    """A picture of a window that may be upscaled: where it is in the window, and the seconds that it took so far."""

    position: int
    task: FileTask
    spent: float

    @property
    def kind(self) -> object:
        """Equal for pictures that may go through the network together."""
        page, *more = self.task.picture.pages
        return (id(self.task.upscaler), page.shape, page.dtype.str) if not more else self.position


def _finished(task: FileTask, result: Picture | FileResult, spent: float) -> FileResult:
    if isinstance(result, FileResult):
        return result
    started = time.perf_counter()

    def work() -> FileResult:
        task.write(result)
        return task.done(spent + time.perf_counter() - started)

    return attempt(task.job, task.options, work, spent)


def _as_it_is(outcome: FileResult) -> FileResult:
    return outcome
