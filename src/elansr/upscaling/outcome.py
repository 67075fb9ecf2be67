"""What holds for every file of a run, and what became of each."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar

from elansr.errors import ElansrError, OutputExistsError
from elansr.images import DEFAULT_MAX_PIXELS, DEFAULT_MAX_STREAMED
from elansr.text import shown
from elansr.upscaling.choice import Choice
from elansr.upscaling.final_size import FinalSize
from elansr.upscaling.jobs import Job

Existing = Literal["refuse", "skip", "replace"]
"""What becomes of a job whose target exists already."""
Progress = Callable[[Job, int, int], None]
"""Told the job, the pixels of its source that are done, and all of them."""

T = TypeVar("T")


@dataclass(frozen=True)
class Options:
    """What holds for every file of a run.

    Attributes:
        size: of the results.
        existing: what becomes of a file whose result exists already.
        quality: of lossy results, 1 to 100; None is the format's default.
        max_pixels: refuse pictures with more pixels, all pages counted.
        max_streamed: the same for pictures that are read in rows and never held in memory, see `large`.
        pyramid: whether results, which must be TIFF then, hold smaller copies too.
    """

    size: FinalSize = field(default_factory=FinalSize)
    existing: Existing = "refuse"
    quality: int | None = None
    max_pixels: int = DEFAULT_MAX_PIXELS
    max_streamed: int = DEFAULT_MAX_STREAMED
    pyramid: bool = False


@dataclass(frozen=True)
class Outcome:
    """What became of one job.

    Attributes:
        source: the file read.
        target: the file written, or that would have been.
        status: done, skipped or failed.
        reason: why it was skipped or failed, in one line that names the file; "" if done.
        seconds: of work on it: reading, network (an equal share where pictures went through it together) and writing,
            without waiting between them. Files overlap, so that a run of several takes less than the sum.
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


def attempt(job: Job, options: Options, work: Callable[[], T], spent: float = 0.0) -> T | Outcome:
    """What `work` gives; if it fails because of the file, the outcome of the job.

    Args:
        job: what the work is about.
        options: of the run.
        work: any part of the job.
        spent: seconds that the job took before.
    """
    started = time.perf_counter()
    try:
        return work()
    # torch reports what one picture asks too much of as RuntimeError: no reason to leave the others undone.
    except (ElansrError, OSError, MemoryError, RuntimeError) as error:
        seconds = spent + time.perf_counter() - started
        if isinstance(error, OutputExistsError) and options.existing == "skip":
            return Outcome(job.source, job.target, "skipped", f"{shown(job.target)}: is there already", seconds)
        return Outcome(job.source, job.target, "failed", _sentence(error, job), seconds)


def _sentence(error: Exception, job: Job) -> str:
    """The error in one line that names a file."""
    text = " ".join(str(error).split()) or type(error).__name__
    if not isinstance(error, ElansrError):
        text = f"{type(error).__name__}: {text}"
    named = text.startswith(tuple(f"{shown(path)}:" for path in (job.source, job.target, job.target.parent)))
    return text if named else f"{shown(job.source)}: {text}"
