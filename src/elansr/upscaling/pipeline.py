"""Many files: reading and writing overlap with the network, and a bad file does not stop the others.

upscale_files  jobs -> results, one for each file, in order
upscale_file   one file; its errors are raised

    the caller's thread     the network on window k
    the worker              read and decode window k + 1; encode and write window k - 1, and what is done of k

A window is one file, or a few consecutive ones with pictures so small that the network is faster on them together
(`Stages.most`). At most one window is read ahead, and the results of at most one wait to be written. A file that cannot
be read ahead, because it is large or damaged, is processed alone.

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
from elansr.upscaling.files import Choose, FileProgress, FileResult, FileTask, Options, attempt, begin, check_target
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
    jobs: Iterable[Job], choose: Choose, options: Options, on_progress: FileProgress | None = None
) -> Iterator[FileResult]:
    """Processes jobs and yields their results in order; a job that fails does not stop the others.

    With several jobs, the result of one is yielded when the next has left the network.

    Args:
        jobs: from `plan_jobs`.
        choose: gives the upscaler, an `Upscalers`.
        options: for all of them.
        on_progress: called often while a file is upscaled, first with 0 pixels done, in the caller's thread.

    Yields:
        One result for each job.
    """
    jobs = list(jobs)

    def alone(job: Job) -> FileResult:
        return _attempt(job, choose, options, on_progress or _silent)

    if sum(job.status == "planned" for job in jobs) > 1:
        yield from overlapped(jobs, FileStages(choose, options, on_progress or _silent, alone))
    else:
        yield from map(alone, jobs)


def upscale_file(job: Job, choose: Choose, options: Options, on_progress: FileProgress) -> FileResult:
    """Upscales one file; the result is written whole or not at all.

    Raises:
        OutputExistsError: the target exists and `options.existing` is not "replace".
        ElansrError: the picture cannot be read, upscaled or written.
    """
    started = time.perf_counter()
    check_target(job, options)
    file = open_picture(job.content, name=job.source_name)
    if work := work_on_disk(file, job, choose, options):
        if job.data is not None:
            job.source.write_bytes(job.data)  # an interrupted run is recognised by its file
        return work.upscale(on_progress)
    task = begin(job, file.read(max_pixels=options.max_pixels), choose, options)
    task.write(task.upscaled(on_progress))
    return task.done(time.perf_counter() - started)


def _attempt(job: Job, choose: Choose, options: Options, on_progress: FileProgress) -> FileResult:
    """The result of a job, also of one that is not planned or fails."""
    if job.status != "planned":
        return FileResult(job.source, job.target, job.status, job.reason)
    return attempt(job, options, lambda: upscale_file(job, choose, options, on_progress))


def _silent(_job: Job, _done: int, _total: int) -> None:
    """Ignores progress."""


Opened = TypeVar("Opened")


class Stages(Protocol[Opened]):
    """The work on a file, split where threads change."""

    @property
    def most(self) -> int:
        """How many files the next window may have."""

    def read(self, job: Job) -> Opened | None:
        """In the worker: the picture; None if the job has to be done alone."""

    def pixels(self, opened: Opened) -> int:
        """Of what was read."""

    def upscale(self, window: Sequence[Opened]) -> Iterator[tuple[int, Callable[[], FileResult]]]:
        """In the caller's thread: for every picture its position, and a function that the worker calls to finish it."""

    def alone(self, job: Job) -> FileResult:
        """In the caller's thread: the whole of a job."""


def overlapped(jobs: Sequence[Job], stages: Stages[Opened]) -> Iterator[FileResult]:
    """Processes jobs and yields their results in order.

    After an interrupt, finished results are still written and yielded; files that were read ahead are dropped.

    Yields:
        One result for each job.
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
            worker.shutdown()
            pending.drop_unstarted()
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
            pending.start(worker, (number, position), finish)
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
    """Files that the worker is writing, or has written and that were not yielded yet.

    Attributes:
        files: by the numbers of their windows and their positions in them.
    """

    def __init__(self) -> None:
        self.files: dict[tuple[int, int], Future[FileResult]] = {}

    def start(self, worker: ThreadPoolExecutor, key: tuple[int, int], finish: Callable[[], FileResult]) -> None:
        """Has the worker write a file, which is entered first: no interrupt can come between start and entry."""
        file = self.files[key] = Future[FileResult]()
        worker.submit(_write, finish, file)

    def drop_unstarted(self) -> None:
        """Leaves out the file that an interrupt kept from being given to the worker, once that has ended."""
        self.files = {key: file for key, file in self.files.items() if file.done()}

    def wait(self, before: int) -> None:
        """Waits until the files of all windows `before` a number are written."""
        wait([file for (number, _), file in self.files.items() if number < before])

    def finished(self, before: int | None = None) -> Iterator[FileResult]:
        """Waits for results, all or those of windows `before` a number, and yields them in the order of the jobs."""
        for key in sorted(self.files):
            if before is None or key[0] < before:
                result = self.files[key].result()
                del self.files[key]
                yield result


def _write(finish: Callable[[], FileResult], file: Future[FileResult]) -> None:
    try:
        file.set_result(finish())
    except BaseException as error:  # noqa: BLE001 - raised where the result is asked for
        file.set_exception(error)


@dataclass(frozen=True)
class DecodedFile:
    """A picture that was read ahead, and the seconds that reading took."""

    job: Job
    picture: Picture
    seconds: float


class FileStages:
    """The stages of files on this machine, see `Stages`.

    Args:
        choose: gives the upscaler for a picture.
        options: of the run.
        on_progress: called as the network goes on.
        alone: processes a job from start to end.

    Attributes:
        most: files of the next window: as many as the last picture's upscaler takes together of its size.
    """

    def __init__(
        self, choose: Choose, options: Options, on_progress: FileProgress, alone: Callable[[Job], FileResult]
    ) -> None:
        self._choose, self._options, self._on_progress, self.alone = choose, options, on_progress, alone
        self._ahead = replace(options, max_pixels=min(options.max_pixels, AHEAD))
        self.most = 1

    def read(self, job: Job) -> DecodedFile | None:
        """See `Stages`. An error is left to `alone`, which raises it again."""
        started = time.perf_counter()
        if job.status != "planned":
            return None
        try:
            check_target(job, self._ahead)
            picture = read(job.content, name=job.source_name, max_pixels=self._ahead.max_pixels)
            opened = DecodedFile(job, picture, time.perf_counter() - started)
            return opened if self._result_may_wait(opened) else None
        except (ElansrError, OSError, MemoryError):
            return None

    def _result_may_wait(self, opened: DecodedFile) -> bool:
        """Whether the result is at most as large as x4 makes the largest picture that is read ahead."""
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
        """The results in order, or the failure of a file, each with the seconds that it took so far."""
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
        """The results of one call of the network; None if it fails."""
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


def _as_it_is(result: FileResult) -> FileResult:
    return result
