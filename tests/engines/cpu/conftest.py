"""The levels of the native library that this machine runs, and the types that each has row kernels for."""

from typing import NamedTuple

import pytest
import torch

from elansr.engines.cpu import loader
from elansr.engines.cpu.loader import LEVELS, Level


class RowKernels(NamedTuple):
    """What rows are computed with."""

    level: Level
    dtype: torch.dtype


def checked(level: Level) -> Level:
    """The level, where it can be tested."""
    loaded = loader.load()
    if isinstance(loaded, str) or level not in loaded.levels:
        pytest.skip(f"this processor or build has no {level}")
    return level


@pytest.fixture(params=LEVELS)
def level(request: pytest.FixtureRequest) -> Level:
    return checked(request.param)


@pytest.fixture(params=[*((level, torch.float32) for level in LEVELS), ("avx512bf16", torch.bfloat16)], ids=str)
def kernels(request: pytest.FixtureRequest) -> RowKernels:
    level, dtype = request.param
    return RowKernels(checked(level), dtype)
