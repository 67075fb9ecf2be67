"""Our weights files: safetensors with the config and the provenance in the metadata.

Tensors carry the names of `ELAN.state_dict()` and are float32 (BatchNorm's counters int64). The metadata, text by name:

    format          "elansr"
    format_version  "1"
    config          JSON object, every field of `ELANConfig`
    provenance      JSON object, every field of `Provenance`

Also what every other reader and writer of weights needs: the arrays of any safetensors file, and files that are written
whole or not at all.
"""

from __future__ import annotations

import dataclasses
import json
import os
import stat
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from elansr import disk
from elansr.errors import ConfigError, WeightsError
from elansr.nn.config import ELANConfig
from elansr.text import listed, one_line, reason
from elansr.weights.contents import Contents, blank_state, checked, require_room
from elansr.weights.provenance import Provenance
from elansr.weights.released import SAFETENSORS

if TYPE_CHECKING:
    from elansr.nn.elan import ELAN

FORMAT = "elansr"
FORMAT_VERSION = "1"
METADATA_KEYS = {"format", "format_version", "config", "provenance"}
NUMPY_TYPES = {
    "F16": "float16",
    "F32": "float32",
    "F64": "float64",
    "C64": "complex64",
    "BOOL": "bool",
    "U8": "uint8",
    "U16": "uint16",
    "U32": "uint32",
    "U64": "uint64",
    "I8": "int8",
    "I16": "int16",
    "I32": "int32",
    "I64": "int64",
}
"""NumPy's names of the types of a safetensors file; it has none for BF16."""


def save(network: ELAN, path: str | os.PathLike[str], provenance: Provenance, overwrite: bool = False) -> None:
    """Writes the network's weights and where they come from, whole or not at all.

    Args:
        network: on any device, of any float type; stored in float32.
        path: where to, ending in `.safetensors`.
        provenance: where the weights come from.
        overwrite: whether a file at `path` may be replaced.

    Raises:
        OutputExistsError: `path` exists and `overwrite` is False.
        WeightsError: NaN or infinite weights, another extension, or a path that cannot be written.
    """
    with errors_of(path, "not written, "):
        contents = Contents.of(network, provenance)
    save_contents(contents, path, overwrite)


def save_contents(contents: Contents, path: str | os.PathLike[str], overwrite: bool = False) -> None:
    """Writes what was read from another file, see `save`."""
    path = Path(path)
    if path.suffix.lower() != SAFETENSORS:
        raise WeightsError(f"{path}: weights files of elansr end in {SAFETENSORS}: rename it")
    with errors_of(path, "not written, "):
        config, provenance = config_to_json(contents.config), contents.provenance.to_json()
    metadata = {"format": FORMAT, "format_version": FORMAT_VERSION, "config": config, "provenance": provenance}
    write_file(path, to_safetensors(contents.state, metadata), overwrite)


def load(path: str | os.PathLike[str]) -> tuple[ELAN, Provenance]:
    """The network of one of our weights files, in eval mode, and where its weights come from.

    Args:
        path: a file written by `save`; half precision is accepted and becomes float32.

    Raises:
        WeightsError: anything but a complete, consistent file of our format.
    """
    contents = read_ours(Path(path))
    return contents.network(), contents.provenance


def read_ours(path: Path) -> Contents:
    """The contents of a file of our format, checked.

    Raises:
        WeightsError: see `load`.
    """
    metadata = _metadata(path)
    with errors_of(path):
        if metadata.get("format") != FORMAT:
            raise WeightsError("a safetensors file, but not in the layout of elansr: convert it with `elansr convert`")
        if metadata.get("format_version") != FORMAT_VERSION:
            version = f"{metadata.get('format_version')!r:.40}"
            raise WeightsError(f"format_version {version} is not {FORMAT_VERSION!r}: install a newer elansr")
        if metadata.keys() != METADATA_KEYS:
            raise WeightsError(f"the metadata must be {', '.join(sorted(METADATA_KEYS))}: save the weights again")
        config = config_from_json(metadata["config"])
        provenance = Provenance.from_json(metadata["provenance"])
    found = read_arrays(path)
    with errors_of(path):
        require_room(config, found)
        return Contents("elansr", config, checked(found, blank_state(config)), provenance)


def is_ours(path: Path) -> bool:
    """Whether a safetensors file says that it has our format.

    Raises:
        WeightsError: no such file, no permission, or not a safetensors file.
    """
    return _metadata(path).get("format") == FORMAT


@contextmanager
def errors_of(path: str | os.PathLike[str], what: str = "") -> Iterator[None]:
    """Puts the path in front of every WeightsError."""
    try:
        yield
    except WeightsError as error:
        raise WeightsError(f"{os.fspath(path)}: {what}{error}") from error


def config_to_json(config: ELANConfig) -> str:
    """One JSON object with every field of the config.

    Raises:
        WeightsError: a value that `config_from_json` would refuse.
    """
    text = json.dumps(dataclasses.asdict(config), default=float)  # NumPy's numbers are numbers too
    config_from_json(text)
    return text


def config_from_json(text: str) -> ELANConfig:
    """The inverse of `config_to_json`.

    Raises:
        WeightsError: not JSON, an unknown or missing key, a value of a wrong type or one that `ELANConfig` refuses.
    """
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise WeightsError("config is not valid JSON: copy or save the weights again") from error
    if not isinstance(values, dict):
        raise WeightsError("config is not a JSON object: copy or save the weights again")
    names = {field.name for field in dataclasses.fields(ELANConfig)}
    if values.keys() != names:
        raise WeightsError(
            f"config has {listed(names - values.keys())} missing and {listed(values.keys() - names)} unknown: "
            "install the elansr that wrote the file or save the weights again"
        )
    try:
        if isinstance(values["rgb_mean"], list):
            values["rgb_mean"] = [_number("rgb_mean", mean) for mean in values["rgb_mean"]]
        values["rgb_range"] = _number("rgb_range", values["rgb_range"])
        return ELANConfig(**values)
    except ConfigError as error:
        raise WeightsError(f"config {error!s:.200}: no such network exists: save the weights again") from error


def _number(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= sys.float_info.max:
        raise ConfigError(f"{name}={value!r:.60}: must be a finite number")
    return float(value)


def require_readable(path: Path) -> None:
    """Refuses a path that is no readable, non-empty file.

    Raises:
        WeightsError: missing, a folder, a device, without permission or empty.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise WeightsError(f"{path}: not a file: choose a weights file")
        with open(path, "rb") as file:
            empty = not file.read(1)
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path}: cannot be read ({reason(error)}): {_way_out(path)}") from error
    if empty:
        raise WeightsError(f"{path}: an empty file: copy or download it again")


def _way_out(path: Path) -> str:
    """What helps where a path cannot be read: it may be meant as the name of a repository on the Hub."""
    if len(path.parts) == 2 and not path.suffix and not path.is_absolute() and not path.parent.exists():
        return "choose a file or folder on this machine; Upscaler.from_pretrained opens a repository on the Hub"
    return "check the path and its permissions"


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of any safetensors file; bfloat16 becomes float32.

    Raises:
        WeightsError: no such file, no permission, not a complete safetensors file, or an unusual type.
    """
    import safetensors

    deserialize: Any = safetensors.deserialize  # not annotated
    require_readable(path)
    with _reading(path):
        return {name: _array(entry) for name, entry in deserialize(path.read_bytes())}


def _array(entry: Mapping[str, Any]) -> NDArray[Any]:
    if entry["dtype"] == "BF16":
        words = np.frombuffer(entry["data"], np.uint16).astype(np.uint32) << 16
        return words.view(np.float32).reshape(entry["shape"])
    return np.frombuffer(entry["data"], NUMPY_TYPES[entry["dtype"]]).reshape(entry["shape"])


def _metadata(path: Path) -> dict[str, str]:
    require_readable(path)
    with _reading(path), open(path, "rb") as file:
        size = int.from_bytes(file.read(8), "little")
        if size > os.path.getsize(path):
            raise ValueError("its header is longer than the file")
        metadata = json.loads(file.read(size)).get("__metadata__") or {}
        return {str(name): str(text) for name, text in metadata.items()}


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Reports what goes wrong in a safetensors file as a WeightsError."""
    from safetensors import SafetensorError

    try:
        yield
    except (SafetensorError, OSError, ValueError, KeyError, AttributeError, TypeError, RuntimeError) as error:
        raise WeightsError(
            f"{path}: not a complete safetensors file ({one_line(error)}): copy or download it again"
        ) from error


def to_safetensors(arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> bytes:
    """The safetensors file of `arrays`; the same input gives the same bytes.

    Args:
        arrays: by name.
        metadata: text by name; the library writes it in random order, here it is sorted.
    """
    from safetensors.numpy import save

    data = save({name: np.asarray(array, order="C") for name, array in arrays.items()})
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size]) | {"__metadata__": dict(sorted(metadata.items()))}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data[8 + size :]


def write_file(path: Path, data: bytes, overwrite: bool) -> None:
    """Writes a whole file or nothing.

    Raises:
        WeightsError: `path` is a folder or cannot be written.
        OutputExistsError: `path` exists and `overwrite` is False.
    """
    with disk.writing_errors(path, WeightsError):
        disk.write_atomically(path, data, overwrite=overwrite)
