"""Finished rows of a result on disk, beside the file that they are for, so that an interrupted run can be taken up.

A spool is a hidden folder: the rows of each plane (colours, alpha) as nothing but samples, and a journal that says how
many of them are whole and how they were made. Rows go to the disk before the journal counts them.
"""

import contextlib
import hashlib
import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from elansr.errors import PictureError
from elansr.imaging.formats import shown

if sys.platform != "win32":
    import fcntl


class Mark(NamedTuple):
    """Where a run can be taken up: the row of the picture where its last tiles started, and their side."""

    row: int
    tile: int


@dataclass(frozen=True)
class Finished:
    """How far a plane is: its finished rows, and the mark of the last strip; None before the first."""

    rows: int = 0
    mark: Mark | None = None


class Spool:
    """The rows of one result. Use it in a `with` statement: no second run may write there.

    Args:
        target: The file that they will become.
        settings: What decides their numbers, as JSON knows it. A spool that was made otherwise is begun anew.

    Attributes:
        folder: The hidden folder.
        changed: The names of the settings that differed from those of the spool that was found, if it was not empty.

    Raises:
        PictureError: Another run is at work there, or the folder cannot be made.
    """

    def __init__(self, target: Path, settings: dict[str, Any]) -> None:
        name = hashlib.sha256(os.fsencode(target.name)).hexdigest()[:16]
        self.folder = target.with_name(f".elansr-{name}.spool")
        self.changed: list[str] = []
        self._target, self._settings = target, settings
        self._planes: list[Finished] = []
        self._lock: IO[bytes] | None = None

    def __enter__(self) -> "Spool":
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
        if not self._planes:
            self.remove()
        if self._lock is not None:
            self._lock.close()

    @property
    def size(self) -> int:
        """Bytes that it takes on the disk."""
        return sum(file.stat().st_size for file in self.folder.iterdir())

    def file(self, plane: int) -> Path:
        """Where the samples of a plane are."""
        return self.folder / f"plane-{plane}.raw"

    def finished(self, plane: int) -> Finished:
        """What there is of a plane."""
        return self._planes[plane] if plane < len(self._planes) else Finished()

    def append(self, plane: int, rows: NDArray[Any], mark: Mark) -> None:
        """Adds the next rows of a plane, (h, W, C); when it returns they are safe from a power cut.

        Raises:
            PictureError: They cannot be written.
        """
        done = self.finished(plane).rows
        with self._complaints():
            with open(self.file(plane), "r+b" if done else "wb") as file:
                file.seek(done * rows[0].nbytes)
                file.write(np.ascontiguousarray(rows).data)
                file.truncate()
                file.flush()
                os.fsync(file.fileno())
            self._planes[plane:] = [Finished(done + len(rows), mark)]
            self._write_journal()

    def remove(self) -> None:
        """Deletes it, with all rows."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _take_up(self) -> None:
        """Reads the journal; what was made with other settings, or is damaged, is deleted."""
        journal = self._journal()
        settings = journal.get("settings", {})
        self.changed = [name for name in self._settings if settings and settings.get(name) != self._settings[name]]
        if settings and not self.changed:
            self._planes = [Finished(rows, Mark(*mark)) for rows, mark in journal["planes"]]
            return
        for file in self.folder.iterdir():
            if file.name != "lock":
                file.unlink()

    def _journal(self) -> dict[str, Any]:
        """The journal, empty where there is none to trust."""
        try:
            found = json.loads((self.folder / "journal.json").read_bytes())
            ends = [
                self.file(plane).stat().st_size >= rows * found["row_bytes"][plane]
                for plane, (rows, (_, _)) in enumerate(found["planes"])
            ]
            return found if all(ends) and found["settings"] else {}
        except (OSError, ValueError, KeyError, TypeError, IndexError):
            return {}

    def _write_journal(self) -> None:
        row_bytes = [self.file(n).stat().st_size // plane.rows for n, plane in enumerate(self._planes)]
        planes = [(plane.rows, plane.mark) for plane in self._planes]
        beside = self.folder / "journal.part"
        with open(beside, "wb") as file:
            file.write(json.dumps({"settings": self._settings, "planes": planes, "row_bytes": row_bytes}).encode())
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.folder / "journal.json")

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
    def _complaints(self) -> Any:
        try:
            yield
        except OSError as error:
            why = f"unfinished rows cannot be kept in {shown(self.folder)} ({error.strerror or error})"
            raise PictureError(f"{shown(self._target)}: {why}; free space or choose another folder") from error
