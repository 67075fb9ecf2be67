"""EXIF blocks: kept with the picture, made true for its new pixels, moved into and out of TIFF files.

libvips stores EXIF in JPEG, PNG, WebP and AVIF; it neither reads nor writes it in TIFF, so that is done here.
Everywhere an EXIF block is bytes that start with `Exif`, two zeros and a TIFF header.
"""

import io
import re
from typing import BinaryIO

from elansr.images.tags import (
    EXIF_POINTER,
    EXIF_POINTERS,
    GPS_POINTER,
    ORIENTATION,
    Directory,
    Field,
    TagError,
    TagFile,
    encode,
)

_PREFIX = b"Exif\0\0"
_HEADER = b"II*\0\x08\0\0\0"
_X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT = 0x011A, 0x011B, 0x0128
_WIDTH, _HEIGHT, _PIXEL_WIDTH, _PIXEL_HEIGHT = 0x0100, 0x0101, 0xA002, 0xA003

# The tags of a TIFF file's own directory that describe the picture and not how its samples are stored:
# name, description, make, model, software, date, artist, host, ratings, copyright, the Windows fields, PrintIM.
_DESCRIPTIVE = {0x010D, 0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x013C, 0x4746, 0x4749, 0x8298}
_DESCRIPTIVE |= {0x9C9B, 0x9C9C, 0x9C9D, 0x9C9E, 0x9C9F, 0xC4A5, EXIF_POINTER, GPS_POINTER}


def for_pixels(exif: bytes, width: int, height: int) -> bytes | None:
    """Returns the block as it is true for upright pixels.

    Orientation and size tags, where it has them, say 1, `width` and `height`; the thumbnail, which shows other pixels,
    is left out. None for a block that is empty, or too damaged to read: nothing of it could be trusted.
    """
    directory = _parse(exif)
    if not directory:
        return None
    _correct(directory, {ORIENTATION: 1, _WIDTH: width, _HEIGHT: height})
    photo = directory.get(EXIF_POINTER)
    if isinstance(photo, dict):
        _correct(photo, {_PIXEL_WIDTH: width, _PIXEL_HEIGHT: height})
    return _block(directory)


def _correct(directory: Directory, numbers: dict[int, int]) -> None:
    """Sets the tags that the directory has; orientation must be 16 bits wide, a size may be 32."""
    for tag, number in numbers.items():
        if tag in directory:
            directory[tag] = Field.short(number) if tag == ORIENTATION else Field.long(number)


def resolution(exif: bytes) -> tuple[float, float] | None:
    """Returns the dots per inch, horizontal and vertical, that a block tells; None if it does not."""
    directory = _parse(exif) or {}
    found = [directory.get(tag) for tag in (_X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT)]
    x, y, unit = (field.numbers() if isinstance(field, Field) else () for field in found)
    if len(x) != 2 or len(y) != 2 or 0 in (*x, *y):
        return None
    per_inch = 2.54 if unit == (3,) else 1.0
    return x[0] / x[1] * per_inch, y[0] / y[1] * per_inch


def upright_xmp(xmp: bytes) -> bytes:
    """Returns the XMP packet with `tiff:Orientation`, as attribute or element, set to 1."""
    return re.sub(rb"""(tiff:Orientation\s*(?:=\s*["']|>)\s*)[2-8]""", rb"\g<1>1", xmp)


def from_tiff(stream: BinaryIO) -> bytes | None:
    """Returns what a TIFF file's first page tells about the picture, as an EXIF block; None if it tells nothing."""
    file = TagFile(stream)
    directory, _ = file.directory(file.first(), EXIF_POINTERS)
    told = {tag: field for tag, field in directory.items() if tag in _DESCRIPTIVE}
    return _block(told) if told else None


def into_tiff(stream: BinaryIO, exif: bytes) -> None:
    """Adds an EXIF block to the first page of a TIFF file.

    Args:
        stream: The file, open for reading and writing. Its first directory is written anew at the end of the file,
            with the fields of the block that it does not hold yet.
        exif: The block, as `for_pixels` returns it.
    """
    file = TagFile(stream)
    directory, after = file.directory(file.first())
    told = {tag: field for tag, field in (_parse(exif) or {}).items() if tag in _DESCRIPTIVE}
    end = stream.seek(0, io.SEEK_END)
    end += stream.write(b"\0" * (end % 2))
    stream.write(encode(told | directory, end, file.layout, after))
    stream.seek(file.first_at)
    stream.write(file.layout.offset.pack(end))


def _parse(exif: bytes) -> Directory | None:
    """The first directory with its children; the second one, the thumbnail's, is not followed."""
    try:
        file = TagFile(io.BytesIO(exif.removeprefix(_PREFIX)))
        return file.directory(file.first(), EXIF_POINTERS)[0]
    except TagError:
        return None


def _block(directory: Directory) -> bytes:
    return _PREFIX + _HEADER + encode(directory, len(_HEADER))
