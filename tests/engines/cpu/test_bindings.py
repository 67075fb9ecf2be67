import os
import subprocess
import sys
from pathlib import Path

import pytest

from elansr.engines.cpu import bindings
from elansr.errors import DeviceError

ASK = """
from elansr.errors import ConfigError
from elansr.engines.cpu import bindings
try:
    print(bindings.available(), bindings.level(), bindings.reason())
except ConfigError as error:
    print("ConfigError", error)
"""


def ask(wish: str | None) -> str:
    """What a fresh process says with this ELANSR_NATIVE."""
    environment = {name: value for name, value in os.environ.items() if name != bindings.ENVIRONMENT}
    if wish is not None:
        environment[bindings.ENVIRONMENT] = wish
    run = subprocess.run([sys.executable, "-c", ASK], env=environment, capture_output=True, text=True, check=False)
    assert not run.stderr
    return run.stdout.strip()


def loaded() -> bindings.Library:
    found = bindings.load()
    if isinstance(found, str):
        pytest.skip(found)
    return found


def test_off() -> None:
    assert ask("off") == "False None ELANSR_NATIVE=off"


def test_the_fastest_level_is_the_default() -> None:
    fastest = loaded().levels[-1]
    assert ask(None) == ask("auto") == f"True {fastest} None"


def test_every_processor_has_the_portable_level() -> None:
    assert loaded().levels[0] == "portable"
    assert ask("portable") == "True portable None"


def test_a_wrong_wish_is_refused_in_one_line() -> None:
    said = ask("avx9000")
    assert said == "ConfigError ELANSR_NATIVE='avx9000': must be auto, off, portable, avx2, avx512 or avx512bf16"


def test_a_library_that_was_not_built(tmp_path: Path) -> None:
    said = bindings.load(tmp_path / "_native.so")
    assert said.startswith("_native.so was not built")


def test_a_file_that_is_no_library(tmp_path: Path) -> None:
    file = tmp_path / "_native.so"
    file.write_bytes(b"not a library")
    said = bindings.load(file)
    assert isinstance(said, str)
    assert str(file) in said
    assert "cannot be loaded" in said
    assert "\n" not in said


def test_a_library_of_something_else(tmp_path: Path) -> None:
    """A C library that lacks our functions."""
    import _ctypes

    origin = getattr(_ctypes, "__file__", None)
    if origin is None:
        pytest.skip("this Python has _ctypes built in")
    said = bindings.load(Path(origin))
    assert isinstance(said, str)
    assert "cannot be loaded" in said


@pytest.mark.parametrize(
    ("name", "value"),
    [("_VERSION", 99), ("STRUCTURES", tuple(reversed(bindings.STRUCTURES)))],
    ids=["version", "sizes"],
)
def test_a_library_of_another_version_is_an_error(monkeypatch: pytest.MonkeyPatch, name: str, value: object) -> None:
    loaded()
    monkeypatch.setattr(bindings, name, value)
    with pytest.raises(DeviceError) as caught:
        bindings.load.__wrapped__()
    assert "\n" not in str(caught.value)
