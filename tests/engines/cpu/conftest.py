"""The levels of the native library that this machine runs, and the precisions that each has kernels for."""

import pytest

from elansr.engines.cpu import bindings
from elansr.engines.cpu.bindings import LEVELS, Level
from elansr.engines.cpu.native_calls import Run


def chosen(level: Level, monkeypatch: pytest.MonkeyPatch) -> Level:
    """The level, which is the one that elansr runs at; skipped where it cannot be tested."""
    loaded = bindings.load()
    if isinstance(loaded, str) or level not in loaded.levels:
        pytest.skip(f"this processor or build has no {level}")
    monkeypatch.setattr(bindings, "_chosen", lambda: level)
    return level


@pytest.fixture(params=LEVELS)
def level(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Level:
    return chosen(request.param, monkeypatch)


@pytest.fixture(params=[*(("fp32", level) for level in LEVELS), ("bf16", "avx512bf16")], ids=str)
def run(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Run:
    precision, level = request.param
    return Run(precision, chosen(level, monkeypatch), threads=2)
