"""`elansr upscale` on pictures larger than memory, with the threshold lowered: interrupts, limits, pyramids."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import pyvips

from elansr.cli import display
from elansr.images import read
from elansr.upscaling import on_disk
from tests.command_line import Ended


@pytest.fixture(autouse=True)
def _lowered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_disk, "LARGE", 0)


def test_interrupted_it_says_where_the_rows_are_and_the_same_command_goes_on(
    call: Callable[..., Ended],
    photo: Callable[..., Path],
    weights: dict[int, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    command = ["upscale", photo("a.tif", 90, 40), "-n", weights[2], "-t", 32, "--overwrite"]
    progress = display.Display.progress

    def interrupt(self: display.Display, job: object, done: int, total: int) -> None:
        progress(self, job, done, total)  # type: ignore[arg-type]
        if done > total / 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(display.Display, "progress", interrupt)
        ended = call(*command)
    assert ended.code == 130
    [spool] = tmp_path.glob(".elansr-*.rows")
    assert ended.stderr.startswith(f"interrupted: {tmp_path / 'a_x2.tif'}: ")
    assert str(spool) in ended.stderr
    assert call(*command).code == 0
    whole = call("upscale", tmp_path / "a.tif", "-n", weights[2], "-t", 32, "-o", tmp_path / "whole.tif")
    assert whole.code == 0
    assert np.array_equal(read(tmp_path / "a_x2.tif").pixels, read(tmp_path / "whole.tif").pixels)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tif", "a_x2.tif", "whole.tif"]


def announcing(path: Path, side: int, interlaced: bool) -> Path:
    """A PNG of a few hundred bytes that announces a black picture of `side` x `side` pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, interlaced)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(10**5))) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + data)
    return path


@pytest.mark.parametrize(
    ("side", "interlaced", "words"),
    [
        (20_000, True, "400,000,000 pixels are more than the limit of 268,435,456 of pictures that are held in memory"),
        (70_000, False, "--max-pixels"),
        (60_000, False, "GB of free disk space"),
        (20_000, False, "truncated, damaged or an unusual PNG"),
    ],
)
def test_a_file_that_announces_more_than_it_holds_is_refused(
    call: Callable[..., Ended],
    weights: dict[int, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    side: int,
    interlaced: bool,
    words: str,
) -> None:
    """By the limits; where a picture may be that large, by the disk; and at the first row that is missing."""
    usage = type("Usage", (), {"free": 10**10})
    monkeypatch.setattr(on_disk.shutil, "disk_usage", lambda _: usage)
    source = announcing(tmp_path / "bomb.png", side, interlaced)
    ended = call("upscale", source, "-n", weights[2])
    assert ended.code == 2
    assert words in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["bomb.png"]


def test_pyramid(call: Callable[..., Ended], photo: Callable[..., Path], weights: dict[int, Path]) -> None:
    source = photo("a.png", 140, 150)
    assert call("upscale", source, "-n", weights[2], "--ext", "tiff", "--pyramid").code == 0
    smaller = pyvips.Image.tiffload(str(source.with_name("a_x2.tiff")), page=1)
    assert (smaller.width, smaller.height) == (150, 140)
    ended = call("upscale", source, "-n", weights[2], "--pyramid")
    assert (ended.code, ended.stderr.splitlines()) == (
        2,
        [f"error: {source.with_name('a_x2.png')}: PNG, but a pyramid is a TIFF with one page; omit --pyramid"],
    )
