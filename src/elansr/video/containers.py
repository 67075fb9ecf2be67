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
"""FFmpeg's names of the containers, by file extension."""
MOST = "matroska"
"""The container that can hold most."""
TURNING = ("mp4", "mov")
"""Containers whose rotation tags players apply."""


def container_of(target: Path) -> str:
    """FFmpeg's name of the container for a file's extension.

    Raises:
        PictureError: an unsupported extension.
    """
    name = CONTAINERS.get(target.suffix.lower())
    if name is None:
        raise PictureError(
            f"{shown(target)}: the file extension {target.suffix!r} is not one of {', '.join(CONTAINERS)}"
        )
    return name


def fits(codec: str) -> bool:
    """Whether any container can hold an encoder's output."""
    for container in dict.fromkeys(CONTAINERS.values()):
        with suppress(ValueError):
            in_memory(container).add_stream(codec)
            return True
    return False


def in_memory(container: str) -> Any:
    """An empty container in memory."""
    return av.open(io.BytesIO(), "w", format=container)


_NO_TEXT = b"\0\0"
"""Empty packets between MP4 subtitles, which the muxer adds itself."""
_LAYOUTS = {1: "mono", 2: "stereo", 3: "2.1", 4: "4.0", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
"""FFmpeg's default layouts by number of channels: Matroska does not store it for PCM, and MP4 needs it."""
_REFUSALS = (ValueError, AttributeError, av.FFmpegError)


def add_copy(output: Any, stream: Any) -> Any:
    """Adds a stream to the result for the packets of a source stream.

    Raises:
        ValueError, AttributeError, av.FFmpegError: the container cannot hold it.
    """
    if stream.type == "attachment" and output.format.name == MOST:  # WebM's muxer accepts it silently and drops it
        return output.add_attachment(stream.name or "attachment", stream.mimetype or "", stream.data)
    if stream.type in ("attachment", "data"):
        raise ValueError(stream.type)
    made = output.add_stream_from_template(stream, opaque=True)
    if stream.type == "audio" and stream.layout.name == f"{stream.layout.nb_channels} channels":
        made.codec_context.layout = _LAYOUTS.get(stream.layout.nb_channels, stream.layout)
    return made


def copies(source: Any, streams: Mapping[int, Any], shift: Fraction) -> Iterator[Any]:
    """The packets of the copied streams, in the order of the source.

    Args:
        streams: streams of the result, by the number of the source stream.
        shift: seconds subtracted from all times.
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
    """Numbers of the streams, besides the video, that a container cannot hold.

    Writes each to a discarded file: some are refused only with their packets, or at the end.
    """
    trials = [_Trial(stream, container) for stream in source.streams if stream.type != "video"]
    made = {trial.number: trial.made for trial in trials if trial.made is not None}
    by_stream = {trial.made: trial for trial in trials}
    for packet in copies(source, made, shift):
        by_stream[packet.stream].add(packet)
    return {trial.number for trial in trials if not trial.succeeds()}


class _Trial:
    """Writes one stream to a discarded file."""

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
