"""Files that are written whole or not at all, folders that are gone after use, and locks that end with their process.

`require_free`, `atomic_file`, `write_atomically`, `move_into_place`, `writing_errors`; `TemporaryFolder`; `only_run`.
"""

import os
import secrets
import shutil
import sys
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, BinaryIO, TypeVar

from elansr.errors import BusyError, ElansrError, OutputExistsError
from elansr.text import reason, shown

if sys.platform != "win32":
    import fcntl

Self = TypeVar("Self", bound="TemporaryFolder")


def require_free(path: Path, overwrite: bool) -> None:
    """Looks before the work whether a file may be written.

    Raises:
        OutputExistsError: It is there and `overwrite` is off.
        IsADirectoryError: It is a folder.
    """
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
    beside = path.with_name(f".elansr-{secrets.token_hex(8)}.part")
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
def writing_errors(path: str | os.PathLike[str], kind: type[ElansrError]) -> Iterator[None]:
    """Turns what goes wrong when a file is written into an error of ours, in one line that starts with the path.

    Args:
        path: The file.
        kind: Of the error.
    """
    try:
        yield
    except IsADirectoryError as error:
        raise kind(f"{shown(path)}: is a folder; name a file in it") from error
    except PermissionError as error:
        raise kind(f"{shown(path)}: no permission to write there; choose another folder") from error
    except (OSError, ValueError) as error:
        folder = Path(path).parent
        if isinstance(error, FileNotFoundError) and not folder.is_dir():
            raise kind(f"{shown(path)}: the folder {shown(folder)} does not exist; create it first") from error
        why = reason(error)
        raise kind(f"{shown(path)}: cannot be written ({why}); free space or choose another folder") from error


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
    return OutputExistsError(f"{shown(path)}: the file is already there; give another name or --overwrite")


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
        locked(lock)
        self.path = new.rename(new.with_name(_NAME + new.name.removeprefix(_NEW)))  # locked when others see it
        self.close = weakref.finalize(self, _delete, self.path, lock)

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """A new folder inside, until the end of the `with` statement."""
        with tempfile.TemporaryDirectory(dir=self.path, ignore_cleanup_errors=True) as folder:
            yield Path(folder)


_NEW, _NAME, _LOCK = "elansr-new-", "elansr-work-", "lock"


def delete_abandoned() -> None:
    """Deletes the temporary folders of processes that are gone."""
    for lock in Path(tempfile.gettempdir()).glob(f"{_NAME}*/{_LOCK}"):
        with suppress(OSError), open(lock, "rb") as file:  # an error: it is another user's
            if locked(file):
                shutil.rmtree(lock.parent, ignore_errors=True)


def _delete(root: Path, lock: IO[bytes]) -> None:
    lock.close()
    shutil.rmtree(root, ignore_errors=True)


@contextmanager
def only_run(lock: Path, target: str | os.PathLike[str]) -> Iterator[None]:
    """Lets one process at a time be at work on something, by the lock of a file.

    Args:
        lock: The file; it is made, and stays.
        target: What is worked on, for the error.

    Raises:
        BusyError: Another process is at work on it.
        OSError: The file cannot be opened.
    """
    with open(lock, "wb") as file:
        if locked(file) is False:
            raise BusyError(f"{shown(target)}: another run is at work on it; wait for that one")
        yield


def locked(file: IO[Any]) -> bool | None:
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
