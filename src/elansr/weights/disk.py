"""Bytes on disk: reading without unpickling foreign objects, writing without ever leaving half a file."""

from __future__ import annotations

import json
import os
import re
import stat
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from elansr import disk
from elansr.errors import WeightsError
from elansr.text import one_line, reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

SAFETENSORS = ".safetensors"
PICKLES = (".pth", ".pt")
SUFFIXES = (SAFETENSORS, *PICKLES)
"""The endings of weights files."""
NUMPY_TYPES = {
    "F16": "float16",
    "F32": "float32",
    "F64": "float64",
    "BOOL": "bool",
    "U8": "uint8",
    "I8": "int8",
    "U16": "uint16",
    "I16": "int16",
    "U32": "uint32",
    "I32": "int32",
    "U64": "uint64",
    "I64": "int64",
    "C64": "complex64",
}
"""NumPy's names of the types of a safetensors file."""
EXPORTED = (".onnx", ".xml", ".pt2")
"""The endings of files that `elansr export` writes."""


def read_metadata(path: Path) -> dict[str, str]:
    """The metadata of a safetensors file.

    Raises:
        WeightsError: no such file, no permission, or not a safetensors file.
    """
    require_readable(path)
    with _reading(path), open(path, "rb") as file:
        size = int.from_bytes(file.read(8), "little")
        if size > os.path.getsize(path):
            raise ValueError("its header is longer than the file")
        metadata = json.loads(file.read(size)).get("__metadata__") or {}
        return {str(name): str(text) for name, text in metadata.items()}


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a safetensors file; bfloat16 becomes float32.

    Raises:
        WeightsError: no such file, no permission, not a complete safetensors file, or an unusual type.
    """
    import safetensors

    deserialize: Any = safetensors.deserialize  # not annotated
    require_readable(path)
    with _reading(path):
        return {name: _array(entry) for name, entry in deserialize(path.read_bytes())}


def _array(entry: Mapping[str, Any]) -> NDArray[Any]:
    import numpy as np  # not at the top: `elansr info` lists the released weights at once

    if entry["dtype"] == "BF16":
        words = np.frombuffer(entry["data"], np.uint16).astype(np.uint32) << 16
        return words.view(np.float32).reshape(entry["shape"])
    return np.frombuffer(entry["data"], NUMPY_TYPES[entry["dtype"]]).reshape(entry["shape"])


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


def read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors of a safetensors file and its metadata.

    Raises:
        WeightsError: no such file, no permission, or not a complete safetensors file.
    """
    from safetensors import safe_open

    require_readable(path)
    with _reading(path), safe_open(path, framework="pt", device="cpu") as file:
        return {key: file.get_tensor(key) for key in file.keys()}, dict(file.metadata() or {})  # noqa: SIM118


def read_pickle(path: Path) -> object:
    """What a `.pt` or `.pth` file holds, if it holds tensors and plain containers only.

    Raises:
        WeightsError: no such file, no permission, not a complete torch file, or a file that asks for anything but
            tensors; nothing that it names is imported or executed.
    """
    import torch

    require_readable(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about pickle protocols: the refusal below is the whole answer
            return torch.load(path, map_location="cpu", weights_only=True)
    # A damaged archive fails in whatever the damaged byte leads to: no list of types would be complete.
    except Exception as error:
        raise WeightsError(
            f"{path}: {_refusal(error)}; nothing in it was executed: get a complete file that holds tensors only, "
            "best as safetensors"
        ) from error


def _refusal(error: Exception) -> str:
    """Why torch refused a file, in a few words: the name of the foreign object, where there is one."""
    named = re.search(r"GLOBAL ([\w.]{1,100})", str(error))
    return f"asks for {named[1]}, which is no tensor" if named else "not a complete torch file of plain tensors"


def require_readable(path: Path) -> None:
    """Refuses a path that is no readable, non-empty file.

    Raises:
        WeightsError: missing, a folder, a device, without permission or empty.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise WeightsError(f"{path}: not a file: name the weights file itself")
        with open(path, "rb") as file:
            empty = not file.read(1)
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path}: cannot be read ({reason(error)}): check the path and its permissions") from error
    if empty:
        raise WeightsError(f"{path}: an empty file: copy or download it again")


def to_safetensors(arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> bytes:
    """The safetensors file of `arrays`; the same input gives the same bytes.

    Args:
        arrays: by name.
        metadata: text by name; the library writes it in random order, here it is sorted.
    """
    import numpy as np
    from safetensors.numpy import save

    data = save({name: np.asarray(array, order="C") for name, array in arrays.items()})
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size]) | {"__metadata__": dict(sorted(metadata.items()))}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data[8 + size :]


def require_free(path: Path, overwrite: bool) -> None:
    """Refuses an output path that must not be replaced.

    Raises:
        WeightsError: `path` is a folder.
        OutputExistsError: `path` exists and `overwrite` is False.
    """
    with disk.writing_errors(path, WeightsError):
        disk.require_free(path, overwrite)


def write_atomically(path: Path, data: bytes, overwrite: bool) -> None:
    """Writes the whole file or nothing.

    Raises:
        WeightsError: `path` is a folder or cannot be written.
        OutputExistsError: `path` exists and `overwrite` is False.
    """
    with disk.writing_errors(path, WeightsError):
        disk.write_atomically(path, data, overwrite=overwrite)
