"""Upscaling files, past the bad ones, each result written whole or not at all.

    jobs.find, jobs.plan   names -> jobs
    run                    jobs -> outcomes, one a file, as they come
    upscale_file           one file; its errors are the caller's

An interrupted run is taken up by running it again: what is there already is skipped.
"""

import os
import time
from collections.abc import Iterable, Iterator

from elansr.images import read
from elansr.upscaling.choice import Choice, Ready, Upscalers
from elansr.upscaling.final_size import FinalSize
from elansr.upscaling.groups import FileStages
from elansr.upscaling.jobs import Extension, Job, Source, find, is_single, plan
from elansr.upscaling.large import open_large
from elansr.upscaling.outcome import Existing, Options, Outcome, Progress, attempt
from elansr.upscaling.pipeline import overlapped
from elansr.upscaling.steps import Choose, begin, check_target

__all__ = [
    "Choice", "Choose", "Existing", "Extension", "FinalSize", "Job", "Options", "Outcome", "Progress", "Ready",
    "Source", "Upscalers", "find", "has_work", "is_single", "plan", "run", "upscale_file",
]  # fmt: skip


def has_work(jobs: Iterable[Job], options: Options) -> bool:
    """Whether a run of these jobs will read any file at all."""
    planned = (job for job in jobs if job.status == "planned")
    return any(options.existing == "replace" or not os.path.lexists(job.target) for job in planned)


def run(
    jobs: Iterable[Job], choose: Choose, options: Options, on_progress: Progress | None = None
) -> Iterator[Outcome]:
    """Does the jobs and tells of each in their order; a job that fails does not keep the rest.

    Of several, the next are read and the last written while one is in the network, see `pipeline`: the outcome of one
    is told when the next has come through the network.

    Args:
        jobs: from `plan`.
        choose: gives the upscaler, an `Upscalers`.
        options: for all of them.
        on_progress: called often while a file is upscaled, first with 0 pixels done, in the caller's thread.

    Yields:
        One outcome a job.
    """
    jobs = list(jobs)

    def alone(job: Job) -> Outcome:
        return _attempt(job, choose, options, on_progress or _silent)

    if sum(job.status == "planned" for job in jobs) > 1:
        yield from overlapped(jobs, FileStages(choose, options, on_progress or _silent, alone))
    else:
        yield from map(alone, jobs)


def upscale_file(job: Job, choose: Choose, options: Options, on_progress: Progress) -> Outcome:
    """Reads a picture, upscales its pages and writes the result whole or not at all.

    Raises:
        OutputExistsError: the target exists and `options.existing` is not "replace".
        ElansrError: the picture cannot be read, upscaled or written.
    """
    started = time.perf_counter()
    check_target(job, options)
    if large := open_large(job, choose, options):
        return large.upscale(on_progress)
    picture = read(job.source, max_pixels=options.max_pixels)
    task = begin(job, picture, choose, options)
    task.write(task.upscaled(on_progress))
    return task.done(time.perf_counter() - started)


def _attempt(job: Job, choose: Choose, options: Options, on_progress: Progress) -> Outcome:
    """All of a job, one that is not to be done included."""
    if job.status != "planned":
        return Outcome(job.source, job.target, job.status, job.reason)
    return attempt(job, options, lambda: upscale_file(job, choose, options, on_progress))


def _silent(_job: Job, _done: int, _total: int) -> None:
    """Progress that nobody watches."""
