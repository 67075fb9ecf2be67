"""Finished segments of a video on disk, beside the file that they are for, so that an interrupted run can be taken up.

A hidden folder: the packets of each segment, a list of them that is written when all are on the disk, and a journal
that says how they were made. A segment counts once its list is there.
"""

import contextlib
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NamedTuple

from elansr.errors import PictureError
from elansr.imaging.formats import shown
from elansr.inference.video_reading import Place

if sys.platform != "win32":
    import fcntl


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


class Segments:
    """The segments of one result. Use it in a `with` statement: no second run may write there.

    Args:
        target: the file that they will become.
        settings: what decides them, as JSON knows it. What was made otherwise is deleted.

    Attributes:
        folder: the hidden folder.
        finished: the segments that are there, without a gap.
        changed: the names of the settings that differed from those of the segments that were found.

    Raises:
        PictureError: another run is at work there, or the folder cannot be made.
    """

    def __init__(self, target: Path, settings: dict[str, Any]) -> None:
        name = hashlib.sha256(os.fsencode(target.name)).hexdigest()[:16]
        self.folder = target.with_name(f".elansr-{name}.segments")
        self.finished: list[Segment] = []
        self.changed: list[str] = []
        self._target, self._settings = target, json.loads(json.dumps(settings))
        self._lock: IO[bytes] | None = None

    def __enter__(self) -> "Segments":
        with self._complaints():
            self.folder.mkdir(exist_ok=True)
            self._lock = open(self.folder / "lock", "wb")
        try:
            self._take_lock(self._lock)
            with self._complaints():
                self._take_up()
        except BaseException:
            self._lock.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not self.finished:
            self.remove()
        if self._lock is not None:
            self._lock.close()

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
            _write(self._data(number), data)
            _write(self._list(number), [json.dumps(listed).encode()])
        self.finished.append(segment)

    def data(self) -> Iterator[bytes]:
        """The bytes of all packets, in the order of decoding."""
        for number, segment in enumerate(self.finished):
            with self._complaints(), open(self._data(number), "rb") as file:
                for packet in segment.packets:
                    yield file.read(packet.size)

    def remove(self) -> None:
        """Deletes them all."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _data(self, number: int) -> Path:
        return self.folder / f"{number:06d}.packets"

    def _list(self, number: int) -> Path:
        return self.folder / f"{number:06d}.json"

    def _take_up(self) -> None:
        """Finds what is finished; what was made with other settings is deleted."""
        found = _json(self.folder / "settings.json")
        self.changed = [name for name in self._settings if found and found.get(name) != self._settings[name]]
        if not found or self.changed:
            for file in self.folder.iterdir():
                if file.name != "lock":
                    file.unlink()
            _write(self.folder / "settings.json", [json.dumps(self._settings).encode()])
        while (segment := self._stored(len(self.finished))) is not None:
            self.finished.append(segment)

    def _stored(self, number: int) -> Segment | None:
        """A segment, if it is finished and whole."""
        listed = _json(self._list(number))
        try:
            packets = [Stored(*packet) for packet in listed["packets"]]
            if self._data(number).stat().st_size != sum(packet.size for packet in packets):
                return None
            return Segment(packets, Place(*listed["last"]), listed["repeated"], listed["end"])
        except (OSError, KeyError, TypeError):
            return None

    def _take_lock(self, file: IO[bytes]) -> None:
        if sys.platform == "win32":
            return
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise PictureError(f"{shown(self._target)}: another run is writing it; wait for that one") from error
        except OSError:  # a file system without locks
            return

    @contextlib.contextmanager
    def _complaints(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            why = f"unfinished segments cannot be kept in {shown(self.folder)} ({error.strerror or error})"
            raise PictureError(f"{shown(self._target)}: {why}; free space or choose another folder") from error


def _write(path: Path, parts: Sequence[bytes]) -> None:
    """Writes a file that is there whole or not at all."""
    beside = path.with_suffix(".part")
    with open(beside, "wb") as file:
        file.writelines(parts)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def _json(path: Path) -> dict[str, Any]:
    """What a file holds; empty where there is none to trust."""
    try:
        found = json.loads(path.read_bytes())
        return found if isinstance(found, dict) else {}
    except (OSError, ValueError):
        return {}
