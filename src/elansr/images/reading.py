"""Reads pictures from files or bytes, whole or a few rows at a time.

read           the picture, as `Picture`
open_picture   what its header says, before anything is decoded; from there on whole or in rows
"""

import io
import logging
import math
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, BinaryIO, TypeAlias

import numpy as np
import pyvips

from elansr.arguments import require_path, require_whole
from elansr.errors import PictureError, TooManyPixelsError
from elansr.images import metadata
from elansr.images.bmp import decode_bmp
from elansr.images.colour.colour_tags import ColourTags
from elansr.images.colour.icc import ADOBE_RGB
from elansr.images.colour.lab import called_rgb
from elansr.images.decoding import (
    ANIMATED,
    CONVERTED,
    STRICTNESS,
    blank_pages,
    decode_pages,
    field,
    headers,
    in_samples,
    is_harmless,
    silent_damage,
    strictly,
    undecodable,
)
from elansr.images.formats import FORMATS, FormatName, sniff
from elansr.images.incomplete import completed, without_end
from elansr.images.metadata import Metadata
from elansr.images.metadata.exif import is_adobe_rgb
from elansr.images.metadata.geometry import Change
from elansr.images.picture import Picture, Pixels, RollingRows
from elansr.images.structure import Structure, inspect
from elansr.text import reason, shown

DEFAULT_MAX_PIXELS = 2**28
"""268 million: larger than any camera makes, small enough that the pixels fit into memory."""
DEFAULT_MAX_STREAMED = 2**32
"""4.3 billion, 65,536 x 65,536, of a picture that is read in rows and takes disk space, not memory."""

pyvips.cache_set_max(0)  # every array is used once
logging.getLogger("pyvips").setLevel(logging.ERROR)  # what its warnings are about is checked here


PathOrBytes: TypeAlias = str | os.PathLike[str] | bytes
"""The path of a picture file, or its contents."""


def read(source: PathOrBytes, *, name: str | None = None, max_pixels: int = DEFAULT_MAX_PIXELS) -> Picture:
    """Reads a picture: upright, with grey as one channel, palettes as RGB and CMYK as sRGB.

    RGB pixels are not converted: they mean what the colour profile in `icc` says. The content decides the format,
    not the suffix. Of a TIFF, thumbnails and smaller copies are left out.

    Args:
        source: The path of its file, or the bytes of one.
        name: What errors call it; the path if None.
        max_pixels: The most pixels, over all pages, that are decoded; a file whose header announces more is refused.

    Raises:
        PictureError: The file is missing, unreadable, truncated, damaged, too large or of an unknown format.
    """
    return open_picture(source, name=name).read(max_pixels=max_pixels)


def set_threads(threads: int) -> None:
    """Has libvips use so many CPU threads, wherever it decodes and encodes."""
    pyvips.vips_lib.vips_concurrency_set(threads)


def open_picture(source: PathOrBytes, *, name: str | None = None) -> "PictureFile":
    """Reads the header of a picture.

    Args:
        source, name: As in `read`.

    Raises:
        PictureError: As `read` does, except for damage behind the header.
    """
    name = name or ("the picture" if isinstance(source, bytes) else shown(require_path("source", source)))
    with _complaints(name), _opened(source) as stream:
        head = stream.read(64)
        if not head:
            raise PictureError("the file is empty (0 bytes); copy or download it again")
        kind = sniff(head)
        structure = inspect(kind, stream)
        if kind == "bmp":
            pixels, (horizontal, vertical) = decode_bmp(stream, decode=False)
            dpi = _rounded(horizontal, vertical)
            picture = Picture((pixels,), kind, icc=structure.icc, dpi=dpi if dpi and _is_possible(dpi) else None)
            return PictureFile(name, picture, _held(kind), source, structure, _mirrored=False)
        try:
            if kind == "jpeg" and (data := without_end(stream)):
                source, note = completed(data, strictly)
                structure = structure._replace(is_cut=True, notes=(*structure.notes, note))
                stream = io.BytesIO(source)
            if structure.lab8:
                stream.seek(0)
                source = called_rgb(stream.read())
                stream = io.BytesIO(source)
            images = headers(stream, kind, structure, STRICTNESS.get(kind, "error"))
            pages = [page for image in images for page in blank_pages(image, kind)]
        except pyvips.Error as error:
            raise PictureError(undecodable(kind, error)) from error
        if len({(page.shape, page.dtype) for page in pages}) > 1:
            raise PictureError("its pages differ in size or type; split them into separate files first (tiffsplit)")
        picture = _described(pages, images[0], stream, kind, structure)
        orientation = field(images[0], "orientation", 1)
        obstacle = _obstacle(picture, images[0], orientation)
        return PictureFile(name, picture, obstacle, source, structure, _mirrored=orientation == 2)


@dataclass(frozen=True, eq=False)
class PictureFile:
    """A picture of which only the header has been read.

    Attributes:
        name: What errors call it.
        picture: What the file says about it. Its pages have the size, channels and dtype that the pixels will have,
            though an animation may turn out to have no alpha; they take no memory and show nothing.
        obstacle: Why its rows cannot be read from top to bottom; "" if they can.
    """

    name: str
    picture: Picture
    obstacle: str
    _source: PathOrBytes
    _structure: Structure
    _mirrored: bool

    def read(self, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> Picture:
        """Decodes the whole picture; see `read`."""
        kind = self.picture.format
        require_whole("max_pixels", max_pixels, least=1)
        with _complaints(self.name):
            _check_size(self.picture, max_pixels)
            with _opened(self._source) as stream:
                if kind == "bmp":
                    return self.picture.with_pages([decode_bmp(stream, decode=True)[0]])
                try:
                    return self.picture.with_pages(decode_pages(stream, kind, self._structure))
                except pyvips.Error as error:
                    raise PictureError(undecodable(kind, error)) from error

    def rows(self) -> "FileRows":
        """Starts a pass over the rows of a picture without an obstacle."""
        return FileRows(self.name, self.picture, self._source, self._structure, self._mirrored)


class FileRows:
    """One pass over the rows of a picture. Use it in a `with` statement.

    Args: see `PictureFile`.
    """

    def __init__(self, name: str, picture: Picture, source: PathOrBytes, structure: Structure, mirrored: bool) -> None:
        self._name, self._kind, self._structure, self._mirrored = name, picture.format, structure, mirrored
        self._shape, self._dtype = picture.pixels.shape, picture.pixels.dtype
        self._rolling = RollingRows(self._decoded)
        with _complaints(name):
            self._stream = _opened(source)
        # As `read` does: a JPEG strictly first, and leniently from where libjpeg warns of something harmless.
        strict = self._kind == "jpeg" and not structure.is_cut
        self._region = self._opened("warning" if strict else STRICTNESS.get(self._kind, "error"))

    def __enter__(self) -> "FileRows":
        return self

    def __exit__(self, *_: object) -> None:
        self._region = None
        self._stream.close()

    def __call__(self, start: int, stop: int) -> Pixels:
        """Rows `start` to `stop` (exclusive), (stop - start, W, C).

        `start` must not lie above that of the call before: rows come from top to bottom.

        Raises:
            PictureError: The file is damaged there, or gone.
        """
        with _complaints(self._name):
            return self._rolling(start, stop)

    def _opened(self, fail_on: str) -> Any:
        with _complaints(self._name):
            try:
                image = in_samples(headers(self._stream, self._kind, self._structure, fail_on)[0])
                if (image.height, image.width, image.bands) != self._shape:
                    raise PictureError("the file changed while it was read; try again")
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
        try:
            with silent_damage(self._kind):
                return self._region.fetch(*place)
        except pyvips.Error as error:
            if not is_harmless(self._kind, error):
                raise
        self._region = self._opened("error")
        with silent_damage(self._kind):
            return self._region.fetch(*place)


def _obstacle(picture: Picture, image: Any, orientation: int) -> str:
    if not FORMATS[picture.format].rows:
        return _held(picture.format)
    if len(picture.pages) > 1:
        return f"it has {len(picture.pages)} pages"
    if orientation in range(3, 9):
        return f"EXIF rotates it (orientation {orientation}), so its last rows may be needed first"
    if field(image, "jpeg-multiscan", 0):
        return "it is a progressive JPEG"
    return "it is interlaced" if field(image, "interlaced", 0) else ""


def _held(kind: FormatName) -> str:
    return f"{kind.upper()} is decoded in memory"


@contextmanager
def _complaints(name: str) -> Iterator[None]:
    """Turns every failure to read into one line that starts with the name."""
    try:
        yield
    except FileNotFoundError as error:
        raise PictureError(f"{name}: no such file; check the name") from error
    except PermissionError as error:
        raise PictureError(f"{name}: no permission to read it; check its permissions") from error
    except (OSError, ValueError) as error:
        raise PictureError(f"{name}: cannot be read ({reason(error)}); check the path and the disk") from error
    except TooManyPixelsError as error:
        raise TooManyPixelsError(f"{name}: {error.found}", error.limit) from error
    except PictureError as error:
        raise PictureError(f"{name}: {error}") from error


def _opened(source: PathOrBytes) -> BinaryIO:
    """Opens bytes or a regular file; anything else is refused."""
    if isinstance(source, bytes):
        return io.BytesIO(source)
    mode = os.stat(source).st_mode
    if stat.S_ISDIR(mode):
        raise PictureError("a folder, not a picture; choose a file")
    if not stat.S_ISREG(mode):
        raise PictureError("not a regular file; save the picture to a file first")
    return open(source, "rb")


def _described(pages: list[Pixels], image: Any, stream: BinaryIO, kind: FormatName, structure: Structure) -> Picture:
    """The pages as a picture, with what `image`, libvips' view of the first one, and the file itself say about it."""
    converted = image.interpretation in CONVERTED or structure.lab8 is not None
    model = "CMYK" if image.interpretation == "cmyk" else "Lab"
    icc, colour = None if converted else structure.icc or _blob(image, "icc-profile-data"), structure.colour
    if converted or (kind in ("avif", "heic") and icc and not colour.is_hdr):
        colour = ColourTags()  # `nclx` beside a profile only says how the samples are stored
    blobs = {name: _blob(image, name) for name in ("exif-data", "xmp-data")}
    found = metadata.read(kind, stream, structure.pages, blobs)
    if icc is None and not (converted or colour.counts) and is_adobe_rgb(found.exif):
        icc = ADOBE_RGB.profile(image.bands)
    change = _turn(pages[0], field(image, "orientation", 1), structure.turned, found.exif)
    dpi, notes = _dpi(image, kind, found), list(structure.notes)
    if dpi and change.swaps:
        dpi = dpi[::-1]
    if dpi and not _is_possible(dpi):
        notes.append(f"resolution of {max(dpi):g} dots per inch dropped")
        dpi = None
    if converted:
        notes.append(f"{model} converted to sRGB")
    found = metadata.adapted(found, change)
    picture = Picture(
        pages=tuple(pages),
        format=kind,
        lossy=structure.lossy,
        quality=structure.quality,
        icc=icc,
        colour=colour,
        exif=found.exif,
        xmp=found.xmp,
        iptc=found.iptc,
        comments=found.comments,
        texts=found.texts,
        page_tags=found.page_tags,
        dpi=dpi,
        notes=(*notes, *found.notes),
    )
    if kind not in ANIMATED or len(pages) == 1:
        return picture
    return replace(picture, durations=tuple(field(image, "delay", ())), loops=field(image, "loop", 0))


def _turn(page: Pixels, orientation: int, turned: int, exif: bytes | None) -> Change:
    """What happened to the pixels since the metadata was written.

    Args:
        page: The upright pixels.
        orientation: How they are turned here.
        turned: How the decoder turned them; the metadata is of before if its EXIF says the same, as phones write it.
        exif: The block of the file.
    """
    if exif and turned != 1 and turned == metadata.orientation(exif):
        orientation = turned
    height, width = page.shape[:2]
    return Change((height, width) if orientation in (5, 6, 7, 8) else (width, height), (width, height), orientation)


def _check_size(picture: Picture, max_pixels: int) -> None:
    """Refuses more pixels, of all pages, than the limit."""
    height, width, _ = picture.pages[0].shape
    count = len(picture.pages)
    if height * width * count > max_pixels:
        size = f"{width} x {height}" + (f" x {count} pages" if count > 1 else "")
        raise TooManyPixelsError(f"{size} = {height * width * count:,}", max_pixels)


def _blob(image: Any, name: str) -> bytes | None:
    return bytes(field(image, name, b"")) or None


def _dpi(image: Any, kind: FormatName, found: Metadata) -> tuple[float, float] | None:
    """The resolution that the file itself, or only EXIF, says; None where neither does, or without a unit."""
    said = found.resolution or (kind == "tiff" and field(image, "resolution-unit", ""))
    horizontal, vertical = (image.xres * 25.4, image.yres * 25.4) if said else (0.0, 0.0)
    if not said and found.exif and (resolution := metadata.resolution(found.exif)):
        horizontal, vertical = resolution
    return _rounded(horizontal, vertical)


def _is_possible(dpi: tuple[float, float]) -> bool:
    """Whether libvips can write it; a dot would be smaller than a nanometre."""
    return max(dpi) <= 25_400_000


def _rounded(horizontal: float, vertical: float) -> tuple[float, float] | None:
    """A resolution in whole numbers where it comes near, as PNG and BMP store dots per metre; None for nothing."""
    if not (0 < horizontal < math.inf and 0 < vertical < math.inf):
        return None
    near = [round(value) if abs(value - round(value)) < 0.05 else round(value, 2) for value in (horizontal, vertical)]
    return float(near[0]), float(near[1])
