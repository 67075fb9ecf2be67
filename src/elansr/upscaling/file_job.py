"""One picture file: the job, and its result.

open_source   the header of the file that a job reads
begin         a picture that was read -> the work on it: weights, final size, a place for the result
attempt       runs work on a file; a failure becomes the result of that file
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from elansr.arguments import require_flag, require_whole
from elansr.errors import ElansrError, OutputExistsError, PictureError
from elansr.images import (
    DEFAULT_MAX_PIXELS,
    DEFAULT_MAX_STREAMED,
    Picture,
    PictureFile,
    Pixels,
    check_output,
    encode,
    format_of_suffix,
    losses,
    open_picture,
    write,
)
from elansr.text import shown
from elansr.upscaling.choice import Choice, ChosenUpscaler
from elansr.upscaling.final_size import FinalSize, fit
from elansr.upscaling.plan import Job

if TYPE_CHECKING:
    from elansr.upscaling.tiled_network import TiledNetwork

Existing = Literal["refuse", "skip", "replace"]
"""What happens to a job whose target exists already."""
FileProgress = Callable[[Job, int, int], None]
"""Called with the job, and the pixels of its source done and in all."""

T = TypeVar("T")


@dataclass(frozen=True)
class Options:
    """What holds for every file of a run.

    Attributes:
        size: of the results.
        existing: what happens to a file whose result exists already.
        quality: of lossy results, 1 to 100; None is the format's default.
        max_pixels: refuse pictures with more pixels, all pages counted.
        max_streamed: the same for pictures that are read in rows and never held in memory, see `on_disk`.
        pyramid: whether results, which must be TIFF then, hold smaller copies too.

    Raises:
        ConfigError: a value that cannot be.
    """

    size: FinalSize = field(default_factory=FinalSize)
    existing: Existing = "refuse"
    quality: int | None = None
    max_pixels: int = DEFAULT_MAX_PIXELS
    max_streamed: int = DEFAULT_MAX_STREAMED
    pyramid: bool = False

    def __post_init__(self) -> None:
        require_flag("pyramid", self.pyramid)
        require_whole("max_pixels", self.max_pixels, least=1)
        if self.quality is not None:
            require_whole("quality", self.quality, least=1, most=100)


@dataclass(frozen=True)
class FileResult:
    """What was done with one file.

    Attributes:
        job: the file read, and the file written, or that would have been.
        status: done, skipped or failed.
        reason: why it was skipped or failed, in one line that names the file; "" if done.
        seconds: of work on it: reading, network (an equal share where pictures went through it together) and writing,
            without waiting between them. Files overlap, so that a run of several takes less than the sum.
        input_size: width and height of the first page, in pixels; None unless done.
        output_size: the same of the result.
        pages: how many; 0 unless done.
        scale: of the network used; None unless done.
        choice: the weights used, and why "auto" chose them; None unless done.
        notes: what the result lacks of the source, one short clause each, such as "XMP dropped"; empty unless done.
        error: what was raised; None unless it failed while it was worked on.
    """

    job: Job
    status: Literal["done", "skipped", "failed"]
    reason: str = ""
    seconds: float = 0.0
    input_size: tuple[int, int] | None = None
    output_size: tuple[int, int] | None = None
    pages: int = 0
    scale: int | None = None
    choice: Choice | None = None
    notes: tuple[str, ...] = ()
    error: Exception | None = field(default=None, compare=False, repr=False)

    @property
    def source(self) -> Path:
        """The file read; of an address or a stream a temporary one."""
        return self.job.source

    @property
    def target(self) -> Path:
        """The file written, or that would have been."""
        return self.job.target


def attempt(job: Job, options: Options, work: Callable[[], T], spent: float = 0.0) -> tuple[T | FileResult, float]:
    """Does some of the work on a job.

    Args:
        job: what the work is about.
        options: of the run.
        work: any part of the job.
        spent: seconds that the job took before.

    Returns:
        What `work` returns, or if it fails, the result of the job; and the seconds that the job took so far, which a
        result gets.
    """
    started = time.perf_counter()
    found: T | FileResult
    try:
        found = work()
    # PyTorch raises RuntimeError where a picture is too much for it: no reason to stop the others.
    except (ElansrError, OSError, MemoryError, RuntimeError) as error:
        found = _failure(error, job, options)
    spent += time.perf_counter() - started
    return (replace(found, seconds=spent) if isinstance(found, FileResult) else found), spent


def _failure(error: Exception, job: Job, options: Options) -> FileResult:
    if isinstance(error, OutputExistsError):
        if options.existing == "skip":
            return FileResult(job, "skipped", f"{job.shown_target}: already exists")
        error = OutputExistsError(str(error).replace("`overwrite=True`", "`existing='replace'`"))
    return FileResult(job, "failed", _sentence(error, job), error=error)


def _sentence(error: Exception, job: Job) -> str:
    """The error in one line that names a file."""
    text = " ".join(str(error).split()) or type(error).__name__
    if not isinstance(error, ElansrError):
        text = f"{type(error).__name__}: {text}"
    named = text.startswith(
        tuple(f"{name}:" for name in (job.shown_source, job.shown_target, shown(job.target.parent)))
    )
    return text if named else f"{job.shown_source}: {text}"


Choose = Callable[[Picture | PictureFile], ChosenUpscaler]
"""Gives the upscaler for a picture, or for one that is read in rows."""


def open_source(job: Job, options: Options) -> PictureFile:
    """Reads the header of the source, if the result may be written.

    Raises:
        OutputExistsError: the target exists and `options.existing` is not "replace".
        PictureError: see `open_picture`.
    """
    if os.path.lexists(job.target):
        check_output(job.target, overwrite=options.existing == "replace", name=job.target_name)
    return open_picture(job.content, name=job.source_name)


@dataclass(frozen=True)
class FileTask:
    """A picture that was read, and all that is needed to upscale and write it.

    Attributes:
        job: the files.
        picture: the pixels.
        upscaler: the network.
        choice: its weights.
        final: width and height of the result.
        options: of the run.
    """

    job: Job
    picture: Picture
    upscaler: "TiledNetwork"
    choice: Choice
    final: tuple[int, int]
    options: Options

    @property
    def area(self) -> int:
        """Pixels of a page."""
        height, width = self.picture.pages[0].shape[:2]
        return height * width

    @property
    def together(self) -> int:
        """How many pictures of this size go through the network at once."""
        height, width = self.picture.pages[0].shape[:2]
        return self.upscaler.together(height, width) if len(self.picture.pages) == 1 else 1

    def upscaled(self, on_progress: FileProgress) -> Picture:
        """The picture with every page in its final size; progress counts the pixels of all pages."""
        area, total = self.area, self.area * len(self.picture.pages)
        on_progress(self.job, 0, total)

        def upscaled(index: int) -> Pixels:
            def report(done: int, of: int) -> None:
                on_progress(self.job, area * index + area * done // of, total)

            return fit(self.upscaler(self.picture.pages[index], progress=report), *self.final)

        return self.picture.with_pages([upscaled(index) for index in range(len(self.picture.pages))])

    def write(self, result: Picture) -> None:
        """Writes the result whole or not at all."""
        if self.job.deliver:
            suffix, name = self.job.target.suffix, self.job.shown_target
            pyramid = self.options.pyramid
            self.job.deliver(encode(result, suffix, quality=self.options.quality, pyramid=pyramid, name=name))
            return
        write(
            result,
            self.job.target,
            quality=self.options.quality,
            overwrite=self.options.existing == "replace",
            pyramid=self.options.pyramid,
            name=self.job.target_name,
        )

    def done(self) -> FileResult:
        """The result, once it is written."""
        given, pages, scale = _size(self.picture), len(self.picture.pages), self.upscaler.scale
        notes = notes_on(self.picture, self.job.target)
        return FileResult(self.job, "done", "", 0.0, given, self.final, pages, scale, self.choice, notes)


def notes_on(picture: Picture, target: str | os.PathLike[str]) -> tuple[str, ...]:
    """What a file of that name will lack of a picture's source."""
    return picture.notes + losses(picture, format_of_suffix(target))


def begin(job: Job, source: Picture | PictureFile, choose: Choose, options: Options) -> FileTask:
    """Chooses the network and checks, before the work, that the result can be written; makes its folder.

    Raises:
        ElansrError: weights that cannot be loaded, or a result that cannot be written.
    """
    picture = source if isinstance(source, Picture) else source.picture
    upscaler, choice = choose(source)
    final = options.size.of(*_size(picture), upscaler.scale)
    _make_folder(job.target.parent)
    check_output(
        job.target,
        size=final,
        pages=len(picture.pages),
        overwrite=options.existing == "replace",
        pyramid=options.pyramid,
        name=job.target_name,
    )
    return FileTask(job, picture, upscaler, choice, final, options)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PictureError(f"{shown(folder)}: cannot be created ({error.strerror}); choose another folder") from error


def _size(picture: Picture) -> tuple[int, int]:
    height, width = picture.pages[0].shape[:2]
    return width, height
