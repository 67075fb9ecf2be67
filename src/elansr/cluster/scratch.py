"""Where a worker keeps pictures on their way: a folder of its own among the temporary ones.

A worker that is killed cannot delete it. The next one on that machine does, and so does a run that ends.
"""

import shutil
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from elansr.disk import locked

_NEW, _NAME, _LOCK = "elansr-new-", "elansr-worker-", "lock"


class Scratch:
    """The folder of this process, until it is forgotten; a lock in it is held as long."""

    def __init__(self) -> None:
        sweep()
        new = Path(tempfile.mkdtemp(prefix=_NEW))
        self._lock = open(new / _LOCK, "wb")  # noqa: SIM115 - open as long as it is locked
        locked(self._lock)
        self._root = new.rename(new.with_name(_NAME + new.name.removeprefix(_NEW)))  # locked when others see it
        weakref.finalize(self, _delete, self._root, self._lock)

    @contextmanager
    def folder(self) -> Iterator[str]:
        """A new folder inside, until the end of the `with` statement."""
        with tempfile.TemporaryDirectory(dir=self._root, ignore_cleanup_errors=True) as folder:
            yield folder


def sweep() -> None:
    """Deletes the folders of processes that are gone."""
    for lock in Path(tempfile.gettempdir()).glob(f"{_NAME}*/{_LOCK}"):
        with suppress(OSError), open(lock, "rb") as file:  # an error: it is another user's
            if locked(file):
                shutil.rmtree(lock.parent, ignore_errors=True)


def _delete(root: Path, lock: IO[bytes]) -> None:
    lock.close()
    shutil.rmtree(root, ignore_errors=True)
