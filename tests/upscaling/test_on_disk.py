"""Pictures larger than memory, with the threshold lowered: equal to the path in memory in every byte."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import pyvips
import torch

import elansr
from elansr import disk
from elansr.errors import BusyError, ConfigError, OutputExistsError, PictureError
from elansr.images import Picture, Pixels, encode, read, write, writing
from elansr.nn.config import ELANConfig
from elansr.nn.elan import ELAN
from elansr.upscaling import (
    Choice,
    ChosenUpscaler,
    FileResult,
    FinalSize,
    Job,
    Options,
    TiledNetwork,
    on_disk,
    upscale_files,
)

RNG = np.random.default_rng(5)


@pytest.fixture(scope="module")
def network() -> ELAN:
    torch.manual_seed(0)
    return ELAN(ELANConfig(scale=2, channels=6, blocks=2, n_share=1)).eval()


@pytest.fixture
def upscaler(network: ELAN) -> TiledNetwork:
    return TiledNetwork.open(network, device="cpu", precision="fp32", tile=32)


@pytest.fixture(autouse=True)
def _lowered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_disk, "LARGE", 0)


def pixels(height: int, width: int, channels: int, dtype: type = np.uint8) -> Pixels:
    """Soft noise, and where there is alpha, a transparent corner, an opaque one and what lies between."""
    full = np.iinfo(dtype).max
    values = RNG.random((-(-height // 4), -(-width // 4), channels)).repeat(4, 0).repeat(4, 1)[:height, :width]
    if channels in (2, 4):
        ramp = np.linspace(-1, 2, height)[:, None] + np.linspace(-1, 1, width)
        values[..., -1] = ramp.clip(0, 1)
    return (values * full).astype(dtype)


def upscale(
    source: Path,
    target: Path,
    upscaler: TiledNetwork,
    on_progress: Callable[[Job, int, int], None] = lambda job, done, total: None,
    **options: object,
) -> FileResult:
    ready = ChosenUpscaler(upscaler, Choice("tiny", ""))
    jobs, choices = [Job(source, target)], Options(**options)  # type: ignore[arg-type]
    [result] = upscale_files(jobs, lambda _: ready, choices, on_progress)
    if result.error:
        raise result.error
    return result


def in_memory(source: Path, target: Path, upscaler: TiledNetwork, monkeypatch: pytest.MonkeyPatch) -> Picture:
    with monkeypatch.context() as patch:
        patch.setattr(on_disk, "LARGE", 2**40)
        upscale(source, target, upscaler)
    return read(target)


class Stopped(Exception):  # noqa: N818 - not an error
    """Raised by a test's progress."""


def stopping_at(share: float) -> Callable[[Job, int, int], None]:
    def progress(job: Job, done: int, total: int) -> None:
        if done >= share * total:
            raise Stopped

    return progress


def hidden(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))


# --- the same pixels ---


@pytest.mark.parametrize(
    ("name", "channels", "dtype"),
    [
        ("rgb.tif", 3, np.uint8),
        ("grey.tif", 1, np.uint16),
        ("rgba.tif", 4, np.uint8),
        ("grey_alpha.png", 2, np.uint16),
        ("rgb.png", 3, np.uint8),
        ("photo.jpg", 3, np.uint8),
    ],
)
@pytest.mark.parametrize("size", [(109, 51), (5, 40)])
def test_it_is_equal_to_the_path_in_memory_in_every_byte(
    tmp_path: Path,
    upscaler: TiledNetwork,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    channels: int,
    dtype: type,
    size: tuple[int, int],
) -> None:
    source = tmp_path / name
    write(Picture((pixels(*size, channels, dtype),), dpi=(300.0, 300.0)), source)
    expected = in_memory(source, tmp_path / f"in_memory{source.suffix}", upscaler, monkeypatch)
    outcome = upscale(source, tmp_path / f"large{source.suffix}", upscaler)
    result = read(outcome.target)
    assert np.array_equal(result.pixels, expected.pixels)
    assert (result.pixels.dtype, result.dpi, outcome.output_size) == (dtype, (300.0, 300.0), (size[1] * 2, size[0] * 2))
    assert hidden(tmp_path) == []


@pytest.mark.parametrize("alpha", [0, 77, 255])
def test_alpha_that_does_not_vary_stays_as_it_is(
    tmp_path: Path, upscaler: TiledNetwork, monkeypatch: pytest.MonkeyPatch, alpha: int
) -> None:
    picture = pixels(70, 50, 4)
    picture[..., 3] = alpha
    write(Picture((picture,)), tmp_path / "in.png")
    expected = in_memory(tmp_path / "in.png", tmp_path / "in_memory.png", upscaler, monkeypatch)
    upscale(tmp_path / "in.png", tmp_path / "out.png", upscaler)
    assert np.array_equal(read(tmp_path / "out.png").pixels, expected.pixels)


def test_what_the_file_says_goes_with_it(
    tmp_path: Path, upscaler: TiledNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Profile, EXIF and XMP, through a TIFF and through a PNG, into which XMP is put afterwards."""
    icc = pyvips.Image.black(4, 4, bands=3).copy(interpretation="srgb").icc_transform("p3").get("icc-profile-data")
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x0f\x01\x02\0\x03\0\0\0Me\0\0" + bytes(4)
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/">about it</x:xmpmeta>'
    monkeypatch.setattr(disk, "_MOVED", 1000)
    source = tmp_path / "in.png"
    write(Picture((pixels(90, 60, 3),), icc=bytes(icc), exif=exif, xmp=xmp), source)
    for ending in (".png", ".tif", ".jpg"):
        upscale(source, tmp_path / f"out{ending}", upscaler)
        result = read(tmp_path / f"out{ending}")
        assert (result.icc, result.xmp) == (icc, xmp)
        assert result.exif is not None
        assert b"Me\0" in result.exif


@pytest.mark.parametrize("orientation", [2, 6])
def test_turned_pictures_come_upright(tmp_path: Path, upscaler: TiledNetwork, orientation: int) -> None:
    """Mirrored in rows; turned in memory, where that is allowed."""
    picture = pixels(50, 70, 3)
    image = pyvips.Image.new_from_array(picture).copy(interpretation="srgb")
    image.set_type(pyvips.GValue.gint_type, "orientation", orientation)
    image.write_to_file(str(tmp_path / "in.tif"))
    upscale(tmp_path / "in.tif", tmp_path / "out.tif", upscaler)
    upright = picture[:, ::-1] if orientation == 2 else picture[::-1].transpose(1, 0, 2)
    assert np.array_equal(read(tmp_path / "out.tif").pixels, upscaler(np.ascontiguousarray(upright)))
    limits = {"max_pixels": 100, "max_streamed": 10**6}
    if orientation == 6:
        with pytest.raises(PictureError, match=r"in.tif: 50 x 70 = 3,500 .*orientation 6"):
            upscale(tmp_path / "in.tif", tmp_path / "again.tif", upscaler, **limits)
    else:
        upscale(tmp_path / "in.tif", tmp_path / "again.tif", upscaler, **limits)


# --- interrupted and taken up ---


@pytest.mark.parametrize(("channels", "share"), [(3, 0.1), (3, 0.5), (3, 0.9), (4, 0.4), (4, 0.8)])
def test_stopped_and_taken_up_it_is_the_same(
    tmp_path: Path, upscaler: TiledNetwork, channels: int, share: float, caplog: pytest.LogCaptureFixture
) -> None:
    source, target = tmp_path / "in.tif", tmp_path / "out.tif"
    picture = pixels(110, 40, channels)
    write(Picture((picture,)), source)
    with pytest.raises(Stopped):
        upscale(source, target, upscaler, stopping_at(share))
    assert not target.exists()
    assert len(hidden(tmp_path)) == (share > 0.1)
    done: list[float] = []
    upscale(source, target, upscaler, lambda job, part, total: done.append(part / total))
    assert np.array_equal(read(target).pixels, read(encode(Picture((upscaler(picture),)), "tif")).pixels)
    assert hidden(tmp_path) == []
    assert done == sorted(done)
    assert ("continuing" in caplog.text) == (share > 0.1)


def test_taken_up_it_does_not_begin_anew(tmp_path: Path, upscaler: TiledNetwork) -> None:
    source, target = tmp_path / "in.tif", tmp_path / "out.tif"
    write(Picture((pixels(300, 30, 3),)), source)
    with pytest.raises(Stopped):
        upscale(source, target, upscaler, stopping_at(0.7))
    started: list[float] = []
    upscale(source, target, upscaler, lambda job, part, total: started.append(part / total) if part else None)
    assert started[0] > 0.6


def test_stopped_in_the_encoder_it_only_encodes_again(
    tmp_path: Path, upscaler: TiledNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = pixels(40, 40, 3)
    write(Picture((picture,)), tmp_path / "in.tif")
    expected = upscaler(picture)

    def stop(*_: object, **__: object) -> None:
        raise Stopped

    with monkeypatch.context() as patch:
        patch.setattr(on_disk, "write_rows", stop)
        with pytest.raises(Stopped):
            upscale(tmp_path / "in.tif", tmp_path / "out.tif", upscaler)
    monkeypatch.setattr(upscaler, "strips", stop)
    upscale(tmp_path / "in.tif", tmp_path / "out.tif", upscaler)
    assert np.array_equal(read(tmp_path / "out.tif").pixels, expected)


def test_ctrl_c_says_what_is_kept_and_that_the_same_command_goes_on(tmp_path: Path, upscaler: TiledNetwork) -> None:
    def interrupt(job: Job, done: int, total: int) -> None:
        if done > total / 2:
            raise KeyboardInterrupt

    write(Picture((pixels(110, 40, 3),)), tmp_path / "in.tif")
    with pytest.raises(KeyboardInterrupt) as stopped:
        upscale(tmp_path / "in.tif", tmp_path / "out.tif", upscaler, interrupt)
    [spool] = hidden(tmp_path)
    assert spool in str(stopped.value)
    assert str(stopped.value).endswith("to continue")


def test_killed_and_taken_up_it_is_the_same(tmp_path: Path, network: ELAN) -> None:
    """A process of its own, ended by SIGKILL."""
    source, target = tmp_path / "in.tif", tmp_path / "out.tif"
    picture = pixels(300, 30, 3)
    write(Picture((picture,)), source)
    torch.save(network.state_dict(), tmp_path / "tiny.pt")
    program = f"""
import time, torch
from pathlib import Path
from elansr.upscaling import Choice, ChosenUpscaler, Job, Options, TiledNetwork, on_disk, upscale_files
from elansr.nn.config import ELANConfig
from elansr.nn.elan import ELAN
torch.set_num_threads(1)
on_disk.LARGE = 0
network = ELAN(ELANConfig(scale=2, channels=6, blocks=2, n_share=1)).eval()
network.load_state_dict(torch.load({str(tmp_path / "tiny.pt")!r}, weights_only=True))
ready = ChosenUpscaler(TiledNetwork.open(network, device="cpu", precision="fp32", tile=32), Choice("tiny", ""))
job = Job(Path({str(source)!r}), Path({str(target)!r}))
list(upscale_files([job], lambda _: ready, Options(), lambda job, done, total: time.sleep(0.02)))
"""
    environment = os.environ | {"PYTHONPATH": str(Path(elansr.__file__).parents[1])}
    process = subprocess.Popen([sys.executable, "-c", program], env=environment)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob(".elansr-*.rows/journal.json")) and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    [journal] = tmp_path.glob(".elansr-*.rows/journal.json")
    assert 0 < json.loads(journal.read_bytes())["parts"][0][0] < 600
    upscaler = TiledNetwork.open(network, device="cpu", precision="fp32", tile=32)
    upscale(source, target, upscaler)
    assert np.array_equal(read(target).pixels, read(encode(Picture((upscaler(picture),)), "tif")).pixels)


@pytest.mark.parametrize("change", ["source", "tile", "journal", "rows"])
def test_what_was_made_of_something_else_is_made_anew(
    tmp_path: Path, upscaler: TiledNetwork, network: ELAN, caplog: pytest.LogCaptureFixture, change: str
) -> None:
    source, target = tmp_path / "in.tif", tmp_path / "out.tif"
    picture = pixels(110, 40, 3)
    write(Picture((picture,)), source)
    with pytest.raises(Stopped):
        upscale(source, target, upscaler, stopping_at(0.7))
    [spool] = [tmp_path / name for name in hidden(tmp_path)]
    if change == "source":
        picture = 255 - picture
        write(Picture((picture,)), source, overwrite=True)
    elif change == "tile":
        upscaler = TiledNetwork.open(network, device="cpu", precision="fp32", tile=48)
    elif change == "journal":
        (spool / "journal.json").write_bytes(b'{"settings": {"sou')
    else:
        os.truncate(spool / "part-0.raw", 1000)
    upscale(source, target, upscaler)
    assert np.array_equal(read(target).pixels, read(encode(Picture((upscaler(picture),)), "tif")).pixels)
    told = {"source": "the picture", "tile": "tile"}.get(change)
    assert ("starting over" in caplog.text) == bool(told)
    assert (told or "") in caplog.text


def test_two_runs_do_not_write_the_same_rows(tmp_path: Path, upscaler: TiledNetwork) -> None:
    write(Picture((pixels(110, 40, 3),)), tmp_path / "in.tif")
    refused: list[str] = []

    def second(job: Job, done: int, total: int) -> None:
        if done and not refused:
            refused.append("")
            with pytest.raises(BusyError, match=r"out.tif") as error:
                upscale(tmp_path / "in.tif", tmp_path / "out.tif", upscaler)
            refused[0] = str(error.value)

    upscale(tmp_path / "in.tif", tmp_path / "out.tif", upscaler, second)
    assert refused[0]


# --- what can go wrong ---


def test_too_little_disk_space_is_told_before_the_work(
    tmp_path: Path, upscaler: TiledNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(Picture((pixels(110, 40, 3),)), tmp_path / "in.tif")
    monkeypatch.setattr(on_disk.shutil, "disk_usage", lambda _: os.terminal_size((0, 0)) and _Usage(10**5))
    with pytest.raises(PictureError, match=r"out.tif: \d+ kB .* 100 kB"):
        upscale(tmp_path / "in.tif", tmp_path / "out.tif", upscaler, stopping_at(0))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.tif"]


class _Usage:
    def __init__(self, free: int) -> None:
        self.free = free


@pytest.mark.parametrize("name", ["in.tif", "in.png", "in.jpg"])
def test_a_truncated_file_is_one_line_and_leaves_nothing(tmp_path: Path, upscaler: TiledNetwork, name: str) -> None:
    source = tmp_path / name
    noise = RNG.integers(0, 256, (400, 40, 3), np.uint8)
    write(Picture((noise,)), source)
    data = source.read_bytes()
    middle = len(data) // 2
    # A TIFF's directory and a PNG's last chunk stay, so that only decoding finds out.
    source.write_bytes(data[:middle] + (b"" if name == "in.jpg" else bytes(50) + data[middle + 50 :]))
    with pytest.raises(PictureError, match=rf"{name}: ") as error:
        upscale(source, tmp_path / f"out{source.suffix}", upscaler)
    assert "\n" not in str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_picture_that_exists_is_not_replaced_unasked(tmp_path: Path, upscaler: TiledNetwork) -> None:
    source, target = tmp_path / "in.tif", tmp_path / "out.tif"
    write(Picture((pixels(70, 50, 3),)), source)
    target.write_bytes(b"mine")
    with pytest.raises(OutputExistsError):
        upscale(source, target, upscaler)
    upscale(source, target, upscaler, existing="replace")
    assert read(target).pixels.shape == (140, 100, 3)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("out.webp", {"max_pixels": 100}, "in.tif: .*3,500.* 100 .*WEBP"),
        ("out.tif", {"max_pixels": 100, "size": FinalSize(outscale=1.5)}, "`outscale`, `width` and `height`"),
        ("out.tif", {"max_streamed": 100}, "3,500 .* 100; .*`max_pixels`"),
        ("out.png", {"pyramid": True}, "out.png: .*TIFF.*`pyramid`"),
    ],
)
def test_what_cannot_be_done_in_rows_is_refused_above_the_limit_in_memory(
    tmp_path: Path, upscaler: TiledNetwork, name: str, options: dict[str, object], words: str
) -> None:
    write(Picture((pixels(70, 50, 3),)), tmp_path / "in.tif")
    with pytest.raises((PictureError, ConfigError), match=words):
        upscale(tmp_path / "in.tif", tmp_path / name, upscaler, **options)
    assert [path.name for path in tmp_path.iterdir()] == ["in.tif"]


def test_what_cannot_be_done_in_rows_is_done_in_memory_below_it(tmp_path: Path, upscaler: TiledNetwork) -> None:
    write(Picture((pixels(70, 50, 3),)), tmp_path / "in.tif")
    upscale(tmp_path / "in.tif", tmp_path / "out.webp", upscaler)
    upscale(tmp_path / "in.tif", tmp_path / "out.tif", upscaler, size=FinalSize(outscale=1.5))
    assert read(tmp_path / "out.webp").pixels.shape == (140, 100, 3)
    assert read(tmp_path / "out.tif").pixels.shape == (105, 75, 3)


# --- large TIFF files ---


@pytest.mark.parametrize("lowered", [0, 2**40])
def test_a_pyramid_holds_smaller_copies(
    tmp_path: Path, network: ELAN, monkeypatch: pytest.MonkeyPatch, lowered: int
) -> None:
    """From disk and from memory."""
    monkeypatch.setattr(on_disk, "LARGE", lowered)
    picture, upscaler = pixels(150, 200, 3), TiledNetwork.open(network, device="cpu", precision="fp32", tile=256)
    write(Picture((picture,)), tmp_path / "in.png")
    upscale(tmp_path / "in.png", tmp_path / "out.tif", upscaler, pyramid=True)
    levels = [pyvips.Image.tiffload(str(tmp_path / "out.tif"), page=page) for page in range(2)]
    assert [(level.width, level.height) for level in levels] == [(400, 300), (200, 150)]
    assert np.array_equal(read(tmp_path / "out.tif").pixels, upscaler(picture))


def test_beyond_4_gib_it_is_a_big_tiff(tmp_path: Path, upscaler: TiledNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x0f\x01\x02\0\x03\0\0\0Me\0\0" + bytes(4)
    write(Picture((pixels(70, 50, 3),), exif=exif), tmp_path / "in.tif")
    assert (tmp_path / "in.tif").read_bytes()[2] == 42
    monkeypatch.setattr(writing, "_BIG_TIFF", 0)
    upscale(tmp_path / "in.tif", tmp_path / "out.tif", upscaler)
    assert (tmp_path / "out.tif").read_bytes()[2] == 43
    assert read(tmp_path / "out.tif").pixels.shape == (140, 100, 3)
    assert read(tmp_path / "out.tif").exif is not None
