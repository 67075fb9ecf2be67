"""Tag directories, of which TIFF files and EXIF blocks consist (TIFF 6.0, BigTIFF, EXIF 3.0): tag numbers and fields.

Both byte orders and BigTIFF are read; fields are held in little-endian order.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, TypeAlias, Union

EXIF_POINTER, GPS_POINTER, INTEROP_POINTER = 0x8769, 0x8825, 0xA005

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8, 129: 1}
_RATIONALS = (5, 10)  # two 4-byte numbers, each with its own byte order

Pointers: TypeAlias = Mapping[int, "Pointers"]
EXIF_POINTERS: Pointers = {EXIF_POINTER: {INTEROP_POINTER: {}}, GPS_POINTER: {}}
"""Which tags of an EXIF block lead to a directory of their own, at every depth."""


@dataclass(frozen=True)
class Field:
    """One field.

    Attributes:
        kind: Its TIFF type; 129 is UTF-8 text (EXIF 3.0).
        count: The number of values.
        value: The values as little-endian bytes.
        at: Where they stood in the file; None where they stood in the directory itself.
    """

    kind: int
    count: int
    value: bytes
    at: int | None = field(default=None, compare=False)

    @classmethod
    def short(cls, number: int) -> "Field":
        """A field that holds one 16-bit number."""
        return cls(3, 1, struct.pack("<H", number))

    @classmethod
    def long(cls, number: int) -> "Field":
        """A field that holds one 32-bit number."""
        return cls(4, 1, struct.pack("<I", number))

    @classmethod
    def rational(cls, numerator: int, denominator: int) -> "Field":
        """A field that holds one fraction."""
        return cls(5, 1, struct.pack("<II", numerator, denominator))

    @classmethod
    def doubles(cls, numbers: Sequence[float]) -> "Field":
        """A field of 64-bit floating-point numbers."""
        return cls(12, len(numbers), struct.pack(f"<{len(numbers)}d", *numbers))

    @classmethod
    def text(cls, text: str) -> "Field":
        """A field of text, in UTF-8 as most programs write it where ASCII does not do."""
        value = text.encode() + b"\0"
        return cls(2, len(value), value)

    def floats(self) -> tuple[float, ...]:
        """The values of a field of floating-point numbers; empty for any other type."""
        code = {11: "f", 12: "d"}.get(self.kind)
        return struct.unpack(f"<{self.count}{code}", self.value) if code else ()

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
        at = None if size <= len(slot) else int(self.layout.offset.unpack(slot)[0])
        try:
            value = slot[:size] if at is None else self._bytes(at, size)
        except TagError:
            return None
        return Field(kind, count, self.layout.swapped(value, kind), at)

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


def encode_directory(
    directory: Directory, at: int, layout: TagLayout = PLAIN, after: int = 0, fixed: Field | None = None
) -> bytes:
    """Writes a directory with its long values and child directories behind it.

    Args:
        directory: The fields; a directory among them becomes a pointer and a directory of its own.
        at: The offset at which the bytes will stand in the file; even.
        layout: Byte order and width of the file they go to.
        after: The offset of the directory that follows in the file, 0 for none.
        fixed: A field whose values stay where they stood; the bytes there are left zero, the table must end before.
    """
    slot = layout.offset.size
    tail_at = at + table_size(directory, layout)
    table, tail = [layout.count.pack(len(directory))], b""
    for tag, item in sorted(directory.items()):
        if item is fixed:
            table.append(layout.entry.pack(tag, item.kind, item.count, layout.offset.pack(item.at)))
            continue
        size = table_size(item, layout) if isinstance(item, dict) else len(item.value)
        place = beside(tail_at + len(tail), size, fixed)
        if isinstance(item, dict):
            tail = tail.ljust(place - tail_at, b"\0") + encode_directory(item, place, layout, fixed=fixed)
            table.append(layout.entry.pack(tag, 16 if layout.big else 4, 1, layout.offset.pack(place)))
            continue
        value = layout.swapped(item.value, item.kind)
        if len(value) > slot:
            tail = tail.ljust(place - tail_at, b"\0") + value + b"\0" * (len(value) % 2)
            value = layout.offset.pack(place)
        table.append(layout.entry.pack(tag, item.kind, item.count, value))
    return b"".join(table) + layout.offset.pack(after) + tail


def table_size(directory: Directory, layout: TagLayout = PLAIN) -> int:
    """The bytes of a directory without the values behind it."""
    return layout.count.size + len(directory) * layout.entry.size + layout.offset.size


def beside(at: int, size: int, fixed: Field | None) -> int:
    """Where `size` bytes go that would start at `at`: behind the values of a fixed field if they would touch them."""
    if fixed is None or fixed.at is None or at + size <= fixed.at or at >= fixed.at + len(fixed.value):
        return at
    end = fixed.at + len(fixed.value)
    return end + end % 2
