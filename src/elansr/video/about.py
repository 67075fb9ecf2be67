"""What there is to know of a video before its frames are read."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from elansr.video.colors import Colors, colors_of

_USUAL_RATE = Fraction(25)


@dataclass(frozen=True)
class About:
    """What there is to know of a video before its frames are read.

    Attributes:
        width, height: in pixels, as stored.
        frames: how many there are; of some files an estimate.
        end: when the last frame ends, in units of the time base; None if the file does not say.
        time_base: unit of the times, in seconds.
        rate: mean frames per second.
        aspect: width of a pixel over its height; None if it is not known.
        colors: of the samples.
        pix_fmt: FFmpeg's name of the pixel format.
        codec: FFmpeg's name of the codec.
        lossless: whether the codec is one that loses nothing.
        matrix: display matrix, nine int32 as in MP4, if frames are to be turned or mirrored when they are shown.
        notes: what is not kept, in words.
    """

    width: int
    height: int
    frames: int
    end: int | None
    time_base: Fraction
    rate: Fraction
    aspect: Fraction | None
    colors: Colors
    pix_fmt: str
    codec: str
    lossless: bool
    matrix: tuple[int, ...] | None
    notes: tuple[str, ...]


def look_at(container: Any, stream: Any, frame: Any, frames: int) -> About:
    """Looks at a video.

    Args:
        container: of PyAV, open.
        stream: of the video.
        frame: the first.
        frames: how many there are.

    Raises:
        PictureError: see `colors_of`.
    """
    codec = stream.codec_context.codec
    rate = stream.average_rate or stream.guessed_rate or _USUAL_RATE
    colors = colors_of(frame)
    return About(
        frame.width,
        frame.height,
        frames,
        None if stream.duration is None or stream.start_time is None else stream.start_time + stream.duration,
        stream.time_base,
        min(max(Fraction(rate), Fraction(1, 60)), Fraction(1000)).limit_denominator(1001),
        stream.sample_aspect_ratio or None,
        colors,
        frame.format.name,
        codec.canonical_name,
        codec.lossless and not codec.lossy,
        _matrix(frame),
        tuple(_notes(container, stream, frame)),
    )


def _matrix(frame: Any) -> tuple[int, ...] | None:
    found = frame.side_data.get("DISPLAYMATRIX")
    return None if found is None else tuple(int(value) for value in np.frombuffer(bytes(found), np.int32))


def _notes(container: Any, stream: Any, frame: Any) -> Iterator[str]:
    """What the result will lack."""
    if frame.interlaced_frame:
        yield "interlaced: both fields are upscaled as one picture, combs stay; deinterlace it first (ffmpeg -vf bwdif)"
    if any(component.is_alpha for component in frame.format.components):
        yield "its transparency is not kept"
    if any(frame.side_data.get(kind) is not None for kind in ("MASTERING_DISPLAY_METADATA", "DOVI_METADATA")):
        yield "the colour tags of HDR are kept, its mastering and Dolby Vision metadata are not"
    yield from (f"video stream {other.index} is not kept" for other in container.streams.video if other != stream)
