"""Temporary folders: gone with their process, or after it."""

import gc
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from elansr.disk import TemporaryFolder, delete_abandoned

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no locks that end with their process")

KILLED = """
import os, signal
from elansr.disk import TemporaryFolder
own = TemporaryFolder()
with own.folder() as folder:
    open(os.path.join(folder, "picture.png"), "wb").write(b"some")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_folder_is_gone_with_its_owner(temporary: Path) -> None:
    own = TemporaryFolder()
    with own.folder() as folder:
        Path(folder, "picture.png").write_bytes(b"some")
        assert len(list(temporary.rglob("picture.png"))) == 1
    assert list(temporary.rglob("picture.png")) == []
    del own
    gc.collect()
    assert list(temporary.iterdir()) == []


def test_what_a_killed_process_left_is_deleted_and_what_lives_is_not(temporary: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", KILLED], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert len(list(temporary.rglob("picture.png"))) == 1
    own = TemporaryFolder()
    assert list(temporary.rglob("picture.png")) == []
    with own.folder() as folder:
        delete_abandoned()
        assert Path(folder).is_dir()
