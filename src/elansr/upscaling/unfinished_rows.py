"""Resuming a large picture: its finished rows are kept in a hidden folder beside the result."""

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from elansr.disk import WorkFolder
from elansr.images import Plane
from elansr.upscaling.rows import ALPHA, COLOR, Array, ResumePoint

_JOURNAL = "journal.json"


class _Finished(NamedTuple):
    """How far a part is: its finished rows, and the resume point of the last strip; None before the first."""

    rows: int = 0
    resume_point: ResumePoint | None = None


class RowsFolder(WorkFolder):
    """The rows of one result, see `WorkFolder`; takes them as a `RowSink`."""

    kind = "rows"

    def __init__(self, target: Path, settings: dict[str, Any], name: str | None = None) -> None:
        super().__init__(target, settings, name)
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

    def start(self, part: int) -> tuple[int, ResumePoint | None]:
        """See `RowSink`."""
        return self._parts[part] if part < len(self._parts) else _Finished()

    def add(self, part: int, top: int, pixels: Array, resume_point: ResumePoint) -> None:
        """See `RowSink`; when it returns, the rows are safe from a power cut.

        Raises:
            PictureError: They cannot be written.
        """
        if not len(pixels):
            return
        with self.errors():
            with open(self._file(part), "r+b" if top else "wb") as file:
                file.seek(top * pixels[0].nbytes)
                file.write(np.ascontiguousarray(pixels).data)
                file.truncate()
                file.flush()
                os.fsync(file.fileno())
            self._parts[part:] = [_Finished(top + len(pixels), resume_point)]
            self._write_journal()

    def set_alpha(self, value: Any) -> None:
        """See `RowSink`."""
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

    def load(self) -> None:
        """See `WorkFolder`."""
        journal = self.read_json(_JOURNAL)
        try:
            parts = [_Finished(rows, ResumePoint(*resume_point)) for rows, resume_point in journal["parts"]]
            needed = [part.rows * size for part, size in zip(parts, journal["row_bytes"], strict=True)]
            if all(self._file(n).stat().st_size >= size for n, size in enumerate(needed)):
                self._parts = parts
        except (OSError, ValueError, KeyError, TypeError):  # damaged
            return

    def _write_journal(self) -> None:
        row_bytes = [self._file(n).stat().st_size // part.rows for n, part in enumerate(self._parts)]
        self.write(_JOURNAL, [json.dumps({"parts": self._parts, "row_bytes": row_bytes}).encode()])
