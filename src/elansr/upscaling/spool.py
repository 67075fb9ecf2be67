"""Finished rows of a result on disk, beside the file that they are for, so that an interrupted run can be taken up.

The rows of each plane (colours, alpha) as nothing but samples, and a journal that says how many of them are whole.
Rows go to the disk before the journal counts them.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from elansr.upscaling.unfinished import Unfinished

_JOURNAL = "journal.json"


class Mark(NamedTuple):
    """Where a run can be taken up: the row of the picture where its last tiles started, and their side."""

    row: int
    tile: int


@dataclass(frozen=True)
class Finished:
    """How far a plane is: its finished rows, and the mark of the last strip; None before the first."""

    rows: int = 0
    mark: Mark | None = None


class Spool(Unfinished):
    """The rows of one result, see `Unfinished`."""

    kind = "rows"

    def __init__(self, target: Path, settings: dict[str, Any]) -> None:
        super().__init__(target, settings)
        self._planes: list[Finished] = []

    @property
    def is_empty(self) -> bool:
        """Whether there are no rows."""
        return not self._planes

    @property
    def size(self) -> int:
        """Bytes that it takes on the disk."""
        return sum(file.stat().st_size for file in self.folder.iterdir())

    def file(self, plane: int) -> Path:
        """Where the samples of a plane are."""
        return self.folder / f"plane-{plane}.raw"

    def finished(self, plane: int) -> Finished:
        """What there is of a plane."""
        return self._planes[plane] if plane < len(self._planes) else Finished()

    def append(self, plane: int, rows: NDArray[Any], mark: Mark) -> None:
        """Adds the next rows of a plane, (h, W, C); when it returns they are safe from a power cut.

        Raises:
            PictureError: They cannot be written.
        """
        done = self.finished(plane).rows
        with self._complaints():
            with open(self.file(plane), "r+b" if done else "wb") as file:
                file.seek(done * rows[0].nbytes)
                file.write(np.ascontiguousarray(rows).data)
                file.truncate()
                file.flush()
                os.fsync(file.fileno())
            self._planes[plane:] = [Finished(done + len(rows), mark)]
            self._write_journal()

    def _load(self) -> None:
        journal = self._json(_JOURNAL)
        try:
            planes = [Finished(rows, Mark(*mark)) for rows, mark in journal["planes"]]
            needed = [plane.rows * size for plane, size in zip(planes, journal["row_bytes"], strict=True)]
            if all(self.file(n).stat().st_size >= size for n, size in enumerate(needed)):
                self._planes = planes
        except (OSError, ValueError, KeyError, TypeError):  # damaged
            return

    def _write_journal(self) -> None:
        row_bytes = [self.file(n).stat().st_size // plane.rows for n, plane in enumerate(self._planes)]
        planes = [(plane.rows, plane.mark) for plane in self._planes]
        self._write(_JOURNAL, [json.dumps({"planes": planes, "row_bytes": row_bytes}).encode()])
