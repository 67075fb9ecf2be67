"""The note of a run in its output: who is believed, and when it is forgotten."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from elansr.cluster import lock
from elansr.cluster.lock import NAME, OLD, OutputLock
from elansr.cluster.storage import Store
from elansr.errors import BusyError


@pytest.fixture(params=["", "memory://"])
def output(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return Store(f"{request.param}{tmp_path}/out")


def left_by(output: Store, **changed: object) -> None:
    """A note of another run, which was renewed a moment ago on another machine."""
    note = {"run": "another", "node": "elsewhere pid:[1]", "process": 4321, "at": time.time() - 5}
    output.write(NAME, json.dumps(note | changed).encode())


def test_a_second_run_is_refused_and_a_later_one_is_not(output: Store) -> None:
    with OutputLock(output):
        with pytest.raises(BusyError, match=rf"process {os.getpid()}\)"):
            OutputLock(output).__enter__()
        assert output.exists(NAME), "the note of the first is still there"
    assert not output.exists(NAME)
    with OutputLock(output):
        pass


def test_a_run_of_another_machine_is_believed_until_its_note_is_old(output: Store) -> None:
    left_by(output)
    with pytest.raises(BusyError, match=r"\(elsewhere, process 4321\).* 2 minutes .*json"):
        OutputLock(output).__enter__()
    left_by(output, at=time.time() - OLD - 1)
    with OutputLock(output):
        pass


def test_a_run_of_this_machine_is_gone_with_its_process(output: Store) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left_by(output, node=lock._node(), process=ended.pid)
    with OutputLock(output):
        pass
    left_by(output, node=lock._node(), process=os.getppid())
    with pytest.raises(BusyError):
        OutputLock(output).__enter__()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"run": "x", "at": "noon"}'])
def test_a_damaged_note_is_nobodys(output: Store, content: bytes) -> None:
    output.write(NAME, content)
    with OutputLock(output):
        assert json.loads(output.read(NAME))["process"] == os.getpid()


def test_the_note_is_renewed(output: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "RENEW_EVERY", 0.01)
    with OutputLock(output):
        first = json.loads(output.read(NAME))["at"]
        end = time.monotonic() + 60
        while json.loads(output.read(NAME))["at"] == first and time.monotonic() < end:
            time.sleep(0.01)
        assert json.loads(output.read(NAME))["at"] > first


def test_of_two_that_begin_at_one_moment_the_first_ends(output: Store) -> None:
    with OutputLock(output) as first:
        left_by(output)  # it looked before the first had written
        first.require()
        first.renew()
        with pytest.raises(BusyError):
            first.require()
    assert json.loads(output.read(NAME))["run"] == "another"
