"""The folder of the page's files: pictures as sent, results and what the browser shows of them.

Each lies in a folder of its own whose name nobody can guess. What is old or too much is deleted.
"""

import secrets
import shutil
import tempfile
import time
from pathlib import Path

KEPT_SECONDS = 3600
"""How long a file can be looked at and downloaded."""
MOST_BYTES = 8 * 2**30
"""Of all files together; more than this, and the oldest go before their time."""


class Scratch:
    """A folder for the life of one server.

    Args:
        kept: seconds that a file stays.
        most: bytes that all files may take.
    """

    def __init__(self, kept: float = KEPT_SECONDS, most: int = MOST_BYTES) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="elansr-page-"))
        self._kept, self._most = kept, most

    def new(self) -> Path:
        """A new folder inside, with 128 random bits as its name."""
        place = self.folder / secrets.token_hex(16)
        place.mkdir()
        return place

    def sweep(self) -> None:
        """Deletes what is old, and the oldest of what is too much."""
        found = sorted(((path.lstat().st_mtime, path) for path in self._entries()), reverse=True)
        oldest, held = time.time() - self._kept, 0
        for changed, path in found:
            held += _size(path)
            if changed < oldest or held > self._most:
                _delete(path)

    def close(self) -> None:
        """Deletes all of it."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _entries(self) -> list[Path]:
        return list(self.folder.iterdir()) if self.folder.is_dir() else []


def _size(path: Path) -> int:
    files = [path] if path.is_file() else path.rglob("*")
    return sum(file.lstat().st_size for file in files)


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
