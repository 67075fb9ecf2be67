"""The two threads beside the network: frames come ahead of it, and what follows is done behind it."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, TypeVar

from elansr.errors import ConfigError
from elansr.images import Pixels
from elansr.video.colors import FromRGB
from elansr.video.encoding import Encoder, Format, Packet
from elansr.video.reading import Frame
from elansr.video.segments import Segment, Segments, Stored

SEGMENT = 48
"""Frames in a segment: about two seconds of film, and a usual distance of key frames."""

Item = TypeVar("Item")


class Worker:
    """One thread, which does what it is given in turn. Leaving the `with` statement drops what it has not begun.

    Args:
        name: of the thread.
    """

    def __init__(self, name: str) -> None:
        self._pool = ThreadPoolExecutor(1, name)
        self._open: deque[Future[None]] = deque()

    def __enter__(self) -> "Worker":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def ahead(self, items: Iterator[Item], count: int) -> Iterator[Item]:
        """The items, taken from their iterator in the thread, `count` before they are asked for."""
        coming = deque(self._pool.submit(next, items, None) for _ in range(count))
        while (item := coming.popleft().result()) is not None:
            coming.append(self._pool.submit(next, items, None))
            yield item

    def behind(self, most: int, work: Callable[..., None], *arguments: Any) -> None:
        """Has work done in the thread, and waits until at most so many pieces of it are left.

        Raises:
            Exception: what a piece of work raised, this or an earlier one.
        """
        self._open.append(self._pool.submit(work, *arguments))
        while len(self._open) > most:
            self._open.popleft().result()


class SegmentWriter:
    """Encodes results and stores them in segments, in the writing thread.

    Args:
        video: how they are encoded.
        segments: what there is already, and where the next are kept.
        from_rgb: see `Encoder`.
    """

    def __init__(self, video: Format, segments: Segments, from_rgb: FromRGB) -> None:
        self._video, self._segments, self._from_rgb = video, segments, from_rgb
        self._encoder: Encoder | None = None
        self._frames: list[Frame] = []
        self._packets: list[Packet] = []

    def add(self, frame: Frame, pixels: Pixels) -> None:
        """Takes the next result."""
        if self._encoder is None:
            self._encoder = Encoder(self._video, self._from_rgb)
        self._packets += self._encoder.encode(pixels)
        self._frames.append(frame)
        if len(self._frames) == SEGMENT:
            self._finish(end=False)

    def end(self) -> None:
        """Takes note that there are no more."""
        if self._frames:
            self._finish(end=True)
        else:
            self._segments.add([], Segment([], self._segments.finished[-1].last, 0, True))

    def _finish(self, end: bool) -> None:
        frames, encoder = self._frames, self._encoder
        if encoder is not None:
            self._packets += encoder.finish()
        if sorted(packet.number for packet in self._packets) != list(range(len(frames))):
            text = f"made {len(self._packets)} packets of {len(frames)} frames, where one of each is needed"
            raise ConfigError(f"codec {self._video.codec}: {text}; choose another --codec")
        packets = [_stored(packet, frames[packet.number]) for packet in self._packets]
        repeated = sum(frame.same for frame in frames)
        data = [packet.data for packet in self._packets]
        self._segments.add(data, Segment(packets, frames[-1].place, repeated, end))
        self._encoder, self._frames, self._packets = None, [], []


def _stored(packet: Packet, frame: Frame) -> Stored:
    return Stored(frame.pts, frame.duration, len(packet.data), packet.key)
