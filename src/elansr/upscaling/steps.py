"""The steps of one file: look at the target, read, begin, upscale, write."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from elansr.errors import PictureError
from elansr.images import Picture, Pixels, check_output, write
from elansr.text import shown
from elansr.upscaling.choice import Choice, Ready
from elansr.upscaling.final_size import fit
from elansr.upscaling.jobs import Job
from elansr.upscaling.outcome import Options, Outcome, Progress

if TYPE_CHECKING:
    from elansr.upscaling.upscaler import Upscaler

Choose = Callable[[Picture], Ready]
"""Gives the upscaler for a picture."""


def check_target(job: Job, options: Options) -> None:
    """Looks before anything is read whether the result may be written.

    Raises:
        OutputExistsError: the target exists and `options.existing` is not "replace".
    """
    if os.path.lexists(job.target):
        check_output(job.target, overwrite=options.existing == "replace")


@dataclass(frozen=True)
class Task:
    """A picture that was read, may be upscaled and has a place to go to.

    Attributes:
        job: where it comes from and goes to.
        picture: the pixels.
        upscaler: for them.
        choice: the weights behind it.
        final: width and height of the result.
        options: of the run.
    """

    job: Job
    picture: Picture
    upscaler: "Upscaler"
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
        """How many pictures of this size are to go through the network at once."""
        height, width = self.picture.pages[0].shape[:2]
        return self.upscaler.together(height, width) if len(self.picture.pages) == 1 else 1

    def upscaled(self, on_progress: Progress) -> Picture:
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
        overwrite = self.options.existing == "replace"
        options = self.options
        write(result, self.job.target, quality=options.quality, overwrite=overwrite, pyramid=options.pyramid)

    def done(self, seconds: float) -> Outcome:
        """The outcome of a result that is written."""
        given, pages = _size(self.picture), len(self.picture.pages)
        source, target, scale = self.job.source, self.job.target, self.upscaler.scale
        return Outcome(source, target, "done", "", seconds, given, self.final, pages, scale, self.choice)


def begin(job: Job, picture: Picture, choose: Choose, options: Options) -> Task:
    """Chooses the upscaler and makes sure of the result's place before the work.

    Raises:
        ElansrError: weights that cannot be loaded, or a result that cannot be written.
    """
    upscaler, choice = choose(picture)
    final = options.size.of(*_size(picture), upscaler.scale)
    _make_folder(job.target.parent)
    replace, pages = options.existing == "replace", len(picture.pages)
    check_output(job.target, size=final, pages=pages, overwrite=replace, pyramid=options.pyramid)
    return Task(job, picture, upscaler, choice, final, options)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PictureError(f"{shown(folder)}: cannot be made ({error.strerror}); choose another folder") from error
    if not os.access(folder, os.W_OK):
        raise PictureError(f"{shown(folder)}: no permission to write there; choose another folder")


def _size(picture: Picture) -> tuple[int, int]:
    height, width = picture.pages[0].shape[:2]
    return width, height
