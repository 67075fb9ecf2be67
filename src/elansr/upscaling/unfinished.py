"""A hidden folder beside a file that is being made: what is finished of it, so that an interrupted run can go on.

`RowsFolder` keeps rows of a picture in one, `Segments` parts of a video.
"""

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any, TypeVar

from elansr.disk import locked
from elansr.errors import PictureError
from elansr.text import shown

_LOCK, _SETTINGS = "lock", "settings.json"

Self = TypeVar("Self", bound="Unfinished")


class Unfinished:
    """What is finished of one file. Use it in a `with` statement: no second run may write there.

    Args:
        target: the file that it will become.
        settings: what decides its contents, as JSON knows it. What was made with others is deleted.

    Attributes:
        kind: ends the name of the folder, and names the contents in errors.
        folder: the hidden folder.
        changed: the names of the settings that differed from those that were found; empty where nothing was.

    Raises:
        PictureError: another run is at work there, or the folder cannot be made.
    """

    kind = "parts"

    def __init__(self, target: Path, settings: dict[str, Any]) -> None:
        name = hashlib.sha256(os.fsencode(target.name)).hexdigest()[:16]
        self.folder = target.with_name(f".elansr-{name}.{self.kind}")
        self.changed: list[str] = []
        self._target, self._settings = target, json.loads(json.dumps(settings))
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
            raise PictureError(f"{shown(self._target)}: another run is writing it; wait for that one")

    @contextlib.contextmanager
    def _complaints(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            why = f"unfinished {self.kind} cannot be kept in {shown(self.folder)} ({error.strerror or error})"
            way_out = "free space or choose another folder" if self.folder.parent.is_dir() else "its folder is gone"
            raise PictureError(f"{shown(self._target)}: {why}; {way_out}") from error
