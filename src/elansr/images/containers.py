"""What the containers of WebP, AVIF and GIF hold beside the pixels, where libvips does not read or write it untouched.

Sources: WebP Container Specification, ISO 14496-12 and 23008-12 (items of AVIF), GIF89a, XMP part 3.
"""

import io
import struct
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from elansr.images import exif as exif_blocks
from elansr.images import xmp
from elansr.images.tags import Field

# --- WebP ---

_EXTENDED, _EXIF_FLAG, _ALPHA_FLAG = b"VP8X", 0x08, 0x10


def webp_notes(stream: BinaryIO) -> Iterator[str]:
    """What is lost with chunks that WebP does not define."""
    known = (b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP", b"EXIF", b"XMP ")
    at = 12
    while True:
        stream.seek(at)
        head = stream.read(8)
        if len(head) < 8:
            return
        if head[:4] not in known:
            name = head[:4].decode("latin-1").strip()
            yield xmp.CREDENTIALS if name == "C2PA" else f"chunk {name!r} dropped"
        at += 8 + int.from_bytes(head[4:], "little") + head[4] % 2


def add_exif_to_webp(file: BinaryIO, exif: bytes, size: tuple[int, int], alpha: bool) -> None:
    """Adds a block to a WebP without one, as its last chunk.

    Args:
        file: Open for reading and writing.
        exif: The block.
        size: Width and height of the picture.
        alpha: Whether it has any.
    """
    file.seek(12)
    if file.read(4) == _EXTENDED:
        file.seek(20)
        flags = file.read(1)[0]
        file.seek(20)
        file.write(bytes([flags | _EXIF_FLAG]))
    else:
        sides = b"".join(struct.pack("<I", side - 1)[:3] for side in size)
        flags = _EXIF_FLAG | (_ALPHA_FLAG if alpha else 0)
        file.seek(12)
        rest = file.read()
        file.seek(12)
        file.write(_EXTENDED + struct.pack("<II", 10, flags) + sides + rest)
    data = exif.removeprefix(exif_blocks.PREFIX)
    file.seek(0, io.SEEK_END)
    file.write(b"EXIF" + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2))
    whole = file.tell() - 8
    file.seek(4)
    file.write(struct.pack("<I", whole))


# --- AVIF ---

PLACEHOLDER = exif_blocks.block({exif_blocks.ORIENTATION: Field.short(1)})
"""A block that libvips puts into an AVIF, so that there is an item for `replace_exif_of_avif`."""
_AUXILIARY = {b"hdrgainmap": xmp.GAIN_MAP, b"aux:depth": xmp.DEPTH_MAP, b"auxid:2": xmp.DEPTH_MAP}
_DESCRIPTIONS = (b"Exif", b"mime", b"uri ")
_CONTAINERS = {b"meta": 12, b"iinf": 14, b"iprp": 8, b"ipco": 8}


def avif_notes(stream: BinaryIO) -> Iterator[str]:
    """What an AVIF holds besides one picture."""
    boxes = list(_boxes(_meta(stream)))
    kinds = [data[8:12] for kind, data, _ in boxes if kind == b"infe" and len(data) >= 12]
    for kind, data, _ in boxes:
        if kind == b"auxC":
            yield from (what for mark, what in _AUXILIARY.items() if mark in data)
    if b"tmap" in kinds:
        yield xmp.GAIN_MAP
    stream.seek(0)
    at = 0
    while len(head := stream.read(24)) >= 8:
        size = int.from_bytes(head[:4], "big")
        if head[4:8] == b"uuid" and head[8:12] == b"\xd8\xfe\xc3\xd6":
            yield xmp.CREDENTIALS
        if size < 8:
            return
        at += size
        stream.seek(at)


def replace_exif_of_avif(file: BinaryIO, exif: bytes) -> None:
    """Puts a block, untouched, behind the end of an AVIF and has its EXIF item point there."""
    meta = _meta(file)
    boxes = list(_boxes(meta))
    item = next(data[4:6] for kind, data, _ in boxes if kind == b"infe" and data[8:12] == b"Exif")
    locations, at = next((data, at) for kind, data, at in boxes if kind == b"iloc")
    content = bytes(4) + exif.removeprefix(exif_blocks.PREFIX)
    end = file.seek(0, io.SEEK_END)
    file.write(struct.pack(">I", len(content) + 8) + b"mdat" + content)
    patched = _relocated(locations, item, end + 8, len(content))
    file.seek(_meta_at(file) + at)
    file.write(patched)


def _relocated(locations: bytes, item: bytes, at: int, size: int) -> bytes:
    """The item locations as libheif writes them, with another place for one item."""
    found = bytearray(locations)
    if found[0] != 0 or found[4:6] != b"\x44\x40":
        raise ValueError("item locations of another form than libheif's")
    place = 8
    for _ in range(int.from_bytes(found[6:8], "big")):
        if found[place : place + 2] == item:
            found[place + 4 : place + 18] = struct.pack(">IHII", at, 1, 0, size)
        place += 10 + 8 * int.from_bytes(found[place + 8 : place + 10], "big")
    return bytes(found)


def _meta_at(stream: BinaryIO) -> int:
    """Where the box with the items starts; -1 if there is none."""
    at = 0
    while True:
        stream.seek(at)
        head = stream.read(8)
        size = int.from_bytes(head[:4], "big")
        if head[4:] == b"meta":
            return at
        if len(head) < 8 or size < 8:
            return -1
        at += size


def _meta(stream: BinaryIO) -> bytes:
    at = _meta_at(stream)
    if at < 0:
        return b""
    stream.seek(at)
    size = int.from_bytes(stream.read(4), "big")
    stream.seek(at)
    return stream.read(size)


def _boxes(data: bytes, at: int = 0, end: int | None = None) -> Iterator[tuple[bytes, bytes, int]]:
    """Type, contents and place of the contents of every box, at every depth."""
    end = len(data) if end is None else end
    while at + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, at)
        if size < 8 or at + size > end:
            return
        yield kind, data[at + 8 : at + size], at + 8
        if kind in _CONTAINERS:
            yield from _boxes(data, at + _CONTAINERS[kind], at + size)
        at += size


# --- GIF ---

_XMP_BLOCK = b"\x21\xff\x0bXMP DataXMP"
_MAGIC = b"\x01" + bytes(range(255, -1, -1)) + b"\0"  # so that readers that do not know XMP find the end of the block


def read_gif(stream: BinaryIO) -> tuple[bytes | None, tuple[bytes, ...]]:
    """The XMP packet and the comments."""
    stream.seek(0)
    data = stream.read()
    packet, comments = None, list[bytes]()
    try:
        at = 13 + _table(data[10])
        while data[at] != 0x3B:
            if data[at] == 0x2C:
                at = _skip(data, at + 11 + _table(data[at + 9]))
            elif data[at : at + 14] == _XMP_BLOCK:
                end = data.index(_MAGIC[:5], at)
                packet, at = data[at + 14 : end], end + len(_MAGIC)
            elif data[at] == 0x21:
                start, at = at, _skip(data, at + 2)
                if data[start + 1] == 0xFE:
                    comments.append(_joined(data, start + 2))
            else:
                break
    except (IndexError, ValueError):
        pass  # whether the file is whole is found out elsewhere
    return packet, tuple(comments)


def gif_blocks(packet: bytes | None, comments: Sequence[bytes]) -> bytes:
    """The blocks for both, which go behind the header and its colour table."""
    found = [_XMP_BLOCK + packet + _MAGIC] if packet else []
    for comment in comments:
        parts = [comment[at : at + 255] for at in range(0, len(comment), 255)]
        found.append(b"\x21\xfe" + b"".join(bytes([len(part)]) + part for part in parts) + b"\0")
    return b"".join(found)


def gif_insertion_point(stream: BinaryIO) -> int:
    """Where blocks go in a GIF."""
    stream.seek(10)
    return 13 + _table(stream.read(1)[0])


def _table(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _skip(data: bytes, at: int) -> int:
    while data[at]:
        at += data[at] + 1
    return at + 1


def _joined(data: bytes, at: int) -> bytes:
    found = b""
    while data[at]:
        found += data[at + 1 : at + 1 + data[at]]
        at += data[at] + 1
    return found
