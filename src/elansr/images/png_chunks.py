"""Chunks of PNG (third edition) that libvips leaves out: read from a file, and put into one that it wrote."""

import io
import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import BinaryIO, NamedTuple

from elansr.disk import replace_bytes


class Chunk(NamedTuple):
    """One chunk."""

    kind: bytes
    data: bytes

    @property
    def encoded(self) -> bytes:
        """Its bytes in a file."""
        body = self.kind + self.data
        return struct.pack(">I", len(self.data)) + body + struct.pack(">I", zlib.crc32(body))


def headers(stream: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Kind, place of the data and their length of every chunk that is wholly in the file."""
    end, at = stream.seek(0, io.SEEK_END), 8
    while at + 12 <= end:
        stream.seek(at)
        size, kind = struct.unpack(">I4s", stream.read(8))
        if at + 12 + size > end:
            return
        yield kind, at + 8, size
        at += 12 + size


def set_chunks(file: BinaryIO, chunks: Sequence[Chunk], without: Sequence[bytes] = ()) -> None:
    """Puts chunks behind the header of a PNG, and takes those of the kinds `without` out from before the pixels."""
    kept, end = b"", 8
    for kind, at, size in headers(file):
        if kind == b"IDAT":
            break
        end = at + size + 4
        if kind not in without:
            file.seek(at - 8)
            kept += file.read(size + 12)
    head = kept[:25] + b"".join(chunk.encoded for chunk in chunks) + kept[25:]
    replace_bytes(file, 8, end, head)
