"""EXIF blocks (EXIF 3.0): corrected for the pixels they go with.

A block is bytes that start with `Exif`, two zeros and a TIFF header. It keeps its byte order, and its maker note the
place where it stood: what cameras write there is full of offsets into the block, and secret.
"""

import io
import struct
from fractions import Fraction

from elansr.images.metadata import microscopy
from elansr.images.metadata.geometry import Change
from elansr.images.tags import (
    EXIF_POINTER,
    EXIF_POINTERS,
    INTEROP_POINTER,
    PLAIN,
    Directory,
    Field,
    TagError,
    TagFile,
    TagLayout,
    beside,
    encode_directory,
    table_size,
)

PREFIX = b"Exif\0\0"
MOST_IN_JPEG = 65533
"""The bytes that one segment of a JPEG holds."""
DESCRIPTION, ORIENTATION, X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 0x010E, 0x0112, 0x011A, 0x011B, 0x0128

_WIDTH, _HEIGHT, _PIXEL_WIDTH, _PIXEL_HEIGHT = 0x0100, 0x0101, 0xA002, 0xA003
_MAKER_NOTE, _SUBJECT_AREA, _SUBJECT_LOCATION, _FOCAL_X, _FOCAL_Y = 0x927C, 0x9214, 0xA214, 0xA20E, 0xA20F
_HEADER = 8
_INTEROP_INDEX = 1

# Maker notes whose offsets count from their own start (after ExifTool's documentation of MakerNotes).
_SELF_CONTAINED = (b"Nikon\0\2", b"OLYMPUS\0", b"OM SYSTEM\0", b"FUJIFILM", b"Apple iOS\0", b"PENTAX \0")
_NOTE_STARTS = (0, 6, 8, 10, 12, 14)  # where the directory may begin in a maker note, behind the maker's name


def adapted(exif: bytes, change: Change) -> tuple[bytes | None, tuple[str, ...]]:
    """A block, adjusted to pixels that were rotated or resized.

    Its tags of orientation and size, if it has them, become 1 and the size of now; places and lengths in pixels change
    with the picture. The thumbnail, which shows other pixels, is dropped.

    Returns:
        The block, None if it is empty or too damaged to read, and what was dropped.
    """
    found = parse(exif)
    if found is None:
        return None, ("damaged EXIF dropped",) if len(exif) > len(PREFIX) else ()
    directory, layout = found
    if not directory:
        return None, ()
    _set_present(directory, {ORIENTATION: 1, _WIDTH: change.after[0], _HEIGHT: change.after[1]})
    if change.swaps:
        swap_resolution(directory)
    notes: tuple[str, ...] = ()
    if isinstance(text := directory.get(DESCRIPTION), Field):
        directory[DESCRIPTION], notes = microscopy.adapted(text, change)
    photo = directory.get(EXIF_POINTER)
    if isinstance(photo, dict):
        _set_present(photo, {_PIXEL_WIDTH: change.after[0], _PIXEL_HEIGHT: change.after[1]})
        _move_subject(photo, change)
        _scale_focal_plane(photo, change)
        note = photo.get(_MAKER_NOTE)
        if isinstance(note, Field) and not (_self_contained(note) or _stays(note)):
            del photo[_MAKER_NOTE]
            notes += ("maker note dropped",)
    return block(directory, layout), notes


def parse(exif: bytes) -> tuple[Directory, TagLayout] | None:
    """The first directory with its children, and the byte order; None for damage.

    The second directory, the thumbnail's, is not followed.
    """
    try:
        file = TagFile(io.BytesIO(exif.removeprefix(PREFIX)))
        return file.directory(file.first(), EXIF_POINTERS)[0], file.layout
    except TagError:
        return None


def block(directory: Directory, layout: TagLayout = PLAIN) -> bytes:
    """The block of a directory, in a byte order; a maker note is put where it stood unless it is self-contained."""
    layout = TagLayout(layout.order, big=False)
    photo = directory.get(EXIF_POINTER)
    note = photo.get(_MAKER_NOTE) if isinstance(photo, dict) else None
    fixed = note if isinstance(note, Field) and not _self_contained(note) and _stays(note) else None
    at = beside(_HEADER, table_size(directory, layout), fixed)
    mark, number = (b"II", b"*\0") if layout.order == "<" else (b"MM", b"\0*")
    data = bytearray(mark + number + layout.offset.pack(at)).ljust(at, b"\0")
    data += encode_directory(directory, at, layout, fixed=fixed)
    if fixed and fixed.at is not None:
        end = fixed.at + len(fixed.value)
        data = data.ljust(end, b"\0")
        data[fixed.at : end] = fixed.value
    return PREFIX + bytes(data)


def orientation(exif: bytes) -> int:
    """How the pixels are to be turned, 1-8; 1 where the block does not say."""
    directory, _ = parse(exif) or ({}, PLAIN)
    field = directory.get(ORIENTATION)
    turned = field.numbers() if isinstance(field, Field) else ()
    return turned[0] if turned and 1 <= turned[0] <= 8 else 1


def resolution(exif: bytes) -> tuple[float, float] | None:
    """The dots per inch, horizontal and vertical, in a block; None if it has none, or no unit."""
    directory, _ = parse(exif) or ({}, PLAIN)
    found = [directory.get(tag) for tag in (X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT)]
    x, y, unit = (field.numbers() if isinstance(field, Field) else () for field in found)
    if len(x) != 2 or len(y) != 2 or 0 in (*x, *y) or unit == (1,):
        return None
    per_inch = 2.54 if unit == (3,) else 1.0
    return x[0] / x[1] * per_inch, y[0] / y[1] * per_inch


def with_resolution(exif: bytes | None, dpi: tuple[float, float], *, needed: bool) -> bytes | None:
    """A block that says the resolution, if it said another one or, where `needed`, none."""
    directory, layout = (exif and parse(exif)) or ({}, PLAIN)
    if (not needed and X_RESOLUTION not in directory) or (exif and resolution(exif) == dpi):
        return exif
    for tag, value in ((X_RESOLUTION, dpi[0]), (Y_RESOLUTION, dpi[1])):
        directory[tag] = Field.rational(*Fraction(value).limit_denominator(10000).as_integer_ratio())
    directory[RESOLUTION_UNIT] = Field.short(2)
    return block(directory, layout)


def is_adobe_rgb(exif: bytes | None) -> bool:
    """Whether a block says that the pixels are Adobe RGB, as cameras do without a profile (DCF, "R03")."""
    directory, _ = (exif and parse(exif)) or ({}, PLAIN)
    photo = directory.get(EXIF_POINTER)
    interoperability = photo.get(INTEROP_POINTER) if isinstance(photo, dict) else None
    index = interoperability.get(_INTEROP_INDEX) if isinstance(interoperability, dict) else None
    return isinstance(index, Field) and index.value[:3] == b"R03"


def has_fixed_note(exif: bytes | None) -> bool:
    """Whether a block holds a maker note that cannot be moved."""
    directory, _ = (exif and parse(exif)) or ({}, PLAIN)
    return without_fixed_note(directory)


def without_fixed_note(directory: Directory) -> bool:
    """Takes out a maker note that cannot be moved, for a file where its place is taken; says whether there was one."""
    photo = directory.get(EXIF_POINTER)
    note = photo.get(_MAKER_NOTE) if isinstance(photo, dict) else None
    if not isinstance(photo, dict) or not isinstance(note, Field) or _self_contained(note):
        return False
    del photo[_MAKER_NOTE]
    return True


def _set_present(directory: Directory, numbers: dict[int, int]) -> None:
    """Sets the tags that the directory has; orientation must be 16 bits wide, a size may be 32."""
    for tag, number in numbers.items():
        if tag in directory:
            directory[tag] = Field.short(number) if tag == ORIENTATION else Field.long(number)


def _move_subject(photo: Directory, change: Change) -> None:
    """Moves the subject: a point, a circle (with its diameter) or a rectangle (with its sides) around a point."""
    for tag in (_SUBJECT_AREA, _SUBJECT_LOCATION):
        field = photo.get(tag)
        numbers = field.numbers() if isinstance(field, Field) else ()
        if change.idle or not 2 <= len(numbers) <= 4:
            continue
        sides = change.extent(numbers[2], numbers[-1])[: len(numbers) - 2] if len(numbers) > 2 else ()
        moved = [round(value) for value in (*change.point(*numbers[:2]), *sides)]
        if max(moved) > 65535:  # the field holds no larger ones
            del photo[tag]
        else:
            photo[tag] = Field(3, len(moved), struct.pack(f"<{len(moved)}H", *moved))


def _scale_focal_plane(photo: Directory, change: Change) -> None:
    """Makes the pixels per unit of the sensor those of the larger picture."""
    x, y = photo.get(_FOCAL_X), photo.get(_FOCAL_Y)
    if change.idle or not isinstance(x, Field) or not isinstance(y, Field):
        return
    found = (y, x) if change.swaps else (x, y)
    for tag, field, scale in zip((_FOCAL_X, _FOCAL_Y), found, change.scale, strict=True):
        photo[tag] = scaled(field, scale)


def swap_resolution(directory: Directory) -> None:
    """Exchanges the horizontal resolution and the vertical one, if there are two."""
    if X_RESOLUTION in directory and Y_RESOLUTION in directory:
        directory[X_RESOLUTION], directory[Y_RESOLUTION] = directory[Y_RESOLUTION], directory[X_RESOLUTION]


def scaled(field: Field, scale: float) -> Field:
    """A field of one fraction, so many times as large; any other is left as it is."""
    numbers = field.numbers()
    if field.kind != 5 or len(numbers) != 2 or numbers[1] == 0:
        return field
    value = Fraction(*numbers) * Fraction(scale).limit_denominator(10**6)
    if value >= 2**32:
        return field
    return Field.rational(*value.limit_denominator(max(1, (2**32 - 1) // (int(value) + 1))).as_integer_ratio())


def _self_contained(note: Field) -> bool:
    return note.at is None or note.value.startswith(_SELF_CONTAINED)


def _stays(note: Field) -> bool:
    """Whether a maker note can keep its place, and none of its values lies outside it.

    Their offsets may count from the header of the block or from the note.
    """
    if note.at is None or note.at < _HEADER or note.at + len(note.value) > MOST_IN_JPEG - len(PREFIX):
        return False
    for start in _NOTE_STARTS:
        for order in "<>":
            places = _places(note.value, start, order)
            if places is not None:
                return any(_inside(places, base, base + len(note.value)) for base in (note.at, 0))
    return True


def _inside(places: list[tuple[int, int]], start: int, end: int) -> bool:
    return all(start <= at and at + size <= end for at, size in places)


def _places(note: bytes, start: int, order: str) -> list[tuple[int, int]] | None:
    """Where a directory at `start` keeps its long values, and their sizes; None if there is no directory."""
    sizes = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
    if len(note) < start + 2:
        return None
    count = struct.unpack_from(order + "H", note, start)[0]
    if not 1 <= count <= 512 or len(note) < start + 2 + count * 12:
        return None
    entries = [struct.unpack_from(order + "HHII", note, start + 2 + at * 12) for at in range(count)]
    if any(kind not in sizes for _, kind, _, _ in entries):
        return None
    return [(at, sizes[kind] * values) for _, kind, values, at in entries if sizes[kind] * values > 4]
