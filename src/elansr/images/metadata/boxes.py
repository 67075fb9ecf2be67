"""The boxes of an AVIF or HEIC file that libvips does not report, or not write (ISO/IEC 14496-12, 23008-12, MIAF).

Of the properties, only those of the primary item count.
"""

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from elansr.disk import replace_bytes
from elansr.images.colour.cicp import Cicp
from elansr.images.metadata import exif as exif_blocks
from elansr.images.metadata import xmp
from elansr.images.tags import Field

PLACEHOLDER = exif_blocks.block({exif_blocks.ORIENTATION: Field.short(1)})
"""A block that libvips puts into an AVIF, so that there is an item for `set_exif`."""

_LONGEST = 2**24
"""Bytes of a `meta` box that are read at most; it holds no pixels."""
_BT601, _FULL_RANGE = 6, 0x80
"""How libheif stores RGB where nothing else is asked for."""
_IDENTITY, _REVERSIBLE = 0, (16, 17)
"""Matrices of samples that are RGB themselves, or YCgCo that comes back exactly: only lossless encoders use them."""
_TURNS = {None: (1, 8, 3, 6), 0: (4, 5, 2, 7), 1: (2, 7, 4, 5)}
"""EXIF's numbers of the turns by 0, 90, 180 and 270 degrees to the left, for each way to mirror the picture then."""
_AUXILIARY = {b"hdrgainmap": xmp.GAIN_MAP, b"aux:depth": xmp.DEPTH_MAP, b"auxid:2": xmp.DEPTH_MAP}
_LIGHT = (b"clli", b"mdcv", b"amve")
_C2PA = b"\xd8\xfe\xc3\xd6"  # how the identifier of its `uuid` box starts

Place = tuple[bytes, int, int]
"""A box: its kind, and where its contents start and stop."""


@dataclass(frozen=True)
class Boxes:
    """What the boxes say about the primary item.

    Attributes:
        cicp: Its colours, where an `nclx` property gives them.
        matrix: Of its samples, as H.273 numbers them; None without an `nclx` property.
        premultiplied: Whether its colours are multiplied by its alpha.
        orientation: How decoders turn it, 1-8 as in EXIF.
        notes: What the file holds that is not read.
        nclx_at: Where the numbers of `nclx` are in the file; None if there are none.
    """

    cicp: Cicp | None = None
    matrix: int | None = None
    premultiplied: bool = False
    orientation: int = 1
    notes: tuple[str, ...] = ()
    nclx_at: int | None = None

    @property
    def lossless(self) -> bool:
        """Whether the samples are stored in a form that lossless encoders use and others do not."""
        return self.matrix == _IDENTITY or self.matrix in _REVERSIBLE


def read_boxes(stream: BinaryIO) -> Boxes:
    """Reads the boxes; what is damaged counts as absent, as the decoder has its own word on it."""
    try:
        return _read(stream)
    except (struct.error, IndexError, KeyError):
        return Boxes()


def _read(stream: BinaryIO) -> Boxes:
    meta_at, meta = _meta(stream)
    boxes = _parts(meta, 4, len(meta))
    start, _ = boxes[b"pitm"]
    primary = int.from_bytes(meta[start + 4 : start + (8 if meta[start] else 6)], "big")
    premultiplied = b"iref" in boxes and _refers(meta, *boxes[b"iref"], b"prem", primary)
    properties = list(_properties(meta, *boxes[b"iprp"], primary))
    notes = tuple(dict.fromkeys([*_notes(meta, boxes, properties), *_beside(stream)]))
    angle, mirror = 0, None
    cicp, matrix, nclx_at = None, None, None
    for kind, start, stop in properties:
        if kind == b"irot":
            angle = meta[start] & 3
        elif kind == b"imir":
            mirror = meta[start] & 1
        elif kind == b"colr" and meta[start : start + 4] == b"nclx" and stop - start >= 11:
            primaries, transfer, matrix = struct.unpack_from(">HHH", meta, start + 4)
            cicp, nclx_at = (primaries, transfer), meta_at + start + 4
    return Boxes(cicp, matrix, premultiplied, _TURNS[mirror][angle], notes, nclx_at)


def _notes(meta: bytes, boxes: dict[bytes, tuple[int, int]], properties: list[Place]) -> Iterator[str]:
    """What the items are, besides one picture, and what its properties say that no result does."""
    start, stop = boxes[b"iinf"]
    items = list(_boxes(meta, start + (8 if meta[start] else 6), stop))
    if any(meta[at + 8 : at + 12] == b"tmap" for _, at, _ in items):
        yield xmp.GAIN_MAP
    for kind, at, end in _boxes(meta, *_parts(meta, *boxes[b"iprp"])[b"ipco"]):
        if kind == b"auxC":
            yield from (what for mark, what in _AUXILIARY.items() if mark in meta[at:end])
    for kind, at, end in properties:
        if kind in _LIGHT:
            yield xmp.LIGHT_LEVELS
        elif kind == b"pasp" and end - at >= 8 and meta[at : at + 4] != meta[at + 4 : at + 8]:
            yield xmp.ASPECT_RATIO


def _beside(stream: BinaryIO) -> Iterator[str]:
    """What the file holds beside the items: the video of a motion photo, and content credentials."""
    for kind, at, _ in _top(stream):
        stream.seek(at)
        if kind == b"mpvd":
            yield xmp.VIDEO
        elif kind == b"uuid" and stream.read(4) == _C2PA:
            yield xmp.CREDENTIALS


def _top(stream: BinaryIO) -> Iterator[Place]:
    """The boxes of the file itself."""
    at, end = 0, stream.seek(0, io.SEEK_END)
    while at + 8 <= end:
        stream.seek(at)
        head = stream.read(16)
        size, head_size = int.from_bytes(head[:4], "big"), 8
        if size == 1:
            size, head_size = int.from_bytes(head[8:], "big"), 16
        size = size or end - at  # 0 is up to the end of the file
        if size < head_size:
            return
        yield head[4:8], at + head_size, min(at + size, end)
        at += size


def _meta(stream: BinaryIO) -> tuple[int, bytes]:
    """Where the contents of the `meta` box start, and the contents."""
    for kind, at, end in _top(stream):
        if kind == b"meta":
            stream.seek(at)
            return at, stream.read(min(end - at, _LONGEST))
    raise KeyError("meta")


def _boxes(data: bytes, at: int, end: int) -> Iterator[Place]:
    """The boxes in part of the data."""
    end = min(end, len(data))
    while at + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, at)
        if size < 8:
            return
        yield kind, at + 8, min(at + size, end)
        at += size


def _parts(data: bytes, at: int, end: int) -> dict[bytes, tuple[int, int]]:
    """The same where there is one box of a kind."""
    return {kind: (start, stop) for kind, start, stop in _boxes(data, at, end)}


def _properties(data: bytes, start: int, stop: int, item: int) -> Iterator[Place]:
    """The properties that are associated with an item."""
    parts = list(_boxes(data, start, stop))
    [all_properties] = [list(_boxes(data, at, end)) for kind, at, end in parts if kind == b"ipco"]
    for kind, at, _ in parts:
        if kind == b"ipma":
            for index in _associated(data, at, item):
                yield all_properties[index - 1]


def _associated(data: bytes, at: int, item: int) -> Iterator[int]:
    version, wide = data[at], data[at + 3] & 1
    count, at = struct.unpack_from(">I", data, at + 4)[0], at + 8
    for _ in range(count):
        number = struct.unpack_from(">I" if version else ">H", data, at)[0]
        at += 4 if version else 2
        properties, at = data[at], at + 1
        for _ in range(properties):
            index = struct.unpack_from(">H", data, at)[0] & 0x7FFF if wide else data[at] & 0x7F
            at += 2 if wide else 1
            if number == item and index:
                yield index


def _refers(data: bytes, start: int, stop: int, kind: bytes, item: int) -> bool:
    """Whether there is a reference of a kind from an item."""
    wide = data[start]
    return any(
        found == kind and struct.unpack_from(">I" if wide else ">H", data, at)[0] == item
        for found, at, _ in _boxes(data, start + 4, stop)
    )


# --- writing: into a file as libheif writes it ---


def set_cicp(file: BinaryIO, cicp: Cicp) -> None:
    """Says which colours the pixels of an AVIF have that libvips wrote; it knows sRGB alone.

    Args:
        file: Open for reading and writing. It gets an `nclx` property unless it has one, as lossless ones do.
        cicp: The colours.
    """
    found = read_boxes(file)
    if found.nclx_at is not None:
        file.seek(found.nclx_at)
        file.write(struct.pack(">HH", *cicp))
        return
    at, meta = _meta(file)
    boxes = {kind: meta[start:stop] for kind, start, stop in _boxes(meta, 4, len(meta))}
    properties = {kind: boxes[b"iprp"][start:stop] for kind, start, stop in _boxes(boxes[b"iprp"], 0, 2**32)}
    number = len(list(_boxes(properties[b"ipco"], 0, 2**32))) + 1
    properties[b"ipco"] += _box(b"colr", b"nclx" + struct.pack(">HHHB", *cicp, _BT601, _FULL_RANGE))
    properties[b"ipma"] = _with_association(properties[b"ipma"], number)
    grown = len(properties[b"ipco"]) + len(properties[b"ipma"]) + 16 - len(boxes[b"iprp"])
    boxes[b"iprp"] = b"".join(_box(kind, data) for kind, data in properties.items())
    boxes[b"iloc"] = _moved(boxes[b"iloc"], grown)
    contents = meta[:4] + b"".join(_box(kind, data) for kind, data in boxes.items())
    replace_bytes(file, at - 8, at + len(meta), _box(b"meta", contents))


def set_exif(file: BinaryIO, exif: bytes) -> None:
    """Puts a block, untouched, behind the end of an AVIF and has its EXIF item point there.

    Args:
        file: Open for reading and writing; it has such an item, see `PLACEHOLDER`.
        exif: The block.
    """
    meta_at, meta = _meta(file)
    boxes = _parts(meta, 4, len(meta))
    items = _boxes(meta, boxes[b"iinf"][0] + 6, boxes[b"iinf"][1])
    item = next(meta[at + 4 : at + 6] for _, at, _ in items if meta[at + 8 : at + 12] == b"Exif")
    start, stop = boxes[b"iloc"]
    content = bytes(4) + exif.removeprefix(exif_blocks.PREFIX)
    end = file.seek(0, io.SEEK_END)
    file.write(_box(b"mdat", content))
    file.seek(meta_at + start)
    file.write(_relocated(meta[start:stop], item, end + 8, len(content)))


def _box(kind: bytes, contents: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(contents), kind) + contents


def _with_association(ipma: bytes, index: int) -> bytes:
    """The associations with one more for the first item, in the short form that libheif writes."""
    at = 8 + (4 if ipma[0] else 2)
    count, start = ipma[at], at + 1
    return ipma[:at] + bytes([count + 1]) + ipma[start : start + count] + bytes([index]) + ipma[start + count :]


def _moved(iloc: bytes, by: int) -> bytes:
    """The places of the items, each `by` bytes further on."""
    data = bytearray(iloc)
    for at, _ in _locations(iloc):
        struct.pack_into(">I", data, at, struct.unpack_from(">I", data, at)[0] + by)
    return bytes(data)


def _relocated(iloc: bytes, item: bytes, place: int, size: int) -> bytes:
    """The same with another place for one item."""
    data = bytearray(iloc)
    for at, number in _locations(iloc):
        if number == item:
            struct.pack_into(">IHII", data, at, place, 1, 0, size)
    return bytes(data)


def _locations(iloc: bytes) -> Iterator[tuple[int, bytes]]:
    """Where the base offset of each item is, and the item's number; fields of 4 bytes, as libheif writes them."""
    if iloc[0] != 0 or iloc[4:6] != b"\x44\x40":
        raise ValueError("item locations of another form than libheif's")
    at = 8
    for _ in range(int.from_bytes(iloc[6:8], "big")):
        yield at + 4, iloc[at : at + 2]
        at += 10 + 8 * int.from_bytes(iloc[at + 8 : at + 10], "big")
