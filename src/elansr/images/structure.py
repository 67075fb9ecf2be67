"""The structure of a picture file, which libvips does not report: its pages, whether it is complete, how lossy it is.

The errors raised here do not name the file; `reading` adds its name.
"""

import io
from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple

from elansr.errors import PictureError
from elansr.images.colour.cicp import SRGB, is_known
from elansr.images.colour.colour_tags import ColourTags, at_places, from_chunks
from elansr.images.colour.lab import is_lab8
from elansr.images.formats import FormatName
from elansr.images.heic import Heic
from elansr.images.jpeg_tables import Table, quality_of, tables_in
from elansr.images.metadata.boxes import Boxes, read_boxes
from elansr.images.metadata.png_texts import orientation
from elansr.images.png_chunks import headers
from elansr.images.tags import Directory, Field, TagError, TagFile

_RAW = "elansr cannot read a camera raw file; develop it to a 16-bit TIFF first"
_NO_END = "the end of the file is missing"
_CUT = "truncated; copy or download it again"


class Structure(NamedTuple):
    """What the structure of a file says.

    Attributes:
        lossy: Whether the pixels were compressed with loss.
        pages: Which pages of the file are pictures.
        quality: Of a JPEG, 1 to 100 as libjpeg counts it, see `jpeg_tables.quality_of`; None if unknown.
        colour: What it says of its colours other than by a profile.
        premultiplied: Whether its colours are multiplied by its alpha.
        is_cut: Whether its end is missing, so that decoding must not be strict about it.
        lab8: The photometric interpretation of a TIFF of Lab in 8 bits, see `lab`.
        icc: The profile of a GIF or BMP.
        notes: What is in the file and not read, as in `Picture.notes`.
        orientation: How the pixels are to be turned, where libvips does not find it: in the texts of a PNG; else 1.
        turned: How the decoder turns the pixels of an AVIF or HEIC, as EXIF counts.
    """

    lossy: bool
    pages: tuple[int, ...] = (0,)
    quality: int | None = None
    colour: ColourTags = ColourTags()
    premultiplied: bool = False
    is_cut: bool = False
    lab8: int | None = None
    icc: bytes | None = None
    notes: tuple[str, ...] = ()
    orientation: int = 1
    turned: int = 1


def inspect(kind: FormatName, stream: BinaryIO) -> Structure:
    """Goes through the structure of a picture file without decoding it.

    Args:
        kind: Its format.
        stream: The file, open for reading; its position is moved.

    Raises:
        PictureError: The end is missing, or it is a variant that would lose frames or show a thumbnail.
    """
    walk = _WALKS.get(kind)
    return walk(stream) if walk else Structure(lossy=False)


def _jpeg(stream: BinaryIO) -> Structure:
    """Goes from marker to marker up to the first scan, to find the quantisation table of the first component.

    Errors in the file are left to libjpeg.
    """
    tables: dict[int, Table] = {}
    luma, at = b"", 2
    for _ in range(_MOST_MARKERS):
        head = _at(stream, at, 4)
        if len(head) < 4 or head[0] != 0xFF or head[1] in _NO_MORE_HEADERS:
            break
        size = int.from_bytes(head[2:], "big")
        if head[1] == _TABLES:
            tables |= tables_in(stream.read(max(0, size - 2)))
        elif head[1] in _FRAMES:
            luma = stream.read(9)[8:]
        at += 1 if head[1] == 0xFF else 2 if head[1] in _ALONE else 2 + size
    steps = tables.get(luma[0]) if luma else None
    return Structure(lossy=True, quality=None if steps is None else quality_of(steps))


_MOST_MARKERS = 4096  # a profile or EXIF of the largest size takes 255; a file of nothing but 0xFF must not take hours
_TABLES = 0xDB
_NO_MORE_HEADERS = (0xDA, 0xD9)  # the first scan; the end
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_ALONE = {0x01, *range(0xD0, 0xD9)}


def _png(stream: BinaryIO) -> Structure:
    """Goes from chunk to chunk up to IEND; libpng does not notice if it is missing, but does if pixels are."""
    found: dict[bytes, bytes] = {}
    pixels, end = False, False
    for kind, at, size in headers(stream):
        if kind == b"acTL" and int.from_bytes(_at(stream, at, 4), "big") > 1:
            raise PictureError("elansr cannot read an animated PNG; convert it to animated WebP or GIF first")
        if kind in _PNG_COLOUR and size <= _LONGEST_COLOUR:
            found.setdefault(kind, _at(stream, at, size))
        pixels |= kind == b"IDAT"
        if end := kind == b"IEND":
            break
    if not pixels:
        raise PictureError(_CUT)
    colour, notes = from_chunks(found)
    notes = (*notes, *_behind(stream, at + size + 4)) if end else (*notes, _NO_END)
    return Structure(lossy=False, colour=colour, notes=notes, orientation=orientation(stream))


_PNG_COLOUR, _LONGEST_COLOUR = (b"cICP", b"sRGB", b"gAMA", b"cHRM"), 32


def _avif(stream: BinaryIO) -> Structure:
    """Reads the boxes of the primary item."""
    boxes = read_boxes(stream)
    structure = Structure(not boxes.lossless, colour=_colour(boxes), premultiplied=boxes.premultiplied)
    return structure._replace(notes=boxes.notes, turned=boxes.orientation)


def _colour(boxes: Boxes) -> ColourTags:
    """What `nclx` says; that of sRGB, which encoders add unasked, counts as nothing."""
    told = boxes.cicp is not None and boxes.cicp != SRGB and is_known(boxes.cicp)
    return ColourTags(cicp=boxes.cicp if told else None)


def _webp(stream: BinaryIO) -> Structure:
    """Looks for the bit streams of the picture or of its frames: all `VP8L` is lossless, one `VP8 ` is not."""
    at, end, found = 12, stream.seek(0, 2), set[bytes]()
    while at + 8 <= end:
        head = _at(stream, at, 8)
        size = int.from_bytes(head[4:], "little")
        if head[:4] in (b"VP8 ", b"VP8L"):
            found.add(head[:4])
        if head[:4] == b"VP8 ":
            break
        at += 24 if head[:4] == b"ANMF" else 8 + size + size % 2
    if not found:
        raise PictureError(_CUT)
    return Structure(lossy=b"VP8 " in found)


def _gif(stream: BinaryIO) -> Structure:
    """Goes from block to block up to the trailer: libvips takes a cut animation for a shorter one."""
    stream.seek(0)
    data, images, icc = stream.read(), 0, b""
    try:
        at = 13 + _color_table(data[10])
        while at != len(data) and data[at] != 0x3B:
            images += data[at] == 0x2C
            if data[at] == 0x2C:
                at = _after_blocks(data, at + 11 + _color_table(data[at + 9]))
            elif data[at] == 0x21:
                start, at = at, _after_blocks(data, at + 2)
                if data[start : start + 14] == _ICC_BLOCK:
                    icc = _joined(data[start + 14 : at])
            else:
                raise PictureError("damaged: unknown bytes between the frames of the GIF; copy or download it again")
    except IndexError as error:
        raise PictureError(_CUT) from error
    if not images:
        raise PictureError(_CUT)
    notes = tuple(_behind(stream, at + 1)) if at < len(data) else (_NO_END,)
    return Structure(lossy=False, icc=icc or None, notes=notes)


_ICC_BLOCK = b"\x21\xff\x0bICCRGBG1012"


def _joined(blocks: bytes) -> bytes:
    """The data of a chain of GIF data blocks."""
    found, at = b"", 0
    while blocks[at]:
        found += blocks[at + 1 : at + 1 + blocks[at]]
        at += blocks[at] + 1
    return found


def _bmp(stream: BinaryIO) -> Structure:
    """Looks for the profile that a header of version 5 may lead to."""
    head, icc = _at(stream, 14, 124), b""
    if len(head) == 124 and head[:4] == (124).to_bytes(4, "little") and head[56:60] == b"DEBM":
        at, size = (int.from_bytes(head[place : place + 4], "little") for place in (112, 116))
        icc = _at(stream, 14 + at, min(size, _LONGEST_PROFILE))
    return Structure(lossy=False, icc=icc or None)


_LONGEST_PROFILE = 2**24


def _heic(stream: BinaryIO) -> Structure:
    """Asks pillow-heif, which reads nothing but the boxes."""
    boxes = read_boxes(stream)
    notes = tuple(dict.fromkeys([*Heic(stream).notes, *boxes.notes]))
    return Structure(lossy=True, colour=_colour(boxes), notes=notes, turned=boxes.orientation)


def _color_table(flags: int) -> int:
    """The size of the colour table that the flags of a GIF screen or frame announce."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _after_blocks(data: bytes, at: int) -> int:
    """Where a chain of GIF data blocks ends."""
    while data[at]:
        at += data[at] + 1
    return at + 1


def _tiff(stream: BinaryIO) -> Structure:
    """Follows the chain of pages, leaving out thumbnails, smaller copies and masks."""
    if _at(stream, 8, 2) == b"CR":
        raise PictureError(_RAW)
    try:
        directories = _tiff_directories(TagFile(stream))
    except TagError as error:
        raise PictureError(_CUT) from error
    pages = tuple(index for index, page in enumerate(directories) if not _is_secondary(page))
    if not pages or _DNG_VERSION in directories[0]:
        raise PictureError(_RAW)
    lossy = any(_number(directories[page], _COMPRESSION) in _LOSSY for page in pages)
    lab8, first = all(is_lab8(directories[page]) for page in pages), directories[pages[0]]
    places = [value for tag in (_WHITE_POINT, _PRIMARIES) for value in _fractions(first, tag)]
    return Structure(lossy, pages, colour=at_places(places), lab8=_number(first, _PHOTOMETRIC) if lab8 else None)


_NEW_SUBFILE, _SUBFILE, _COMPRESSION, _PHOTOMETRIC, _DNG_VERSION = 254, 255, 259, 262, 50706
_WHITE_POINT, _PRIMARIES, _RATIONAL = 318, 319, 5
_LOSSY = (6, 7, 33003, 33005, 34712, 34892, 50001, 50002)  # JPEG old and new, JPEG 2000, lossy JPEG, WebP, JPEG XL


def _tiff_directories(file: TagFile) -> list[Directory]:
    found: list[Directory] = []
    seen: set[int] = set()
    at = file.first()
    while at and at not in seen:
        seen.add(at)
        directory, at = file.directory(at)
        found.append(directory)
    if at or not found:
        raise PictureError("damaged: the list of pages in the TIFF is broken; copy or download it again")
    return found


def _is_secondary(page: Directory) -> bool:
    return bool(_number(page, _NEW_SUBFILE) & 0b101) or _number(page, _SUBFILE) == 2


def _fractions(directory: Directory, tag: int) -> list[float]:
    field = directory.get(tag)
    numbers = field.numbers() if isinstance(field, Field) and field.kind == _RATIONAL else ()
    return [top / max(bottom, 1) for top, bottom in zip(numbers[::2], numbers[1::2], strict=True)]


def _number(directory: Directory, tag: int) -> int:
    field = directory.get(tag)
    return field.numbers()[0] if isinstance(field, Field) and field.numbers() else 0


def _behind(stream: BinaryIO, at: int) -> Iterator[str]:
    """What is lost with bytes that follow the end of a picture, but for padding."""
    rest = _at(stream, at, _MOST_BEHIND)
    if rest.strip(b"\0\r\n \t"):
        yield f"{stream.seek(0, io.SEEK_END) - at:,} bytes behind the picture dropped"


_MOST_BEHIND = 2**20


def _at(stream: BinaryIO, at: int, size: int) -> bytes:
    stream.seek(at)
    return stream.read(size)


_WALKS: dict[FormatName, Callable[[BinaryIO], Structure]] = {
    "jpeg": _jpeg,
    "png": _png,
    "webp": _webp,
    "gif": _gif,
    "bmp": _bmp,
    "tiff": _tiff,
    "heic": _heic,
    "avif": _avif,
}
