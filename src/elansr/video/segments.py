"""Finished segments of a video on disk, beside the result, so that an interrupted run can continue.

The list of packets of a segment is written after all packets: a segment is finished when its list exists.
"""

import json
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from elansr.disk import WorkFolder
from elansr.errors import ConfigError
from elansr.images import Pixels
from elansr.video.encoding import Encoder, EncoderSettings, Packet
from elansr.video.frames import FromRGB
from elansr.video.video_file import Frame, FramePosition


class StoredPacket(NamedTuple):
    """A packet of the result, in units of the source's time base.

    Attributes:
        pts: presentation time.
        duration: 0 if unknown.
        key: whether decoding can start here.
    """

    pts: int
    duration: int
    size: int
    key: bool


@dataclass(frozen=True)
class Segment:
    """A finished segment; the last one may be empty.

    Attributes:
        packets: in decoding order.
        repeated: frames that were equal to the one before.
        end: whether the video ends with it.
    """

    packets: list[StoredPacket]
    last: FramePosition
    repeated: int
    end: bool


class Segments(WorkFolder):
    """The segments of one result, see `WorkFolder`.

    Attributes:
        finished: the finished segments, without a gap.
    """

    kind = "segments"

    def __init__(self, target: Path, settings: dict[str, Any]) -> None:
        super().__init__(target, settings)
        self.finished: list[Segment] = []

    @property
    def is_empty(self) -> bool:
        """See `WorkFolder`."""
        return not self.finished

    @property
    def frames(self) -> int:
        """Frames in the finished segments."""
        return sum(len(segment.packets) for segment in self.finished)

    @property
    def complete(self) -> bool:
        """Whether the whole video is finished."""
        return bool(self.finished) and self.finished[-1].end

    def add(self, data: Sequence[bytes], segment: Segment) -> None:
        """Adds the next segment; when it returns, it is safe from a power cut.

        Raises:
            PictureError: it cannot be written.
        """
        number = len(self.finished)
        with self.errors():
            self.write(_data(number), data)
            self.write(_list(number), [json.dumps(asdict(segment)).encode()])
        self.finished.append(segment)

    def data(self) -> Iterator[bytes]:
        """The bytes of all packets, in decoding order."""
        for number, segment in enumerate(self.finished):
            with self.errors(), open(self.folder / _data(number), "rb") as file:
                for packet in segment.packets:
                    yield file.read(packet.size)

    def load(self) -> None:
        """See `WorkFolder`."""
        while (segment := self._stored(len(self.finished))) is not None:
            self.finished.append(segment)

    def _stored(self, number: int) -> Segment | None:
        """A segment, if it is complete."""
        listed = self.read_json(_list(number))
        try:
            packets = [StoredPacket(*packet) for packet in listed["packets"]]
            if (self.folder / _data(number)).stat().st_size != sum(packet.size for packet in packets):
                return None
            return Segment(packets, FramePosition(*listed["last"]), listed["repeated"], listed["end"])
        except (OSError, KeyError, TypeError):
            return None


def _data(number: int) -> str:
    return f"{number:06d}.packets"


def _list(number: int) -> str:
    return f"{number:06d}.json"


SEGMENT = 48
"""Frames per segment: about two seconds, a common key frame interval."""

Item = TypeVar("Item")


class BackgroundThread:
    """A thread that runs tasks in order. Leaving the `with` statement drops tasks that have not started."""

    def __init__(self, name: str) -> None:
        self._pool = ThreadPoolExecutor(1, name)
        self._open: deque[Future[None]] = deque()

    def __enter__(self) -> "BackgroundThread":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def ahead(self, items: Iterator[Item], count: int) -> Iterator[Item]:
        """Yields items that the thread takes from their iterator up to `count` ahead."""
        coming = deque(self._pool.submit(next, items, None) for _ in range(count))
        while (item := coming.popleft().result()) is not None:
            coming.append(self._pool.submit(next, items, None))
            yield item

    def behind(self, most: int, work: Callable[..., None], *arguments: Any) -> None:
        """Runs a task in the thread, and waits until at most `count` tasks are left.

        Raises:
            Exception: what this or an earlier task raised.
        """
        self._open.append(self._pool.submit(work, *arguments))
        while len(self._open) > most:
            self._open.popleft().result()


class SegmentWriter:
    """Encodes results and stores them in segments, in the writing thread."""

    def __init__(self, video: EncoderSettings, segments: Segments, from_rgb: FromRGB) -> None:
        self._video, self._segments, self._from_rgb = video, segments, from_rgb
        self._encoder: Encoder | None = None
        self._frames: list[Frame] = []
        self._packets: list[Packet] = []

    def add(self, frame: Frame, pixels: Pixels) -> None:
        """Adds the next result."""
        if self._encoder is None:
            self._encoder = Encoder(self._video, self._from_rgb)
        self._packets += self._encoder.encode(pixels, frame.carries)
        self._frames.append(frame)
        if len(self._frames) == SEGMENT:
            self._finish(end=False)

    def end(self) -> None:
        """Marks the end of the video."""
        if self._frames:
            self._finish(end=True)
        else:
            self._segments.add([], Segment([], self._segments.finished[-1].last, 0, True))

    def _finish(self, end: bool) -> None:
        frames, encoder = self._frames, self._encoder
        if encoder is not None:
            self._packets += encoder.finish()
        if sorted(packet.number for packet in self._packets) != list(range(len(frames))):
            text = f"made {len(self._packets)} packets of {len(frames)} frames instead of one each"
            raise ConfigError(f"codec {self._video.codec}: {text}; choose another `codec`")
        packets = [_stored(packet, frames[packet.number]) for packet in self._packets]
        repeated = sum(frame.same for frame in frames)
        data = [packet.data for packet in self._packets]
        self._segments.add(data, Segment(packets, frames[-1].place, repeated, end))
        self._encoder, self._frames, self._packets = None, [], []


def _stored(packet: Packet, frame: Frame) -> StoredPacket:
    return StoredPacket(frame.pts, frame.duration, len(packet.data), packet.key)
