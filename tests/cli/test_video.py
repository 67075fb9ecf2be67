"""`elansr video`: the command, with a network; killed and started again."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from elansr.images import imresize
from tests.command_line import Ended
from tests.video.clips import packets, pictures, shown, write


def test_real_weights(call: Callable[..., Ended], tmp_path: Path) -> None:
    """Three frames of smooth colours come out as bicubic would make them, but for what the network adds."""
    frames = np.stack([imresize(picture[::8, ::8], 32, 48) for picture in pictures(3)])
    source = write(tmp_path / "a.mp4", frames, times=[0, 700, 1000], audio="aac", settings={"options": {"crf": "4"}})
    ended = call("video", source, "--json", "--crf", 4)
    assert ended.code == 0, ended.stderr
    target = tmp_path / "a_x2.mp4"
    record = json.loads(ended.stdout)
    assert {name: record[name] for name in ("target", "status", "frames", "width", "height", "scale", "model")} == {
        "target": str(target),
        "status": "done",
        "frames": 3,
        "width": 96,
        "height": 64,
        "scale": 2,
        "model": "elan-light-x2-real",
    }
    assert ended.stderr.startswith(f"{source} -> {target}: 48x32 -> 96x64, 3 frames, libx264 yuv420p, ")
    assert ended.stderr.endswith(" s, elan-light-x2-real (lossy h264)\n")
    assert shown(target).times == shown(source).times
    assert packets(target, "audio") == packets(source, "audio")
    bicubic = np.stack([imresize(frame, 64, 96) for frame in shown(source).pixels]).astype(int)
    assert np.abs(shown(target).pixels - bicubic).mean() < 8


def test_one_frame_is_one(call: Callable[..., Ended], weights: dict[int, Path], tmp_path: Path) -> None:
    ended = call("video", write(tmp_path / "a.mp4", pictures(1)), "-n", weights[2])
    assert ": 48x32 -> 96x64, 1 frame, libx264 yuv420p, " in ended.stderr


def test_killed_it_goes_on(
    start: Callable[..., "subprocess.Popen[str]"],
    call: Callable[..., Ended],
    weights: dict[int, Path],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """SIGKILL after the first segment of 48 frames; then frames, times and sound are those of a run in one go."""
    times = [n * 512 + n % 3 * 100 for n in range(110)]
    source = write(tmp_path / "a.mp4", pictures(110), times=times, audio="aac", settings={"gop_size": 30})
    command = ["video", source, "-o", tmp_path / "b.mp4", "-n", weights[2], "--codec", "ffv1"]
    process = start(*command)
    try:
        wait_for_segment(process, tmp_path)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert not (tmp_path / "b.mp4").exists()
    assert call(*command).code == 0
    assert f"{tmp_path / 'b.mp4'}: continuing" in caplog.text
    assert call(*command[:3], tmp_path / "whole.mp4", *command[4:]).code == 0
    assert np.array_equal(shown(tmp_path / "b.mp4").pixels, shown(tmp_path / "whole.mp4").pixels)
    assert shown(tmp_path / "b.mp4").times == shown(source).times
    assert packets(tmp_path / "b.mp4", "audio") == packets(source, "audio")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "b.mp4", "whole.mp4"]


def wait_for_segment(process: "subprocess.Popen[str]", folder: Path) -> None:
    end = time.monotonic() + 120
    while not list(folder.glob(".elansr-*.segments/000000.json")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.005)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["-o", "old.mp4"], "--overwrite"),
        (["-o", "b.avi"], "'.avi'"),
        (["--codec", "x264"], "libx264"),
        (["--codec", "foo"], "'foo'"),
        (["-n", "elan-light-x9"], "elan-light-x9"),
    ],
)
def test_an_error_is_one_line(
    call: Callable[..., Ended], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: list[str], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "a.mp4", pictures(2))
    (tmp_path / "old.mp4").write_bytes(b"old")
    ended = call("video", "a.mp4", *more, "--json")
    assert ended.code == 2
    [line] = ended.error_lines
    assert words in line
    assert len(line) < 250
    record = json.loads(ended.stdout)
    assert (record["status"], f"error: {record['error']}") == ("failed", line)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "old.mp4"]


def test_without_pyav_it_says_what_to_install(tmp_path: Path, environment: dict[str, str]) -> None:
    code = "import sys; sys.modules['av'] = None; from elansr.cli.main import main; main()"
    command = [sys.executable, "-c", code, "video", str(tmp_path / "a.mp4")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (2, "error: video needs av: pip install '.[video]' in elansr's folder\n")
