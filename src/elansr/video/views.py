"""Captions, 3D and 360-degree marks."""

import struct
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from elansr.video.libav import av

CARRYING = ("libx264", "libx264rgb")
"""Encoders that write captions and stereo marks of frames to the stream."""
CAPTIONS = b"\xb5\0\x31GA94\3"
"""How captions begin in a packet of H.264, HEVC and AV1 (ITU-T T.35, ATSC A/53)."""
MPEG2_CAPTIONS = b"GA94\3"
_CARRIED = ("A53_CC", "STEREO3D")
_STEREO = {1: "side by side", 2: "top and bottom", 3: "frames in turn", 4: "checkerboard", 6: "lines", 7: "columns"}
"""FFmpeg's AVStereo3DType."""
_MATROSKA = {"side by side": "left_right", "top and bottom": "top_bottom"}
_SPHERES = (0, 2)
"""AVSphericalProjection: an equirectangular picture, and a part of one."""


class VideoView(NamedTuple):
    """3D and 360-degree marks of a video.

    Attributes:
        stereo: how the pictures for both eyes are arranged in a frame, such as "side by side"; "" for 2D.
        spherical: FFmpeg's AVSphericalMapping: projection; yaw, pitch, roll; left, top, right, bottom; padding.
    """

    stereo: str
    spherical: tuple[int, ...]

    @property
    def is_sphere(self) -> bool:
        """Whether it is a 360-degree video in the common projection."""
        return bool(self.spherical) and self.spherical[0] in _SPHERES

    def matroska(self) -> dict[str, str]:
        """The stream tags that make the Matroska muxer write the marks."""
        return {"stereo_mode": _MATROSKA[self.stereo]} if self.stereo in _MATROSKA else {}

    def losses(self, codec: str, mp4: bool) -> Iterator[str]:
        """What the result cannot hold.

        Args:
            mp4: whether it is an MP4 or MOV, which `mp4_boxes.mark` marks.
        """
        if self.spherical and not (mp4 and self.is_sphere):
            yield "360-degree mark dropped" + ("" if mp4 else "; an .mp4 keeps it")
        if self.stereo and self.stereo not in _MATROSKA and codec not in CARRYING:
            yield f"3D mark ({self.stereo}) dropped; libx264 keeps it"

    @property
    def needs_mark(self) -> bool:
        """Whether an MP4 stores it in boxes."""
        return self.is_sphere or self.stereo in _MATROSKA


def view_of(frame: Any) -> VideoView:
    """The marks of a video's first frame."""
    stereo, spherical = frame.side_data.get("STEREO3D"), frame.side_data.get("SPHERICAL")
    kind = struct.unpack_from("i", bytes(stereo))[0] if stereo is not None else 0
    return VideoView(_STEREO.get(kind, ""), struct.unpack("9i", bytes(spherical)) if spherical is not None else ())


def carried(frame: Any) -> Any:
    """The decoded frame if it has captions or marks to copy, else None."""
    return frame if any(frame.side_data.get(kind) is not None for kind in _CARRIED) else None


class Carrier:
    """Creates frames with the captions and marks of source frames.

    PyAV cannot add such data to a frame, but FFmpeg's `scale` filter keeps it. So the source frame is resized, and its
    samples are replaced.
    """

    def __init__(self) -> None:
        self._graphs = dict[tuple[Any, ...], tuple[Any, Any, Any]]()

    def __call__(self, made: Any, source: Any) -> Any:
        """A frame with the samples of `made` and the captions and marks of `source`."""
        start, end, _ = self._graph(made, source)
        start.push(source)
        frame = end.pull()
        frame.make_writable()
        for plane, wanted in zip(frame.planes, made.planes, strict=True):
            rows = np.frombuffer(bytes(plane), np.uint8).copy()
            given = np.frombuffer(bytes(wanted), np.uint8).reshape(-1, wanted.line_size)
            width = min(wanted.line_size, plane.line_size)
            rows[: plane.height * plane.line_size].reshape(-1, plane.line_size)[:, :width] = given[
                : plane.height, :width
            ]
            plane.update(rows.tobytes())
        frame.pict_type = 0  # the encoder's choice
        frame.color_range, frame.colorspace = made.color_range, made.colorspace
        return frame

    def _graph(self, made: Any, source: Any) -> tuple[Any, Any, Any]:
        key = source.width, source.height, source.format.name, made.width, made.height, made.format.name
        if key not in self._graphs:
            graph = av.filter.Graph()
            start = graph.add_buffer(
                width=source.width, height=source.height, format=source.format, time_base=Fraction(1, 1000)
            )
            scale = graph.add("scale", f"w={made.width}:h={made.height}:flags=neighbor")
            wanted, end = graph.add("format", f"pix_fmts={made.format.name}"), graph.add("buffersink")
            graph.link_nodes(start, scale, wanted, end).configure()
            self._graphs[key] = start, end, graph
        return self._graphs[key]
