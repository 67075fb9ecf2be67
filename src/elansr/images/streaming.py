"""File -> rows: pictures larger than memory, decoded from top to bottom and held a few rows at a time.

open_stream   what a file says about its picture, and whether it can be read in rows at all
Rows          one pass over it
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyvips

from elansr.errors import PictureError
from elansr.images.containers import Structure, inspect
from elansr.images.formats import FormatName, sniff
from elansr.images.picture import Picture, Pixels
from elansr.images.reading import (
    JPEG_DAMAGE,
    complaints,
    described,
    field,
    headers,
    in_samples,
    opened,
    undecodable,
)

_STREAMED = ("tiff", "png", "jpeg")
_BAND = 64
"""Rows that are decoded at a time."""


@dataclass(frozen=True)
class Stream:
    """A still of which only the header has been read.

    Attributes:
        path: The file.
        picture: What the file says about it. Its one page has the size, channels and dtype that the pixels will have,
            takes no memory and shows nothing.
        obstacle: Why its rows cannot be read from top to bottom; "" if they can.
    """

    path: Path
    picture: Picture
    obstacle: str
    _kind: FormatName
    _structure: Structure
    _mirrored: bool

    def rows(self) -> "Rows":
        """Starts a pass over the picture."""
        return Rows(self.path, self._kind, self._structure, self.picture.pixels, self._mirrored)


def open_stream(path: str | os.PathLike[str]) -> Stream | None:
    """Reads the header of a picture.

    Returns:
        None for an animation, several pages, and the formats of which libvips holds the whole picture anyway.

    Raises:
        PictureError: As `read` would.
    """
    with complaints(path), opened(path) as file:
        head = file.read(64)
        kind = sniff(head) if head else "bmp"
        if kind not in _STREAMED:
            return None
        structure = inspect(kind, file)
        if len(structure.pages) > 1:
            return None
        try:
            image = headers(file, kind, structure, "error")[0]
            samples = in_samples(image)
        except pyvips.Error as error:
            raise PictureError(undecodable(kind, error)) from error
        orientation = field(image, "orientation", 1)
        page = blank(_upright_size(image, orientation), samples.bands, samples.format == "ushort")
        picture = described((page,), image, file, kind, structure)
        return Stream(Path(path), picture, _obstacle(image, orientation), kind, structure, orientation == 2)


def blank(size: tuple[int, int], channels: int, deep: bool) -> Pixels:
    """A page of `size` (H, W) that takes no memory and stands in for pixels that are elsewhere."""
    zero = np.uint16(0) if deep else np.uint8(0)
    page: Pixels = np.broadcast_to(zero, (*size, channels))
    return page


def _upright_size(image: Any, orientation: int) -> tuple[int, int]:
    return (image.width, image.height) if orientation in (5, 6, 7, 8) else (image.height, image.width)


def _obstacle(image: Any, orientation: int) -> str:
    if orientation in range(3, 9):
        return f"EXIF turns it (orientation {orientation}), so that its last rows may be needed first"
    if field(image, "jpeg-multiscan", 0):
        return "it is a progressive JPEG"
    return "it is interlaced" if field(image, "interlaced", 0) else ""


class Rolling:
    """Rows that are made from top to bottom; those from the last ones asked for on are kept.

    Args:
        make: gives rows `start` to `stop` (exclusive), (stop - start, W, C); called once for each row, in order, though
            not for those that nobody asked for.
    """

    def __init__(self, make: Callable[[int, int], Pixels]) -> None:
        self._make = make
        self._top, self._kept = 0, np.empty((0, 0, 0), np.uint8)

    def __call__(self, start: int, stop: int) -> Pixels:
        """Rows `start` to `stop` (exclusive); `start` must not lie above that of the call before."""
        if start < self._top:
            raise ValueError(f"rows from {start} on, behind those from {self._top} on: rows come from top to bottom")
        bottom = self._top + len(self._kept)
        if start > self._top or stop > bottom:
            first = max(start, bottom)
            made = [self._make(at, min(at + _BAND, stop)) for at in range(first, stop, _BAND)]
            kept = [self._kept[start - self._top :]] if start < bottom else []
            self._kept, self._top = np.concatenate(kept + made), start
        return self._kept[: stop - start]


class Rows:
    """One pass over the rows of a picture. Use it in a `with` statement.

    Args: see `Stream`.
    """

    def __init__(self, path: Path, kind: FormatName, structure: Structure, page: Pixels, mirrored: bool) -> None:
        self._path, self._kind, self._structure, self._mirrored = path, kind, structure, mirrored
        self._shape, self._dtype = page.shape, page.dtype
        self._rolling = Rolling(self._decoded)
        with complaints(path):
            self._file = opened(path)
        # As `read` does: a JPEG strictly first, and leniently from where libjpeg warns of something harmless.
        self._region = self._opened("warning" if kind == "jpeg" else "error")

    def __enter__(self) -> "Rows":
        return self

    def __exit__(self, *_: object) -> None:
        self._region = None
        self._file.close()

    def __call__(self, start: int, stop: int) -> Pixels:
        """Rows `start` to `stop` (exclusive), (stop - start, W, C).

        `start` must not lie above that of the call before: rows come from top to bottom.

        Raises:
            PictureError: The file is damaged there, or gone.
        """
        with complaints(self._path):
            return self._rolling(start, stop)

    def _opened(self, fail_on: str) -> Any:
        with complaints(self._path):
            try:
                image = in_samples(headers(self._file, self._kind, self._structure, fail_on)[0])
                if (image.height, image.width, image.bands) != self._shape:
                    raise PictureError("the file has changed while it was read; start again")
                return pyvips.Region.new(image)
            except pyvips.Error as error:
                raise PictureError(undecodable(self._kind, error)) from error

    def _decoded(self, start: int, stop: int) -> Pixels:
        try:
            data = self._fetched(start, stop)
        except pyvips.Error as error:
            raise PictureError(undecodable(self._kind, error)) from error
        rows = np.frombuffer(data, self._dtype).reshape(stop - start, *self._shape[1:])
        return rows[:, ::-1] if self._mirrored else rows

    def _fetched(self, start: int, stop: int) -> Any:
        place = 0, start, self._shape[1], stop - start
        pyvips.vips_lib.vips_error_clear()
        try:
            return self._region.fetch(*place)
        except pyvips.Error as error:
            if self._kind != "jpeg" or any(damage in str(error) for damage in JPEG_DAMAGE):
                raise
        self._region = self._opened("error")
        return self._region.fetch(*place)
