"""Finished rows of a result on disk, beside the file that they are for, so that an interrupted run can go on.

The rows of each part (colours, alpha) as nothing but samples, and a journal that says how many of them are whole.
Rows go to the disk before the journal counts them.
"""

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from elansr.images import Plane
from elansr.upscaling.rows import ALPHA, COLOR, Array, Mark
from elansr.upscaling.unfinished import Unfinished

_JOURNAL = "journal.json"


class _Finished(NamedTuple):
    """How far a part is: its finished rows, and the mark of the last strip; None before the first."""

    rows: int = 0
    mark: Mark | None = None


class RowsFolder(Unfinished):
    """The rows of one result, see `Unfinished`; takes them as a `rows.Sink`."""

    kind = "rows"

    def __init__(self, target: Path, settings: dict[str, Any]) -> None:
        super().__init__(target, settings)
        self._parts: list[_Finished] = []
        self._alpha: int | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there are no rows."""
        return not self._parts

    @property
    def size(self) -> int:
        """Bytes that it takes on the disk."""
        return sum(file.stat().st_size for file in self.folder.iterdir())

    def start(self, part: int) -> tuple[int, Mark | None]:
        """See `Sink`."""
        return self._parts[part] if part < len(self._parts) else _Finished()

    def add(self, part: int, top: int, pixels: Array, mark: Mark) -> None:
        """See `Sink`; when it returns, the rows are safe from a power cut.

        Raises:
            PictureError: They cannot be written.
        """
        if not len(pixels):
            return
        with self._complaints():
            with open(self._file(part), "r+b" if top else "wb") as file:
                file.seek(top * pixels[0].nbytes)
                file.write(np.ascontiguousarray(pixels).data)
                file.truncate()
                file.flush()
                os.fsync(file.fileno())
            self._parts[part:] = [_Finished(top + len(pixels), mark)]
            self._write_journal()

    def set_alpha(self, value: Any) -> None:
        """See `Sink`."""
        self._alpha = int(value)

    def planes(self, channels: int) -> list[Plane]:
        """What the whole result of so many channels consists of."""
        colors = channels - (channels % 2 == 0)
        found = [Plane(self._file(COLOR), colors)]
        if colors < channels:
            found.append(Plane(self._file(ALPHA) if self._alpha is None else self._alpha, 1))
        return found

    def _file(self, part: int) -> Path:
        """Where the samples of a part are."""
        return self.folder / f"part-{part}.raw"

    def _load(self) -> None:
        journal = self._json(_JOURNAL)
        try:
            parts = [_Finished(rows, Mark(*mark)) for rows, mark in journal["parts"]]
            needed = [part.rows * size for part, size in zip(parts, journal["row_bytes"], strict=True)]
            if all(self._file(n).stat().st_size >= size for n, size in enumerate(needed)):
                self._parts = parts
        except (OSError, ValueError, KeyError, TypeError):  # damaged
            return

    def _write_journal(self) -> None:
        row_bytes = [self._file(n).stat().st_size // part.rows for n, part in enumerate(self._parts)]
        self._write(_JOURNAL, [json.dumps({"parts": self._parts, "row_bytes": row_bytes}).encode()])
