"""What the pipeline does with each file; small pictures of one size go through the network together."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from elansr.errors import ElansrError
from elansr.images import Picture, read
from elansr.upscaling.final_size import SCALES, fit
from elansr.upscaling.jobs import Job
from elansr.upscaling.outcome import Options, Outcome, Progress, attempt
from elansr.upscaling.pipeline import AHEAD
from elansr.upscaling.steps import Choose, Task, begin, check_target


@dataclass(frozen=True)
class Opened:
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
        self, choose: Choose, options: Options, on_progress: Progress, alone: Callable[[Job], Outcome]
    ) -> None:
        self._choose, self._options, self._on_progress, self.alone = choose, options, on_progress, alone
        self._ahead = replace(options, max_pixels=min(options.max_pixels, AHEAD))
        self.most = 1

    def read(self, job: Job) -> Opened | None:
        """The picture; None where there is none to be read ahead, for whatever reason: done alone, it will tell."""
        started = time.perf_counter()
        if job.status != "planned":
            return None
        try:
            check_target(job, self._ahead)
            picture = read(job.source, max_pixels=self._ahead.max_pixels)
            opened = Opened(job, picture, time.perf_counter() - started)
            return opened if self._result_may_wait(opened) else None
        except (ElansrError, OSError, MemoryError):
            return None

    def _result_may_wait(self, opened: Opened) -> bool:
        """Whether it is no larger than x4 makes the largest picture that is read ahead."""
        page, *more = opened.picture.pages
        width, height = self._options.size.of(page.shape[1], page.shape[0], SCALES[-1])
        return width * height * (1 + len(more)) <= SCALES[-1] ** 2 * AHEAD

    def pixels(self, opened: Opened) -> int:
        """Over all pages."""
        height, width = opened.picture.pages[0].shape[:2]
        return height * width * len(opened.picture.pages)

    def upscale(self, window: Sequence[Opened]) -> Iterator[tuple[int, Callable[[], Outcome]]]:
        """Picture by picture, and those of one kind together; a group that fails is done one by one."""
        groups: dict[object, list[_Part]] = {}
        for position, opened in enumerate(window):
            part = self._begun(position, opened)
            if isinstance(part, Outcome):
                yield position, partial(_as_it_is, part)
            else:
                groups.setdefault(part.kind, []).append(part)
                self.most = part.task.together
        for parts in groups.values():
            for part, (result, spent) in zip(parts, self._results(parts), strict=True):
                yield part.position, partial(_finished, part.task, result, spent)

    def _begun(self, position: int, opened: Opened) -> "_Part | Outcome":
        started = time.perf_counter()

        def work() -> _Part:
            task = begin(opened.job, opened.picture, self._choose, self._options)
            return _Part(position, task, opened.seconds + time.perf_counter() - started)

        return attempt(opened.job, self._options, work, opened.seconds)

    def _results(self, parts: "list[_Part]") -> "Iterator[tuple[Picture | Outcome, float]]":
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

    def _together(self, tasks: Sequence[Task]) -> list[Picture] | None:
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
    task: Task
    spent: float

    @property
    def kind(self) -> object:
        """Equal for pictures that may go through the network together."""
        page, *more = self.task.picture.pages
        return (id(self.task.upscaler), page.shape, page.dtype.str) if not more else self.position


def _finished(task: Task, result: Picture | Outcome, spent: float) -> Outcome:
    if isinstance(result, Outcome):
        return result
    started = time.perf_counter()

    def work() -> Outcome:
        task.write(result)
        return task.done(spent + time.perf_counter() - started)

    return attempt(task.job, task.options, work, spent)


def _as_it_is(outcome: Outcome) -> Outcome:
    return outcome
