"""Finished segments of a video on disk, beside the file that they are for, so that an interrupted run can be taken up.

The packets of each segment, and a list of them that is written when all are on the disk: a segment counts once its list
is there.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from elansr.upscaling.unfinished import Unfinished
from elansr.video.reading import Place


class Stored(NamedTuple):
    """A packet of the result, in units of the source's time base.

    Attributes:
        pts: when its frame is shown.
        duration: for how long; 0 if it is not known.
        size: in bytes.
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
        packets: in the order of decoding.
        last: the frame that it ends with.
        repeated: frames that were equal to the one before.
        end: whether the video ends with it.
    """

    packets: list[Stored]
    last: Place
    repeated: int
    end: bool


class Segments(Unfinished):
    """The segments of one result, see `Unfinished`.

    Attributes:
        finished: the segments that are there, without a gap.
    """

    kind = "segments"

    def __init__(self, target: Path, settings: dict[str, Any]) -> None:
        super().__init__(target, settings)
        self.finished: list[Segment] = []

    @property
    def is_empty(self) -> bool:
        """Whether there is no segment."""
        return not self.finished

    @property
    def frames(self) -> int:
        """Frames in the finished segments."""
        return sum(len(segment.packets) for segment in self.finished)

    @property
    def complete(self) -> bool:
        """Whether the whole video is there."""
        return bool(self.finished) and self.finished[-1].end

    def add(self, data: Sequence[bytes], segment: Segment) -> None:
        """Adds the next segment; when it returns, it is safe from a power cut.

        Args:
            data: the bytes of its packets.
            segment: what they are.

        Raises:
            PictureError: it cannot be written.
        """
        number = len(self.finished)
        listed = {"packets": segment.packets, "last": segment.last, "repeated": segment.repeated, "end": segment.end}
        with self._complaints():
            self._write(_data(number), data)
            self._write(_list(number), [json.dumps(listed).encode()])
        self.finished.append(segment)

    def data(self) -> Iterator[bytes]:
        """The bytes of all packets, in the order of decoding."""
        for number, segment in enumerate(self.finished):
            with self._complaints(), open(self.folder / _data(number), "rb") as file:
                for packet in segment.packets:
                    yield file.read(packet.size)

    def _load(self) -> None:
        while (segment := self._stored(len(self.finished))) is not None:
            self.finished.append(segment)

    def _stored(self, number: int) -> Segment | None:
        """A segment, if it is finished and whole."""
        listed = self._json(_list(number))
        try:
            packets = [Stored(*packet) for packet in listed["packets"]]
            if (self.folder / _data(number)).stat().st_size != sum(packet.size for packet in packets):
                return None
            return Segment(packets, Place(*listed["last"]), listed["repeated"], listed["end"])
        except (OSError, KeyError, TypeError):
            return None


def _data(number: int) -> str:
    return f"{number:06d}.packets"


def _list(number: int) -> str:
    return f"{number:06d}.json"
