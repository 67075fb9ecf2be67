"""`elansr upscale` with real, tiny networks: results, exit codes, messages, interrupts."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import pyvips
import torch

from elansr.cli import display, interrupts
from elansr.engines import device
from elansr.images import Picture, read, write
from elansr.nn.config import ELANConfig
from elansr.nn.elan import ELAN
from elansr.upscaling.upscaler import load
from elansr.weights import released
from elansr.weights.provenance import Provenance
from elansr.weights.weights_file import save
from tests.command_line import Ended


def files(folder: Path) -> set[str]:
    """Everything below a folder, hidden files too."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def installed(
    weights: dict[int, Path], tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """The tiny networks in place of the released weights for clean pictures, and no others."""
    monkeypatch.setattr(released, "FOLDER", tmp_path_factory.mktemp("released"))
    before = dict(released.RELEASED)
    for row in before.values():
        if row.degradation == "bicubic":
            shutil.copyfile(weights[row.scale], row.path)
        else:
            del released.RELEASED[row.name]
    yield
    released.RELEASED.clear()
    released.RELEASED.update(before)  # in the same order, which messages show


@pytest.fixture(scope="session")
def real_weights(weights: dict[int, Path]) -> dict[int, Path]:
    """Other networks of x2 and x4, beside `weights`."""
    paths = {scale: weights[scale].with_name(f"tiny_x{scale}_real.safetensors") for scale in (2, 4)}
    for scale, path in paths.items():
        torch.manual_seed(10 + scale)
        network = ELAN(ELANConfig(scale=scale, channels=6, blocks=2, n_share=1))
        save(network, path, Provenance(name=path.stem))
    return paths


@pytest.fixture
def installed_real(installed: None, real_weights: dict[int, Path]) -> None:
    """Weights for real photos at x2 and x4 too."""
    for scale, path in real_weights.items():
        name = f"elan-light-x{scale}-real"
        row = released.ReleasedWeights(name, "elan-light", scale, "real", "", "")
        shutil.copyfile(path, row.path)
        released.RELEASED[name] = row  # `installed` removes it


# --- one file ---


def test_one_file_end_to_end(
    spawn: Callable[..., Ended], weights: dict[int, Path], photo: Callable[..., Path], tmp_path: Path
) -> None:
    source = photo("a.png")
    ended = spawn("upscale", source, "-n", weights[2], "-o", tmp_path / "out/b.tif")
    assert (ended.code, ended.stdout) == (0, "")
    assert ended.error_lines[0].startswith(f"{source} -> {tmp_path}/out/b.tif: 20x12 -> 40x24, ")
    assert ended.stderr.endswith(f" s, {weights[2]}\n")
    assert len(ended.error_lines) == 1
    expected = load(weights[2], device="cpu")(read(source).pixels)
    np.testing.assert_array_equal(read(tmp_path / "out/b.tif").pixels, expected)
    assert files(tmp_path) == {"a.png", "out/b.tif"}


def test_every_option_reaches_its_place(
    call: Callable[..., Ended], weights: dict[int, Path], photo: Callable[..., Path], tmp_path: Path
) -> None:
    source = photo("a.png", 40, 50)
    options = [
        "--border",
        "cyclic",
        "--margin",
        16,
        "-t",
        16,
        "--tta",
        "--precision",
        "bf16",
        "--device",
        "cpu",
        "--threads",
        1,
        "-s",
        3,
    ]
    assert (
        call("upscale", source, "-n", weights[3], "--suffix", "_up", "--ext", "webp", "--quality", 100, *options).code
        == 0
    )
    same = load(weights[3], device="cpu", precision="bf16", tile=16, border="cyclic", margin=16, tta=True)
    np.testing.assert_array_equal(read(tmp_path / "a_up.webp").pixels, same(read(source).pixels))


def test_a_strength_lies_between_released_weights(
    call: Callable[..., Ended], photo: Callable[..., Path], tmp_path: Path
) -> None:
    source = photo("a.png", 20, 16)
    ended = call("upscale", source, "-s", 2, "--strength", 0.25, "--json", "--device", "cpu")
    (record,) = json.loads(ended.stdout)["files"]
    assert (record["model"], record["strength"]) == ("elan-light-x2-real", 0.25)
    same = load("elan-light-x2-real", strength=0.25, device="cpu")
    np.testing.assert_array_equal(read(tmp_path / "a_x2.png").pixels, same(read(source).pixels))
    assert not np.array_equal(same(read(source).pixels), load("elan-light-x2-real", device="cpu")(read(source).pixels))


@pytest.mark.parametrize(
    ("options", "written"),
    [
        (["--preview"], {"a_preview.png"}),
        (["--preview", "5,6", "-s", 3], {"a_preview_5_6.png"}),
        (["--preview", "99,6"], set()),
        (["--preview=here"], set()),
    ],
)
def test_a_preview_is_all_that_is_written(
    options: list[object], written: set[str], call: Callable[..., Ended], photo: Callable[..., Path], tmp_path: Path
) -> None:
    ended = call("upscale", photo("a.png", 20, 16), *options, "--device", "cpu")
    assert (ended.code, len(ended.error_lines)) == (0 if written else 2, 1)
    assert files(tmp_path) == {"a.png"} | written


def test_a_preview_as_json(call: Callable[..., Ended], photo: Callable[..., Path], tmp_path: Path) -> None:
    source, target = photo("a.png", 100, 200), tmp_path / "p.png"
    command = ["upscale", source, "--preview", "150,50", "-s", 2, "-o", target, "--json", "--device", "cpu"]
    assert json.loads(call(*command).stdout) == {
        "source": str(source), "target": str(target), "x": 110, "y": 10, "width": 80, "height": 80, "scale": 2,
    }  # fmt: skip
    assert call(*command).stdout == ""  # the target exists


@pytest.mark.parametrize("place", ["abc", "12", "1,b"])
def test_a_wrong_place_of_a_preview_names_the_rule(
    place: str, call: Callable[..., Ended], photo: Callable[..., Path]
) -> None:
    ended = call("upscale", photo("a.png"), "--preview", place)
    assert (ended.code, len(ended.error_lines)) == (2, 1)
    assert place in ended.stderr
    assert "X,Y" in ended.stderr


@pytest.mark.parametrize(("name", "noted"), [("b.png", True), ("b.tif", True), ("b.jpg", False), ("b.avif", False)])
def test_a_quality_of_no_use_is_noted(
    name: str, noted: bool, call: Callable[..., Ended], weights: dict[int, Path], photo: Callable[..., Path],
    tmp_path: Path,
) -> None:  # fmt: skip
    source = photo("a.png")
    ended = call("upscale", source, "-n", weights[2], "--quality", 50, "-o", tmp_path / name)
    assert [line.startswith("note: --quality 50 ") for line in ended.error_lines] == [False, True][: 1 + noted]
    assert len(call("upscale", source, "-n", weights[2], "-o", tmp_path / f"2{name}").error_lines) == 1


@pytest.mark.parametrize("side", [8, 200])
def test_a_closed_pipe_ends_quietly(
    side: int, weights: dict[int, Path], photo: Callable[..., Path], start: Callable[..., "subprocess.Popen[str]"]
) -> None:
    """With less than Python's buffer holds, too."""
    process = start("upscale", photo("a.png", side, side), "-n", weights[2], "-o", "-")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    with process.stderr as stream:
        assert stream.read() == ""
    assert process.wait(60) == 128 + signal.SIGPIPE


def test_the_summary_names_the_folder_that_was_given(
    call: Callable[..., Ended], weights: dict[int, Path], photo: Callable[..., Path], tmp_path: Path
) -> None:
    for name in ("in/a/a.png", "in/b/b.png"):
        photo(name)
    ended = call("upscale", tmp_path / "in", "-r", "-n", weights[2], "-o", tmp_path / "out")
    assert files(tmp_path / "out") == {"a/a_x2.png", "b/b_x2.png"}
    assert ended.error_lines[-1].endswith(f"; results in {tmp_path / 'out'}")


def test_quality_changes_the_file(
    call: Callable[..., Ended], weights: dict[int, Path], photo: Callable[..., Path], tmp_path: Path
) -> None:
    source = photo("a.png", 40, 50)
    for quality in (20, 90):
        call("upscale", source, "-n", weights[2], "--quality", quality, "-o", tmp_path / f"{quality}.jpg")
    assert (tmp_path / "20.jpg").stat().st_size < (tmp_path / "90.jpg").stat().st_size


@pytest.mark.parametrize(
    ("options", "name", "size"),
    [
        (["-n", "elan-light"], "a_x4.png", (80, 48)),
        (["-s", "2"], "a_x2.png", (40, 24)),
        (["-n", "elan-light-x3"], "a_x3.png", (60, 36)),
        (["--outscale", "2.5"], "a_x2.5.png", (50, 30)),
        (["--outscale", "0.5", "-s", "4"], "a_x0.5.png", (10, 6)),
        (["--width", "70"], "a_w70.png", (70, 42)),
        (["--height", "100"], "a_h100.png", (167, 100)),
    ],
)
@pytest.mark.usefixtures("installed")
def test_sizes_and_names(
    options: list[str],
    name: str,
    size: tuple[int, int],
    call: Callable[..., Ended],
    photo: Callable[..., Path],
    tmp_path: Path,
) -> None:
    ended = call("upscale", photo("a.png"), *options)
    assert ended.code == 0, ended.stderr
    assert read(tmp_path / name).pixels.shape == (size[1], size[0], 3)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_channels_stay(
    channels: int, call: Callable[..., Ended], weights: dict[int, Path], photo: Callable[..., Path], tmp_path: Path
) -> None:
    source = photo("a.png", channels=channels)
    for options, shape in (([], (24, 40, channels)), (["--outscale", "1.5"], (18, 30, channels))):
        call("upscale", source, "-n", weights[2], "-o", tmp_path / "b.png", "--overwrite", *options)
        assert read(tmp_path / "b.png").pixels.shape == shape


def test_sixteen_bits_stay(call: Callable[..., Ended], weights: dict[int, Path], tmp_path: Path) -> None:
    page = np.random.default_rng(0).integers(0, 2**16, (9, 7, 3), dtype=np.uint16)
    write(Picture((page,)), tmp_path / "a.png")
    call("upscale", tmp_path / "a.png", "-n", weights[2])
    assert read(tmp_path / "a_x2.png").pixels.dtype == np.uint16


def test_an_animation_keeps_its_frames(
    call: Callable[..., Ended], weights: dict[int, Path], photo: Callable[..., Path], tmp_path: Path
) -> None:
    ended = call("upscale", photo("a.gif", pages=3), "-n", weights[2])
    assert len(read(tmp_path / "a_x2.gif").pages) == 3
    assert ", 3 pages, " in ended.stderr


# --- one bad file, one bad option: one line, exit code 2, nothing written ---


def bad_inputs(tmp_path: Path, good: Path) -> list[Path]:
    data = good.read_bytes()
    (tmp_path / "cut.png").write_bytes(data[: len(data) // 2])
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.webp").write_text("not a picture")
    (tmp_path / "none").mkdir()
    (tmp_path / "link.png").symlink_to("nowhere.png")
    os.mkfifo(tmp_path / "pipe.png")
    names = ("missing.png", "cut.png", "empty.jpg", "text.webp", "link.png", "pipe.png", "none/*.png")
    return [tmp_path / name for name in names]


def test_one_bad_file_is_one_line_and_exit_code_2(
    call: Callable[..., Ended], weights: dict[int, Path], photo: Callable[..., Path], tmp_path: Path
) -> None:
    for path in bad_inputs(tmp_path, photo("good.png")):
        before = files(tmp_path)
        ended = call("upscale", path, "-n", weights[2], "-o", tmp_path / "out/x.png")
        assert (ended.code, len(ended.error_lines), ended.stdout) == (2, 1, ""), ended.stderr
        assert ended.stderr.startswith(f"error: {path}: ")
        assert files(tmp_path) == before
        assert not (tmp_path / "out").exists()


def test_a_missing_file_is_told_before_torch_is_loaded(environment: dict[str, str], tmp_path: Path) -> None:
    code = f"""
import sys
from elansr.cli.main import main
sys.argv = ["elansr", "upscale", {str(tmp_path / "missing.png")!r}]
try:
    main()
except SystemExit as end:
    assert "torch" not in sys.modules
    sys.exit(end.code)
"""
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"error: {tmp_path}/missing.png: no such file: check the name\n"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--overwrite", "--skip-existing"], "--overwrite and --skip-existing"),
        (["--outscale", "2", "--width", "9"], "--outscale, --width"),
        (["--outscale", "17"], "--outscale 17"),
        (["--width", "0"], "--width 0: "),
        (["--width", "4000"], "4000"),
        (["-s", "4"], "x4"),
        (["-n", "elan-lite"], "elan-light?"),
        (["-n", "missing.safetensors"], "error: missing.safetensors: "),
        (["--device", "tpu"], "'tpu'"),
        (["--device", "cuda:99"], "cuda:99"),
        (["--max-pixels", "100"], "--max-pixels"),
        (["-o", "OUT.jpg", "--ext", "png"], "error: OUT.jpg: contradicts --ext png"),
        (["-o", "a.png"], "error: a.png: "),
        (["--suffix", ""], "error: a.png: "),
        (["--suffix", "../x"], "'../x'"),
    ],
)
def test_bad_options_are_one_line_and_exit_code_2(
    options: list[str],
    words: str,
    call: Callable[..., Ended],
    weights: dict[int, Path],
    photo: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    photo("a.png")
    monkeypatch.chdir(tmp_path)
    ended = call("upscale", "a.png", "-n", weights[2], *options)
    assert (ended.code, len(ended.error_lines), ended.stdout) == (2, 1, ""), ended.stderr
    assert ended.stderr.startswith("error: ")
    assert words in ended.stderr
    assert files(tmp_path) == {"a.png"}


def test_a_damaged_weights_file_ends_the_run_before_it_starts(
    call: Callable[..., Ended], weights: dict[int, Path], photo: Callable[..., Path], tmp_path: Path
) -> None:
    for name in ("in/a.png", "in/b.png"):
        photo(name)
    (tmp_path / "cut.safetensors").write_bytes(weights[2].read_bytes()[:2000])
    ended = call("upscale", tmp_path / "in", "-n", tmp_path / "cut.safetensors")
    assert (ended.code, len(ended.error_lines)) == (2, 1)
    assert "cut.safetensors: not a complete safetensors file" in ended.stderr


def test_an_output_that_exists(
    call: Callable[..., Ended], weights: dict[int, Path], photo: Callable[..., Path], tmp_path: Path
) -> None:
    source = photo("a.png")
    target = photo("a_x2.png", 3, 3)
    old = target.read_bytes()
    refused = call("upscale", source, "-n", weights[2])
    assert (refused.code, len(refused.error_lines)) == (2, 1)
    assert refused.stderr.startswith(f"error: {target}: ")
    assert "--overwrite" in refused.stderr
    skipped = call("upscale", source, "-n", weights[2], "--skip-existing")
    assert (skipped.code, len(skipped.error_lines)) == (0, 1)
    assert skipped.stderr.startswith(f"skipped: {target}: ")
    assert target.read_bytes() == old
    assert call("upscale", source, "-n", weights[2], "--overwrite").code == 0
    assert read(target).pixels.shape == (24, 40, 3)


@pytest.mark.skipif(os.geteuid() == 0 if hasattr(os, "geteuid") else True, reason="root may write anywhere")
def test_no_permission_to_write(
    call: Callable[..., Ended], weights: dict[int, Path], photo: Callable[..., Path], tmp_path: Path
) -> None:
    source = photo("a.png")
    (tmp_path / "locked").mkdir(mode=0o500)
    ended = call("upscale", source, "-n", weights[2], "-o", tmp_path / "locked")
    assert (ended.code, len(ended.error_lines)) == (2, 1)
    assert "no permission" in ended.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs resource limits of a POSIX system")
def test_a_full_disk_leaves_nothing(
    weights: dict[int, Path], photo: Callable[..., Path], tmp_path: Path, environment: dict[str, str]
) -> None:
    """A limit on the size of files stands in for a full disk: the write fails half way."""
    source = photo("a.png", 60, 60)
    command = f"ulimit -f 8; exec {sys.executable} -m elansr upscale {source} -n {weights[4]} -o {tmp_path}/out/b.png"
    done = subprocess.run(["bash", "-c", command], env=environment, capture_output=True, text=True, timeout=120)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert "b.png: cannot be written" in done.stderr
    assert files(tmp_path) == {"a.png"}


# --- standard input and output ---


def test_a_picture_from_standard_input_to_standard_output(
    environment: dict[str, str], weights: dict[int, Path], photo: Callable[..., Path], tmp_path: Path
) -> None:
    source = photo("a.jpg")
    command = [sys.executable, "-m", "elansr", "upscale", "-n", str(weights[2]), "-"]
    for more in ([], ["-o", "-"]):
        with source.open("rb") as file:
            done = subprocess.run([*command, *more], stdin=file, env=environment, capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr
        found = read(done.stdout)
        assert (found.format, found.pixels.shape) == ("jpeg", (24, 40, 3))
        assert done.stderr.startswith(b"<stdin> -> <stdout>: 20x12 -> 40x24, ")
    with source.open("rb") as file:
        done = subprocess.run([*command, "-o", tmp_path / "b.png"], stdin=file, env=environment, timeout=60, check=True)
    assert read(tmp_path / "b.png").format == "png"


def test_a_document_and_a_picture_do_not_share_standard_output(
    call: Callable[..., Ended], photo: Callable[..., Path]
) -> None:
    ended = call("upscale", photo("a.png"), "-o", "-", "--json")
    assert (ended.code, len(ended.error_lines), ended.stdout) == (2, 1, "")
    assert "--json" in ended.stderr


# --- folders ---


def test_a_folder_with_bad_files_is_done_as_far_as_it_goes(
    spawn: Callable[..., Ended], weights: dict[int, Path], photo: Callable[..., Path], tmp_path: Path
) -> None:
    good = [photo(f"in/{name}") for name in ("a.png", "b.jpg", "c.webp", "d.tif", "e.bmp", "f.gif", "sub/g.avif")]
    bad_inputs(tmp_path / "in", good[0])
    ended = spawn("upscale", tmp_path / "in", "-r", "-n", weights[2], "--json")
    assert ended.code == 1
    assert files(tmp_path / "in_x2") == {
        "a_x2.png", "b_x2.jpg", "c_x2.webp", "d_x2.tif", "e_x2.bmp", "f_x2.gif", "sub/g_x2.avif",
    }  # fmt: skip
    records = json.loads(ended.stdout)["files"]
    told = {Path(record["source"]).name: record for record in records}
    failed = {name for name, record in told.items() if record["status"] == "failed"}
    assert failed == {"cut.png", "empty.jpg", "text.webp", "link.png", "pipe.png"}
    assert ended.error_lines[-1].startswith("7 done, 0 skipped, 5 failed in ")
    failures = [line for line in ended.error_lines if line.startswith("failed: ")]
    assert sorted(Path(line.split(": ")[1]).name for line in failures) == sorted(failed)
    assert len(ended.error_lines) == len(records) + 1
    assert told["a.png"] == {
        "source": str(good[0]), "target": f"{tmp_path}/in_x2/a_x2.png", "status": "done", "error": None,
        "seconds": told["a.png"]["seconds"], "width": 40, "height": 24, "pages": 1, "model": str(weights[2]),
        "model_reason": None, "strength": None, "scale": 2, "notes": [],
    }  # fmt: skip
    assert told["cut.png"]["error"].startswith(f"{tmp_path}/in/cut.png: ")
    assert (
        told["cut.png"]["width"]
        is told["cut.png"]["pages"]
        is told["cut.png"]["model"]
        is told["cut.png"]["model_reason"]
        is None
    )


def test_a_finished_folder_is_skipped_without_loading_the_network(
    call: Callable[..., Ended], photo: Callable[..., Path], tmp_path: Path
) -> None:
    photo("in/a.png")
    photo("in_x4/a_x4.png")
    ended = call("upscale", tmp_path / "in", "-s", 4, "-n", tmp_path / "not.there.safetensors")
    assert ended.code == 0
    assert ended.error_lines[-1].startswith("0 done, 1 skipped, 0 failed")


def test_several_files_and_one_that_is_missing(
    call: Callable[..., Ended], weights: dict[int, Path], photo: Callable[..., Path], tmp_path: Path
) -> None:
    ended = call("upscale", photo("a.png"), tmp_path / "no.png", photo("b.png"), "-n", weights[2], "-o", tmp_path / "o")
    assert ended.code == 1
    assert files(tmp_path / "o") == {"a_x2.png", "b_x2.png"}
    assert ended.error_lines.count(f"failed: {tmp_path}/no.png: no such file: check the name") == 1


def test_what_a_result_lacks_is_one_line_a_file(
    call: Callable[..., Ended], weights: dict[int, Path], tmp_path: Path
) -> None:
    for name, channels in (("a.png", 3), ("b.png", 4)):
        write(Picture((np.zeros((6, 8, channels), np.uint8),)), tmp_path / name)
    ended = call("upscale", tmp_path / "a.png", tmp_path / "b.png", "--ext", "jpg", "-n", weights[2], "--json")
    notes = [record["notes"] for record in json.loads(ended.stdout)["files"]]
    assert notes == [[], ["transparency replaced by white"]]
    assert [line for line in ended.error_lines if "note" in line] == [f"note: {tmp_path}/b.png: {notes[1][0]}"]


@pytest.mark.usefixtures("installed")
def test_a_width_for_a_folder_takes_the_scale_that_each_picture_needs(
    call: Callable[..., Ended], photo: Callable[..., Path], tmp_path: Path
) -> None:
    for name, width in (("a.png", 10), ("b.png", 15), ("c.png", 40)):
        photo(f"in/{name}", 8, width)
    ended = call("upscale", tmp_path / "in", "--width", 40, "--json")
    records = json.loads(ended.stdout)["files"]
    assert [(record["scale"], record["width"], record["height"]) for record in records] == [
        (4, 40, 32),
        (3, 40, 21),
        (2, 40, 8),
    ]
    assert files(tmp_path / "in_w40") == {"a_w40.png", "b_w40.png", "c_w40.png"}


def test_json_of_one_bad_file(call: Callable[..., Ended], tmp_path: Path) -> None:
    ended = call("upscale", tmp_path / "missing.png", "--json")
    [record] = json.loads(ended.stdout)["files"]
    assert (ended.code, record["status"]) == (2, "failed")
    assert record["error"] == f"{tmp_path}/missing.png: no such file: check the name"


# --- the weights that auto chooses ---


def noise(path: Path, quality: int | None = None) -> Path:
    """Writes a picture of 20x12."""
    path.parent.mkdir(exist_ok=True)
    page = np.random.default_rng(0).integers(0, 256, (12, 20, 3), dtype=np.uint8)
    write(Picture((page,)), path, quality=quality)
    return path


@pytest.mark.usefixtures("installed_real")
def test_a_mixed_folder_goes_through_the_weights_for_each_file(
    call: Callable[..., Ended], weights: dict[int, Path], real_weights: dict[int, Path], tmp_path: Path
) -> None:
    clean, real = "elan-light-x4", "elan-light-x4-real"
    expected = {
        "a.jpg": (60, real, "JPEG quality 60"),
        "b.png": (None, clean, "lossless PNG"),
        "c.webp": (90, real, "lossy WebP"),
        "d.webp": (100, clean, "lossless WebP"),
        "e.jpg": (95, clean, "JPEG quality 95"),
    }
    for name, (quality, _, _) in expected.items():
        noise(tmp_path / "in" / name, quality)
    ended = call("upscale", tmp_path / "in", "--ext", "png", "--json")
    assert ended.code == 0
    records = {Path(record["source"]).name: record for record in json.loads(ended.stdout)["files"]}
    told = {name: (record["model"], record["model_reason"]) for name, record in records.items()}
    assert told == {name: (model, reason) for name, (_, model, reason) in expected.items()}
    networks = {clean: load(weights[4], device="cpu"), real: load(real_weights[4], device="cpu")}
    for name, (_, model, _) in expected.items():
        result = read(tmp_path / "in_x4" / f"{Path(name).stem}_x4.png")
        np.testing.assert_array_equal(result.pixels, networks[model](read(tmp_path / "in" / name).pixels))
    for (_, model, reason), line in zip(expected.values(), ended.error_lines[:-1], strict=True):
        assert line.endswith(f" s, {model} ({reason})")
    assert ended.error_lines[-1].endswith(f"; weights: 3 {clean}, 2 {real}")


@pytest.mark.parametrize(
    ("options", "name", "told"),
    [
        ([], "a_x4.jpg", "elan-light-x4-real (JPEG quality 60)"),
        (["-s", 2], "a_x2.jpg", "elan-light-x2-real (JPEG quality 60)"),
        (["-s", 3], "a_x3.jpg", "elan-light-x3 (JPEG quality 60, but no -real weights for x3)"),
        (["--width", 30], "a_w30.jpg", "elan-light-x2-real (JPEG quality 60)"),
        (["-n", "elan-light"], "a_x4.jpg", "elan-light-x4"),
        (["-n", "elan-light-real", "-s", 2], "a_x2.jpg", "elan-light-x2-real"),
        (["-n", "elan-light-real", "--outscale", 3], "a_x3.jpg", "elan-light-x4-real"),
    ],
)
@pytest.mark.usefixtures("installed_real")
def test_a_line_says_which_weights_and_why(
    options: list[object], name: str, told: str, call: Callable[..., Ended], tmp_path: Path
) -> None:
    ended = call("upscale", noise(tmp_path / "a.jpg", 60), *options)
    assert (ended.code, len(ended.error_lines)) == (0, 1), ended.stderr
    assert ended.stderr.endswith(f" s, {told}\n")
    assert files(tmp_path) == {"a.jpg", name}


@pytest.mark.usefixtures("installed")
def test_without_real_weights_auto_says_so(call: Callable[..., Ended], tmp_path: Path) -> None:
    ended = call("upscale", noise(tmp_path / "a.jpg", 60))
    assert ended.stderr.endswith(" s, elan-light-x4 (JPEG quality 60, but no -real weights for x4)\n")


@pytest.mark.usefixtures("installed_real")
def test_a_missing_file_or_device_ends_the_run_before_it_starts(call: Callable[..., Ended], tmp_path: Path) -> None:
    noise(tmp_path / "in/a.png")
    noise(tmp_path / "in/b.png")
    unknown = call("upscale", tmp_path / "in", "--device", "tpu")
    released.RELEASED["elan-light-x4-real"].path.unlink()
    missing = call("upscale", tmp_path / "in")
    for ended, words in ((unknown, "'tpu'"), (missing, "elan-light-x4-real: its file")):
        assert (ended.code, len(ended.error_lines)) == (2, 1)
        assert words in ended.stderr
    assert files(tmp_path) == {"in/a.png", "in/b.png"}


def test_auto_is_for_files_that_are_upscaled(
    call: Callable[..., Ended], photo: Callable[..., Path], tmp_path: Path
) -> None:
    source = photo("a.png")
    commands: tuple[tuple[object, ...], ...] = (
        ("info", "auto"),
        ("evaluate", "-n", "auto", "--lr", tmp_path),
        ("compare", source, "auto", "--on", source, "-o", tmp_path / "b.html"),
        ("convert", "auto", tmp_path / "b.safetensors"),
    )
    for command in commands:
        ended = call(*command)
        assert (ended.code, len(ended.error_lines), ended.stdout) == (2, 1, "")
        assert ended.stderr.startswith("error: auto: ")
    assert files(tmp_path) == {"a.png"}


# --- interrupts ---


def interrupted(process: "subprocess.Popen[str]", sign: Path, number: int) -> tuple[int, str, str]:
    """Sends a signal when `sign` turns up."""
    end = time.monotonic() + 60
    while not sign.exists() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.005)
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=60)
    return process.returncode, stdout, stderr


def test_an_interrupted_folder_is_taken_up(
    start: Callable[..., "subprocess.Popen[str]"],
    call: Callable[..., Ended],
    weights: dict[int, Path],
    photo: Callable[..., Path],
    tmp_path: Path,
) -> None:
    for number in range(4):
        photo(f"in/{number}.png", 200, 300)
    command = ["upscale", tmp_path / "in", "-o", tmp_path / "out", "-n", weights[2], "-t", 64, "--json"]
    code, stdout, stderr = interrupted(start(*command), tmp_path / "out/0_x2.png", signal.SIGINT)
    through = len(files(tmp_path / "out"))
    assert code == 130
    assert 1 <= through < 4
    assert stderr.splitlines()[-1].startswith(f"interrupted: {through} of 4 files are done")
    assert [record["status"] for record in json.loads(stdout)["files"]] == ["done"] * through
    assert all(name.endswith("_x2.png") for name in files(tmp_path / "out"))
    done = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    ended = call(*command)
    assert ended.code == 0
    assert ended.error_lines[-1].startswith(f"{4 - through} done, {through} skipped, 0 failed")
    assert files(tmp_path / "out") == {f"{number}_x2.png" for number in range(4)}
    assert all(path.stat().st_mtime_ns == when for path, when in done.items())


def test_a_signal_while_a_file_is_written_is_not_lost(
    start: Callable[..., "subprocess.Popen[str]"], weights: dict[int, Path], photo: Callable[..., Path], tmp_path: Path
) -> None:
    """libvips is at work then, whose callbacks swallow exceptions; the hidden, unfinished file shows the moment."""
    folder = photo("in/a.png", 400, 600).parent
    photo("in/b.png", 400, 600)
    process = start("upscale", folder, "-n", weights[2], "-o", tmp_path / "out")
    end = time.monotonic() + 60
    while not list(tmp_path.glob("out/.*")) and process.poll() is None and time.monotonic() < end:
        time.sleep(0.002)
    process.terminate()
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 143
    assert files(tmp_path / "out") <= {"a_x2.png"}
    assert "Traceback" not in stderr
    through = len(files(tmp_path / "out"))
    assert f"terminated: {through} of 2 files are done; " in stderr


def test_an_interrupt_inside_libvips_is_kept_until_it_can_be_raised() -> None:
    scope: dict[str, Callable[..., None]] = {}
    exec("def operation(callback): callback()", {"__name__": "pyvips.voperation"}, scope)
    for number, ending in ((signal.SIGTERM, ("terminated", 143)), (signal.SIGINT, ("interrupted", 130))):
        scope["operation"](lambda number=number: interrupts._receive(number, sys._getframe()))
        with pytest.raises(KeyboardInterrupt):
            interrupts.raise_pending()
        assert interrupts.last_interrupt() == ending
        interrupts.raise_pending()
        with pytest.raises(KeyboardInterrupt):
            interrupts._receive(number, sys._getframe())


# --- what it looks like ---


def test_off_a_terminal_a_long_file_gets_a_line_now_and_then(
    call: Callable[..., Ended], weights: dict[int, Path], photo: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(display, "LINE_EVERY", 0.0)
    path = photo("a.png", 64, 16)
    ended = call("upscale", path, "-n", weights[2], "-t", 16, "--overwrite")
    told = [line.removeprefix(f"{path}: ") for line in ended.error_lines[:-1]]
    assert told[-1] == "100%"
    assert told == sorted(set(told), key=lambda share: int(share[:-1]))
    assert len(told) == 4  # tiles


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_bars_on_a_terminal(
    weights: dict[int, Path], photo: Callable[..., Path], tmp_path: Path, environment: dict[str, str]
) -> None:
    import pty

    for name in ("in/a[red].png", "in/b.png"):
        photo(name, 64, 80)
    terminal, inside = pty.openpty()
    command = [sys.executable, "-m", "elansr", "upscale", str(tmp_path / "in"), "-n", str(weights[2]), "-t", "16"]
    process = subprocess.Popen(command, stderr=inside, stdout=subprocess.PIPE, env=environment | {"TERM": "xterm"})
    os.close(inside)
    shown = b""
    try:
        while part := os.read(terminal, 65536):
            shown += part
    except OSError:  # Linux says so at the end
        pass
    os.close(terminal)
    assert (process.wait(60), process.communicate()[0]) == (0, b"")
    text = shown.decode()
    assert "files" in text
    assert "0/2" in text
    assert "a[red].png" in text
    assert "%" in text
    assert "2 done, 0 skipped, 0 failed in " in text
    assert f"results in {tmp_path}/in_x2" in text


def test_threads_reach_the_network_and_libvips(
    call: Callable[..., Ended], photo: Callable[..., Path], weights: dict[int, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = pyvips.vips_lib.vips_concurrency_get()
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setattr(device, "_threads", 0)
    try:
        assert call("upscale", photo("a.png", 9, 9), "-n", weights[2], "--threads", 1).code == 0
        assert (device.cpu_threads(), pyvips.vips_lib.vips_concurrency_get()) == (1, 1)
    finally:
        pyvips.vips_lib.vips_concurrency_set(before)


@pytest.mark.parametrize("threads", [1025, 100_000])
def test_more_threads_than_any_machine_has_are_refused(
    call: Callable[..., Ended], photo: Callable[..., Path], weights: dict[int, Path], threads: int
) -> None:
    ended = call("upscale", photo("a.png", 9, 9), "-n", weights[2], "--threads", threads)
    assert (ended.code, ended.error_lines) == (
        2,
        [f"error: threads {threads}: must be 1 to 1024, or 0 for one per core"],
    )
