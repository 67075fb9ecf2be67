"""Pictures that are not files on this machine: addresses and open streams become temporary files."""

import os
import re
import shutil
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, TypeAlias
from urllib.parse import unquote, urlsplit

from elansr.arguments import wrong
from elansr.errors import ConfigError, PictureError
from elansr.images import FORMATS, is_picture_name, sniff
from elansr.text import reason
from elansr.upscaling.plan import InputFile, find_files

Source: TypeAlias = str | os.PathLike[str] | BinaryIO
"""A path, a folder, a pattern or an address "https://..."; or a stream that is open for reading bytes."""

ADDRESS = re.compile(r"https?://", re.IGNORECASE)
SECONDS = 60.0
"""How long a server may be silent."""


def gather(inputs: Source | Iterable[Source], recursive: bool, folder: Callable[[], Path]) -> list[InputFile]:
    """The files that `inputs` mean, see `find_files`.

    Args:
        inputs: one source or several.
        recursive: whether folders inside folders count.
        folder: makes a temporary folder, for each picture that has to be fetched.

    Raises:
        ConfigError: no input, or something else than a `Source`.
    """
    found = list[InputFile]()
    for source in _listed(inputs):
        if hasattr(source, "read") or (isinstance(source, str) and ADDRESS.match(source)):
            found.append(_fetched(source, folder()))
        elif isinstance(source, (str, os.PathLike)):
            found += find_files([source], recursive)
        else:
            raise wrong("inputs", source, "must be paths, patterns, URLs or open files; `Upscaler` takes arrays")
    return found


def stream_name(stream: Any) -> str:
    """What messages call a stream: "<stdin>"."""
    return str(getattr(stream, "name", f"<{type(stream).__name__}>"))


def _listed(inputs: Any) -> Iterator[Any]:
    single = isinstance(inputs, (str, bytes, os.PathLike)) or hasattr(inputs, "read")
    if not single and not isinstance(inputs, Iterable):
        raise wrong("inputs", inputs, "must be a path, a pattern, a URL or an open file, or several of them")
    sources = [inputs] if single else list(inputs)
    if not sources:
        raise ConfigError("`inputs`: give at least one file, folder or pattern")
    yield from sources


def _fetched(source: str | BinaryIO, folder: Path) -> InputFile:
    """The file that an address or a stream becomes; its name ends as its content wants it."""
    path = folder / "picture"
    if not isinstance(source, str):
        with open(path, "wb") as file:
            shutil.copyfileobj(source, file)
        return InputFile(_named(path, "picture"), name=stream_name(source))
    name = PurePosixPath(unquote(urlsplit(source).path)).name or "picture"
    request = urllib.request.Request(source, headers={"User-Agent": "elansr"})
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer, open(path, "wb") as file:
            shutil.copyfileobj(answer, file)
    except (OSError, ValueError, HTTPException) as error:
        problem = f"{source}: cannot be downloaded ({reason(error)}): check the address"
        return InputFile(path.with_name(name), problem=problem, name=source, home=Path())
    return InputFile(_named(path, name), name=source, home=Path())


def _named(path: Path, name: str) -> Path:
    if not is_picture_name(name):
        try:
            with open(path, "rb") as file:
                name += FORMATS[sniff(file.read(64))].suffixes[0]
        except PictureError:  # said when it is read
            return path
    return path.rename(path.with_name(name))
