"""The work list: every picture of the input with its key, its location and its target.

A picture's key is its path below the input, or for Parquet the value of a key column, else file and row number. Results
keep the folders of the keys, with the names that `elansr upscale` would give them.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from threading import Lock
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq

from elansr.cluster.storage import Store, is_pattern
from elansr.errors import ConfigError, ElansrError, PictureError
from elansr.images import SUFFIXES, is_picture_name, unread_kind
from elansr.text import one_line, shown
from elansr.upscaling import FALLBACK_EXTENSION

PARQUET = ".parquet"
STATE = "_elansr"
"""The folder, in the output, of what a run keeps for itself."""

_WILD = set("*?[")


@dataclass(frozen=True)
class Item:
    """One picture to read and one to write.

    Attributes:
        key: its name, unlike that of any other.
        source: for messages and the manifest.
        path: of the file that it is, or that it is in, as the store's file system takes it.
        target: the name of the result below the output.
        size: bytes, about; 0 if unknown.
        row_group, row: where it is in a Parquet file; -1 for a file of its own.
        problem: why it cannot be done; "" if it can.
    """

    key: str
    source: str
    path: str
    target: str = ""
    size: int = 0
    row_group: int = -1
    row: int = -1
    problem: str = ""


@dataclass(frozen=True)
class Columns:
    """Of Parquet: that of the pictures, None for the first of bytes, and that of their keys, if there is one."""

    image: str | None = None
    key: str | None = None


def find(url: str, columns: Columns) -> tuple[Store, list[Item], dict[str, int]]:
    """The pictures of a folder with all folders in it, of a pattern, a single file, or of Parquet files.

    Args:
        url: as `storage.resolved` gives it.
        columns: given, or where there are Parquet files and no pictures, it is Parquet that is read.

    Returns:
        The store, its pictures, and how many there are of kinds that are not read, by kind.

    Raises:
        ConfigError: nothing is found, or Parquet without such columns.
        PictureError: the store cannot be listed.
    """
    store, sizes = _listed(url)
    visible = {name: size for name, size in sizes.items() if not _is_hidden(name)}
    pictures = {name: size for name, size in visible.items() if is_picture_name(name)}
    tables = [name for name in visible if name.lower().endswith(PARQUET)]
    if tables and (columns.image or columns.key or not pictures):
        return store, [item for name in tables for item in _in_parquet(store, name, columns)], {}
    if columns.image or columns.key:
        raise ConfigError(f"{shown(url)}: no {PARQUET} file: check the address, or omit the column")
    if not pictures:
        store.require_folder()
        raise ConfigError(f"{shown(url)}: contains no pictures and no {PARQUET} files: check the name")
    items = [Item(name, store.shown(name), _path(store, name), "", size) for name, size in pictures.items()]
    return store, items, dict(Counter(kind for name in visible if (kind := unread_kind(name))))


def planned(items: Sequence[Item], suffix: str, extension: str, output: Store | None = None) -> list[Item]:
    """The items with their targets; those that cannot be written, or not without taking another's place, say so.

    Args:
        output: where the results go, to look for names that are too long.
        suffix: goes between name and ending of every result.
        extension: ending of the results; "auto" keeps that of the key, or takes .png where that is no picture's.
    """
    if "/" in suffix or "\\" in suffix:
        raise ConfigError(f"suffix {suffix!r}: must not contain a folder: use the output for that")
    repeated = {key for key, count in Counter(item.key for item in items).items() if count > 1}
    if repeated:
        raise ConfigError(f"key {shown(min(repeated))!r} occurs more than once: choose a key column with unique values")
    named = [_with_target(item, suffix, extension) for item in items]
    first: dict[str, Item] = {}
    return [_judged(item, first.setdefault(item.target, item), output) for item in named]


class ParquetCells:
    """Reads the pictures in Parquet files.

    Args:
        column: with the pictures; None is the first that may have them.
    """

    def __init__(self, store: Store, column: str | None) -> None:
        self._store, self._column = store, column
        self._place, self._cells = ("", -1), None
        self._one_at_a_time = Lock()

    def __call__(self, item: Item) -> bytes:
        """The file in an item's cell: bytes, or a struct with `bytes` as data sets of Hugging Face have it.

        Raises:
            PictureError: the cell is empty, or cannot be read.
        """
        with self._one_at_a_time:
            cells = self._group(item.path, item.row_group)
        value = cells[item.row].as_py()
        content = value.get("bytes") if isinstance(value, dict) else value
        if not content:
            raise PictureError(f"{item.source}: the cell is empty: remove or fill the row")
        return bytes(content)

    def _group(self, path: str, number: int) -> Any:
        """The cells of a row group; they stay for the next item, which is likely to be in it."""
        if self._place != (path, number):
            with _opened(self._store, path, self._store.below(path)) as table:
                column = _image_column(table.schema_arrow, self._column, path)
                self._cells = table.read_row_group(number, columns=[column]).column(0)
            self._place = path, number
        return self._cells


def _listed(url: str) -> tuple[Store, dict[str, int]]:
    """The store, and all that the URL means in it."""
    if is_pattern(url):
        parts = url.split("/")
        wild = next(n for n, part in enumerate(parts) if _WILD & set(part))
        store = Store("/".join(parts[:wild]) or "/")
        return store, store.matching("/".join(parts[wild:]))
    store = Store(url)
    name = url.rstrip("/").rpartition("/")[2].partition("?")[0]
    if _is_file(store, name):
        parent = Store(store.url.rpartition("/")[0])
        return parent, {store.url.rpartition("/")[2]: 0}
    return store, store.sizes()


def _is_file(store: Store, name: str) -> bool:
    """Over HTTP the ending decides, because there everything can be read like a file."""
    if store.scheme in ("http", "https"):
        return PurePosixPath(name).suffix.lower() in (*SUFFIXES, PARQUET)
    return store.is_file()


def _path(store: Store, name: str) -> str:
    return store.path(quote(name) if store.scheme in ("http", "https") else name)


def _is_hidden(name: str) -> bool:
    folders = name.split("/")
    return folders[0] == STATE or any(part.startswith(".") for part in folders)


def _in_parquet(store: Store, name: str, columns: Columns) -> Iterator[Item]:
    """A row, an item; only the keys are read."""
    path = _path(store, name)
    with _opened(store, path, name) as table:
        image = _image_column(table.schema_arrow, columns.image, store.shown(name))
        if columns.key is not None and columns.key not in table.schema_arrow.names:
            raise ConfigError(f"{store.shown(name)}: no column {columns.key!r}; {_names(table.schema_arrow)}")
        start = 0
        for group in range(table.num_row_groups):
            about = table.metadata.row_group(group)
            each = about.total_byte_size // max(about.num_rows, 1)
            if columns.key is None:
                keys = [f"{name.removesuffix(PARQUET)}/{start + row:08}" for row in range(about.num_rows)]
            else:
                keys = list(map(str, table.read_row_group(group, columns=[columns.key]).column(0).to_pylist()))
            for row, key in enumerate(keys):
                source = f"{store.shown(name)}#{image}[{start + row}]"
                yield Item(key, source, path, "", each, group, row)
            start += about.num_rows


@contextmanager
def _opened(store: Store, path: str, name: str) -> Iterator[Any]:
    """A Parquet file, open.

    Raises:
        ConfigError: it is none, or damaged.
    """
    try:
        with store.files.open(path, "rb") as file, pq.ParquetFile(file) as table:
            yield table
    except ElansrError:
        raise
    except (OSError, ValueError, pa.ArrowException) as error:
        raise ConfigError(
            f"{store.shown(name)}: incomplete or not a Parquet file ({one_line(error)}): write it again"
        ) from error


def _image_column(schema: Any, wanted: str | None, where: str) -> str:
    fits = [field.name for field in schema if _may_hold_pictures(field.type)]
    if wanted is None and fits:
        return str(fits[0])
    if wanted in fits:
        return str(wanted)
    asked = "no column of bytes" if wanted is None else f"column {wanted!r} does not contain bytes"
    raise ConfigError(f"{where}: {asked}; {_names(schema)}: set `image_column` to the one with picture files")


def _may_hold_pictures(kind: Any) -> bool:
    if pa.types.is_struct(kind):
        return kind.get_field_index("bytes") >= 0
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _names(schema: Any) -> str:
    return f"the columns are {', '.join(schema.names)}"


def _with_target(item: Item, suffix: str, extension: str) -> Item:
    """The item with its target; a name of other bytes than UTF-8, which no manifest can hold, is escaped."""
    try:
        f"{item.key}{item.source}".encode()
    except UnicodeEncodeError:
        problem = f"{shown(item.source)}: the name is not UTF-8: rename it (convmv renames whole folders)"
        return replace(item, key=ascii(item.key)[1:-1], source=ascii(item.source)[1:-1], problem=problem)
    return replace(item, target=_target(item.key, suffix, extension))


def _target(key: str, suffix: str, extension: str) -> str:
    path = PurePosixPath(key)
    kept = path.suffix if path.suffix.lower() in SUFFIXES else FALLBACK_EXTENSION
    stem = path.stem if path.suffix.lower() in SUFFIXES else path.name
    return str(path.with_name(f"{stem}{suffix}{kept if extension == 'auto' else '.' + extension}")) if stem else ""


def _judged(item: Item, first: Item, output: Store | None) -> Item:
    """An item after a look at the first one with its target."""
    if item.problem:
        return item
    path = PurePosixPath(item.key)
    if not item.target or path.is_absolute() or ".." in path.parts or "\0" in item.key or path.parts[0] == STATE:
        problem = f"{shown(item.key)!r} cannot be the path of a result in a folder: rename it"
    elif first is not item:
        other = f"{shown(item.target)}, like {shown(first.source)}"
        problem = f"{shown(item.source)}: would be written to {other}: rename one of them"
    elif output is not None and not output.takes_name(item.target):
        problem = f"{shown(item.source)}: the name of the result would be too long: choose a shorter suffix"
    else:
        return item
    return replace(item, problem=problem)
