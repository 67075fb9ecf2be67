"""Pixels of video frames: YUV to RGB and back, and display matrices."""

from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from elansr.errors import PictureError
from elansr.images import Pixels
from elansr.video.libav import av

_SD = 576
"""Up to this height, players assume BT.601 for untagged video, and BT.709 above."""
_RGB, _BT709, _UNSPECIFIED, _BT601 = 0, 1, 2, 6
_LIMITED, _FULL = 1, 2
_MATRICES = {1: "bt709", 4: "fcc", 5: "bt601", 6: "bt601", 7: "smpte240m", 9: "bt2020", 10: "bt2020"}
"""FFmpeg's names of the matrices, by their numbers in ISO/IEC 23091-2."""
_EXACT = "flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"
"""Without these flags, FFmpeg repeats chroma samples instead of interpolating them, and truncates."""


class Colors(NamedTuple):
    """The colour space of a video; numbers as in ISO/IEC 23091-2.

    Attributes:
        matrix: from RGB to YUV.
        range: 1 for limited (16 to 235), 2 for full (0 to 255).
        primaries: of RGB; 2 is unspecified.
        transfer: the curve; 2 is unspecified.
    """

    matrix: int
    range: int
    primaries: int
    transfer: int


def colors_of(frame: Any) -> Colors:
    """The colours of a frame; missing values are filled in as players do.

    Raises:
        PictureError: an unsupported matrix.
    """
    matrix = int(frame.colorspace)
    if matrix == _UNSPECIFIED or (matrix == _RGB and not frame.format.is_rgb) or frame.format.is_rgb:
        matrix = _BT601 if frame.height <= _SD else _BT709
    if matrix not in _MATRICES:
        raise PictureError(
            f"colour matrix {matrix} is not one of {', '.join(map(str, _MATRICES))}; convert the video first"
        )
    full = int(frame.color_range) == _FULL or frame.format.name.startswith("yuvj")
    return Colors(matrix, _FULL if full else _LIMITED, int(frame.color_primaries), int(frame.color_trc))


def depth(video_format: Any) -> int:
    """Bits of the samples of a pixel format."""
    return max(component.bits for component in video_format.components)


class ToRGB:
    """Converts frames to pictures. Use one instance per video."""

    def __init__(self, colors: Colors) -> None:
        self._colors, self._graphs = colors, dict[tuple[int, int, str], _FilterGraph]()

    def __call__(self, frame: Any) -> Pixels:
        """(H, W, 3), uint8 for samples of 8 bits or fewer, else uint16; without alpha."""
        key = frame.width, frame.height, frame.format.name
        if key not in self._graphs:
            given = "" if frame.format.is_rgb else _side("in", self._colors)
            rgb = "rgb24" if depth(frame.format) <= 8 else "rgb48le"
            self._graphs[key] = _FilterGraph(*key, f"{given}out_range=pc", rgb)
        return self._graphs[key](frame).to_ndarray()


class FromRGB:
    """Converts pictures of one size and dtype to frames."""

    def __init__(self, colors: Colors, pix_fmt: str) -> None:
        self._colors, self._format = colors, av.VideoFormat(pix_fmt)
        self._graph: _FilterGraph | None = None

    def __call__(self, pixels: Pixels) -> Any:
        """Converts (H, W, 3) to a frame."""
        rgb = "rgb24" if pixels.dtype == np.uint8 else "rgb48le"
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format=rgb)
        if self._graph is None:
            wanted = "" if self._format.is_rgb else _side("out", self._colors)
            self._graph = _FilterGraph(frame.width, frame.height, rgb, f"in_range=pc:{wanted}", self._format.name)
        return self._graph(frame)


class _FilterGraph:
    """FFmpeg's `scale` filter, which converts without resizing."""

    def __init__(self, width: int, height: int, given: str, arguments: str, wanted: str) -> None:
        graph = av.filter.Graph()
        self._start = graph.add_buffer(
            width=width, height=height, format=av.VideoFormat(given), time_base=Fraction(1, 1000)
        )
        scale = graph.add("scale", f"{arguments.strip(':')}:{_EXACT}")
        wanted_format = graph.add("format", f"pix_fmts={wanted}")
        self._end = graph.add("buffersink")
        graph.link_nodes(self._start, scale, wanted_format, self._end).configure()
        self._graph = graph

    def __call__(self, frame: Any) -> Any:
        self._start.push(frame)
        return self._end.pull()


def _side(side: str, colors: Colors) -> str:
    """The arguments of `scale` for the YUV on one side."""
    spread = "pc" if colors.range == _FULL else "tv"
    return f"{side}_color_matrix={_MATRICES[colors.matrix]}:{side}_range={spread}:"


class Orientation(NamedTuple):
    """A rotation by a multiple of 90 degrees, with or without mirroring.

    Attributes:
        swaps: rows become columns, first of all.
        down: 1, or -1 to turn it upside down after that.
        across: 1, or -1 to mirror it after that.
    """

    swaps: bool = False
    down: int = 1
    across: int = 1

    def size(self, width: int, height: int) -> tuple[int, int]:
        """The new width and height."""
        return (height, width) if self.swaps else (width, height)

    def __call__(self, pixels: Pixels) -> Pixels:
        """Rotates (H, W, C)."""
        turned = pixels.transpose(1, 0, 2) if self.swaps else pixels
        return np.ascontiguousarray(turned[:: self.down, :: self.across])


def orientation_of(matrix: tuple[int, ...]) -> Orientation:
    """The orientation nearest to a display matrix, with x' = m0 x + m3 y and y' = m1 x + m4 y, y downwards."""
    if abs(matrix[1]) > abs(matrix[0]):
        return Orientation(True, _sign(matrix[1]), _sign(matrix[3]))
    return Orientation(False, _sign(matrix[4]), _sign(matrix[0]))


def scaled(matrix: tuple[int, ...], scale: int) -> tuple[int, ...]:
    """The display matrix for frames `scale` times as large: scales the translation, keeps the rotation."""
    return tuple(value * scale if index in (6, 7) else value for index, value in enumerate(matrix))


def _sign(value: int) -> int:
    return -1 if value < 0 else 1
