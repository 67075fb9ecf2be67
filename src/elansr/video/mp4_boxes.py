"""Writes what PyAV cannot write to MP4 and MOV: display matrices, 360-degree and stereo marks."""

import os
import struct
from collections.abc import Iterator
from typing import Any

from elansr.video.views import VideoView

_SAMPLE_ENTRIES, _IN_VISUAL = 8, 78
"""Bytes before the first sample entry of `stsd`, and before the boxes in a visual one."""


def turn(file: Any, matrix: tuple[int, ...]) -> None:
    """Writes a display matrix into the track header of the video of an MP4 (ISO/IEC 14496-12, 8.3.2)."""
    start, _ = _box(file, *_video_track(file), b"tkhd")
    file.seek(start)
    after = 52 if file.read(1) == b"\1" else 40  # version 1 has times of 64 bits
    file.seek(start + after)
    file.write(struct.pack(">9i", *matrix))


def mark(file: Any, view: VideoView) -> None:
    """Adds the boxes of a view (Spherical Video V2 RFC) to an MP4 whose `moov` is the last box, so no data moves."""
    new, places = _view_boxes(view), [_video_track(file)]
    for kind in (b"mdia", b"minf", b"stbl", b"stsd"):
        places.append(_box(file, *places[-1], kind))
    moov = _box(file, 0, _end(file), b"moov")
    entry = places[-1][0] + _SAMPLE_ENTRIES
    file.seek(entry)
    (size,) = struct.unpack(">I", file.read(4))
    starts = [moov[0] - 8, *(start - 8 for start, _ in places), entry]
    for start in starts:
        file.seek(start)
        (old,) = struct.unpack(">I", file.read(4))
        file.seek(start)
        file.write(struct.pack(">I", old + len(new)))
    file.seek(entry + size)
    rest = file.read()
    file.seek(entry + size)
    file.write(new + rest)


def _view_boxes(view: VideoView) -> bytes:
    found = b""
    if view.stereo in _ST3D:
        found += _full(b"st3d", bytes([_ST3D[view.stereo]]))
    if view.is_sphere:
        _, yaw, pitch, roll, left, top, right, bottom, _ = view.spherical
        around = _full(b"prhd", struct.pack(">3i", yaw, pitch, roll))
        around += _full(b"equi", struct.pack(">4I", *(side & 0xFFFFFFFF for side in (top, bottom, left, right))))
        found += _plain(b"sv3d", _full(b"svhd", b"elansr\0") + _plain(b"proj", around))
    return found


_ST3D = {"side by side": 2, "top and bottom": 1}


def _plain(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content) + 8) + kind + content


def _full(kind: bytes, content: bytes) -> bytes:
    return _plain(kind, bytes(4) + content)


def _end(file: Any) -> int:
    return os.fstat(file.fileno()).st_size


def _video_track(file: Any) -> tuple[int, int]:
    for track in _boxes(file, *_box(file, 0, _end(file), b"moov"), b"trak"):
        handler = _box(file, *_box(file, *track, b"mdia"), b"hdlr")
        file.seek(handler[0] + 8)
        if file.read(4) == b"vide":
            return track
    raise ValueError("no video track")


def _box(file: Any, start: int, end: int, kind: bytes) -> tuple[int, int]:
    return next(_boxes(file, start, end, kind))


def _boxes(file: Any, start: int, end: int, kind: bytes) -> Iterator[tuple[int, int]]:
    """Start and end of the contents of all boxes of a type."""
    while start < end:
        file.seek(start)
        size, found = struct.unpack(">I4s", file.read(8))
        head = 8
        if size == 1:
            (size,) = struct.unpack(">Q", file.read(8))
            head = 16
        if found == kind:
            yield start + head, start + size
        start += size
