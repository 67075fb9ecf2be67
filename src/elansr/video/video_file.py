"""A video file: its properties and its frames."""

import hashlib
import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from elansr.errors import PictureError
from elansr.images import Pixels
from elansr.text import shown
from elansr.video.frames import Colors, ToRGB, colors_of
from elansr.video.libav import av, complaints, open_file
from elansr.video.views import CAPTIONS, MPEG2_CAPTIONS, VideoView, carried, view_of

_USUAL_RATE = Fraction(25)


@dataclass(frozen=True)
class VideoFacts:
    """Properties of a video, known before its frames are read.

    Attributes:
        width, height: in pixels, as stored.
        frames: number of frames; an estimate for some files.
        end: when the last frame ends, in units of the time base; None if unknown.
        time_base: unit of the times, in seconds.
        aspect: width of a pixel / its height; None if unknown.
        captions: whether there are captions (CEA-608, CEA-708) in the stream.
        view: 3D and 360-degree marks.
        matrix: display matrix, nine int32 as in MP4, if frames must be rotated or mirrored for display.
        notes: what will be dropped.
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
    captions: bool
    view: VideoView
    matrix: tuple[int, ...] | None
    notes: tuple[str, ...]


def look_at(container: Any, stream: Any, frame: Any, frames: int, captions: bool) -> VideoFacts:
    """Properties of a video whose first frame is decoded; `frames` is the number of frames.

    Raises:
        PictureError: see `colors_of`.
    """
    codec = stream.codec_context.codec
    rate = stream.average_rate or stream.guessed_rate or _USUAL_RATE
    colors = colors_of(frame)
    return VideoFacts(
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
        captions,
        view_of(frame),
        _matrix(frame),
        tuple(_notes(container, stream, frame)),
    )


def _matrix(frame: Any) -> tuple[int, ...] | None:
    found = frame.side_data.get("DISPLAYMATRIX")
    return None if found is None else tuple(int(value) for value in np.frombuffer(bytes(found), np.int32))


def _notes(container: Any, stream: Any, frame: Any) -> Iterator[str]:
    """What will be dropped."""
    if frame.interlaced_frame:
        yield "interlaced: comb artefacts will remain; deinterlace it first (ffmpeg -vf bwdif)"
    if any(component.is_alpha for component in frame.format.components) or stream.metadata.get(ALPHA_TAG) == "1":
        yield "transparency dropped"
    if any(frame.side_data.get(kind) is not None for kind in ("MASTERING_DISPLAY_METADATA", "DOVI_METADATA")):
        yield "HDR mastering and Dolby Vision metadata dropped; colour tags are kept"
    yield from (f"video stream {other.index} dropped" for other in container.streams.video if other != stream)


ALPHA_TAG = "alpha_mode"
"""Tag of a WebM stream whose transparency is stored separately."""
_LOG = logging.getLogger(__name__)
_PICTURES = ("_pipe", "image2")
"""Endings of FFmpeg's names of picture formats."""
_BRANDS = ("avif", "heic")
"""Picture formats in MP4 containers."""
_ANNOUNCING = ("matroska", "flv")
"""Containers that store their length at the start."""
_PACKET_SIZES = (188, 192, 204)
"""Bytes of a packet of MPEG-TS, bare, with a time, and with a checksum."""
_SHORT = Fraction(1, 2)
"""Seconds that a file may be shorter than announced."""


class FramePosition(NamedTuple):
    """Identifies a frame, to find it again.

    Attributes:
        number: from 0, in display order.
        pts: its time in the result, in units of the time base.
        raw: its time in the file; None if missing.
        digest: of its RGB samples.
    """

    number: int
    pts: int
    raw: int | None
    digest: str


@dataclass(frozen=True)
class Frame:
    """A frame: its pixels, position (see `FramePosition`) and duration.

    Attributes:
        pixels: uint8 or uint16 (H, W, 3), RGB.
        duration: in units of the time base; 0 if unknown.
        same: whether its pixels equal those of the frame before.
        carries: the decoded frame, if it has captions or marks for the result; else None.
    """

    pixels: Pixels
    number: int
    pts: int
    raw: int | None
    duration: int
    same: bool
    carries: Any = None

    @property
    def place(self) -> FramePosition:
        """Its position."""
        return FramePosition(
            self.number, self.pts, self.raw, hashlib.blake2b(self.pixels.tobytes(), digest_size=16).hexdigest()
        )


class VideoFile:
    """A video file.

    Attributes:
        facts: about the first video stream that is not a cover picture.

    Raises:
        PictureError: it cannot be read, is truncated, or has no video.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._complaints(), self.open() as container:
            self._refuse_picture(container)
            stream = self.stream(container)
            self._require_whole(container, stream)
            frame = next(container.decode(stream), None)
            if frame is None:
                raise PictureError(f"{shown(path)}: no frame of the video can be decoded; choose another file")
            self.facts = look_at(container, stream, frame, *self._scan())

    def open(self) -> Any:
        """A PyAV container, for a `with` statement."""
        if not self.path.is_file():
            raise PictureError(f"{shown(self.path)}: not a file; choose a video")
        return open_file(self.path, metadata_errors="replace")

    def stream(self, container: Any) -> Any:
        """The stream to upscale: the first one that is not a cover picture."""
        pictures = av.stream.Disposition.attached_pic | av.stream.Disposition.timed_thumbnails
        found = [stream for stream in container.streams.video if not stream.disposition & pictures]
        if not found:
            raise PictureError(f"{shown(self.path)}: has no video stream; for pictures, use `elansr upscale`")
        if found[0].codec_context is None:
            raise PictureError(f"{shown(self.path)}: its video format cannot be decoded; convert it first")
        return found[0]

    def frames(self, after: FramePosition | None = None) -> Iterator[Frame]:
        """Yields the frames in display order.

        Raises:
            PictureError: a frame cannot be decoded, or has another size; `after` is not found.
        """
        if after is not None and after.raw is not None:
            found = self._after(after, self._decoded(after.raw))
            first = next(found, None)
            if first is not None:  # the seek missed it: count from the start
                yield from (frame for frame in found if frame.number > after.number)
                return
        frames = self._timed(self._decoded(None), 0, None)
        for frame in frames:
            if after is not None and frame.number == after.number and frame.place != after:
                raise PictureError(
                    f"{shown(self.path)}: decodes differently than before; delete the unfinished segments"
                )
            if after is None or frame.number > after.number:
                yield frame

    def _after(self, after: FramePosition, decoded: Iterator[Any]) -> Iterator[Frame]:
        """The frame `after` and the following ones; nothing if it was not decoded."""
        for frame in decoded:
            if frame.pts is None or frame.pts > after.raw:
                return
            if frame.pts == after.raw:
                last = self._timed(iter([frame]), after.number, after.pts - 1)
                if next(last).place == after:
                    yield from self._timed(chain([frame], decoded), after.number, after.pts - 1)
                return

    def _decoded(self, start: int | None) -> Iterator[Any]:
        """PyAV frames from the key frame before a time, or all."""
        with self._complaints(), self.open() as container:
            stream = self.stream(container)
            stream.thread_type = "AUTO"
            for other in container.streams:
                other.discard = av.stream.Discard.default if other == stream else av.stream.Discard.all
            if start is not None:
                with suppress(av.FFmpegError):  # not seekable: decode from the start
                    container.seek(start, stream=stream, backward=True)
            yield from self._until_damaged(container, stream, float((start or 0) * stream.time_base))

    def _until_damaged(self, container: Any, stream: Any, last: float) -> Iterator[Any]:
        """Yields the frames; if one cannot be decoded, raises an error with the time `last` of the frame before."""
        try:
            for frame in container.decode(stream):
                last = last if frame.time is None else frame.time
                yield frame
        except av.FFmpegError as error:
            what = f"damaged: no frame can be decoded after {last:.2f} s ({error.strerror})"
            way_out = "download it again, or cut it there with ffmpeg"
            raise PictureError(f"{shown(self.path)}: {what}; {way_out}") from error

    def _timed(self, decoded: Iterator[Any], number: int, last: int | None) -> Iterator[Frame]:
        """Yields frames in RGB, numbered, with increasing times."""
        about, to_rgb = self.facts, ToRGB(self.facts.colors)
        step = max(1, round(1 / (about.rate * about.time_base)))
        before: Pixels | None = None
        for found in decoded:
            if (found.width, found.height) != (about.width, about.height):
                sizes = f"{found.width}x{found.height}, but the first is {about.width}x{about.height}"
                raise PictureError(f"{shown(self.path)}: frame {number} is {sizes}; cut the video there")
            pixels = to_rgb(found)
            raw = found.pts if found.pts is not None else found.dts
            pts = raw if raw is not None else 0 if last is None else last + step
            if last is not None and pts <= last:
                _LOG.warning(
                    "%s: frame %d has no later time than the one before; time changed", shown(self.path), number
                )
                pts = last + 1
            same = before is not None and np.array_equal(before, pixels)
            yield Frame(pixels, number, pts, found.pts, found.duration or 0, same, carried(found))
            before, last, number = pixels, pts, number + 1

    def _scan(self) -> tuple[int, bool]:
        """Reads all packets: returns the number of frames and whether there are captions; refuses a truncated file."""
        frames, end, damaged, captions = 0, Fraction(0), False, False
        with self.open() as container:
            stream = self.stream(container)
            begins = MPEG2_CAPTIONS if stream.codec_context.name.startswith("mpeg") else CAPTIONS
            for packet in container.demux():
                time = packet.pts if packet.pts is not None else packet.dts
                if time is not None:
                    end = max(end, (time + (packet.duration or 0)) * packet.time_base)
                if packet.stream_index == stream.index and packet.size > 0:
                    frames += not packet.is_discard
                    damaged = packet.is_corrupt
                    captions = captions or begins in bytes(packet)
            announced = Fraction(container.duration or 0, av.time_base)
            if any(name in container.format.name for name in _ANNOUNCING) and announced - end > _SHORT:
                self._refuse_truncated(f"ends after {float(end):.1f} of {float(announced):.1f} s")
            cut = container.format.name == "mpegts" and all(container.size % size for size in _PACKET_SIZES)
            if damaged or cut:
                _LOG.warning("%s: may be truncated: the last packet is incomplete", shown(self.path))
        return frames, captions

    def _refuse_picture(self, container: Any) -> None:
        if container.format.name.endswith(_PICTURES) or container.metadata.get("major_brand") in _BRANDS:
            raise PictureError(f"{shown(self.path)}: a picture, not a video; use `elansr upscale`")

    def _require_whole(self, container: Any, stream: Any) -> None:
        """Checks that the file contains the packets listed at its start."""
        if "mp4" in container.format.name:
            missing = [entry for entry in stream.index_entries if entry.pos + entry.size > container.size]
            if missing:
                self._refuse_truncated(f"{len(missing)} of its {len(stream.index_entries)} frames are missing")

    def _refuse_truncated(self, how: str) -> None:
        raise PictureError(f"{shown(self.path)}: truncated: {how}; download it again, or remux the rest with ffmpeg")

    def _complaints(self) -> Any:
        return complaints(
            self.path, "cannot be read as a video", "damaged or of an unknown format; download it again, or convert it"
        )
