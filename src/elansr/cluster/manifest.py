"""The manifest: one row per picture, written in parts by the workers and joined by the driver.

OUTPUT/_elansr/settings.json       what decides the results; it marks the folder as one of `elansr batch`
OUTPUT/_elansr/parts/*.parquet     rows of finished chunks, each part whole or not there
OUTPUT/manifest.parquet            all rows, one per key: written at the end of every run, interrupted ones too
"""

import io
import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timezone
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq

from elansr.cluster.settings import Settings
from elansr.cluster.sources import STATE
from elansr.cluster.storage import Store
from elansr.errors import ConfigError

NAME = "manifest.parquet"
SETTINGS = f"{STATE}/settings.json"
PARTS = f"{STATE}/parts"
STRIPS = f"{STATE}/strips"
"""Rows of pictures that are made in shares, until they are joined."""

READERS = 16
"""Parts that are read at once: a remote store answers each slowly."""

Status = Literal["upscaled", "failed", "split"]
"""`split` stands only in parts: the picture is larger than one worker should do, and its strips follow."""


@dataclass(frozen=True)
class ManifestRow:
    """What became of one picture.

    Attributes:
        key: see `sources`.
        source, target: what was read; the result, below the output.
        status: see `Status`.
        error: why it failed; None otherwise.
        width, height: of the picture, in pixels; None unless upscaled, as are the next three.
        result_width, result_height: of the result.
        pages, scale, model: as in `FileResult`.
        bytes: of the result's file.
        seconds: of work on it.
        notes: what the result lacks of the source, joined by "; "; None if nothing.
        attempt: number of the attempt, from 1.
        worker, node: the process and the machine that did it.
        settings: fingerprint of what decides the results.
        finished_at: in UTC.
    """

    key: str
    source: str
    target: str
    status: Status
    error: str | None
    settings: str
    finished_at: datetime = field(default_factory=lambda: datetime.now(timezone.utc))
    width: int | None = None
    height: int | None = None
    result_width: int | None = None
    result_height: int | None = None
    pages: int | None = None
    scale: int | None = None
    model: str | None = None
    bytes: int | None = None
    seconds: float = 0.0
    notes: str | None = None
    attempt: int = 1
    worker: int | None = None
    node: str | None = None


_WHOLE = {"width", "height", "result_width", "result_height", "pages", "scale", "bytes", "attempt", "worker"}
_SCHEMA = pa.schema(
    [
        (
            column.name,
            pa.int64()
            if column.name in _WHOLE
            else {"seconds": pa.float64(), "finished_at": pa.timestamp("us", "UTC")}.get(column.name, pa.string()),
        )
        for column in fields(ManifestRow)
    ]
)


def to_json(row: ManifestRow) -> str:
    """A row as text; Ray Data would make floats of whole numbers where others are None."""
    return json.dumps(asdict(row) | {"finished_at": row.finished_at.isoformat()})


def from_json(text: str) -> ManifestRow:
    """The row that `to_json` was given."""
    about = json.loads(text)
    return ManifestRow(**about | {"finished_at": datetime.fromisoformat(about["finished_at"])})


class Manifest:
    """The manifest of an output."""

    def __init__(self, output: Store) -> None:
        self._output = output

    def open(self, settings: Settings, overwrite: bool, results: Iterable[str]) -> dict[str, ManifestRow]:
        """Takes the output for a run, or takes an interrupted one up.

        Args:
            overwrite: whether what is there may be made anew.
            results: the names of the results to come that are there already.

        Returns:
            The rows that stand, by key.

        Raises:
            ConfigError: the output holds results of other settings, or that `elansr batch` did not make.
        """
        if overwrite:
            return {}
        if not self._output.exists(SETTINGS):
            taken = min(results, default=NAME if self._output.exists(NAME) else None)
            if taken:
                unknown = f"contains {taken}, but no manifest of elansr batch"
                raise ConfigError(f"{self._output.url}: {unknown}: choose another output or `overwrite=True`")
            return {}
        self._require_equal(self._settings(), settings)
        return self.rows()

    def begin(self, settings: Settings, overwrite: bool) -> None:
        """Puts the settings on record; with `overwrite`, rows of before are forgotten first."""
        if overwrite:
            for name in [NAME, *self._parts(), *self._output.sizes(STRIPS)]:
                self._output.delete(name)
        self._output.write(SETTINGS, json.dumps(settings.deciding(), indent=1).encode())

    def write_part(self, name: str, rows: Sequence[ManifestRow]) -> None:
        """Writes the rows of a chunk; a part of that name is replaced."""
        self._output.write(f"{PARTS}/{name}.parquet", _to_parquet(rows))

    def part(self, name: str) -> list[ManifestRow]:
        """The rows of a chunk; none where it is not finished."""
        file = f"{PARTS}/{name}.parquet"
        return self._rows_of(file) if self._output.exists(file) else []

    def rows(self) -> dict[str, ManifestRow]:
        """All rows, the latest of each key."""
        return self._joined(self._parts())

    def join(self) -> None:
        """Makes one manifest of all parts. Stopped in the middle, it can be done again."""
        if parts := self._parts():
            rows = self._joined(parts)
            self._output.write(NAME, _to_parquet([rows[key] for key in sorted(rows)]))
            for name in parts:
                self._output.delete(name)

    def _joined(self, parts: Sequence[str]) -> dict[str, ManifestRow]:
        files = [*([NAME] if self._output.exists(NAME) else []), *parts]
        with ThreadPoolExecutor(READERS) as pool:
            rows = [row for found in pool.map(self._rows_of, files) for row in found if row.status != "split"]
        return {row.key: row for row in sorted(rows, key=lambda row: row.finished_at)}

    def _parts(self) -> list[str]:
        return [name for name in self._output.sizes(PARTS) if name.endswith(".parquet")]

    def _settings(self) -> dict[str, object]:
        try:
            return dict(json.loads(self._output.read(SETTINGS)))
        except (ValueError, TypeError) as error:
            raise _damaged(self._output.shown(SETTINGS)) from error

    def _rows_of(self, name: str) -> list[ManifestRow]:
        try:
            return _from_parquet(self._output.read(name))
        except (OSError, ValueError, TypeError, pa.ArrowException) as error:
            raise _damaged(self._output.shown(name)) from error

    def _require_equal(self, before: dict[str, object], settings: Settings) -> None:
        wanted = settings.deciding()
        changed = [name for name in wanted if before.get(name) != wanted[name]]
        if changed:
            name = changed[0]
            raise ConfigError(
                f"{self._output.url}: made with {name} {before.get(name)!r}, not {wanted[name]!r}: "
                "choose another output, or `overwrite=True`"
            )


def _damaged(name: str) -> ConfigError:
    return ConfigError(
        f"{name}: damaged, or written by another version of elansr: choose another output or `overwrite=True`"
    )


def _to_parquet(rows: Sequence[ManifestRow]) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([asdict(row) for row in rows], schema=_SCHEMA), buffer)
    return buffer.getvalue()


def _from_parquet(data: bytes) -> list[ManifestRow]:
    return [ManifestRow(**row) for row in pq.read_table(io.BytesIO(data)).to_pylist()]
