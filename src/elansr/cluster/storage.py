"""Where pictures are read and written: local folders, and any URL that fsspec or pyarrow supports.

A name of an object is its path below the store's root, with `/`. An object is written whole or not at all: on a local
disk beside its place and renamed; elsewhere as one upload, which object stores show only when it is complete.
"""

import glob
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from fsspec.core import url_to_fs
from fsspec.implementations.arrow import ArrowFSWrapper
from pyarrow import fs as arrow

from elansr.disk import move_into_place, takes_name, write_atomically
from elansr.errors import ConfigError, MissingExtraError, PictureError
from elansr.text import one_line, reason, shown

TRIES = 3
"""How often a download or an upload is tried, with a second more between tries each time."""

_LINKED = ("http", "https")
"""Schemes whose names are percent-encoded, and where a folder is a page of links."""


class Store:
    """A folder, local or remote.

    Args:
        url: a path of this machine (absolute, see `resolved`), or scheme://... as fsspec and pyarrow know it.

    Attributes:
        given: `url`, to open the store elsewhere.
        url: the same without parameters, for people.
        local: whether its objects are files that can be opened by their paths.

    Raises:
        ConfigError: an unknown scheme, or a URL that cannot be.
        MissingExtraError: the scheme needs a package that is not installed.
    """

    def __init__(self, url: str) -> None:
        self.given, self.scheme = url, _scheme(url)
        self.url = (url if self.scheme in _LINKED else url.partition("?")[0] if self.scheme else url).rstrip("/")
        self.local = self.scheme in ("", "file")
        self.files, root = _filesystem(url, self.scheme)
        self.root = root.rstrip("/")

    def path(self, name: str) -> str:
        """Of an object, as the file system takes it."""
        return f"{self.root}/{name}"

    def shown(self, name: str) -> str:
        """An object as messages and the manifest name it."""
        return f"{self.url}/{name}"

    def sizes(self, folder: str = "") -> dict[str, int]:
        """Every object below the root, or a folder below it, and its bytes, 0 where the store does not say.

        No such folder is an empty one.

        Raises:
            PictureError: the store cannot be listed.
        """
        with _complaints(self.url, "cannot be listed"):
            try:
                found = self.files.find(self.path(folder) if folder else self.root, detail=True)
            except FileNotFoundError:
                return {}
        return self._named(found)

    def matching(self, pattern: str) -> dict[str, int]:
        """As `sizes`, of the objects whose names match; `**` stands for any folders."""
        with _complaints(self.shown(pattern), "cannot be listed"):
            found = self.files.glob(self.path(pattern), detail=True)
        return self._named({path: about for path, about in found.items() if about.get("type") != "directory"})

    def require_folder(self) -> None:
        """Raises a PictureError if the root, empty or not, is not there."""
        with _complaints(self.url, "cannot be listed"):
            self.files.ls(self.root)

    def require_place(self) -> None:
        """Raises a PictureError if, as far as can be seen from here, nothing can be written below the root."""
        if self.scheme in _LINKED:
            raise PictureError(f"{shown(self.url)}: cannot be written: choose a folder or a bucket")
        if self.is_file():
            raise PictureError(f"{shown(self.url)}: is a file: choose a folder for the results")
        if "\\ud" in ascii(self.url):  # bytes that Python could not decode: Ray takes text
            raise PictureError(f"{shown(self.url)}: the name is not UTF-8: choose another folder")
        if not self.local:
            return
        there = next(path for path in (Path(self.root), *Path(self.root).parents) if os.path.lexists(path))
        if not there.is_dir():
            raise PictureError(f"{shown(self.url)}: {shown(there)} is a file: choose a folder for the results")
        if not os.access(there, os.W_OK | os.X_OK):
            raise PictureError(f"{shown(self.url)}: no permission to write to {shown(there)}: choose another folder")

    def takes_name(self, name: str) -> bool:
        """Whether the name of an object is short enough, as far as can be seen before it is written."""
        return not self.local or takes_name(Path(self.path(name)))

    def is_file(self) -> bool:
        """Whether the root is no folder, but an object."""
        with _complaints(self.url, "cannot be read"):
            return bool(self.files.isfile(self.root))

    def _named(self, found: dict[str, Any]) -> dict[str, int]:
        return {n: int(about.get("size") or 0) for path, about in sorted(found.items()) if (n := self.below(path))}

    def below(self, path: str) -> str:
        """The name of what the file system calls `path`; "" for the root and what is not below it."""
        start = f"{self.root}/"
        name = path.removeprefix(start) if path.startswith(start) else ""
        return unquote(name) if self.scheme in _LINKED else name

    def exists(self, name: str) -> bool:
        """Whether an object is there."""
        with _complaints(self.shown(name), "cannot be read"):
            return bool(self.files.exists(self.path(name)))

    def read(self, name: str) -> bytes:
        """An object of a few megabytes.

        Raises:
            PictureError: it is not there, or cannot be read.
        """
        with _complaints(self.shown(name), "cannot be read"):
            return bytes(self.files.cat_file(self.path(name)))

    def write(self, name: str, data: bytes) -> None:
        """Writes an object, in the place of one that may be there; a PictureError if it cannot be written."""
        with _complaints(self.shown(name), "cannot be written"):
            if self.local:
                write_atomically(self._local(name), data, overwrite=True)
                return
            self._make_folder(name)
            _tried(lambda: self.files.pipe_file(self.path(name), data))

    def put(self, file: Path, name: str) -> None:
        """Moves a finished file to its place; see `write`."""
        with _complaints(self.shown(name), "cannot be written"):
            if self.local:
                move_into_place(file, self._local(name), overwrite=True)
                return
            self._make_folder(name)
            _tried(lambda: self.files.put_file(str(file), self.path(name)))
            file.unlink()

    def delete(self, name: str) -> None:
        """Deletes an object; none is no error."""
        with _complaints(self.shown(name), "cannot be deleted"), suppress(FileNotFoundError):
            self.files.rm_file(self.path(name))

    def _local(self, name: str) -> Path:
        path = Path(self.path(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _make_folder(self, name: str) -> None:
        """For stores that have folders; the others take no notice."""
        with suppress(NotImplementedError, FileExistsError):
            self.files.makedirs(self.path(name).rpartition("/")[0], exist_ok=True)


def fetch(store: Store, path: str, file: Path) -> None:
    """Copies what the store's file system calls `path` into a file.

    Raises:
        PictureError: it is not there, or cannot be read.
    """
    with _complaints(_named(store, path), "cannot be downloaded"):
        _tried(lambda: store.files.get_file(path, str(file)))


def fetch_bytes(store: Store, path: str) -> bytes:
    """As `fetch`, without a file."""
    with _complaints(_named(store, path), "cannot be downloaded"):
        return bytes(_tried(lambda: store.files.cat_file(path)))


def _named(store: Store, path: str) -> str:
    return path if "://" in path else f"{store.url}/{store.below(path)}"


def resolved(url: str) -> str:
    """The URL or path, so that it means the same on every machine that has it."""
    return url if _scheme(url) else os.path.abspath(url)


def is_pattern(url: str) -> bool:
    """Whether it has wildcards. In a URL, what follows `?` are its parameters; a local file may be named with one."""
    if _scheme(url):
        return glob.has_magic(url.partition("?")[0])
    return glob.has_magic(url) and not os.path.lexists(url)


def _scheme(url: str) -> str:
    return url.partition("://")[0].lower() if "://" in url else ""


def _filesystem(url: str, scheme: str) -> tuple[Any, str]:
    """The file system and the path in it: fsspec's own if what it needs is installed, else pyarrow's."""
    with _complaints(url, "cannot be opened"):
        try:
            return url_to_fs(url, **({"use_listings_cache": False} if scheme else {}))
        except ImportError as missing:
            try:
                files, root = arrow.FileSystem.from_uri(url)
            except (OSError, ValueError) as error:  # a ValueError: pyarrow does not know the scheme either
                why = (
                    f"; pyarrow, which needs no other package, says: {one_line(error)}"
                    if isinstance(error, OSError)
                    else ""
                )
                raise MissingExtraError(f"{url}: {missing}: install that package{why}") from error
            return ArrowFSWrapper(files), root
        except ValueError as error:
            known = "a folder, or a URL that fsspec supports, such as s3://, gs:// or http://"
            raise ConfigError(f"{url}: {error}: must be {known}") from error


def _tried(work: Callable[[], Any], tries: int = TRIES) -> Any:
    """Does it again where the network may have failed; what is not there, or not allowed, stays so."""
    try:
        return work()
    except (FileNotFoundError, PermissionError):
        raise
    except Exception:
        if tries == 1:
            raise
        time.sleep(1 + TRIES - tries)
        return _tried(work, tries - 1)


@contextmanager
def _complaints(url: str, what: str) -> Iterator[None]:
    """Turns every failure into one line that starts with the name; each store has exceptions of its own."""
    try:
        yield
    except (PictureError, ConfigError, MissingExtraError):
        raise
    except FileNotFoundError as error:
        raise PictureError(f"{shown(url)}: no such file or folder: check the name") from error
    except Exception as error:
        way_out = (
            "check the address, the credentials and the network" if "://" in url else "check the path and the disk"
        )
        raise PictureError(f"{shown(url)}: {what} ({reason(error)}); {way_out}") from error
