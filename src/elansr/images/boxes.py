"""The boxes of an AVIF or HEIC file that say how its samples are meant (ISO/IEC 14496-12, 23008-12, AV1-ISOBMFF).

Only the primary item counts: its properties, and the references that lead away from it.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from elansr.disk import replace_bytes
from elansr.images.cicp import Cicp

_LONGEST = 2**24
"""Bytes of a `meta` box that are read at most; it holds no pixels."""
_BT601, _FULL_RANGE = 6, 0x80
"""How libheif stores RGB where nothing else is asked for."""
_IDENTITY, _REVERSIBLE = 0, (16, 17)
"""Matrices of samples that are RGB themselves, or YCgCo that comes back exactly: only lossless encoders use them."""


@dataclass(frozen=True)
class Boxes:
    """What the boxes say about the primary item.

    Attributes:
        cicp: Its colours, where an `nclx` property tells them.
        matrix: Of its samples, as H.273 numbers them; None without an `nclx` property.
        premultiplied: Whether its colours are multiplied by its alpha.
        nclx_at: Where the numbers of `nclx` are in the file; None if there are none.
    """

    cicp: Cicp | None = None
    matrix: int | None = None
    premultiplied: bool = False
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


def set_cicp(file: BinaryIO, cicp: Cicp) -> None:
    """Says which colours the pixels of an AVIF have that libvips wrote; it knows sRGB alone.

    Args:
        file: Open for reading and writing. It gets an `nclx` property unless it has one, as lossless ones do.
    """
    found = read_boxes(file)
    if found.nclx_at is not None:
        file.seek(found.nclx_at)
        file.write(struct.pack(">HH", *cicp))
        return
    at, meta = _meta(file)
    parts = list(_boxes(meta, 4, len(meta)))
    boxes = {kind: meta[start:stop] for kind, start, stop in parts}
    properties = {kind: boxes[b"iprp"][start:stop] for kind, start, stop in _boxes(boxes[b"iprp"], 0, 2**32)}
    number = len(list(_boxes(properties[b"ipco"], 0, 2**32))) + 1
    properties[b"ipco"] += _box(b"colr", b"nclx" + struct.pack(">HHHB", *cicp, _BT601, _FULL_RANGE))
    properties[b"ipma"] = _with_association(properties[b"ipma"], number)
    grown = len(properties[b"ipco"]) + len(properties[b"ipma"]) + 16 - len(boxes[b"iprp"])
    boxes[b"iprp"] = b"".join(_box(kind, data) for kind, data in properties.items())
    boxes[b"iloc"] = _moved(boxes[b"iloc"], grown)
    contents = meta[:4] + b"".join(_box(kind, data) for kind, data in boxes.items())
    replace_bytes(file, at - 8, at + len(meta), _box(b"meta", contents))


def _read(stream: BinaryIO) -> Boxes:
    meta_at, meta = _meta(stream)
    boxes = {kind: (start, stop) for kind, start, stop in _boxes(meta, 4, len(meta))}
    start, _ = boxes[b"pitm"]
    primary = int.from_bytes(meta[start + 4 : start + (8 if meta[start] else 6)], "big")
    premultiplied = b"iref" in boxes and _refers(meta, *boxes[b"iref"], b"prem", primary)
    for kind, start, stop in _properties(meta, *boxes[b"iprp"], primary):
        if kind == b"colr" and meta[start : start + 4] == b"nclx" and stop - start >= 11:
            primaries, transfer, matrix = struct.unpack_from(">HHH", meta, start + 4)
            return Boxes((primaries, transfer), matrix, premultiplied, meta_at + start + 4)
    return Boxes(premultiplied=premultiplied)


def _meta(stream: BinaryIO) -> tuple[int, bytes]:
    """Where the contents of the `meta` box start, and the contents."""
    at, end = 0, stream.seek(0, 2)
    while at + 8 <= end:
        stream.seek(at)
        size, kind = struct.unpack(">I4s", stream.read(8))
        head = 8
        if size == 1:
            size, head = struct.unpack(">Q", stream.read(8))[0], 16
        if kind == b"meta":
            return at + head, stream.read(min(size - head, _LONGEST) if size else _LONGEST)
        if size < head:
            break
        at += size
    raise KeyError("meta")


def _boxes(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """The boxes in part of the data: kind, start and stop of the contents."""
    end = min(end, len(data))
    while at + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, at)
        if size < 8:
            return
        yield kind, at + 8, min(at + size, end)
        at += size


def _properties(data: bytes, start: int, stop: int, item: int) -> Iterator[tuple[bytes, int, int]]:
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


def _box(kind: bytes, contents: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(contents), kind) + contents


def _with_association(ipma: bytes, index: int) -> bytes:
    """The associations with one more for the first item, in the short form that libheif writes."""
    at = 8 + (4 if ipma[0] else 2)
    count, start = ipma[at], at + 1
    return ipma[:at] + bytes([count + 1]) + ipma[start : start + count] + bytes([index]) + ipma[start + count :]


def _moved(iloc: bytes, by: int) -> bytes:
    """The places of the items, each `by` bytes further on; with base offsets of 4 bytes, as libheif writes them."""
    data, version = bytearray(iloc), iloc[0]
    sizes, base_size = iloc[4], iloc[5] >> 4
    at = 8
    for _ in range(struct.unpack_from(">H", iloc, 6)[0]):
        at += 4 if version == 0 else 6
        struct.pack_into(">I", data, at, struct.unpack_from(">I", data, at)[0] + by)
        extents = struct.unpack_from(">H", data, at + base_size)[0]
        at += base_size + 2 + extents * ((sizes >> 4) + (sizes & 15))
    return bytes(data)
