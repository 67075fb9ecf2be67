"""Signals that arrive while something is imported."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import sys, time
from elansr.cli import interrupts
interrupts.install()
start = time.monotonic()
try:
    import slow
    while time.monotonic() < start + 30:
        sum(range(1000))
except KeyboardInterrupt:
    print(*interrupts.last_interrupt(), slow.inner.whole, time.monotonic() - start < 10)
"""
SLOW = "import inner"
INNER = """
import os, signal, time
os.kill(os.getpid(), signal.{name})
time.sleep(0.2)
whole = "whole"
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
@pytest.mark.parametrize(("name", "ending"), [("SIGTERM", "terminated 143"), ("SIGINT", "interrupted 130")])
def test_an_import_goes_through_and_the_signal_ends_the_program_right_after(
    tmp_path: Path, environment: dict[str, str], name: str, ending: str
) -> None:
    """Modules written in C end in other errors or crash where one of their own imports raises."""
    (tmp_path / "slow.py").write_text(SLOW)
    (tmp_path / "inner.py").write_text(INNER.format(name=name))
    program = f"import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n{PROGRAM}"
    environment = environment | {"PYTHONPATH": f"{environment['PYTHONPATH']}:{tmp_path}"}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout, done.stderr) == (f"{ending} whole True\n", "")
