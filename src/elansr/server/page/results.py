"""Results as a browser gets them: each a file under its own name, to download alone or all in one archive."""

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from elansr.server.page import pictures
from elansr.server.page.scratch import Scratch
from elansr.server.page.uploads import Chosen
from elansr.server.work import Result

LONGEST_NAME = 200
"""Bytes of a result's name, of the 255 that file systems take."""
ARCHIVE = "elansr.zip"


@dataclass(frozen=True)
class Made:
    """A result that can be looked at.

    Attributes:
        source: the picture file that was sent.
        path: the result's file.
        size: width and height of the result.
        shown: the same of what the browser shows of it.
    """

    source: Path
    path: Path
    size: tuple[int, int]
    shown: tuple[int, int]


def kept(scratch: Scratch, chosen: Chosen, result: Result) -> Made:
    """Writes a result for the download, under its own name."""
    path = scratch.new() / _fitting(result.file_name)
    path.write_bytes(result.data)
    size = result.width, result.height
    return Made(chosen.path, path, size, pictures.shown_size(size))


def archive(scratch: Scratch, made: Sequence[Made]) -> Path:
    """Writes an archive of results; those of one name are numbered: "a_x4.png", "a_x4 (2).png"."""
    path = scratch.new() / ARCHIVE
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
