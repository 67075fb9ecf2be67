"""What is said when nothing can be caught any more."""

import subprocess
import sys

import pytest

from elansr.cluster.ray_cluster import ENDED

ENDS = {
    "well": ("", 0, ""),
    "with an error": ("raise SystemExit(3)", 3, ""),
    "as Ray does": ("import os; os._exit(1)", 1, ENDED),
    "killed": ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -9, ENDED),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_process_that_is_ended_without_a_word_has_a_last_one(end: str) -> None:
    code, status, words = ENDS[end]
    names = "final_message, quiet"
    program = f"from elansr.cluster.ray_cluster import {names}\nwith final_message(), quiet():\n    {code or 'pass'}"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (status, words)
