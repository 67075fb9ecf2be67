"""File -> Picture. libvips decodes everything but BMP, which Pillow does."""

import logging
import os
import re
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, BinaryIO

import numpy as np
import pyvips

from elansr.errors import PictureError, TooManyPixelsError
from elansr.images import exif
from elansr.images.containers import Structure, inspect
from elansr.images.formats import FormatName, sniff
from elansr.images.picture import Picture, Pixels
from elansr.text import shown

DEFAULT_MAX_PIXELS = 2**28
"""268 million: larger than any camera makes, small enough that the pixels fit into memory."""
DEFAULT_MAX_STREAMED = 2**32
"""4.3 billion, of a picture that is read in rows: 65,536 x 65,536. The disk is what it takes."""

pyvips.cache_set_max(0)  # every array is used once
logging.getLogger("pyvips").setLevel(logging.ERROR)  # what its warnings are about is checked here

_LOADERS = {"jpeg": "jpegload", "png": "pngload", "webp": "webpload", "tiff": "tiffload", "gif": "gifload"}
_LOADERS["avif"] = "heifload"
_ANIMATED = ("gif", "webp")
_CONVERTED = ("cmyk", "lab", "labs", "labq")
JPEG_DAMAGE = ("premature end", "bad Huffman")  # other warnings of libjpeg are about stray bytes, and harmless


def read(path: str | os.PathLike[str], *, max_pixels: int = DEFAULT_MAX_PIXELS) -> Picture:
    """Reads a picture: upright, with grey as one channel, palettes as RGB and CMYK as sRGB.

    RGB pixels are not converted: they mean what the colour profile in `icc` says. The content decides the format,
    not the suffix. Of a TIFF, thumbnails and smaller copies are left out.

    Args:
        path: The file.
        max_pixels: The most pixels, over all pages, that are decoded; a file that announces more is refused before.

    Raises:
        PictureError: The file is missing, unreadable, truncated, damaged, too large or of an unknown format.
    """
    with complaints(path), opened(path) as stream:
        head = stream.read(64)
        if not head:
            raise PictureError("the file is empty (0 bytes); copy or download it again")
        kind = sniff(head)
        if kind == "bmp":
            return _read_bmp(stream, max_pixels)
        return _read_vips(stream, kind, inspect(kind, stream), max_pixels)


@contextmanager
def complaints(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turns every failure to read into one line that starts with the path."""
    try:
        yield
    except FileNotFoundError as error:
        raise PictureError(f"{shown(path)}: no such file; check the name and the folder") from error
    except PermissionError as error:
        raise PictureError(f"{shown(path)}: no permission to read it; change its mode or owner") from error
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise PictureError(f"{shown(path)}: cannot be read ({why}); check the path and the disk") from error
    except TooManyPixelsError as error:
        raise TooManyPixelsError(f"{shown(path)}: {error.found}", error.limit) from error
    except PictureError as error:
        raise PictureError(f"{shown(path)}: {error}") from error


def opened(path: str | os.PathLike[str]) -> BinaryIO:
    """Opens a regular file; anything else is refused."""
    mode = os.stat(path).st_mode
    if stat.S_ISDIR(mode):
        raise PictureError("a folder, not a picture; name a file in it")
    if not stat.S_ISREG(mode):
        raise PictureError("not a regular file; save the picture to a file first")
    return open(path, "rb")


def _read_vips(stream: BinaryIO, kind: FormatName, structure: Structure, max_pixels: int) -> Picture:
    try:
        images = headers(stream, kind, structure, "error")
        _check_size([(image.width, image.height) for image in images], max_pixels)
        pages = _decoded(stream, kind, structure)
    except pyvips.Error as error:
        raise PictureError(undecodable(kind, error)) from error
    moves = kind in _ANIMATED and len(pages) > 1
    picture = described(tuple(pages), images[0], stream, kind, structure)
    if not moves:
        return picture
    return replace(picture, durations=tuple(field(images[0], "delay", ())), loops=field(images[0], "loop", 0))


def described(
    pages: tuple[Pixels, ...], image: Any, stream: BinaryIO, kind: FormatName, structure: Structure
) -> Picture:
    """The pages as a picture, with what `image`, libvips' view of the first one, and the file itself say about it."""
    block = exif.from_tiff(stream) if kind == "tiff" else _blob(image, "exif-data")
    xmp = _blob(image, "xmp-data")
    return Picture(
        pages=pages,
        format=kind,
        lossy=structure.lossy,
        quality=structure.quality,
        icc=None if image.interpretation in _CONVERTED else _blob(image, "icc-profile-data"),
        exif=exif.for_pixels(block, pages[0].shape[1], pages[0].shape[0]) if block else None,
        xmp=exif.upright_xmp(xmp) if xmp else None,
        dpi=_dpi(image.xres * 25.4, image.yres * 25.4, block),
    )


def headers(stream: BinaryIO, kind: FormatName, structure: Structure, fail_on: str) -> list[Any]:
    """The pages, or the one long strip of all frames, as libvips images of which only the header is read."""
    options = {"fail_on": fail_on, "access": "sequential"}
    if kind == "tiff":
        return [_header(stream, kind, options | {"page": page}) for page in structure.pages]
    return [_header(stream, kind, options | ({"n": -1} if kind in _ANIMATED else {}))]


def _header(stream: BinaryIO, kind: FormatName, options: dict[str, Any]) -> Any:
    os.lseek(stream.fileno(), 0, os.SEEK_SET)
    pyvips.vips_lib.vips_error_clear()
    source = pyvips.Source.new_from_descriptor(stream.fileno())
    return pyvips.Operation.call(f"{_LOADERS[kind]}_source", source, **options)


def _decoded(stream: BinaryIO, kind: FormatName, structure: Structure) -> list[Pixels]:
    """All pages. A JPEG is decoded strictly first, and again where libjpeg warned of something harmless."""
    if kind == "jpeg":
        try:
            return _pages(headers(stream, kind, structure, "warning")[0], kind)
        except pyvips.Error as error:
            if any(damage in str(error) for damage in JPEG_DAMAGE):
                raise
    images = headers(stream, kind, structure, "error")
    if len({(image.width, image.height, image.bands, image.format) for image in images}) > 1:
        raise PictureError("its pages differ in size or kind; split them into files of their own first (tiffsplit)")
    return [page for image in images for page in _pages(image, kind)]


def _pages(image: Any, kind: FormatName) -> list[Pixels]:
    """Decodes one page of a TIFF, all frames of an animation or a still."""
    pixels = _samples(image, kind)
    height = field(image, "page-height", image.height) if kind in _ANIMATED else image.height
    orientation = field(image, "orientation", 1)
    if kind in _ANIMATED and (kind == "gif" or height < image.height):
        pixels = _without_idle_alpha(pixels)
    return [upright(pixels[top : top + height], orientation) for top in range(0, image.height, height)]


def _samples(image: Any, kind: FormatName) -> Pixels:
    """Decodes to samples of full range, as stored: not turned, an animation as one long strip."""
    bits = field(image, "bits-per-sample", 8)
    image = in_samples(image)
    pixels: Pixels = image.numpy().reshape(image.height, image.width, image.bands)
    if kind == "avif" and bits in (10, 12):
        return _full_range(pixels, bits)
    return pixels


def _without_idle_alpha(pixels: Pixels) -> Pixels:
    """Drops the alpha that libvips gives to opaque GIFs and opaque animated WebPs."""
    return pixels[..., :-1] if pixels.shape[2] in (2, 4) and pixels[..., -1].min() == 255 else pixels


def in_samples(image: Any) -> Any:
    """The image as grey or RGB, with or without alpha, in 8 or 16 bits; nothing is decoded yet.

    Raises:
        PictureError: It has other samples, or more channels.
    """
    image = _as_rgb(image)
    if image.format not in ("uchar", "ushort"):
        raise PictureError(
            f"samples of type {image.format}; 8 and 16 bits unsigned are read: convert it to a 16-bit TIFF first"
        )
    if image.bands > 4:
        raise PictureError(f"{image.bands} channels, where RGB and alpha are 4; flatten or split it first")
    return image


def _as_rgb(image: Any) -> Any:
    """Takes CMYK (by its profile, else by libvips' own) and Lab to sRGB, and leaves everything else alone."""
    deep = image.format == "ushort" or image.interpretation in ("lab", "labs")
    if image.interpretation == "cmyk":
        options = {"intent": "relative", "black_point_compensation": True, "depth": 16 if deep else 8}
        return image.icc_transform("srgb", embedded=True, input_profile="cmyk", **options)
    if image.interpretation in _CONVERTED:
        return image.colourspace("rgb16" if deep else "srgb")
    return image


def _full_range(pixels: Pixels, bits: int) -> Pixels:
    """Scales samples that libvips left at the top of 16 bits, so that the largest becomes 65535."""
    largest = 2**bits - 1
    table = ((np.arange(largest + 1) * 65535 + largest // 2) // largest).astype(np.uint16)
    return table[pixels >> (16 - bits)]


def upright(pixels: Pixels, orientation: int) -> Pixels:
    """Turns and mirrors stored pixels to the way EXIF says they are seen.

    Args:
        pixels: (H, W, C).
        orientation: 1-8 as in EXIF; anything else counts as 1.

    Returns:
        The same dtype, (H, W, C), or (W, H, C) for orientations 5-8; contiguous.
    """
    if orientation in (5, 6, 7, 8):
        pixels = pixels.transpose(1, 0, 2)
    rows = -1 if orientation in (3, 4, 7, 8) else 1
    columns = -1 if orientation in (2, 3, 6, 7) else 1
    return np.ascontiguousarray(pixels[::rows, ::columns])


def _read_bmp(stream: BinaryIO, max_pixels: int) -> Picture:
    from PIL.BmpImagePlugin import BmpImageFile  # a third of the time that this module would take to import

    stream.seek(0)
    try:
        image = BmpImageFile(stream)
        _check_size([image.size], max_pixels)
        shown = image if image.mode in ("L", "RGB", "RGBA") else image.convert("L" if image.mode == "1" else "RGB")
        pixels = np.array(shown)
    except (OSError, SyntaxError, ValueError, EOFError, struct.error) as error:
        raise PictureError(undecodable("bmp", error)) from error
    horizontal, vertical = image.info.get("dpi", (0.0, 0.0))
    return Picture((pixels.reshape(*pixels.shape[:2], -1),), "bmp", dpi=_dpi(horizontal, vertical, None))


def _check_size(sizes: list[tuple[int, int]], max_pixels: int) -> None:
    """Refuses more pixels than the limit; `sizes` holds width and height of every page."""
    pixels = sum(width * height for width, height in sizes)
    if pixels > max_pixels:
        size = f"{sizes[0][0]} x {sizes[0][1]}" + (f" x {len(sizes)} pages" if len(sizes) > 1 else "")
        raise TooManyPixelsError(f"{size} = {pixels:,}", max_pixels)


def undecodable(kind: str, error: Exception) -> str:
    """What a decoder's error means to the user, without the file's name."""
    return f"truncated, damaged or an unusual {kind.upper()} ({reason(error)}); download it again or convert it to PNG"


def reason(error: Exception) -> str:
    """The first telling line of a long report by libvips, without the name of the function that says it."""
    text = error.detail if isinstance(error, pyvips.Error) else str(error)
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.endswith("load error")]
    return re.sub(r"^\w+: ", "", lines[0]) if lines else "no reason given"


def field(image: Any, name: str, default: Any) -> Any:
    """What libvips found out about an image, or the default where it found nothing."""
    return image.get(name) if image.get_typeof(name) else default


def _blob(image: Any, name: str) -> bytes | None:
    return bytes(field(image, name, b"")) or None


def _dpi(horizontal: float, vertical: float, block: bytes | None) -> tuple[float, float]:
    """The resolution that libvips found, or that only EXIF tells; 72 where nobody does.

    libvips says 1 dot per millimetre where a file says nothing, and looks into EXIF for JPEG and PNG only. Whole
    numbers come back as such although PNG and BMP store dots per metre.
    """
    if horizontal in (0.0, 25.4):
        horizontal, vertical = (exif.resolution(block) if block else None) or (72.0, 72.0)
    near = [round(value) if abs(value - round(value)) < 0.05 else round(value, 2) for value in (horizontal, vertical)]
    return float(near[0]), float(near[1])
