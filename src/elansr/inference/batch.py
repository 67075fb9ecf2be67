"""Upscaling files: one after the other, past the bad ones, each result written whole or not at all.

    jobs.find, jobs.plan   names -> jobs
    run                    jobs -> outcomes, one a file, as they come
    upscale_file           one file; its errors are the caller's

An interrupted run is taken up by running it again: what is there already is skipped.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from elansr.errors import ElansrError, OutputExistsError, PictureError
from elansr.imaging.files import DEFAULT_MAX_PIXELS, Picture, Pixels, check_output, read, write
from elansr.imaging.formats import shown
from elansr.inference.choice import Choice, Ready, Upscalers
from elansr.inference.final_size import FinalSize, fit
from elansr.inference.jobs import Extension, Job, Source, find, is_single, plan

if TYPE_CHECKING:
    from elansr.inference.upscaler import Upscaler

__all__ = [
    "Choice", "Existing", "Extension", "FinalSize", "Job", "Options", "Outcome", "Ready", "Source",
    "Upscalers", "find", "has_work", "is_single", "plan", "run", "upscale_file",
]  # fmt: skip

Existing = Literal["refuse", "skip", "replace"]
"""What becomes of a job whose target exists already."""
Choose = Callable[[Picture], Ready]
"""Gives the upscaler for a picture."""
Progress = Callable[[Job, int, int], None]
"""Told the job, the pixels of its source that are done, and all of them."""


@dataclass(frozen=True)
class Options:
    """What holds for every file of a run.

    Attributes:
        size: of the results.
        existing: what becomes of a file whose result exists already.
        quality: of lossy results, 1 to 100; None is the format's default.
        max_pixels: refuse pictures with more pixels, all pages counted.
    """

    size: FinalSize = field(default_factory=FinalSize)
    existing: Existing = "refuse"
    quality: int | None = None
    max_pixels: int = DEFAULT_MAX_PIXELS


@dataclass(frozen=True)
class Outcome:
    """What became of one job.

    Attributes:
        source: the file read.
        target: the file written, or that would have been.
        status: done, skipped or failed.
        reason: why it was skipped or failed, in one line that names the file; "" if done.
        seconds: it took.
        input_size: width and height of the first page, in pixels; None unless done.
        output_size: the same of the result.
        pages: how many; 0 unless done.
        scale: of the network used; None unless done.
        choice: the weights used, and why "auto" chose them; None unless done.
    """

    source: Path
    target: Path
    status: Literal["done", "skipped", "failed"]
    reason: str = ""
    seconds: float = 0.0
    input_size: tuple[int, int] | None = None
    output_size: tuple[int, int] | None = None
    pages: int = 0
    scale: int | None = None
    choice: Choice | None = None


def has_work(jobs: Iterable[Job], options: Options) -> bool:
    """Whether a run of these jobs will read any file at all."""
    planned = (job for job in jobs if job.status == "planned")
    return any(options.existing == "replace" or not os.path.lexists(job.target) for job in planned)


def run(
    jobs: Iterable[Job], choose: Choose, options: Options, on_progress: Progress | None = None
) -> Iterator[Outcome]:
    """Does the jobs in order and tells of each when it is through; a job that fails does not keep the rest.

    Args:
        jobs: from `plan`.
        choose: gives the upscaler, an `Upscalers`.
        options: for all of them.
        on_progress: called often while a file is upscaled, first with 0 pixels done.

    Yields:
        One outcome a job.
    """
    for job in jobs:
        if job.status == "planned":
            yield _attempt(job, choose, options, on_progress or _silent)
        else:
            yield Outcome(job.source, job.target, job.status, job.reason)


def upscale_file(job: Job, choose: Choose, options: Options, on_progress: Progress) -> Outcome:
    """Reads a picture, upscales its pages and writes the result whole or not at all.

    Raises:
        OutputExistsError: the target exists and `options.existing` is not "replace".
        ElansrError: the picture cannot be read, upscaled or written.
    """
    started = time.perf_counter()
    replace = options.existing == "replace"
    if os.path.lexists(job.target):
        check_output(job.target, overwrite=replace)
    picture = read(job.source, max_pixels=options.max_pixels)
    given = _size(picture)
    upscaler, choice = choose(picture)
    final = options.size.of(*given, upscaler.scale)
    _make_folder(job.target.parent)
    check_output(job.target, size=final, pages=len(picture.pages), overwrite=replace)
    result = _upscaled(job, picture, upscaler, final, on_progress)
    write(result, job.target, quality=options.quality, overwrite=replace)
    seconds = time.perf_counter() - started
    pages, scale = len(picture.pages), upscaler.scale
    return Outcome(job.source, job.target, "done", "", seconds, given, final, pages, scale, choice)


def _attempt(job: Job, choose: Choose, options: Options, on_progress: Progress) -> Outcome:
    started = time.perf_counter()
    try:
        return upscale_file(job, choose, options, on_progress)
    # torch reports what one picture asks too much of as RuntimeError: no reason to leave the others undone.
    except (ElansrError, OSError, MemoryError, RuntimeError) as error:
        seconds = time.perf_counter() - started
        if isinstance(error, OutputExistsError) and options.existing == "skip":
            return Outcome(job.source, job.target, "skipped", f"{shown(job.target)}: is there already", seconds)
        return Outcome(job.source, job.target, "failed", _sentence(error, job), seconds)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PictureError(f"{shown(folder)}: cannot be made ({error.strerror}); choose another folder") from error
    if not os.access(folder, os.W_OK):
        raise PictureError(f"{shown(folder)}: no permission to write there; choose another folder")


def _upscaled(
    job: Job, picture: Picture, upscaler: "Upscaler", final: tuple[int, int], on_progress: Progress
) -> Picture:
    """The picture with every page in its final size; progress counts the pixels of all pages."""
    area = picture.pages[0].shape[0] * picture.pages[0].shape[1]
    total = area * len(picture.pages)
    on_progress(job, 0, total)

    def upscaled(index: int) -> Pixels:
        def report(done: int, of: int) -> None:
            on_progress(job, area * index + area * done // of, total)

        return fit(upscaler(picture.pages[index], progress=report), *final)

    return picture.with_pages([upscaled(index) for index in range(len(picture.pages))])


def _size(picture: Picture) -> tuple[int, int]:
    height, width = picture.pages[0].shape[:2]
    return width, height


def _sentence(error: Exception, job: Job) -> str:
    """The error in one line that names a file."""
    text = " ".join(str(error).split()) or type(error).__name__
    if not isinstance(error, ElansrError):
        text = f"{type(error).__name__}: {text}"
    named = text.startswith(tuple(f"{shown(path)}:" for path in (job.source, job.target, job.target.parent)))
    return text if named else f"{shown(job.source)}: {text}"


def _silent(_job: Job, _done: int, _total: int) -> None:
    """Progress that nobody watches."""
