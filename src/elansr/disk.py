"""Atomic file writes, temporary folders, and locks that end with their process.

`takes_name`, `require_free`, `atomic_file`, `write_atomically`, `move_into_place`, `writing_errors`; `TemporaryFolder`;
`WorkFolder`, from which an interrupted run continues; `only_run`; `replace_bytes`, in the middle of a file.
"""

import errno
import hashlib
import io
import json
import os
import secrets
import shutil
import sys
import tempfile
import weakref
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any, BinaryIO, TypeVar

from elansr.errors import BusyError, ElansrError, OutputExistsError, PictureError
from elansr.text import reason, shown

if sys.platform != "win32":
    import fcntl

Self = TypeVar("Self", bound="WorkFolder")

_MOVED = 2**24
"""Bytes of a file that are moved at a time."""

_LOCK, _SETTINGS = "lock", "settings.json"
_NEW, _NAME, _PART = "elansr-new-", "elansr-work-", ".elansr-"


def takes_name(path: Path) -> bool:
    """Whether a file's name is short enough for the disk; its folder need not be there yet."""
    there = next((folder for folder in path.parents if os.path.isdir(folder)), path.parent)
    try:
        os.lstat(there / path.name)
    except OSError as error:
        return error.errno != errno.ENAMETOOLONG
    return True


def require_free(path: Path, overwrite: bool) -> None:
    """Looks before the work whether a file may be written.

    Raises:
        OutputExistsError: It is there and `overwrite` is off.
        IsADirectoryError: It is a folder.
        OSError: Its name is too long.
    """
    if not takes_name(path):
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), path)
    if path.is_dir():
        raise IsADirectoryError(path)
    if not overwrite and os.path.lexists(path):
        raise _exists(path)


@contextmanager
def atomic_file(path: Path, *, overwrite: bool) -> Iterator[BinaryIO]:
    """Opens a hidden file in the same folder, which takes the place of `path` if all goes well and else vanishes.

    Args:
        path: The file.
        overwrite: Whether one that is there is replaced.

    Raises:
        OutputExistsError: It is there, or came up meanwhile, and `overwrite` is off.
        OSError: It cannot be written.
    """
    beside = path.with_name(f"{_PART}{secrets.token_hex(8)}.part")
    try:
        with open(beside, "x+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _rename(beside, path, overwrite)
    finally:
        with suppress(FileNotFoundError):
            beside.unlink()


def write_atomically(path: Path, data: bytes, *, overwrite: bool) -> None:
    """Writes the whole file or nothing, see `atomic_file`."""
    with atomic_file(path, overwrite=overwrite) as file:
        file.write(data)


def move_into_place(file: Path, path: Path, *, overwrite: bool) -> None:
    """Moves a finished file to `path` on the same disk.

    Raises:
        OutputExistsError, OSError: As `atomic_file` does.
    """
    with open(file, "r+b") as opened:
        os.fsync(opened.fileno())  # so that a power cut after the move does not leave an empty file
    _rename(file, path, overwrite)
    file.unlink(missing_ok=True)


@contextmanager
def writing_errors(path: str | os.PathLike[str], kind: type[ElansrError], name: str | None = None) -> Iterator[None]:
    """Turns what goes wrong when a file is written into an error of ours, in one line that starts with the path.

    Args:
        path: The file.
        kind: Of the error.
        name: What the error calls the file; its path if None.
    """
    name = name or shown(path)
    try:
        yield
    except ElansrError:  # some are a ValueError too
        raise
    except IsADirectoryError as error:
        raise kind(f"{name}: is a folder; choose a file") from error
    except PermissionError as error:
        raise kind(f"{name}: no permission to write there; choose another folder") from error
    except (OSError, ValueError) as error:
        folder = Path(path).parent
        if isinstance(error, FileNotFoundError) and not folder.is_dir():
            raise kind(f"{name}: the folder {shown(folder)} does not exist; create it first") from error
        if getattr(error, "errno", None) == errno.ENAMETOOLONG:
            raise kind(f"{name}: the name is too long for the disk; choose a shorter one") from error
        full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT)
        way_out = "free some space, or choose another folder" if full else "check the disk, or choose another folder"
        raise kind(f"{name}: cannot be written ({reason(error)}); {way_out}") from error


def _rename(file: Path, path: Path, overwrite: bool) -> None:
    if overwrite:
        file.replace(path)
        return
    try:
        os.link(file, path)
    except FileExistsError as error:
        raise _exists(path) from error
    except OSError:  # a file system without hard links
        try:
            path.touch(exist_ok=False)
        except FileExistsError as error:
            raise _exists(path) from error
        file.replace(path)


def _exists(path: Path) -> OutputExistsError:
    return OutputExistsError(f"{shown(path)}: already exists; choose another name or `overwrite=True`")


class TemporaryFolder:
    """A folder of this process among the temporary ones. Use it in a `with` statement, or call `close`.

    A process that is killed cannot delete its folder; the next one on that machine does.

    Attributes:
        path: The folder.
    """

    def __init__(self) -> None:
        delete_abandoned()
        new = Path(tempfile.mkdtemp(prefix=_NEW))
        lock = open(new / _LOCK, "wb")  # noqa: SIM115 - open as long as it is locked
        _locked(lock)
        self.path = new.rename(new.with_name(_NAME + new.name.removeprefix(_NEW)))  # locked when others see it
        self.close = weakref.finalize(self, _delete, self.path, lock)

    def __enter__(self) -> "TemporaryFolder":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """A new folder inside, until the end of the `with` statement."""
        with tempfile.TemporaryDirectory(dir=self.path, ignore_cleanup_errors=True) as folder:
            yield Path(folder)


def delete_abandoned() -> None:
    """Deletes the temporary folders of processes that are gone."""
    for lock in Path(tempfile.gettempdir()).glob(f"{_NAME}*/{_LOCK}"):
        with suppress(OSError), open(lock, "rb") as file:  # an error: it is another user's
            if _locked(file):
                shutil.rmtree(lock.parent, ignore_errors=True)


def _delete(root: Path, lock: IO[bytes]) -> None:
    lock.close()
    shutil.rmtree(root, ignore_errors=True)


class WorkFolder:
    """A hidden folder beside a file that is being made, for finished parts of it: an interrupted run resumes from them.

    Use it in a `with` statement. A subclass that keeps parts says so in `load` and `is_empty`; else nothing stays.

    Args:
        target: The file.
        settings: What decides its contents, as JSON. What was made with other settings is deleted.
        name: What errors call the file; its path if None.

    Attributes:
        kind: Ends the name of the folder.
        error: Raised where it cannot be written.
        folder: The folder.
        changed: The names of the settings that differ from those of the interrupted run; empty if there was none.

    Raises:
        BusyError: Another run is at work on the file.
    """

    kind = "parts"
    error: type[ElansrError] = PictureError

    def __init__(self, target: Path, settings: dict[str, Any], name: str | None = None) -> None:
        digest = hashlib.sha256(os.fsencode(target.name)).hexdigest()[:16]
        self.folder = target.with_name(f".elansr-{digest}.{self.kind}")
        self.changed: list[str] = []
        self._target, self._name, self._settings = target, name or shown(target), json.loads(json.dumps(settings))
        self._lock = ExitStack()

    def __enter__(self: Self) -> Self:
        with self.errors():
            self.folder.mkdir(exist_ok=True)
            self._lock.enter_context(only_run(self.folder / _LOCK, self._name))
        try:
            with self.errors():
                self._resume()
        except BaseException:
            self._lock.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self.is_empty:
            self.remove()
        self._lock.close()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is finished; such a folder does not stay."""
        return True

    def load(self) -> None:
        """Finds what is finished; called if it was made with the same settings."""

    def remove(self) -> None:
        """Deletes the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def errors(self) -> AbstractContextManager[None]:
        """Turns what goes wrong with the folder's files into `error`."""
        return writing_errors(self._target, self.error, self._name)

    def write(self, name: str, parts: Iterable[bytes]) -> None:
        """Writes a file in the folder, whole or not at all."""
        with atomic_file(self.folder / name, overwrite=True) as file:
            file.writelines(parts)

    def read_json(self, name: str) -> dict[str, Any]:
        """The object in a file of the folder; empty if there is none, or it is damaged."""
        try:
            found = json.loads((self.folder / name).read_bytes())
            return found if isinstance(found, dict) else {}
        except (OSError, ValueError):
            return {}

    def _resume(self) -> None:
        for half in self.folder.glob(f"{_PART}*"):
            half.unlink()
        found = self.read_json(_SETTINGS)
        self.changed = [name for name in self._settings if found and found.get(name) != self._settings[name]]
        if found and not self.changed:
            self.load()
        if self.is_empty:
            for file in self.folder.iterdir():
                if file.name != _LOCK:
                    file.unlink()
            self.write(_SETTINGS, [json.dumps(self._settings).encode()])


@contextmanager
def only_run(lock: Path, name: str) -> Iterator[None]:
    """Lets one process at a time be at work on something, by the lock of a file.

    Args:
        lock: The file; it is made, and stays.
        name: What the error calls that on which the process is at work.

    Raises:
        BusyError: Another process is at work on it.
        OSError: The file cannot be opened.
    """
    with open(lock, "wb") as file:
        if _locked(file) is False:
            raise BusyError(f"{name}: another run is writing it; wait for that one")
        yield


def _locked(file: IO[Any]) -> bool | None:
    """Takes the lock of an open file, which is held until the file is closed.

    Returns:
        Whether this process holds it now; False where another one does, None where nothing can be locked: on Windows,
        and on file systems without locks.
    """
    if sys.platform == "win32":
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def replace_bytes(file: BinaryIO, start: int, stop: int, data: bytes) -> None:
    """Puts `data` in the place of some bytes; what stands behind them is moved, without holding it in memory."""
    end, by = file.seek(0, io.SEEK_END), len(data) - (stop - start)
    places = range(stop, end, _MOVED)
    for at in reversed(places) if by > 0 else places if by < 0 else ():
        file.seek(at)
        moved = file.read(min(_MOVED, end - at))
        file.seek(at + by)
        file.write(moved)
    file.seek(start)
    file.write(data)
    file.seek(end + by)
    file.truncate()
