"""Many files: reading and writing overlap with the network, and a bad file does not stop the others.

upscale_files  jobs -> results, one for each file, in order

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
from dataclasses import dataclass
from functools import partial
from itertools import count
from threading import Event
from typing import Generic, Protocol, TypeVar

from elansr.errors import ElansrError
from elansr.images import Picture, PictureFile
from elansr.upscaling.file_job import Choose, FileProgress, FileResult, FileTask, Options, attempt, begin, open_source
from elansr.upscaling.final_size import SCALES, fit
from elansr.upscaling.on_disk import OnDiskWork, begin_opened
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
    jobs, stages = list(jobs), FileStages(choose, options, on_progress or _silent)
    if sum(job.status == "planned" for job in jobs) > 1:
        yield from overlapped(jobs, stages)
    else:
        yield from map(stages.alone, jobs)


def _silent(_job: Job, _done: int, _total: int) -> None:
    """Ignores progress."""


@dataclass(frozen=True)
class Alone:
    """A file that is processed in the caller's thread while nothing else is under way."""

    work: Callable[[], FileResult]


def settled(result: FileResult) -> Alone:
    """A file on which no work is left."""
    return Alone(lambda: result)


Decoded = TypeVar("Decoded")


class Stages(Protocol[Decoded]):
    """The work on a file, split where threads change."""

    @property
    def most(self) -> int:
        """How many files the next window may have."""

    def read(self, job: Job) -> Decoded | Alone:
        """In the worker: the picture, unless it has to be processed alone."""

    def pixels(self, decoded: Decoded) -> int:
        """Of what was read."""

    def upscale(self, window: Sequence[Decoded]) -> Iterator[tuple[int, Callable[[], FileResult]]]:
        """In the caller's thread: for every picture its position, and a function that the worker calls to finish it."""


def overlapped(jobs: Sequence[Job], stages: Stages[Decoded]) -> Iterator[FileResult]:
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
    worker: ThreadPoolExecutor, reader: "_Reader[Decoded]", stages: Stages[Decoded], pending: "_PendingWrites"
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
            yield alone.work()
            coming = worker.submit(reader.window, stages.most)
    yield from pending.finished()


class _Reader(Generic[Decoded]):
    """Takes the jobs in their order, a window at a time."""

    def __init__(self, jobs: Sequence[Job], stages: Stages[Decoded], stopped: Event) -> None:
        self._jobs, self._stages, self._stopped = iter(jobs), stages, stopped

    def window(self, most: int) -> tuple[list[Decoded], Alone | None]:
        """The pictures of the next window, `most` at most, and what ended it because it is processed alone."""
        window: list[Decoded] = []
        pixels = 0
        while len(window) < most and pixels < WINDOW and not self._stopped.is_set():
            job = next(self._jobs, None)
            if job is None:
                break
            decoded = self._stages.read(job)
            if isinstance(decoded, Alone):
                return window, decoded
            window.append(decoded)
            pixels += self._stages.pixels(decoded)
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
class OpenedFile:
    """A picture of which the header was read, and the seconds that this took."""

    job: Job
    file: PictureFile
    seconds: float


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

    Attributes:
        most: files of the next window: as many as the last picture's upscaler takes together of its size.
    """

    def __init__(self, choose: Choose, options: Options, on_progress: FileProgress) -> None:
        self._choose, self._options, self._on_progress = choose, options, on_progress
        self.most = 1

    def read(self, job: Job) -> DecodedFile | Alone:
        """See `Stages`."""
        opened = self.open(job)
        return settled(opened) if isinstance(opened, FileResult) else self.decode(opened)

    def open(self, job: Job) -> OpenedFile | FileResult:
        """The header, or the result of a job that is not planned or fails."""
        if job.status != "planned":
            return FileResult(job, job.status, job.reason)
        file, seconds = attempt(job, self._options, lambda: open_source(job, self._options))
        return file if isinstance(file, FileResult) else OpenedFile(job, file, seconds)

    def decode(self, opened: OpenedFile) -> DecodedFile | Alone:
        """The picture, unless it or its result is too large to be in memory beside others."""

        def work() -> Picture | Alone:
            if self._is_large(opened.file.picture):
                return Alone(lambda: self._upscale_alone(opened))
            return opened.file.read(max_pixels=self._options.max_pixels)

        found, seconds = attempt(opened.job, self._options, work, opened.seconds)
        if isinstance(found, Picture):
            return DecodedFile(opened.job, found, seconds)
        return settled(found) if isinstance(found, FileResult) else found

    def alone(self, job: Job) -> FileResult:
        """The whole of a job, in the caller's thread."""
        opened = self.open(job)
        return opened if isinstance(opened, FileResult) else self._upscale_alone(opened)

    def _upscale_alone(self, opened: OpenedFile) -> FileResult:
        job = opened.job

        def work() -> FileResult:
            task = begin_opened(opened.file, job, self._choose, self._options)
            if isinstance(task, OnDiskWork):
                if job.data is not None:
                    job.source.write_bytes(job.data)  # an interrupted run is recognised by its file
                return task.upscale(self._on_progress)
            task.write(task.upscaled(self._on_progress))
            return task.done()

        return attempt(job, self._options, work, opened.seconds)[0]

    def _is_large(self, picture: Picture) -> bool:
        """Whether it has more pixels than are read ahead, or its result more than x4 makes of so many."""
        pages, (height, width) = len(picture.pages), picture.pages[0].shape[:2]
        if height * width * pages > AHEAD:
            return True
        longer, higher = self._options.size.of(width, height, SCALES[-1])
        return longer * higher * pages > SCALES[-1] ** 2 * AHEAD

    def pixels(self, decoded: DecodedFile) -> int:
        """Over all pages."""
        height, width = decoded.picture.pages[0].shape[:2]
        return height * width * len(decoded.picture.pages)

    def upscale(self, window: Sequence[DecodedFile]) -> Iterator[tuple[int, Callable[[], FileResult]]]:
        """Picture by picture, and those of one kind together; a group that fails is done one by one."""
        groups: dict[object, list[_Part]] = {}
        for position, decoded in enumerate(window):
            part = self._begun(position, decoded)
            if isinstance(part, FileResult):
                yield position, settled(part).work
            else:
                groups.setdefault(part.kind, []).append(part)
                self.most = part.task.together
        for parts in groups.values():
            for part, (result, spent) in zip(parts, self._results(parts), strict=True):
                yield part.position, partial(_finished, part.task, result, spent)

    def _begun(self, position: int, decoded: DecodedFile) -> "_Part | FileResult":
        work = partial(begin, decoded.job, decoded.picture, self._choose, self._options)
        task, seconds = attempt(decoded.job, self._options, work, decoded.seconds)
        return task if isinstance(task, FileResult) else _Part(position, task, seconds)

    def _results(self, parts: "list[_Part]") -> "Iterator[tuple[Picture | FileResult, float]]":
        """The results in order, or the failure of a file, each with the seconds that it took so far."""
        started = time.perf_counter()
        results = self._together([part.task for part in parts]) if len(parts) > 1 else None
        if results:
            share = (time.perf_counter() - started) / len(parts)
            yield from ((result, part.spent + share) for part, result in zip(parts, results, strict=True))
            return
        for part in parts:
            work = partial(part.task.upscaled, self._on_progress)
            yield attempt(part.task.job, self._options, work, part.spent)

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

    def work() -> FileResult:
        task.write(result)
        return task.done()

    return attempt(task.job, task.options, work, spent)[0]
