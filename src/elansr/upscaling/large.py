"""Pictures larger than memory: read in rows, super-resolved in strips that go to disk, encoded from there.

    open_large   whether a file is one of them
    Large        the work on it; stopped at any time, it goes on after the last finished strip

What is held in memory grows with the width of a picture, not with its height (docs/performance.md).
"""

import logging
import shutil
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import numpy as np

from elansr.errors import PictureError, TooManyPixelsError
from elansr.images import (
    DEFAULT_MAX_PIXELS,
    FileRows,
    PictureFile,
    Pixels,
    Plane,
    blank,
    fill_levels_size,
    filled_rows,
    format_of_suffix,
    open_picture,
    write_rows,
)
from elansr.text import shown
from elansr.upscaling.jobs import Job
from elansr.upscaling.outcome import Options, Outcome, Progress
from elansr.upscaling.spool import Spool
from elansr.upscaling.steps import Choose, Task, begin

LARGE = 2**28
"""Bytes of a result, before it is encoded, from which on it is made on disk."""

_FROM_DISK = ("tiff", "png", "jpeg")
_HIGHEST_SCALE = 8
_ENCODING = 16
"""Encoding counts as a 16th of the network's work in the progress."""
_BAND = 64
"""Rows that are looked at together for their alpha."""
_SETTINGS = {"source": "the picture", "result": "the kind of the result", "tta": "--tta"}
"""What the user is told of a setting that changed, where its name does not say it."""

RowReader = Callable[[int, int], Pixels]
"""Rows `start` to `stop` (exclusive) of a picture, from top to bottom."""

_LOG = logging.getLogger(__name__)


def open_large(job: Job, choose: Choose, options: Options) -> "Large | None":
    """The work on a picture whose result is made on disk; None if it is held in memory, as others are.

    Raises:
        ElansrError: the picture is larger than the limit of those that are read in rows; or, where it or its result
            cannot be handled in rows, of those that are held in memory; or as `begin` does.
    """
    stream = open_picture(job.source)
    if stream.picture.format not in _FROM_DISK or len(stream.picture.pages) > 1:
        return None
    if stream.picture.pixels.nbytes * _HIGHEST_SCALE**2 <= LARGE:
        return None
    _require(stream, options.max_streamed, "")
    task = begin(job, stream.picture, choose, options)
    if stream.picture.pixels.nbytes * task.upscaler.scale**2 <= LARGE and task.area <= DEFAULT_MAX_PIXELS:
        return None
    if obstacle := stream.obstacle or _obstacle(task):
        _require(stream, options.max_pixels, f" of pictures that are held in memory whole, as this one is: {obstacle}")
        return None
    return Large(stream, task)


def _obstacle(task: Task) -> str:
    """Why the result cannot be encoded from disk; "" if it can."""
    height, width = task.picture.pixels.shape[:2]
    kind = format_of_suffix(task.job.target)
    if kind not in _FROM_DISK:
        return f"{kind.upper()} is encoded in memory"
    scale = task.upscaler.scale
    if task.final != (width * scale, height * scale):
        return "--outscale, --width and --height resize it there; leave them out"
    return ""


def _require(stream: PictureFile, limit: int, which: str) -> None:
    height, width = stream.picture.pixels.shape[:2]
    if height * width > limit:
        raise TooManyPixelsError(f"{stream.name}: {width} x {height} = {height * width:,}", limit, which)


class Large:
    """The work on one large picture.

    Args:
        stream: the picture.
        task: what is to be done with it; of its picture only the kind is there.
    """

    def __init__(self, stream: PictureFile, task: Task) -> None:
        self._stream, self._task, self._scale = stream, task, task.upscaler.scale
        self._height, self._width, self._channels = stream.picture.pixels.shape
        self._colors = self._channels - (self._channels % 2 == 0)
        self._dtype = stream.picture.pixels.dtype

    def upscale(self, on_progress: Progress) -> Outcome:
        """Super-resolves the picture and writes the result whole or not at all.

        Raises:
            KeyboardInterrupt: with what is kept, and where.
            ElansrError: the picture cannot be read, upscaled or written. If it cannot be read, nothing is kept.
        """
        started, job = time.perf_counter(), self._task.job
        with Spool(job.target, self._settings()) as spool:
            self._require_space(spool)
            self._announce(spool)
            try:
                late = self._work(spool, on_progress)
            except KeyboardInterrupt:
                kept = f"{shown(job.target)}: {self._share_done(spool)} are kept in {shown(spool.folder)}"
                message = f"{kept}; the same command goes on from there" if spool.finished(0).rows else ""
                raise KeyboardInterrupt(message) from None
            spool.remove()
        if late is not None:
            raise late
        return self._task.done(time.perf_counter() - started)

    def _settings(self) -> dict[str, Any]:
        """What decides the rows of the result."""
        path = self._task.job.source
        about = path.stat()
        source = [str(path.resolve()), about.st_size, about.st_mtime_ns]
        result = [*self._stream.picture.pixels.shape, self._dtype.name]
        return {"source": source, "result": result, **self._task.upscaler.fingerprint()}

    def _announce(self, spool: Spool) -> None:
        if spool.changed:
            changed = ", ".join(_SETTINGS.get(name, name) for name in spool.changed)
            _LOG.warning("%s: begins anew: changed since the interrupted run: %s", self._task.job.target, changed)
        if spool.finished(0).rows:
            _LOG.warning("%s: goes on, %s were there", self._task.job.target, self._share_done(spool))

    def _share_done(self, spool: Spool) -> str:
        """In words; the alpha of a picture counts as much as its colours."""
        planes = 1 if self._colors == self._channels else 2
        rows = sum(spool.finished(plane).rows for plane in range(planes))
        return f"{100 * rows / (planes * self._height * self._scale):.0f} % of the rows"

    def _require_space(self, spool: Spool) -> None:
        """The rows, what the encoder makes of them at worst, and the levels that transparent pixels are filled from."""
        target = self._task.job.target
        rows = self._stream.picture.pixels.nbytes * self._scale**2
        encoded = (
            rows // 4 if format_of_suffix(target) == "jpeg" else rows * (4 if self._task.options.pyramid else 3) // 3
        )
        levels = 0 if self._colors == self._channels else fill_levels_size(*self._stream.picture.pixels.shape)
        needed, free = rows + encoded + levels - spool.size, shutil.disk_usage(target.parent).free
        if needed > free:
            text = f"{_in_gb(needed)} of free disk space are needed in {shown(target.parent)}, {_in_gb(free)} are there"
            raise PictureError(f"{shown(target)}: {text}; free some or choose another folder")

    def _work(self, spool: Spool, on_progress: Progress) -> BaseException | None:
        """All that there is to do; gives what `write_rows` gives."""
        report = _Report(self._task, on_progress, 1 if self._colors == self._channels else 2)
        with ExitStack() as passes:

            def start() -> RowReader:
                rows = passes.enter_context(self._stream.rows())
                return lambda first, stop: _listened(rows, first, stop, report, spool)

            planes = self._planes(spool, start, report)
        task, deep = self._task, self._dtype == np.uint16
        size = self._height * self._scale, self._width * self._scale
        return write_rows(
            planes,
            task.picture.with_pages([blank(size, self._channels, deep)]),
            task.job.target,
            quality=task.options.quality,
            overwrite=task.options.existing == "replace",
            pyramid=task.options.pyramid,
            progress=report.encoded,
        )

    def _planes(self, spool: Spool, start: Callable[[], RowReader], report: "_Report") -> list[Plane]:
        """Super-resolves colours and alpha as `planes.upscale_planes` does, and gives what the result consists of."""
        colors, channels = self._colors, self._channels
        if colors == channels:
            self._upscale(spool, 0, start, report)
            return [Plane(spool.file(0), colors)]
        lowest, highest = self._alpha_range(start())
        hidden = lowest == 0 < highest
        self._upscale(spool, 0, lambda: self._filled(start, spool) if hidden else _only(start(), 0, colors), report)
        if lowest == highest:
            return [Plane(spool.file(0), colors), Plane(lowest, 1)]
        self._upscale(spool, 1, lambda: _only(start(), colors, channels), report)
        return [Plane(spool.file(0), colors), Plane(spool.file(1), 1)]

    def _upscale(self, spool: Spool, plane: int, source: Callable[[], RowReader], report: "_Report") -> None:
        """Brings a plane of the spool to its end."""
        done = spool.finished(plane)
        if done.rows == self._height * self._scale:
            return
        shape = self._height, self._width, 1 if plane else self._colors
        progress = report.plane(plane)
        for strip in self._task.upscaler.strips(source(), shape, self._dtype, progress, done.mark):
            if len(strip.pixels):
                spool.append(plane, strip.pixels, strip.mark)
            del strip  # not kept while the next one is made

    def _filled(self, start: Callable[[], RowReader], spool: Spool) -> RowReader:
        shape = self._height, self._width, self._channels
        return filled_rows(start, shape, spool.folder)

    def _alpha_range(self, rows: RowReader) -> tuple[int, int]:
        bands = (rows(top, min(top + _BAND, self._height))[..., -1] for top in range(0, self._height, _BAND))
        ranges = [(int(band.min()), int(band.max())) for band in bands]
        return min(low for low, _ in ranges), max(high for _, high in ranges)


class _Report:
    """Turns the work on the planes and the encoding into one progress, and passes it on.

    Args:
        task: the work.
        on_progress: told of it.
        planes: how many there are at most.
    """

    def __init__(self, task: Task, on_progress: Progress, planes: int) -> None:
        self._job, self._on_progress, self._area, self._network = task.job, on_progress, task.area, task.area * planes
        self._total, self._done = self._network + task.area // _ENCODING, 0
        self.again()

    def again(self) -> None:
        """Tells the same once more: so an interrupt that came inside libvips is raised."""
        self._on_progress(self._job, self._done, self._total)

    def plane(self, number: int) -> Callable[[int, int], None]:
        """What the network on a plane tells."""
        return lambda done, of: self._tell(self._area * number + self._area * done // of)

    def encoded(self, done: int, of: int) -> None:
        """Told by the encoder."""
        self._tell(self._network + (self._total - self._network) * done // of)

    def _tell(self, done: int) -> None:
        self._done = done
        self.again()


def _listened(rows: FileRows, first: int, stop: int, report: _Report, spool: Spool) -> Pixels:
    """Rows of the picture; if they cannot be read, the spool is of no use any more."""
    report.again()
    try:
        return rows(first, stop)
    except PictureError:
        spool.remove()
        raise


def _only(rows: RowReader, first: int, stop: int) -> RowReader:
    """The rows with some of their channels."""
    return lambda top, bottom: rows(top, bottom)[..., first:stop]


def _in_gb(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
