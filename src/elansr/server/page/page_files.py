"""The page's files: uploads, checked before use, and results for download.

Each lies in a folder of its own whose name nobody can guess. What is old or too much is deleted.
"""

import json
import secrets
import shutil
import time
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from elansr.disk import TemporaryFolder
from elansr.errors import ElansrError
from elansr.server.limits import Limits
from elansr.server.page import previews
from elansr.server.page.words import PageError
from elansr.server.processing import UpscaledFile, rejected, safe_name
from elansr.text import data_size

KEPT_SECONDS = 3600
"""How long a file can be looked at and downloaded."""
MOST_BYTES = 8 * 2**30
"""Of all files together; more than this, and the oldest go before their time."""


class PageFolder:
    """A folder for the life of one server."""

    def __init__(self) -> None:
        self._temporary = TemporaryFolder()
        self.path = self._temporary.path / "page"
        self.path.mkdir()

    def new(self) -> Path:
        """A new folder inside, with 128 random bits as its name."""
        place = self.path / secrets.token_hex(16)
        place.mkdir()
        return place

    def sweep(self) -> None:
        """Deletes what is old, and the oldest of what is too much."""
        entries = self.path.iterdir() if self.path.is_dir() else []
        found = sorted(((path.lstat().st_mtime, path) for path in entries), reverse=True)
        oldest, held = time.time() - KEPT_SECONDS, 0
        for changed, path in found:
            held += _size(path)
            if changed < oldest or held > MOST_BYTES:
                _delete(path)

    def close(self) -> None:
        """Deletes all of it."""
        self._temporary.close()


def _size(path: Path) -> int:
    files = [path] if path.is_file() else path.rglob("*")
    return sum(file.lstat().st_size for file in files)


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


MOST_PICTURES = 50
"""That are taken at once."""
GONE = "the server has deleted this picture, as it does after an hour: choose it again"
LOST = "the upload failed: check the connection and try again"


@dataclass(frozen=True)
class ChosenPicture:
    """A picture that was sent.

    Attributes:
        name: as the client calls it.
        size: of the file, in bytes.
    """

    name: str
    path: Path
    about: previews.PictureFacts
    size: int = 0

    @property
    def key(self) -> str:
        """Its folder's name, which no other picture has."""
        return self.path.parent.name

    @property
    def thumbnail(self) -> Path:
        """A small JPEG of it."""
        return self.path.with_name("thumbnail.jpg")


class UnusableFile(NamedTuple):
    """A file that was sent and is no picture, or cannot be taken, and why."""

    name: str
    why: ElansrError


class SentFile(NamedTuple):
    """A file as the browser describes it.

    Attributes:
        name: as the client calls it, made safe.
        path: where Gradio has put it; None where it was not sent, or did not arrive.
    """

    name: str
    size: int
    path: Path | None


def sent_files(message: str) -> list[SentFile]:
    """Reads the browser's list of files.

    Args:
        message: JSON of our script, or of somebody who plays it: a list of {"name", "bytes", "path"}.

    Raises:
        PageError: it is something else, or too many.
    """
    try:
        sent = [
            SentFile(safe_name(row["name"]), int(row["bytes"]), Path(row["path"]).resolve() if "path" in row else None)
            for row in json.loads(message)
        ]
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise PageError("the upload could not be read: choose the picture again") from error
    if len(sent) > MOST_PICTURES:
        text = "{number} files are more than the limit of {most}: choose fewer"
        raise PageError(text, number=len(sent), most=MOST_PICTURES)
    return sent


class Uploads:
    """Looks at what was sent, if it lies in the folder."""

    def __init__(self, folder: PageFolder, limits: Limits) -> None:
        self._folder, self._limits = folder, limits

    def look(self, sent: SentFile) -> ChosenPicture | UnusableFile:
        """What a file is."""
        try:
            return self._taken(sent)
        except ElansrError as error:
            return UnusableFile(sent.name, error)

    def _taken(self, sent: SentFile) -> ChosenPicture:
        """Copies an upload to a folder of its own, where no other tab with the same file has a say."""
        upload = self._arrived(sent)
        self._folder.sweep()
        folder = self._folder.new()
        path = folder / "source"
        try:
            shutil.copyfile(upload, path)
            picture = previews.opened(path, self._limits.max_pixels, sent.name)
        except OSError as error:
            raise PageError(GONE) from error
        except ElansrError as error:
            shutil.rmtree(folder)
            raise rejected(error, sent.name, self._limits) from error
        chosen = ChosenPicture(sent.name, path, previews.about(picture), path.stat().st_size)
        previews.thumbnail(picture, chosen.thumbnail)
        return chosen

    def _arrived(self, sent: SentFile) -> Path:
        """Where an upload lies; only what lies in our folder is one."""
        if sent.size > self._limits.max_bytes:
            text = "the file has {bytes}, more than the limit of {most}: choose a smaller one"
            raise PageError(text, bytes=data_size(sent.size), most=data_size(self._limits.max_bytes))
        if sent.path is None:
            raise PageError(LOST)
        if self._folder.path.resolve() not in sent.path.parents:
            raise PageError(GONE)
        return sent.path


def link(path: Path) -> str:
    """Where the browser finds a file, from the page's own address."""
    return f"gradio_api/file={quote(str(path))}"


LONGEST_NAME = 200
"""Bytes of a result's name, of the 255 that file systems take."""
ARCHIVE = "elansr.zip"


@dataclass(frozen=True)
class KeptResult:
    """A result that can be looked at.

    Attributes:
        source: the picture file that was sent.
        size: width and height of the result.
        shown: the same of what the browser shows of it.
    """

    source: Path
    path: Path
    size: tuple[int, int]
    shown: tuple[int, int]


def keep_result(folder: PageFolder, chosen: ChosenPicture, result: UpscaledFile) -> KeptResult:
    """Writes a result for the download, under its own name."""
    path = folder.new() / _fitting(result.file_name)
    path.write_bytes(result.data)
    size = result.width, result.height
    return KeptResult(chosen.path, path, size, previews.shown_size(size))


def archive(folder: PageFolder, made: Sequence[KeptResult]) -> Path:
    """Writes an archive of results; those of one name are numbered: "a_x4.png", "a_x4 (2).png"."""
    path = folder.new() / ARCHIVE
    names: set[str] = set()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as file:  # pictures are compressed already
        for each in made:
            name, number = each.path.name, 1
            while name.casefold() in names:
                number += 1
                name = f"{each.path.stem} ({number}){each.path.suffix}"
            names.add(name.casefold())
            file.write(each.path, name)
    return path


def _fitting(name: str) -> str:
    """A file name that every file system takes: shorter where letters of many bytes make it too long."""
    path = Path(name)
    stem = path.stem.encode()[: LONGEST_NAME - len(path.suffix.encode())].decode(errors="ignore")
    return stem + path.suffix
