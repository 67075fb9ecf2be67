"""Interrupted runs go on: a hidden folder beside a file that is being made holds what is finished of it.

WorkFolder   such a folder, locked as long as a run uses it
RowsFolder   the finished rows of a picture, which are a `rows.RowSink`
"""

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NamedTuple, TypeVar

import numpy as np

from elansr.disk import locked
from elansr.errors import PictureError
from elansr.images import Plane
from elansr.text import shown
from elansr.upscaling.rows import ALPHA, COLOR, Array, Mark

_LOCK, _SETTINGS, _JOURNAL = "lock", "settings.json", "journal.json"

Self = TypeVar("Self", bound="WorkFolder")


class WorkFolder:
    """What is finished of one file. Use it in a `with` statement: no second run may write there.

    Args:
        target: the file that it will become.
        settings: what decides its contents, as JSON knows it. What was made with others is deleted.
        name: what errors call the target; its path if None.

    Attributes:
        kind: ends the name of the folder, and names the contents in errors.
        folder: the hidden folder.
        changed: the names of the settings that differed from those that were found; empty where nothing was.

    Raises:
        PictureError: another run is at work there, or the folder cannot be made.
    """

    kind = "parts"

    def __init__(self, target: Path, settings: dict[str, Any], name: str | None = None) -> None:
        digest = hashlib.sha256(os.fsencode(target.name)).hexdigest()[:16]
        self.folder = target.with_name(f".elansr-{digest}.{self.kind}")
        self.changed: list[str] = []
        self._name, self._settings = name or shown(target), json.loads(json.dumps(settings))
        self._lock: IO[bytes] | None = None

    def __enter__(self: Self) -> Self:
        with self._complaints():
            self.folder.mkdir(exist_ok=True)
            self._lock = open(self.folder / _LOCK, "wb")
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
        if self.is_empty:
            self.remove()
        if self._lock is not None:
            self._lock.close()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is finished; such a folder does not stay."""
        raise NotImplementedError

    def remove(self) -> None:
        """Deletes the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _load(self) -> None:
        """Finds what is finished, which was made with the same settings."""
        raise NotImplementedError

    def _take_up(self) -> None:
        found = self._json(_SETTINGS)
        self.changed = [name for name in self._settings if found and found.get(name) != self._settings[name]]
        if found and not self.changed:
            self._load()
        if self.is_empty:
            self._begin_anew()

    def _begin_anew(self) -> None:
        for file in self.folder.iterdir():
            if file.name != _LOCK:
                file.unlink()
        self._write(_SETTINGS, [json.dumps(self._settings).encode()])

    def _write(self, name: str, parts: Iterable[bytes]) -> None:
        """Writes a file that is there whole or not at all, power cuts included."""
        path = self.folder / name
        beside = path.with_suffix(".part")
        with open(beside, "wb") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)

    def _json(self, name: str) -> dict[str, Any]:
        """What a file holds; empty where there is none to trust."""
        try:
            found = json.loads((self.folder / name).read_bytes())
            return found if isinstance(found, dict) else {}
        except (OSError, ValueError):
            return {}

    def _take_lock(self, file: IO[bytes]) -> None:
        if locked(file) is False:
            raise PictureError(f"{self._name}: another run is writing it; wait for that one")

    @contextlib.contextmanager
    def _complaints(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            why = f"unfinished {self.kind} cannot be kept in {shown(self.folder)} ({error.strerror or error})"
            way_out = "free space or choose another folder" if self.folder.parent.is_dir() else "its folder is gone"
            raise PictureError(f"{self._name}: {why}; {way_out}") from error


class _Finished(NamedTuple):
    """How far a part is: its finished rows, and the mark of the last strip; None before the first."""

    rows: int = 0
    mark: Mark | None = None


class RowsFolder(WorkFolder):
    """The rows of one result, see `WorkFolder`; takes them as a `rows.Sink`."""

    kind = "rows"

    def __init__(self, target: Path, settings: dict[str, Any], name: str | None = None) -> None:
        super().__init__(target, settings, name)
        self._parts: list[_Finished] = []
        self._alpha: int | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there are no rows."""
        return not self._parts

    @property
    def size(self) -> int:
        """Bytes that it takes on the disk."""
        return sum(file.stat().st_size for file in self.folder.iterdir())

    def start(self, part: int) -> tuple[int, Mark | None]:
        """See `RowSink`."""
        return self._parts[part] if part < len(self._parts) else _Finished()

    def add(self, part: int, top: int, pixels: Array, mark: Mark) -> None:
        """See `RowSink`; when it returns, the rows are safe from a power cut.

        Raises:
            PictureError: They cannot be written.
        """
        if not len(pixels):
            return
        with self._complaints():
            with open(self._file(part), "r+b" if top else "wb") as file:
                file.seek(top * pixels[0].nbytes)
                file.write(np.ascontiguousarray(pixels).data)
                file.truncate()
                file.flush()
                os.fsync(file.fileno())
            self._parts[part:] = [_Finished(top + len(pixels), mark)]
            self._write_journal()

    def set_alpha(self, value: Any) -> None:
        """See `RowSink`."""
        self._alpha = int(value)

    def planes(self, channels: int) -> list[Plane]:
        """What the whole result of so many channels consists of."""
        colors = channels - (channels % 2 == 0)
        found = [Plane(self._file(COLOR), colors)]
        if colors < channels:
            found.append(Plane(self._file(ALPHA) if self._alpha is None else self._alpha, 1))
        return found

    def _file(self, part: int) -> Path:
        """Where the samples of a part are."""
        return self.folder / f"part-{part}.raw"

    def _load(self) -> None:
        journal = self._json(_JOURNAL)
        try:
            parts = [_Finished(rows, Mark(*mark)) for rows, mark in journal["parts"]]
            needed = [part.rows * size for part, size in zip(parts, journal["row_bytes"], strict=True)]
            if all(self._file(n).stat().st_size >= size for n, size in enumerate(needed)):
                self._parts = parts
        except (OSError, ValueError, KeyError, TypeError):  # damaged
            return

    def _write_journal(self) -> None:
        row_bytes = [self._file(n).stat().st_size // part.rows for n, part in enumerate(self._parts)]
        self._write(_JOURNAL, [json.dumps({"parts": self._parts, "row_bytes": row_bytes}).encode()])
