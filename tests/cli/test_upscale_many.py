"""`elansr upscale` of many small files: the next is read and the last is written while one is in the network."""

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from elansr.images import Picture, read, write
from elansr.upscaling.upscaler import load
from tests.command_line import Ended


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Forty pictures of noise, 60x40, every tenth of which is damaged."""
    (tmp_path / "in").mkdir()
    for number in range(40):
        path = tmp_path / f"in/{number:02}.{'png' if number % 2 else 'tif'}"
        page = np.random.default_rng(number).integers(0, 256, (40, 60, 3), dtype=np.uint8)
        write(Picture((page,)), path)
        if number % 10 == 9:
            path.write_bytes(path.read_bytes()[:-20])
    return tmp_path / "in"


def test_interrupted_in_the_middle_only_whole_files_are_left_and_the_second_run_does_the_rest(
    start: Callable[..., "subprocess.Popen[str]"],
    call: Callable[..., Ended],
    weights: dict[int, Path],
    folder: Path,
    tmp_path: Path,
) -> None:
    out, command = tmp_path / "out", ["upscale", folder, "-o", tmp_path / "out", "-n", weights[2], "--json"]
    process, end = start(*command), time.monotonic() + 100
    while not (out / "03_x2.png").exists() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.001)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert "Traceback" not in stderr
    left = sorted(path.name for path in out.iterdir())
    assert all(name.endswith(("_x2.png", "_x2.tif")) for name in left)
    assert all(read(path).pixels.shape == (80, 120, 3) for path in out.iterdir())
    records = json.loads(stdout)["files"]
    names = [Path(record["source"]).name for record in records]
    assert names == sorted(path.name for path in folder.iterdir())[: len(names)]
    told = [record["status"] for record in records].count("done")
    assert told <= len(left) <= told + 1, "what is interrupted while it is told is there, but not in the document"
    assert 4 <= told < 36
    last = call(*command)
    assert last.code == 1
    assert sum(line.startswith("failed: ") for line in last.error_lines) == 4, "each once"
    assert last.error_lines[-1].startswith(f"{36 - len(left)} done, {len(left)} skipped, 4 failed in ")
    upscaler = load(weights[2], device="cpu")
    for number in (0, 3, 38):
        [source], [target] = folder.glob(f"{number:02}.*"), out.glob(f"{number:02}_x2.*")
        np.testing.assert_array_equal(read(target).pixels, upscaler(read(source).pixels))


def test_the_document_has_every_file_in_its_order(
    call: Callable[..., Ended], weights: dict[int, Path], folder: Path
) -> None:
    ended = call("upscale", folder, "-n", weights[2], "--json")
    records = json.loads(ended.stdout)["files"]
    assert [Path(record["source"]) for record in records] == sorted(folder.iterdir())
    assert [record["status"] for record in records] == ["failed" if n % 10 == 9 else "done" for n in range(40)]
    assert [line.startswith("failed: ") for line in ended.error_lines[:40]] == [n % 10 == 9 for n in range(40)]
    assert all(record["seconds"] > 0 for record in records if record["status"] == "done")
    assert set(records[0]) == {
        "source", "target", "status", "error", "seconds", "width", "height", "pages", "model", "model_reason", "scale",
        "notes", "strength",
    }  # fmt: skip


def test_pictures_that_are_not_read_are_counted_by_kind(
    call: Callable[..., Ended], weights: dict[int, Path], photo: Callable[..., Path], tmp_path: Path
) -> None:
    photo("in/IMG_1.png")
    for name in ("IMG_1.CR2", "IMG_2.nef", "IMG_3.psd", "notes.txt", ".IMG_4.nef"):
        (tmp_path / "in" / name).write_bytes(b"x")
    ended = call("upscale", tmp_path / "in", "-n", weights[2], "--json")
    assert ended.code == 0
    assert json.loads(ended.stdout)["left_out"] == {"camera raw": 2, "Photoshop": 1}
    assert ended.error_lines[-1].endswith("1 Photoshop, 2 camera raw")
