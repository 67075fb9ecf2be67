"""Video containers: what each of them can hold, and the streams that are copied."""

import io
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

from elansr.errors import PictureError
from elansr.text import shown
from elansr.video.libav import av

CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
"""FFmpeg's name of the container, by the ending."""
MOST = "matroska"
"""The one that takes most."""
TURNING = ("mp4", "mov")
"""Those that carry a display matrix which players heed."""


def container_of(target: Path) -> str:
    """FFmpeg's name of the container that a file's ending asks for.

    Raises:
        PictureError: it asks for none of ours.
    """
    name = CONTAINERS.get(target.suffix.lower())
    if name is None:
        raise PictureError(
            f"{shown(target)}: the file extension {target.suffix!r} is not one of {', '.join(CONTAINERS)}"
        )
    return name


def fits(codec: str) -> bool:
    """Whether one of the containers takes an encoder."""
    for container in dict.fromkeys(CONTAINERS.values()):
        with suppress(ValueError):
            in_memory(container).add_stream(codec)
            return True
    return False


def in_memory(container: str) -> Any:
    """An empty file of that kind in memory."""
    return av.open(io.BytesIO(), "w", format=container)


_NO_TEXT = b"\0\0"
"""What MP4 has between subtitles; the muxer puts it there itself."""
_LAYOUTS = {1: "mono", 2: "stereo", 3: "2.1", 4: "4.0", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
"""FFmpeg's usual layouts by their channels: Matroska does not say that of PCM, and MP4 needs it."""
_REFUSALS = (ValueError, AttributeError, av.FFmpegError)


def add_copy(output: Any, stream: Any) -> Any:
    """A stream of the result that takes the packets of one of the source.

    Raises:
        ValueError, AttributeError, av.FFmpegError: the container has no place for it.
    """
    if stream.type == "attachment" and output.format.name == MOST:  # WebM's muxer takes and forgets it
        return output.add_attachment(stream.name or "attachment", stream.mimetype or "", stream.data)
    if stream.type in ("attachment", "data"):
        raise ValueError(stream.type)
    made = output.add_stream_from_template(stream, opaque=True)
    if stream.type == "audio" and stream.layout.name == f"{stream.layout.nb_channels} channels":
        made.codec_context.layout = _LAYOUTS.get(stream.layout.nb_channels, stream.layout)
    return made


def copies(source: Any, streams: Mapping[int, Any], shift: Fraction) -> Iterator[Any]:
    """The packets of the streams that are copied, in the order of the source.

    Args:
        streams: of the result, by the numbers of those that they are copies of.
        shift: seconds that all times are moved towards 0.
    """
    wanted = [source.streams[number] for number in streams if source.streams[number].type != "attachment"]
    if not wanted:
        return
    for packet in source.demux(wanted):
        if packet.dts is None and packet.pts is None:  # the end
            continue
        if packet.stream.name == "mov_text" and bytes(packet) == _NO_TEXT:
            continue
        offset = round(shift / packet.time_base)
        packet.dts = None if packet.dts is None else packet.dts - offset
        packet.pts = None if packet.pts is None else packet.pts - offset
        packet.stream = streams[packet.stream.index]
        yield packet


def misfits(source: Any, container: str, shift: Fraction) -> set[int]:
    """Numbers of the streams beside the video that a container does not take.

    Each is written to a file of its own that keeps nothing: some are refused only with their packets, or at the end.
    """
    trials = [_Trial(stream, container) for stream in source.streams if stream.type != "video"]
    made = {trial.number: trial.made for trial in trials if trial.made is not None}
    by_stream = {trial.made: trial for trial in trials}
    for packet in copies(source, made, shift):
        by_stream[packet.stream].add(packet)
    return {trial.number for trial in trials if not trial.succeeds()}


class _Trial:
    """One stream, written to nowhere."""

    def __init__(self, stream: Any, container: str) -> None:
        self.number, self._fits = stream.index, True
        self.made: Any = None
        self._output = av.open(os.devnull, "w", format=container)
        self._attempt(lambda: self._begin(stream))

    def add(self, packet: Any) -> None:
        if self._fits:
            self._attempt(lambda: self._output.mux_one(packet))

    def succeeds(self) -> bool:
        self._attempt(self._output.close)
        return self._fits

    def _begin(self, stream: Any) -> None:
        made = add_copy(self._output, stream)
        self._output.start_encoding()
        self.made = made

    def _attempt(self, step: Callable[[], None]) -> None:
        try:
            step()
        except _REFUSALS:
            self._fits = False
