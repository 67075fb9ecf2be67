"""Bindings to the native library: finding it, choosing the level for this processor, and its structures.

The environment variable ELANSR_NATIVE decides, once per process: "auto" (the default) takes the fastest level,
"off" leaves everything to PyTorch, and the name of a level takes that one.
"""

import ctypes
import functools
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from elansr.errors import ConfigError, DeviceError

Level = Literal["portable", "avx2", "avx512", "avx512bf16"]
LEVELS: tuple[Level, ...] = get_args(Level)
"""In ascending order of speed; the position is the number that the library knows a level by."""
TYPES = {"fp32": 0, "bf16": 1}
"""The numbers that the library knows types by."""
MOST_GROUPS = 64

ENVIRONMENT = "ELANSR_NATIVE"
FILE = Path(__file__).with_name("_native.dll" if sys.platform == "win32" else "_native.so")
_VERSION = 5

_Fields = tuple[tuple[str, type], ...]


def _of(kind: type, *names: str) -> _Fields:
    return tuple((name, kind) for name in names)


class Layer(ctypes.Structure):
    """A packed convolution; null weights stand for none."""

    _fields_ = (*_of(ctypes.c_void_p, "weights", "bias"), *_of(ctypes.c_int64, "inputs", "outputs"))


class HeadCall(ctypes.Structure):
    """The first convolution."""

    _fields_ = (
        *_of(ctypes.c_void_p, "picture", "out"),
        *_of(Layer, "layer"),
        *_of(ctypes.c_int64, "pictures", "height", "width", "pitch"),
        *_of(ctypes.c_int32, "by_color", "type", "level", "threads"),
        *_of(ctypes.c_int64, "rows"),
    )


class LayersCall(ctypes.Structure):
    """Everything between one window attention and the next."""

    _fields_ = (
        *_of(ctypes.c_void_p, "x", "attended", "out", "projected"),
        *_of(Layer, "merge", "expand", "reduce", "project"),
        *_of(ctypes.c_int64, "pictures", "height", "width", "pitch", "channels"),
        *_of(ctypes.c_int32, "type", "level", "threads"),
        *_of(ctypes.c_int64, "rows"),
    )


class WindowCall(ctypes.Structure):
    """Window attention over rows of features."""

    _fields_ = (
        *_of(ctypes.c_void_p, "q", "v", "out"),
        *_of(ctypes.c_int64, "pictures", "height", "width", "pitch"),
        *_of(ctypes.c_int64, "q_words", "v_words", "out_words", "depth"),
        *_of(ctypes.c_void_p, "windows", "q_offsets", "v_offsets"),
        *_of(ctypes.c_int32, "groups", "shifted", "closed", "type", "level", "threads"),
    )


class TailCall(ctypes.Structure):
    """The long skip, the last convolution and PixelShuffle."""

    _fields_ = (
        *_of(ctypes.c_void_p, "picture", "body", "out"),
        *_of(Layer, "head", "tail"),
        *_of(ctypes.c_int64, "pictures", "height", "width", "pitch", "scale"),
        *_of(ctypes.c_int32, "by_color", "type", "level", "threads"),
        *_of(ctypes.c_int64, "rows"),
    )


class AttentionCall(ctypes.Structure):
    """Window attention over (N, H, W, C), for training."""

    _fields_ = (
        *_of(ctypes.c_void_p, "q", "v", "out_gradient", "out", "q_gradient", "v_gradient"),
        *_of(ctypes.c_int64, "pictures", "height", "width"),
        *_of(ctypes.c_int64, "q_channels", "v_channels", "out_channels", "depth"),
        *_of(ctypes.c_void_p, "windows", "q_offsets", "v_offsets"),
        *_of(ctypes.c_int32, "groups", "shifted", "type", "level", "threads"),
    )


class ShiftCall(ctypes.Structure):
    """The shift of shift-conv over (N, H, W, C), for training."""

    _fields_ = (
        *_of(ctypes.c_void_p, "x", "mask", "out"),
        *_of(ctypes.c_int64, "pictures", "height", "width", "channels"),
        *_of(ctypes.c_int32, "way", "relu", "type", "threads"),
    )


STRUCTURES: tuple[type[ctypes.Structure], ...] = (
    *(Layer, HeadCall, LayersCall, WindowCall, TailCall),
    *(AttentionCall, ShiftCall),
)
"""The position is the number that the library knows a structure by."""

Function = Literal["head", "layers", "windows", "tail", "attention_forward", "attention_backward", "shift"]


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
    """The library, or one sentence on why it cannot be used.

    Raises:
        DeviceError: it belongs to another version of elansr.
    """
    if not file.is_file():
        return f"{file.name} was not built: install a C++ compiler, then elansr again"
    try:
        functions = ctypes.CDLL(str(file))
        functions.elansr_size_of.restype = ctypes.c_int64
        version = functions.elansr_version()
    except (OSError, AttributeError) as error:
        return f"{file} cannot be loaded: {error}"
    sizes = [functions.elansr_size_of(number) for number in range(len(STRUCTURES))]
    if version != _VERSION or sizes != [ctypes.sizeof(structure) for structure in STRUCTURES]:
        raise DeviceError(f"{file} belongs to another version of elansr: install elansr again")
    return Library(functions, tuple(level for number, level in enumerate(LEVELS) if functions.elansr_supports(number)))


def call(function: Function, structure: ctypes.Structure) -> None:
    """Calls a function of the library, which must be available.

    Raises:
        DeviceError: there is no library.
        MemoryError: there is not enough memory.
    """
    library = load()
    if isinstance(library, str):
        raise DeviceError(library)
    if getattr(library.functions, f"elansr_{function}")(ctypes.byref(structure)):
        raise MemoryError(f"native {function}: not enough memory")


def has_type(level: Level, precision: str) -> bool:
    """Whether a level of this machine computes inference in a precision."""
    library = load()
    if isinstance(library, str) or precision not in TYPES:
        return False
    return bool(library.functions.elansr_has_type(LEVELS.index(level), TYPES[precision]))


def tile_outputs(level: Level) -> int:
    """How many outputs lie side by side in the packed layers of a level of this machine."""
    library = load()
    assert not isinstance(library, str)
    return library.functions.elansr_tile_outputs(LEVELS.index(level))


@functools.cache
def _chosen() -> Level | str:
    """The level that the environment and this processor lead to, or one sentence on why there is none."""
    wanted = os.environ.get(ENVIRONMENT, "auto")
    if wanted not in ("auto", "off", *LEVELS):
        raise ConfigError(f"{ENVIRONMENT}={wanted!r}: must be auto, off, {', '.join(LEVELS[:-1])} or {LEVELS[-1]}")
    if wanted == "off":
        return f"{ENVIRONMENT}=off"
    library = load()
    if isinstance(library, str):
        return library
    found = (
        library.levels[-1] if wanted == "auto" else next((known for known in library.levels if known == wanted), None)
    )
    if found is None:
        raise ConfigError(f"{ENVIRONMENT}={wanted!r}: this machine and build have {', '.join(library.levels)}")
    return found


def available() -> bool:
    """Whether native kernels are there and wanted.

    Raises:
        ConfigError: ELANSR_NATIVE asks for something that does not exist.
        DeviceError: the library belongs to another version of elansr.
    """
    return _chosen() in LEVELS


def level() -> Level | None:
    """The level that kernels run at; None where they are not available."""
    return next((known for known in LEVELS if known == _chosen()), None)


def reason() -> str | None:
    """One sentence on why native kernels are not available; None where they are."""
    return None if available() else _chosen()


def sides_within(windows: Sequence[int], height: int, width: int) -> list[int]:
    """Sides that cut the picture into the same windows, without room for what lies far beyond its border.

    A window of twice the picture's larger side holds all of it, shifted by half or not.
    """
    return [min(window, 2 * max(height, width, 1)) for window in windows]
