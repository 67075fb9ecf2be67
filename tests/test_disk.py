"""Locks that end with their process."""

import subprocess
import sys
from pathlib import Path

import pytest

from elansr.disk import locked

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no locks that end with their process")


def test_one_at_a_time_and_free_again_when_the_process_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    opened = "import sys; from elansr.disk import locked; file = open(sys.argv[1], 'wb')"
    holds = f"{opened}; print(locked(file), flush=True); input()"
    other = subprocess.Popen(
        [sys.executable, "-c", holds, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "True\n"
    with open(path, "wb") as file:
        assert locked(file) is False
        other.kill()
        other.communicate()
        assert locked(file) is True
