"""Writes the result: the upscaled video, and all other streams of the source.

Audio, subtitles and attachments are copied packet by packet. What the container cannot hold is known before upscaling
starts.
"""

import heapq
import io
import math
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

from elansr.disk import atomic_file
from elansr.errors import PictureError
from elansr.images import check_place
from elansr.text import listed, shown
from elansr.video.containers import MOST, TURNING, add_copy, container_of, copies, misfits
from elansr.video.encoding import EncoderSettings
from elansr.video.libav import av, complaints, logged, open_file
from elansr.video.mp4_boxes import mark, turn
from elansr.video.segments import StoredPacket
from elansr.video.video_file import ALPHA_TAG, VideoFile

_KEPT_TIMES = ("mp4", "matroska")
"""Containers whose start times are intended; times of other containers are shifted to start at 0."""
_OF_THE_FILE = {"major_brand", "minor_version", "compatible_brands", "encoder", "duration"}
"""Metadata that the muxer writes itself."""
_QUICKTIME = "com."
"""Prefix of tags of cameras and phones, which MP4 holds only with an option."""
_OF_THE_PACKETS = ("_STATISTICS", "BPS", "NUMBER_OF_", "DURATION")


class Muxer:
    """The file to be made.

    Args:
        source: the video; its other streams are copied.
        video: the stream that replaces its video.

    Attributes:
        notes: what is dropped.

    Raises:
        PictureError: the container cannot hold the video or the audio, or the file cannot be written.
    """

    def __init__(
        self, target: Path, source: VideoFile, video: EncoderSettings, matrix: tuple[int, ...] | None, overwrite: bool
    ) -> None:
        self._target, self._source, self._video = target, source, video
        self._matrix, self._overwrite = matrix, overwrite
        self._container = container_of(target)
        self._marks = self._container in TURNING and source.facts.view.needs_mark
        check_place(target, overwrite)
        self.notes: list[str] = []
        self._copied = self._choose()
        self.notes += self._rehearse()

    def write(self, packets: Sequence[StoredPacket], data: Iterator[bytes], on_packet: Callable[[], None]) -> None:
        """Writes it.

        Args:
            packets: of the video, in decoding order.

        Raises:
            OutputExistsError: the file was created in the meantime.
            PictureError: it cannot be written.
        """
        with (
            complaints(self._target, "cannot be written", "free some space or choose another folder"),
            atomic_file(self._target, overwrite=self._overwrite) as file,
            self._source.open() as source,
        ):
            options = self._options(source)
            with open_file(file.name, "w", format=self._container, options=options) as output:
                streams = self._streams(output, source)
                shift = _shift(source)
                video = self._video_packets(streams[self._source.stream(source).index], packets, data, shift)
                copied = {number: streams[number] for number in self._copied}
                for packet in heapq.merge(video, copies(source, copied, shift), key=_time):
                    output.mux_one(packet)
                    on_packet()
            if self._matrix:
                turn(file, self._matrix)
            if self._marks:
                mark(file, self._source.facts.view)

    def _choose(self) -> list[int]:
        """Numbers of the source streams to copy; notes the others."""
        readable = complaints(self._source.path, "cannot be read", "download it again, or convert it")
        with readable, self._source.open() as source, logged():
            refused = misfits(source, self._container, _shift(source))
            others = [stream for stream in source.streams if stream.type != "video"]
            for stream in others:
                if stream.index in refused and not _is_time_code(stream):
                    self._refuse(stream)
            return [stream.index for stream in others if stream.index not in refused]

    def _refuse(self, stream: Any) -> None:
        """Notes a stream that the container cannot hold; raises an error for audio."""
        name = stream.name or "unknown"
        what = f"{stream.type} stream {stream.index} ({name}) cannot be stored in {self._container}"
        if stream.type == "audio":
            way_out = "convert its audio first" if self._container == MOST else "write .mkv"
            raise PictureError(f"{shown(self._target)}: {what}; {way_out}")
        self.notes.append(f"{what} and is dropped")

    def _rehearse(self) -> list[str]:
        """Writes a file without packets to memory; notes the tags and chapters that it lacks.

        Raises:
            PictureError: the muxer fails.
        """
        with self._source.open() as source, logged() as lines:
            file = io.BytesIO()
            try:
                output = av.open(file, "w", format=self._container, options=self._options(source, rehearsal=True))
                self._streams(output, source)
                output.start_encoding()
                output.close()
            except (ValueError, av.FFmpegError) as error:
                why = "; ".join(lines) or getattr(error, "strerror", None) or str(error)
                text = f"{self._container} cannot hold this video as {self._video.codec} ({why})"
                way_out = "choose another `codec`" + ("" if self._container == MOST else ", or write .mkv")
                raise PictureError(f"{shown(self._target)}: {text}; {way_out}") from error
            if self._container not in TURNING:  # Matroska can hold every tag
                return []
            with av.open(io.BytesIO(file.getvalue())) as made:
                there = {name.lower() for name in made.metadata} | _OF_THE_FILE
                lost = [name for name in source.metadata if name.lower() not in there]
                notes = [f"tags dropped: {listed(lost)}"] if lost else []
                if len(made.chapters()) < len(source.chapters()):
                    notes.append("chapters dropped")
            return notes

    def _streams(self, output: Any, source: Any) -> dict[int, Any]:
        """Adds the streams of the result in the order of the source; returns them by source number."""
        output.metadata.update({k: v for k, v in source.metadata.items() if k.lower() not in _OF_THE_FILE})
        output.set_chapters(source.chapters())
        video, streams = self._source.stream(source), dict[int, Any]()
        for stream in source.streams:
            if stream == video:
                streams[stream.index] = made = output.add_stream(self._video.codec, rate=self._video.rate)
                self._video.configure(made.codec_context)
                if self._video.codec == "libx265" and self._container in TURNING:
                    made.codec_context.codec_tag = "hvc1"  # the one that Apple's players support
                made.time_base = stream.time_base
            elif stream.index in self._copied:
                streams[stream.index] = made = add_copy(output, stream)
            else:
                continue
            made.metadata.update({k: v for k, v in stream.metadata.items() if not _tells_of_packets(k)})
            if stream == video and self._container not in TURNING:
                made.metadata.update(self._source.facts.view.matroska())
            made.disposition = stream.disposition
        return streams

    def _options(self, source: Any, rehearsal: bool = False) -> dict[str, str]:
        if self._container not in TURNING:
            return {}
        scale = math.lcm(*(stream.time_base.denominator for stream in source.streams if stream.time_base))
        # Edit lists, which say when a stream starts, count in these units; FFmpeg's are milliseconds.
        exact = {"movie_timescale": str(scale)} if scale < 2**24 else {}
        flags = "+write_colr"  # without it, colours of which only some are known would not be written
        if not (rehearsal or self._marks):  # marks are added to a table at the end
            flags += "+faststart"
        if any(name.lower().startswith(_QUICKTIME) for name in source.metadata):
            flags += "+use_metadata_tags"
        return {"movflags": flags, **exact}

    def _video_packets(
        self, stream: Any, packets: Sequence[StoredPacket], data: Iterator[bytes], shift: Fraction
    ) -> Iterator[Any]:
        base, times = self._source.facts.time_base, [packet.pts for packet in packets]
        offset, ends = round(shift / base), _ends(packets, self._source.facts.end)
        for stored, dts, content in zip(packets, decoding_times(times), data, strict=True):
            packet = av.Packet(content)
            packet.stream, packet.time_base = stream, base
            packet.pts, packet.dts = stored.pts - offset, dts - offset
            packet.duration = ends[stored.pts] - stored.pts
            packet.is_keyframe = stored.key
            yield packet


def decoding_times(shown_at: Sequence[int]) -> list[int]:
    """Decoding times of packets: increasing, none later than the presentation time.

    Args:
        shown_at: presentation times, all different, in decoding order.

    Returns:
        The sorted times, moved back by as many frames as the most reordered frame needs.
    """
    ordered = sorted(shown_at)
    places = {time: place for place, time in enumerate(ordered)}
    late = max((position - places[time] for position, time in enumerate(shown_at)), default=0)
    step = ordered[1] - ordered[0] if len(ordered) > 1 else 1
    return [ordered[0] - step * (late - n) for n in range(late)] + ordered[: len(ordered) - late]


def _ends(packets: Sequence[StoredPacket], end: int | None) -> dict[int, int]:
    """End times of frames, by presentation time; `end` is the end of the last one in the source.

    The durations in a source are of no use: with a variable rate, MP4 stores them in decoding order.
    """
    last = max(packets)
    times = sorted(packet.pts for packet in packets)
    return dict(
        zip(times, [*times[1:], end if end is not None and end > last.pts else last.pts + last.duration], strict=True)
    )


def _is_time_code(stream: Any) -> bool:
    """Whether a data stream says nothing but the time of the first frame, which is a tag of the video too."""
    return stream.type == "data" and "timecode" in stream.metadata


def _time(packet: Any) -> Fraction:
    ticks = packet.dts if packet.dts is not None else packet.pts
    return ticks * packet.time_base


def _shift(source: Any) -> Fraction:
    """Seconds to subtract from all times."""
    if any(name in source.format.name for name in _KEPT_TIMES):
        return Fraction(0)
    return Fraction(source.start_time or 0, av.time_base)


def _tells_of_packets(name: str) -> bool:
    """Whether an entry of a stream's metadata describes its packets or its encoder."""
    return name.lower() in (*_OF_THE_FILE, ALPHA_TAG) or name.upper().startswith(_OF_THE_PACKETS)
