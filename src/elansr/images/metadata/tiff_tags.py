"""The tags of a TIFF's pages that describe the picture: names, places on earth, sizes of pixels, IPTC.

libvips reads and writes none of them. Sources: TIFF 6.0, EXIF 3.0, OGC GeoTIFF 1.1, GDAL.
"""

import io
from collections.abc import Sequence
from typing import BinaryIO

from elansr.images.metadata import exif as exif_blocks
from elansr.images.metadata import iptc, microscopy
from elansr.images.metadata.exif import DESCRIPTION, RESOLUTION_UNIT, X_RESOLUTION, Y_RESOLUTION
from elansr.images.metadata.geometry import Change
from elansr.images.metadata.microscopy import is_calibrated
from elansr.images.tags import (
    EXIF_POINTER,
    EXIF_POINTERS,
    GPS_POINTER,
    Directory,
    Field,
    TagFile,
    encode_directory,
)

# What describes the picture and not how its samples are stored; on the first page it goes into the EXIF block:
# description, make, model, software, date, artist, host, ratings, copyright, the Windows fields, PrintIM.
_DESCRIPTIVE = {DESCRIPTION, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x013C, 0x4746, 0x4749, 0x8298}
_DESCRIPTIVE |= {0x9C9B, 0x9C9C, 0x9C9D, 0x9C9E, 0x9C9F, 0xC4A5, EXIF_POINTER, GPS_POINTER}
_NAMES = {269, 285, 297}  # of the document, of the page, its number
_SCALE, _TIE_POINTS, _TRANSFORMATION, _KEYS, _RPC = 33550, 33922, 34264, 34735, 50844
_GEO = {_SCALE, _TIE_POINTS, _TRANSFORMATION, _KEYS, 34736, 34737, 42112, 42113, _RPC}
_RESOLUTION = {X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT}
NO_RESOLUTION: Directory = {X_RESOLUTION: Field.rational(1, 1), Y_RESOLUTION: Field.rational(1, 1)}
NO_RESOLUTION |= {RESOLUTION_UNIT: Field.short(1)}
"""For a page without a resolution: square pixels; libvips always writes one."""
_PIXEL_IS_POINT, _RASTER_TYPE = 2, 1025
_XMP, _IPTC, _PHOTOSHOP = 700, 33723, 34377

# Private tags that say nothing that is lost: ICC, JPEG tables, XMP, Photoshop's resources, thumbnails' directories.
_QUIET = {34675, _XMP, _PHOTOSHOP, 34665, 34853, 37724, 50341, 50255, 33432, 59932, 59933, 32934, 42112, 42113}
_LOSSES = {
    34412: "LSM data dropped",
    37724: "Photoshop layers dropped",
    50838: "ImageJ overlays and labels dropped",
    50839: "ImageJ overlays and labels dropped",
    34118: "microscope data dropped",
    34680: "microscope data dropped",
    34682: "microscope data dropped",
    33628: "MetaMorph data dropped",
}


def read(stream: BinaryIO, pages: Sequence[int]) -> tuple[bytes | None, tuple[Directory, ...], bytes | None, list[str]]:
    """The tags of some pages.

    Returns:
        The EXIF block of the first one; the other descriptive tags of each, or nothing at all; the IPTC records; what
        is dropped.
    """
    file, found, notes = TagFile(stream), list[Directory](), dict[str, None]()
    at, index, exif, records = file.first(), 0, None, None
    while at and len(found) < len(pages):
        page, at = file.directory(at, EXIF_POINTERS)
        index += 1
        if index - 1 not in pages:
            continue
        kept = {tag: field for tag, field in page.items() if tag in _NAMES | _GEO}
        if _without_unit(page):
            kept |= {tag: field for tag, field in page.items() if tag in _RESOLUTION}
        descriptive = {tag: field for tag, field in page.items() if tag in _DESCRIPTIVE}
        if found:
            kept |= {tag: field for tag, field in descriptive.items() if isinstance(field, Field)}
        else:
            exif = exif_blocks.block(descriptive, file.layout) if descriptive else None
            records = _records(page)
        notes |= dict.fromkeys(_lost(page))
        found.append(kept)
    return exif, tuple(found) if any(found) else (), records, list(notes)


def _without_unit(page: Directory) -> bool:
    """Whether the resolution counts in a unit that TIFF does not name, and is more than one dot each."""
    x, y, unit = (page.get(tag) for tag in (X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT))
    if not (isinstance(x, Field) and isinstance(y, Field) and isinstance(unit, Field)):
        return False
    return unit.numbers() == (1,) and {x.numbers(), y.numbers()} != {(1, 1)}


def _records(page: Directory) -> bytes | None:
    own, resources = page.get(_IPTC), page.get(_PHOTOSHOP)
    found = iptc.cleaned(own.value) if isinstance(own, Field) else None
    return found or (iptc.from_resources(resources.value) if isinstance(resources, Field) else None)


def _lost(page: Directory) -> list[str]:
    found = [_LOSSES[tag] for tag in page if tag in _LOSSES]
    if isinstance(resources := page.get(_PHOTOSHOP), Field):
        found += iptc.lost_with(resources.value)
    known = _QUIET | _GEO | _DESCRIPTIVE | {_IPTC} | set(_LOSSES)
    others = [tag for tag in page if tag >= 32768 and tag not in known]
    return found + [f"TIFF tag {tag} dropped" for tag in others]


def adapted(pages: Sequence[Directory], exif: bytes | None, change: Change) -> tuple[tuple[Directory, ...], list[str]]:
    """The tags of each page, adjusted to pixels that were rotated or resized, and what was dropped.

    Args:
        pages: As `read` returns them.
        exif: The picture's block, whose description says whether the resolution is a measure.
        change: What happened to the pixels.
    """
    if change.idle or not pages:
        return tuple(pages), []
    if change.orientation in range(2, 9) and any(_GEO & page.keys() for page in pages):
        pages = [{tag: field for tag, field in page.items() if tag not in _GEO} for page in pages]
        return adapted(pages, exif, change)[0], ["GeoTIFF position of a rotated picture dropped"]
    found, measured = [], measures(exif)  # the first description is of all pages
    for index, page in enumerate(pages):
        page = dict(page)
        _geo(page, change.scale)
        description = page.get(DESCRIPTION)
        if isinstance(description, Field) and index:
            page[DESCRIPTION], _ = microscopy.adapted(description, change)
        if change.swaps:
            exif_blocks.swap_resolution(page)
        if measured:
            for tag, scale in zip((X_RESOLUTION, Y_RESOLUTION), change.scale, strict=True):
                if isinstance(field := page.get(tag), Field):
                    page[tag] = exif_blocks.scaled(field, scale)
        found.append(page)
    return tuple(found), []


def _description(exif: bytes | None) -> Field | None:
    directory, _ = (exif and exif_blocks.parse(exif)) or ({}, None)
    field = directory.get(DESCRIPTION)
    return field if isinstance(field, Field) else None


def measures(exif: bytes | None) -> bool:
    """Whether the resolution of the picture is a measure of what was looked at, and so grows with its size."""
    return is_calibrated(_description(exif))


def _geo(page: Directory, scale: tuple[float, float]) -> None:
    """Makes the size of a pixel on earth, and the pixels that are tied to places there, those of a larger picture."""
    half = 0.5 if _raster_type(page) == _PIXEL_IS_POINT else 0.0
    across, down = scale

    def moved(column: float, row: float) -> tuple[float, float]:
        return (column + half) * across - half, (row + half) * down - half

    sizes, ties, matrix, rpc = (_floats(page, tag) for tag in (_SCALE, _TIE_POINTS, _TRANSFORMATION, _RPC))
    if len(sizes) >= 2:
        page[_SCALE] = Field.doubles([sizes[0] / across, sizes[1] / down, *sizes[2:]])
    if ties:
        values = list(ties)
        for at in range(0, len(values) - 5, 6):
            values[at : at + 2] = moved(*values[at : at + 2])
        page[_TIE_POINTS] = Field.doubles(values)
    if len(matrix) == 16:
        values = list(matrix)
        for row in range(0, 16, 4):
            a, b = values[row : row + 2]
            values[row], values[row + 1] = a / across, b / down
            # the new place (0, 0) is the old place -shift
            values[row + 3] -= a * (half - half / across) + b * (half - half / down)
        page[_TRANSFORMATION] = Field.doubles(values)
    if len(rpc) >= 12:
        values = list(rpc)
        values[3], values[2] = ((values[3] + 0.5) * across - 0.5, (values[2] + 0.5) * down - 0.5)
        values[8], values[7] = values[8] * across, values[7] * down
        page[_RPC] = Field.doubles(values)


def _floats(page: Directory, tag: int) -> tuple[float, ...]:
    field = page.get(tag)
    return field.floats() if isinstance(field, Field) else ()


def _raster_type(page: Directory) -> int:
    """The GeoKey that says whether a place means a pixel's corner (1) or its middle (2)."""
    field = page.get(_KEYS)
    keys = field.numbers() if isinstance(field, Field) else ()
    for at in range(4, len(keys) - 3, 4):
        if keys[at] == _RASTER_TYPE:
            return keys[at + 3]
    return 1


def names(pages: Sequence[Directory]) -> tuple[str, ...]:
    """What is lost with the tags where no TIFF is written."""
    found: dict[str, None] = {}
    for page in pages:
        kinds = {
            "GeoTIFF position dropped": _GEO,
            "page names dropped": _NAMES,
            "resolution without a unit dropped": _RESOLUTION,
        }
        found |= dict.fromkeys(name for name, tags in kinds.items() if tags & page.keys())
        if page.keys() - _GEO - _NAMES - _RESOLUTION:
            found["descriptions of the pages dropped"] = None
    return tuple(found)


def write(stream: BinaryIO, exif: bytes | None, pages: Sequence[Directory], records: bytes | None) -> None:
    """Adds tags to the pages of a TIFF file.

    Args:
        stream: The file, open for reading and writing. The directories of the pages are written anew at its end.
        exif: The block for the first page, of which it takes what it does not hold yet.
        pages: Tags for the first pages, which replace those that are there.
        records: IPTC records for the first page.
    """
    file = TagFile(stream)
    link, at = file.first_at, file.first()
    for index in range(max(1, len(pages))):
        if not at:
            return
        directory, after = file.directory(at)
        added: Directory = dict(pages[index]) if index < len(pages) else {}
        if index == 0:
            directory = _for_file(exif) | directory
            if records:
                added[_IPTC] = Field(7, len(records), records)
        directory |= added
        end = stream.seek(0, io.SEEK_END)
        end += stream.write(b"\0" * (end % 2))
        stream.write(encode_directory(directory, end, file.layout, after))
        stream.seek(link)
        stream.write(file.layout.offset.pack(end))
        file.length = stream.seek(0, io.SEEK_END)
        link = end + file.layout.count.size + len(directory) * file.layout.entry.size
        at = after


def _for_file(exif: bytes | None) -> Directory:
    """The descriptive tags of a block, as a TIFF file can hold them."""
    directory, _ = (exif and exif_blocks.parse(exif)) or ({}, None)
    exif_blocks.without_fixed_note(directory)
    return {tag: _in_ascii(field) for tag, field in directory.items() if tag in _DESCRIPTIVE}


def _in_ascii(field: Field | Directory) -> Field | Directory:
    """UTF-8 text of EXIF 3.0 as the text of TIFF, which has no other; readers take it for UTF-8."""
    if not isinstance(field, Field) or field.kind not in (2, 129):
        return field
    value = field.value.rstrip(b"\0") + b"\0"
    return Field(2, len(value), value)
