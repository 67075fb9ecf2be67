"""EXIF and XMP: corrected for the pixels they go with, read from TIFF files and written into them.

libvips reads and writes EXIF in JPEG, PNG, WebP and AVIF, but not in TIFF, so that is done here.
Everywhere an EXIF block is bytes that start with `Exif`, two zeros and a TIFF header.

An EXIF block and a TIFF file consist of tag directories (TIFF 6.0, BigTIFF, EXIF 2.32): tag numbers and fields.
Both byte orders and BigTIFF are read; fields are held in little-endian order.
"""

import io
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO, TypeAlias, Union

ORIENTATION, EXIF_POINTER, GPS_POINTER, INTEROP_POINTER = 0x0112, 0x8769, 0x8825, 0xA005

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_RATIONALS = (5, 10)  # two 4-byte numbers, each with its own byte order

Pointers: TypeAlias = Mapping[int, "Pointers"]
EXIF_POINTERS: Pointers = {EXIF_POINTER: {INTEROP_POINTER: {}}, GPS_POINTER: {}}
"""Which tags of an EXIF block lead to a directory of their own, at every depth."""


@dataclass(frozen=True)
class Field:
    """One field: its TIFF type, the number of values and the values as little-endian bytes."""

    kind: int
    count: int
    value: bytes

    @classmethod
    def short(cls, number: int) -> "Field":
        """A field that holds one 16-bit number."""
        return cls(3, 1, struct.pack("<H", number))

    @classmethod
    def long(cls, number: int) -> "Field":
        """A field that holds one 32-bit number."""
        return cls(4, 1, struct.pack("<I", number))

    def numbers(self) -> tuple[int, ...]:
        """The values of a field of unsigned numbers, a fraction as two of them; empty for any other type."""
        code = {1: "B", 3: "H", 4: "I", 5: "II", 13: "I", 16: "Q", 18: "Q"}.get(self.kind)
        return struct.unpack("<" + self.count * code, self.value) if code else ()


Directory: TypeAlias = dict[int, Union[Field, "Directory"]]


class TagError(ValueError):
    """The bytes are not a tag directory, or one that points outside the file."""


@dataclass(frozen=True)
class TagLayout:
    """How a file writes its directories: "<" or ">", and with 64-bit offsets (BigTIFF) or without."""

    order: str
    big: bool

    @property
    def count(self) -> struct.Struct:
        """The number of fields that a directory starts with."""
        return struct.Struct(self.order + ("Q" if self.big else "H"))

    @property
    def offset(self) -> struct.Struct:
        """A place in the file; as many bytes as a field keeps of its value itself."""
        return struct.Struct(self.order + ("Q" if self.big else "I"))

    @property
    def entry(self) -> struct.Struct:
        """One field: tag, type, number of values, and the values or their offset."""
        return struct.Struct(self.order + ("HHQ8s" if self.big else "HHI4s"))

    def swapped(self, value: bytes, kind: int) -> bytes:
        """Converts values from this layout's byte order to little-endian, or back."""
        size = 4 if kind in _RATIONALS else _SIZES[kind]
        if self.order == "<" or size == 1:
            return value
        return b"".join(value[at : at + size][::-1] for at in range(0, len(value), size))


PLAIN = TagLayout("<", big=False)
"""Little-endian, 32-bit offsets: how EXIF blocks are written here."""


class TagFile:
    """A TIFF file or EXIF block, open for reading its directories.

    Args:
        stream: A seekable binary stream that starts with the TIFF header.

    Raises:
        TagError: The stream does not start with a TIFF header.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self.length = stream.seek(0, 2)
        header = self._bytes(0, 8)
        order = {b"II": "<", b"MM": ">"}.get(header[:2])
        if order is None:
            raise TagError("no byte order mark")
        self.layout = TagLayout(order, big=struct.unpack(order + "H", header[2:4])[0] == 43)
        self.first_at = 8 if self.layout.big else 4

    def first(self) -> int:
        """The offset of the first directory."""
        return self._number(self.layout.offset, self.first_at)

    def directory(self, at: int, pointers: Pointers | None = None) -> tuple[Directory, int]:
        """Reads one directory.

        Args:
            at: Its offset.
            pointers: The tags that lead to directories of their own, which are then read too.

        Returns:
            The directory and the offset of the next one, 0 after the last. A field that leads outside the file is
            left out, as damaged fields in EXIF are common and harmless.

        Raises:
            TagError: The directory itself is not wholly inside the file.
        """
        layout = self.layout
        count = self._number(layout.count, at)
        start = at + layout.count.size
        table = self._bytes(start, count * layout.entry.size)
        after = self._number(layout.offset, start + len(table))
        found: Directory = {}
        for tag, kind, values, slot in layout.entry.iter_unpack(table):
            field = self._field(kind, values, slot)
            item = self._child(field, pointers[tag]) if pointers and tag in pointers else field
            if item:
                found[tag] = item
        return found, after

    def _field(self, kind: int, count: int, slot: bytes) -> Field | None:
        size = _SIZES.get(kind, 0) * count
        if not size:
            return None
        try:
            value = slot[:size] if size <= len(slot) else self._bytes(self.layout.offset.unpack(slot)[0], size)
        except TagError:
            return None
        return Field(kind, count, self.layout.swapped(value, kind))

    def _child(self, pointer: Field | None, pointers: Pointers) -> Directory:
        """The directory a pointer leads to, empty where the pointer is broken."""
        try:
            return self.directory(pointer.numbers()[0], pointers)[0] if pointer else {}
        except (TagError, IndexError):
            return {}

    def _number(self, form: struct.Struct, at: int) -> int:
        return int(form.unpack(self._bytes(at, form.size))[0])

    def _bytes(self, at: int, size: int) -> bytes:
        if at + size > self.length:
            raise TagError(f"{size} bytes at {at} lie outside the file of {self.length} bytes")
        self.stream.seek(at)
        return self.stream.read(size)


def encode_directory(directory: Directory, at: int, layout: TagLayout = PLAIN, after: int = 0) -> bytes:
    """Writes a directory with its long values and child directories behind it.

    Args:
        directory: The fields; a directory among them becomes a pointer and a directory of its own.
        at: The offset at which the bytes will stand in the file; even.
        layout: Byte order and width of the file they go to.
        after: The offset of the directory that follows in the file, 0 for none.
    """
    slot = layout.offset.size
    tail_at = at + layout.count.size + len(directory) * layout.entry.size + slot
    table, tail = [layout.count.pack(len(directory))], b""
    for tag, field in sorted(directory.items()):
        place = tail_at + len(tail)
        if isinstance(field, dict):
            tail += encode_directory(field, place, layout)
            table.append(layout.entry.pack(tag, 16 if layout.big else 4, 1, layout.offset.pack(place)))
            continue
        value = layout.swapped(field.value, field.kind)
        if len(value) > slot:
            tail += value + b"\0" * (len(value) % 2)
            value = layout.offset.pack(place)
        table.append(layout.entry.pack(tag, field.kind, field.count, value))
    return b"".join(table) + layout.offset.pack(after) + tail


# --- EXIF and XMP ---

_PREFIX = b"Exif\0\0"
_HEADER = b"II*\0\x08\0\0\0"
_X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT = 0x011A, 0x011B, 0x0128
_WIDTH, _HEIGHT, _PIXEL_WIDTH, _PIXEL_HEIGHT = 0x0100, 0x0101, 0xA002, 0xA003

# The tags of a TIFF file's own directory that describe the picture and not how its samples are stored:
# name, description, make, model, software, date, artist, host, ratings, copyright, the Windows fields, PrintIM.
_DESCRIPTIVE = {0x010D, 0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x013C, 0x4746, 0x4749, 0x8298}
_DESCRIPTIVE |= {0x9C9B, 0x9C9C, 0x9C9D, 0x9C9E, 0x9C9F, 0xC4A5, EXIF_POINTER, GPS_POINTER}


def for_pixels(exif: bytes, width: int, height: int) -> bytes | None:
    """The block, corrected for upright pixels.

    Its tags of orientation and size, if it has them, become 1, `width` and `height`; the thumbnail, which shows other
    pixels, is dropped. None for a block that is empty or too damaged to read.
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
    """The dots per inch, horizontal and vertical, in a block; None if it has none."""
    directory = _parse(exif) or {}
    found = [directory.get(tag) for tag in (_X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT)]
    x, y, unit = (field.numbers() if isinstance(field, Field) else () for field in found)
    if len(x) != 2 or len(y) != 2 or 0 in (*x, *y):
        return None
    per_inch = 2.54 if unit == (3,) else 1.0
    return x[0] / x[1] * per_inch, y[0] / y[1] * per_inch


def upright_xmp(xmp: bytes) -> bytes:
    """The XMP packet with `tiff:Orientation`, as attribute or element, set to 1."""
    return re.sub(rb"""(tiff:Orientation\s*(?:=\s*["']|>)\s*)[2-8]""", rb"\g<1>1", xmp)


def from_tiff(stream: BinaryIO) -> bytes | None:
    """The descriptive tags of a TIFF file's first page as an EXIF block; None if it has none."""
    file = TagFile(stream)
    directory, _ = file.directory(file.first(), EXIF_POINTERS)
    descriptive = {tag: field for tag, field in directory.items() if tag in _DESCRIPTIVE}
    return _block(descriptive) if descriptive else None


def into_tiff(stream: BinaryIO, exif: bytes) -> None:
    """Adds an EXIF block to the first page of a TIFF file.

    Args:
        stream: The file, open for reading and writing. Its first directory is written anew at the end of the file,
            with the fields of the block that it does not hold yet.
        exif: The block, as `for_pixels` returns it.
    """
    file = TagFile(stream)
    directory, after = file.directory(file.first())
    descriptive = {tag: field for tag, field in (_parse(exif) or {}).items() if tag in _DESCRIPTIVE}
    end = stream.seek(0, io.SEEK_END)
    end += stream.write(b"\0" * (end % 2))
    stream.write(encode_directory(descriptive | directory, end, file.layout, after))
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
    return _PREFIX + _HEADER + encode_directory(directory, len(_HEADER))
