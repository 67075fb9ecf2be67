"""Pictures larger than memory: read in rows, upscaled in strips on disk, and encoded from there.

begin_opened   begins the work on a file, which is in memory unless it is one of them
OnDiskWork     the work on one of them; interrupted at any time, it goes on after the last finished strip

The memory it takes grows with the width of a picture, not with its height (docs/performance.md).
"""

import logging
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import numpy as np

from elansr.errors import PictureError, TooManyPixelsError
from elansr.images import (
    DEFAULT_MAX_PIXELS,
    FORMATS,
    PictureFile,
    Pixels,
    blank,
    fill_levels_size,
    filled_rows,
    format_of_suffix,
    write_rows,
)
from elansr.text import data_size, shown
from elansr.upscaling.file_job import Choose, FileProgress, FileResult, FileTask, Options, begin
from elansr.upscaling.plan import Job
from elansr.upscaling.rows import ALPHA, COLOR, ReadRows, upscale_rows
from elansr.upscaling.unfinished_rows import RowsFolder

LARGE = 2**28
"""Bytes of a result, before it is encoded, from which on it is made on disk."""

_HIGHEST_SCALE = 8
_ENCODING = 16
"""Encoding counts as a 16th of the network's work in the progress."""
_SETTINGS = {"source": "the picture", "result": "the kind of the result", "tta": "the self-ensemble (tta)"}
"""What messages call a setting, where its name does not say it."""

_LOG = logging.getLogger(__name__)


def begin_opened(file: PictureFile, job: Job, choose: Choose, options: Options) -> "FileTask | OnDiskWork":
    """Begins the work on a picture: in memory, which it is read into, or on disk if its result is large.

    Raises:
        ElansrError: the picture is larger than the limit of those that are read in rows; or, where it or its result
            cannot be handled in rows, of those that are held in memory; or as `PictureFile.read` and `begin` do.
    """
    if not _may_be_large(file):
        return begin(job, file.read(max_pixels=options.max_pixels), choose, options)
    _require(file, options.max_streamed)
    if file.obstacle:
        _require(file, options.max_pixels, file.obstacle)
        return begin(job, file.read(max_pixels=options.max_pixels), choose, options)
    task = begin(job, file, choose, options)
    if file.picture.pixels.nbytes * task.upscaler.scale**2 > LARGE or task.area > DEFAULT_MAX_PIXELS:
        if not (obstacle := _obstacle(task)):
            return OnDiskWork(file, task)
        _require(file, options.max_pixels, obstacle)
    return replace(task, picture=file.read(max_pixels=options.max_pixels))


def _may_be_large(file: PictureFile) -> bool:
    """Whether the result may be one that is made on disk, as far as the header of the source tells."""
    in_rows = FORMATS[file.picture.format].rows and len(file.picture.pages) == 1
    return in_rows and file.picture.pixels.nbytes * _HIGHEST_SCALE**2 > LARGE


def _obstacle(task: FileTask) -> str:
    """Why the result cannot be encoded from disk; "" if it can."""
    height, width = task.picture.pixels.shape[:2]
    kind = format_of_suffix(task.job.target)
    if not FORMATS[kind].rows:
        return f"{kind.upper()} is encoded in memory"
    scale = task.upscaler.scale
    if task.final != (width * scale, height * scale):
        return "`outscale`, `width` and `height` need it there: omit them"
    return ""


def _require(file: PictureFile, limit: int, obstacle: str = "") -> None:
    """Refuses more pixels than the limit, which is that of pictures in memory if there is an obstacle to others."""
    height, width = file.picture.pixels.shape[:2]
    if height * width > limit:
        which = f" of pictures that are held in memory whole, as this one is: {obstacle}" if obstacle else ""
        raise TooManyPixelsError(f"{file.name}: {width} x {height} = {height * width:,}", limit, which)


class OnDiskWork:
    """The work on one large picture.

    Args:
        file: the picture.
        task: what to do with it; its picture has the size and kind, but no pixels.
    """

    def __init__(self, file: PictureFile, task: FileTask) -> None:
        self._file, self._task, self._scale = file, task, task.upscaler.scale
        self._height, self._width, self._channels = file.picture.pixels.shape
        self._colors = self._channels - (self._channels % 2 == 0)
        self._dtype = file.picture.pixels.dtype

    def upscale(self, on_progress: FileProgress) -> FileResult:
        """Super-resolves the picture and writes the result whole or not at all.

        Raises:
            KeyboardInterrupt: says what is kept, and where.
            ElansrError: the picture cannot be read, upscaled or written. If it cannot be read, nothing is kept.
        """
        job = self._task.job
        with RowsFolder(job.target, self._settings(), job.target_name) as folder:
            self._require_space(folder)
            self._announce(folder)
            try:
                late = self._work(folder, on_progress)
            except KeyboardInterrupt:
                kept = f"{job.shown_target}: {self._share_done(folder)} are kept in {shown(folder.folder)}"
                message = f"{kept}; run the same command again to continue" if folder.start(COLOR)[0] else ""
                raise KeyboardInterrupt(message) from None
            folder.remove()
        if late is not None:
            raise late
        return self._task.done()

    def _settings(self) -> dict[str, Any]:
        """What decides the rows of the result."""
        path = self._task.job.source
        about = path.stat()
        source = [str(path.resolve()), about.st_size, about.st_mtime_ns]
        result = [*self._file.picture.pixels.shape, self._dtype.name]
        return {"source": source, "result": result, **self._task.upscaler.fingerprint()}

    def _announce(self, folder: RowsFolder) -> None:
        if folder.changed:
            changed = ", ".join(_SETTINGS.get(name, name) for name in folder.changed)
            _LOG.warning("%s: starting over, changed since the interrupted run: %s", self._task.job.target, changed)
        if folder.start(COLOR)[0]:
            _LOG.warning("%s: continuing, %s are done", self._task.job.target, self._share_done(folder))

    def _share_done(self, folder: RowsFolder) -> str:
        """In words; the alpha of a picture counts as much as its colours."""
        parts = (COLOR,) if self._colors == self._channels else (COLOR, ALPHA)
        rows = sum(folder.start(part)[0] for part in parts)
        return f"{100 * rows / (len(parts) * self._height * self._scale):.0f} % of the rows"

    def _require_space(self, folder: RowsFolder) -> None:
        """The rows, what the encoder makes of them at worst, and the levels that transparent pixels are filled from."""
        target = self._task.job.target
        rows = self._file.picture.pixels.nbytes * self._scale**2
        encoded = (
            rows // 4 if format_of_suffix(target) == "jpeg" else rows * (4 if self._task.options.pyramid else 3) // 3
        )
        levels = 0 if self._colors == self._channels else fill_levels_size(*self._file.picture.pixels.shape)
        needed, free = rows + encoded + levels - folder.size, shutil.disk_usage(target.parent).free
        if needed > free:
            text = f"{data_size(needed)} of free disk space needed in {shown(target.parent)}"
            there = f"{data_size(free)} available"
            raise PictureError(
                f"{self._task.job.shown_target}: {text}, {there}; free some space or choose another folder"
            )

    def _work(self, folder: RowsFolder, on_progress: FileProgress) -> BaseException | None:
        """Upscales and encodes; returns what `write_rows` returns."""
        task, deep = self._task, self._dtype == np.uint16
        report = _Report(task, on_progress)
        with ExitStack() as passes:
            source = _FileSource(self._file, folder, passes, report.again)
            upscale_rows(task.upscaler, [source], [folder], report.upscaled)
        size = self._height * self._scale, self._width * self._scale
        return write_rows(
            folder.planes(self._channels),
            task.picture.with_pages([blank(size, self._channels, deep)]),
            task.job.target,
            quality=task.options.quality,
            overwrite=task.options.existing == "replace",
            pyramid=task.options.pyramid,
            name=task.job.target_name,
            progress=report.encoded,
        )


class _FileSource:
    """A picture in a file, see `rows.RowSource`.

    Args:
        file: the file.
        folder: for what is needed to fill transparent pixels; it is deleted if the file cannot be read.
        passes: ends the passes over the file.
        before_rows: called before rows are read.
    """

    def __init__(
        self, file: PictureFile, folder: RowsFolder, passes: ExitStack, before_rows: Callable[[], None]
    ) -> None:
        self._file, self._folder, self._passes, self._before_rows = file, folder, passes, before_rows
        self.shape: tuple[int, int, int] = file.picture.pixels.shape
        self.dtype: np.dtype[Any] = file.picture.pixels.dtype

    def rows(self) -> ReadRows:
        """See `RowSource`."""
        rows = self._passes.enter_context(self._file.rows())

        def read(start: int, stop: int) -> Pixels:
            self._before_rows()
            try:
                return rows(start, stop)
            except PictureError:
                self._folder.remove()
                raise

        return read

    def filled(self) -> ReadRows:
        """See `RowSource`."""
        return filled_rows(self.rows, self.shape, self._folder.folder)


class _Report:
    """Turns the network's work and the encoding into one progress, and passes it on.

    Args:
        task: the work.
        on_progress: called with it.
    """

    def __init__(self, task: FileTask, on_progress: FileProgress) -> None:
        self._job, self._on_progress, self._area = task.job, on_progress, task.area
        self._total, self._done = task.area + task.area // _ENCODING, 0
        self.again()

    def again(self) -> None:
        """Reports the same once more: so an interrupt that came inside libvips is raised."""
        self._on_progress(self._job, self._done, self._total)

    def upscaled(self, done: int, total: int) -> None:
        """Called as the network goes on."""
        self._done = self._area * done // total
        self.again()

    def encoded(self, done: int, total: int) -> None:
        """Called by the encoder."""
        self._done = self._area + (self._total - self._area) * done // total
        self.again()
