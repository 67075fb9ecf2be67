"""What the containers of WebP and GIF hold beside the pixels, where libvips does not read or write it untouched.

Sources: WebP Container Specification, GIF89a, XMP part 3.
"""

import io
import struct
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from elansr.images.metadata import exif as exif_blocks
from elansr.images.metadata import xmp
from elansr.text import shown

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


# --- GIF ---

_XMP_BLOCK = b"\x21\xff\x0bXMP DataXMP"
_SQUARE = 49  # the pixel's shape: width / height is (49 + 15) / 64
_READ_BY_DECODER = (b"NETSCAPE2.0", b"ANIMEXTS1.0", b"ICCRGBG1012")
_MAGIC = b"\x01" + bytes(range(255, -1, -1)) + b"\0"  # so that readers that do not know XMP find the end of the block


def read_gif(stream: BinaryIO) -> tuple[bytes | None, tuple[bytes, ...], tuple[str, ...]]:
    """The XMP packet, the comments, and what is lost with other blocks."""
    stream.seek(0)
    data = stream.read()
    packet, comments, notes = None, list[bytes](), dict[str, None]()
    if data[12] not in (0, _SQUARE):
        notes[xmp.ASPECT_RATIO] = None
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
                elif data[start + 1] == 0x01:
                    notes["text over the frames dropped"] = None
                elif data[start + 1] == 0xFF and (name := data[start + 3 : start + 14]) not in _READ_BY_DECODER:
                    notes[f"block {shown(name.decode('latin-1'))} dropped"] = None
            else:
                break
    except (IndexError, ValueError):
        pass  # whether the file is whole is found out elsewhere
    return packet, tuple(comments), tuple(notes)


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
