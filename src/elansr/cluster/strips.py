"""Splits one large picture between workers: each upscales some rows of tiles, and one joins them.

A row of tiles depends on the picture alone, and finished rows are blended with the row of tiles above (`tiling`). So a
share begins one row of tiles early and throws that one away, and its rows are those that one process would have made:
the joined file is equal, byte for byte, to that of `elansr upscale` with tiles of the same side.
"""

import json
import shutil
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from elansr.cluster.manifest import STRIPS
from elansr.cluster.settings import Settings
from elansr.cluster.sources import Item
from elansr.cluster.storage import Store, fetch
from elansr.errors import DeviceError, PictureError
from elansr.images import FORMATS, Plane, blank, format_of_suffix, open_picture, write_rows
from elansr.upscaling import Axis, FileResult, Job, OpenedFile, ResumePoint, notes_on

if TYPE_CHECKING:
    from elansr.upscaling import TiledNetwork, Upscalers

SPLIT_TILE = 384
"""Side of the tiles, where the user names none: it must not follow the memory that a worker happens to have free."""
ROWS_OF_TILES = 4
"""Of a share, at least: each makes one more, which is thrown away."""
WIDEST = 2**31
"""Bytes of one row of tiles of the result, in float32, up to which a picture is split: a worker holds a few of them."""


def tile_of(settings: Settings) -> int:
    """The side of the tiles of pictures that are split."""
    return settings.tile or SPLIT_TILE


def shares(height: int, settings: Settings) -> int:
    """How many shares a picture of `height` rows has."""
    return height // (ROWS_OF_TILES * tile_of(settings))


def split_size(opened: OpenedFile, settings: Settings, longest: int) -> tuple[int, int] | None:
    """Width and height of a picture that is left to several workers; None for one that is not.

    Those are stills without alpha that can be read and written in rows, with more pixels than `split_pixels`, not more
    than `longest`, and high enough for two shares.
    """
    if not settings.split_pixels or settings.pyramid or settings.size.label:
        return None
    if opened.file.obstacle or not FORMATS[format_of_suffix(opened.job.target)].rows:
        return None
    height, width, channels = opened.file.picture.pixels.shape
    wide = width * tile_of(settings) * (settings.scale or 4) ** 2 * channels * 4 > WIDEST
    small = height * width <= settings.split_pixels or shares(height, settings) < 2
    return None if wide or small or channels not in (1, 3) or height * width > longest else (width, height)


class SplitPicture:
    """A picture in shares."""

    def __init__(self, file: Path, item: Item, output: Store, settings: Settings) -> None:
        stream = open_picture(file, name=item.source)
        if stream.obstacle:
            raise PictureError(f"{item.source}: the file changed during the run: run the same command again")
        self._stream = stream
        self._output, self._settings, self._item = output, settings, item
        self._shape: tuple[int, int, int] = stream.picture.pixels.shape
        self.count = shares(self._shape[0], settings)
        about = [item.key, file.stat().st_size, self._shape, settings.fingerprint(), tile_of(settings)]
        self._folder = f"{STRIPS}/{sha256(json.dumps(about).encode()).hexdigest()[:16]}"

    def make(self, number: int, upscalers: "Upscalers", folder: Path) -> None:
        """Makes share `number` of the rows of the result, unless they are there.

        Args:
            upscalers: with the tile of `tile_of`.
            folder: where they are written before they are moved.

        Raises:
            ElansrError: the picture cannot be read, or the memory does not suffice for its tiles.
        """
        if self._output.exists(self._share(number)):
            return
        upscaler, _ = upscalers(self._stream)
        rows = folder / f"{number}.rows"
        with open(rows, "wb") as file:
            for strip in self._strips(number, upscaler):
                file.write(np.ascontiguousarray(strip).data)
        self._output.put(rows, self._share(number))

    def join(self, job: Job, upscalers: "Upscalers", quality: int | None) -> FileResult:
        """Writes the result from all shares.

        Raises:
            ElansrError: a share is missing, or the result cannot be written.
        """
        started = time.perf_counter()
        upscaler, choice = upscalers(self._stream)
        height, width, channels = self._shape
        size = height * upscaler.scale, width * upscaler.scale
        page = blank(size, channels, self._stream.picture.pixels.dtype == np.uint16)
        rows = job.target.with_suffix(".rows")
        self._gather(rows)
        if rows.stat().st_size != page.nbytes:
            self.delete()
            raise PictureError(
                f"{self._item.source}: its intermediate files were incomplete: run the same command again"
            )
        picture = self._stream.picture.with_pages([page])
        planes, name = [Plane(rows, channels)], job.target_name
        write_rows(planes, picture, job.target, quality=quality, overwrite=True, name=name, progress=no_progress)
        rows.unlink()
        seconds = time.perf_counter() - started
        given, scale = (width, height), upscaler.scale
        notes = notes_on(picture, job.target)
        return FileResult(job, "done", "", seconds, given, size[::-1], 1, scale, choice, notes)

    def delete(self) -> None:
        """Deletes the shares."""
        for number in range(self.count):
            self._output.delete(self._share(number))

    def _gather(self, rows: Path) -> None:
        """Writes the samples of all shares into a file, from top to bottom."""
        part = rows.with_suffix(".part")
        with open(rows, "wb") as file:
            for number in range(self.count):
                fetch(self._output, self._output.path(self._share(number)), part)
                with open(part, "rb") as samples:
                    shutil.copyfileobj(samples, file, 2**20)
                part.unlink()

    def _share(self, number: int) -> str:
        return f"{self._folder}/{number:05}.rows"

    def _strips(self, number: int, upscaler: "TiledNetwork") -> Iterator[NDArray[Any]]:
        """The strips of a share; those of the last one extend to the end of the picture."""
        tile, dtype = _on_grid(tile_of(self._settings), upscaler), self._stream.picture.pixels.dtype
        tops = _tops(self._shape[0], tile, upscaler)
        first, stop = (len(tops) * n // self.count for n in (number, number + 1))
        after = ResumePoint(tops[first - 1], tile) if first else None
        with self._stream.rows() as rows:
            for done, strip in enumerate(
                upscaler.strips([rows], self._shape, dtype, no_progress, after), start=first + 1
            ):
                if strip.resume_point.tile != tile:
                    raise DeviceError(
                        f"{self._item.source}: not enough memory for tiles of {tile} pixels: use a smaller `tile`"
                    )
                yield strip.parts[0]
                if done == stop < len(tops):
                    return


def _tops(height: int, tile: int, upscaler: "TiledNetwork") -> list[int]:
    """Where the rows of tiles of a picture start, as `Tiler` goes through them."""
    axis, tops = Axis(height, 0), [0]
    while (end := axis.cores(tile, upscaler.config.multiple, tops[-1])[0].stop) < height:
        tops.append(end)
    return tops


def _on_grid(tile: int, upscaler: "TiledNetwork") -> int:
    grid = upscaler.config.multiple
    return max(tile // grid, 1) * grid


def no_progress(*_: object) -> None:
    """Progress that nobody watches."""
