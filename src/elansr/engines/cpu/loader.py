"""Finds the native library, asks it what this processor can do, and says why where it cannot be used.

The environment variable ELANSR_NATIVE decides, once per process: "auto" (the default) takes the fastest level,
"off" leaves everything to PyTorch, and the name of a level takes that one.
"""

import ctypes
import functools
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from elansr.errors import ConfigError, DeviceError

Level = Literal["portable", "avx2", "avx512", "avx512bf16"]
LEVELS: tuple[Level, ...] = get_args(Level)
"""In ascending order of speed; the position is the number that the library knows a level by."""

ENVIRONMENT = "ELANSR_NATIVE"
FILE = Path(__file__).with_name("_kernels.dll" if sys.platform == "win32" else "_kernels.so")
_ABI = 4


@dataclass(frozen=True)
class Library:
    """The loaded library.

    Attributes:
        functions: what it exports.
        levels: those that it holds and this processor runs, in ascending order of speed.
    """

    functions: ctypes.CDLL
    levels: tuple[Level, ...]


@functools.cache
def load(file: Path = FILE) -> Library | str:
    """The library, or one sentence on why it cannot be used."""
    if not file.is_file():
        return f"{file.name} was not built: reinstall elansr where there is a C++ compiler"
    try:
        functions = ctypes.CDLL(str(file))
        built_for = functions.elansr_abi()
    except (OSError, AttributeError) as error:
        return f"{file} cannot be loaded: {error}"
    if built_for != _ABI:
        return f"{file} belongs to another version of elansr: reinstall elansr"
    levels = tuple(level for number, level in enumerate(LEVELS) if functions.elansr_supports(number))
    _declare(functions)
    return Library(functions, levels)


def _declare(functions: ctypes.CDLL) -> None:
    """Tells ctypes the types that it would otherwise take for int."""
    size, address, number = ctypes.c_int64, ctypes.c_void_p, ctypes.c_int
    functions.elansr_rows_pack.argtypes = (number, number, size, size, address, address)
    functions.elansr_rows_pack.restype = size
    functions.elansr_rows_from_planes.argtypes = (*(number,) * 3, address, address, *(size,) * 5)
    functions.elansr_rows_from_planes.restype = None


def functions() -> ctypes.CDLL:
    """What the library exports.

    Raises:
        DeviceError: there is no library.
    """
    library = load()
    if isinstance(library, str):
        raise DeviceError(library)
    return library.functions


@functools.cache
def _chosen() -> Level | str:
    """The level that the environment and this processor lead to, or one sentence on why there is none."""
    wish = os.environ.get(ENVIRONMENT, "auto")
    if wish not in ("auto", "off", *LEVELS):
        raise ConfigError(f"{ENVIRONMENT}={wish!r}: must be auto, off, {', '.join(LEVELS[:-1])} or {LEVELS[-1]}")
    if wish == "off":
        return f"{ENVIRONMENT}=off"
    library = load()
    if isinstance(library, str):
        return library
    return library.levels[-1] if wish == "auto" else checked_level(wish)


def checked_level(level: str) -> Level:
    """The level of this name.

    Raises:
        ConfigError: there is no such level, or this processor or build does not have it.
    """
    library = load()
    if isinstance(library, str):
        raise ConfigError(f"native level {level!r}: {library}")
    for known in library.levels:
        if level == known:
            return known
    raise ConfigError(f"native level {level!r}: this machine and build have {', '.join(library.levels)}")


def available() -> bool:
    """Whether native kernels are there and wanted.

    Raises:
        ConfigError: ELANSR_NATIVE asks for something that does not exist.
    """
    return _chosen() in LEVELS


def level() -> Level | None:
    """The level that kernels run at; None where they are not available."""
    return next((known for known in LEVELS if known == _chosen()), None)


def reason() -> str | None:
    """One sentence on why native kernels are not available; None where they are."""
    return None if available() else _chosen()
