"""What all commands have in common: help, version, errors in one line, exit codes, and how little they import."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import elansr
from elansr.cli import main
from elansr.errors import WeightsError
from elansr.images import read
from elansr.weights.released import RELEASED, ReleasedWeights
from tests.command_line import Ended

HEAVY = {"torch", "numpy", "pyvips", "PIL", "safetensors", "lightning", "rich.progress"}


def python(code: str, environment: dict[str, str]) -> str:
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout


@pytest.mark.parametrize(
    "arguments", [[], ["--help"], ["--version"], ["upscale", "--help"], ["convert", "-h"], ["info", "-h"], ["info"]]
)
def test_nothing_heavy_is_imported_for_an_answer(arguments: list[str], environment: dict[str, str]) -> None:
    code = f"""
import sys
from elansr.cli.main import main
sys.argv = ["elansr", *{arguments}]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print("IMPORTED", *sys.modules)
"""
    imported = python(code, environment).split("IMPORTED")[1].split()
    assert not HEAVY & set(imported)


def test_help_is_quick(spawn: Callable[..., Ended]) -> None:
    """Under 0.5 s on a machine at rest; the best of three, and generous, for one that is not."""
    seconds = []
    for _ in range(3):
        started = time.perf_counter()
        spawn("--help")
        seconds.append(time.perf_counter() - started)
    assert min(seconds) < 1.5


def test_import_elansr_is_empty_until_a_name_is_used(environment: dict[str, str]) -> None:
    code = """
import sys, elansr
assert not {"torch", "numpy", "pyvips"} & set(sys.modules)
elansr.ElansrError
assert not {"torch", "numpy", "pyvips"} & set(sys.modules)
elansr.ELAN
assert "torch" in sys.modules
print("fine")
"""
    assert python(code, environment) == "fine\n"


def test_every_public_name_is_there() -> None:
    for name in elansr.__all__:
        assert getattr(elansr, name) is not None
        assert name in dir(elansr)
    assert set(elansr._HOMES) | {"__version__"} == set(elansr.__all__)
    from elansr.nn.elan import ELAN

    assert elansr.ELAN is ELAN
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        elansr.nonsense  # noqa: B018


def test_bare_command_prints_help(spawn: Callable[..., Ended]) -> None:
    ended = spawn()
    assert ended.code == 0
    assert all(command in ended.stdout for command in ("upscale", "convert", "info"))
    assert ended.stderr == ""


def test_version(call: Callable[..., Ended]) -> None:
    assert call("--version").stdout == f"elansr {elansr.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "named", "way_out"),
    [
        ([], "INPUT", "elansr upscale --help"),
        (["a.png", "--ext", "bpm"], "--ext bpm", "bmp"),
        (["a.png", "--format", "zip"], "--ext zip", "png"),
        (["a.png", "--scael", "2"], "--scael", "--scale"),
        (["a.png", "-g", "0"], "-g", "--device"),
        (["a.png", "-m", "models"], "-m", "-n FILE"),
        (["a.png", "-s", "big"], "--scale big", "4"),
        (["a.png", "-s", "8"], "--scale 8", "--outscale 8"),
        (["a.png", "--quality", "200"], "--quality 200", "100"),
        (["a.png", "--tile", "2.5"], "--tile 2.5", "whole number"),
        (["a.png", "--precision", "fp31"], "--precision fp31", "fp32"),
        (["a.png", "-s"], "-s", ""),
        (["a.png", "--overwrite=3"], "--overwrite", ""),
        (["-x.png"], "-x.png", "./-x.png"),
        (["a.png", "--b.png"], "--b.png", "./--b.png"),
        (["a.png", "--nothing-like-it"], "--nothing-like-it", "elansr upscale --help"),
    ],
)
def test_a_mistake_is_one_plain_line(
    arguments: list[str], named: str, way_out: str, call: Callable[..., Ended], photo: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(photo("a.png").parent)
    ended = call("upscale", *arguments)
    assert (ended.code, ended.stdout) == (2, "")
    [line] = ended.error_lines
    assert line.startswith("error: ")
    assert named in line or way_out in line
    assert way_out in line
    assert not {"Value error", "<bool>", "Input should", "Usage", "Traceback", "`"} & set(line.split("  "))


@pytest.mark.parametrize(
    ("typed", "command"),
    [
        ("photo.jpg", "elansr upscale photo.jpg"),
        ("my photo.jpg", "elansr upscale 'my photo.jpg'"),
        ("https://example.org/a.png", "elansr upscale https://example.org/a.png"),
        ("clip.MP4", "elansr video clip.MP4"),
        ("upscael", "upscale"),
        ("frobnicate", "elansr --help"),
    ],
)
def test_what_is_no_command_is_answered_with_one(typed: str, command: str, call: Callable[..., Ended]) -> None:
    ended = call(typed, "-s", "4")
    assert (ended.code, len(ended.error_lines), ended.stdout) == (2, 1, "")
    assert ended.stderr.startswith(f"error: {typed}: ")
    assert ended.stderr.rstrip("?\n").endswith(command)


@pytest.mark.parametrize("options", [["-s", "x2"], ["-s", "2x"], ["-s", "2"]])
def test_options_as_other_programs_have_them(
    options: list[str], call: Callable[..., Ended], weights: dict[int, Path], photo: Callable[..., Path], tmp_path: Path
) -> None:
    source = photo("a.png")
    assert call("upscale", "-i", source, "-n", weights[2], "-f", "jpeg", "-x", *options).code == 0
    assert read(tmp_path / "a_x2.jpeg").format == "jpeg"
    assert call("upscale", "--input", source, "-n", weights[2], "--format", "tif", *options).code == 0
    assert read(tmp_path / "a_x2.tif").format == "tiff"


def failing(error: BaseException) -> typer.Typer:
    app = typer.Typer(cls=main.Commands)

    @app.command()
    def command() -> None:
        raise error

    @app.command()
    def other() -> None: ...

    return app


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (WeightsError("a.pth: broken\n  in two lines"), 2, "error: a.pth: broken in two lines\n"),
        (WeightsError("a: no `max_pixels=5`, `hr=True` or `a b`"), 2, "error: a: no --max-pixels 5, --hr or `a b`\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (KeyboardInterrupt("1 of 2 done"), 130, "interrupted: 1 of 2 done\n"),
    ],
)
def test_errors_of_ours_and_interrupts_are_one_line(error: BaseException, code: int, text: str) -> None:
    result = CliRunner().invoke(failing(error), ["command"])
    assert (result.exit_code, result.stderr, result.stdout) == (code, text, "")


def test_a_reader_that_hangs_up_is_no_error(environment: dict[str, str]) -> None:
    command = f"{sys.executable} -m elansr info --json | true"
    done = subprocess.run(command, shell=True, env=environment, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""


def test_info_lists_the_released_weights(call: Callable[..., Ended]) -> None:
    assert {"elan-light-x2", "elan-light-x3", "elan-light-x4"} <= set(call("info").stdout.split())
    rows = json.loads(call("info", "--json").stdout)["released"]
    assert [(row["name"], row["scale"]) for row in rows][:1] == [("elan-light-x2", 2)]
    assert rows[0]["degradation"] == "bicubic"


def test_info_shows_what_the_weights_are_for(call: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch) -> None:
    row = ReleasedWeights("elan-light-x8-real", "elan-light", 8, "real", "", "for any photo")
    monkeypatch.setitem(RELEASED, row.name, row)
    lines = call("info").stdout.splitlines()
    assert "elan-light-x8-real  real         for any photo  (file missing)" in lines
    assert any(line.startswith("elan-light-x4       bicubic  ") for line in lines)


def test_info_tells_the_recipe_line_by_line(call: Callable[..., Ended]) -> None:
    lines = call("info", "elan-light-x2").stdout.splitlines()
    assert lines[lines.index("    network:") + 1] == "      preset: elan-light"
    assert "      optimizer: muon" in lines
    assert not any("{" in line or line.endswith(": ") for line in lines)


def test_info_tells_what_is_in_a_file(call: Callable[..., Ended], weights: dict[int, Path]) -> None:
    text = call("info", weights[3]).stdout
    assert "scale: 3" in text
    assert "PSNR-Y: 12.3" in text
    assert "licence" not in text
    record = json.loads(call("info", weights[3], "--json").stdout)
    assert (record["config"]["scale"], record["layout"], record["provenance"]["name"]) == (3, "elansr", "tiny-x3")
    assert record["size"] == weights[3].stat().st_size


def test_info_refuses_what_is_no_weights_file(call: Callable[..., Ended], tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_text("nonsense")
    for name, words in ((path, "a.safetensors: not a complete"), ("elan-lite", "did you mean elan-light?")):
        ended = call("info", name)
        assert (ended.code, len(ended.error_lines), ended.stdout) == (2, 1, "")
        assert ended.stderr.startswith("error: ")
        assert words in ended.stderr


def test_convert_there_and_back(call: Callable[..., Ended], weights: dict[int, Path], tmp_path: Path) -> None:
    theirs, ours = tmp_path / "theirs.pth", tmp_path / "ours.safetensors"
    there = call("convert", weights[2], theirs, "--to", "official")
    assert (there.code, there.stdout) == (0, "")
    assert str(theirs) in there.stderr
    assert call("convert", theirs, ours, "--windows", "4,8,16").code == 0
    assert json.loads(call("info", ours, "--json").stdout)["config"]["scale"] == 2


def test_convert_takes_windows_only_for_files_that_do_not_say_them(
    call: Callable[..., Ended], weights: dict[int, Path], tmp_path: Path
) -> None:
    theirs, ours = tmp_path / "theirs.pth", tmp_path / "ours.safetensors"
    refused = call("convert", weights[2], ours, "--windows", "8,8,16")
    assert (refused.code, len(refused.error_lines), ours.exists()) == (2, 1, False)
    assert "--windows" in refused.stderr
    assert call("convert", weights[2], theirs, "--to", "official").code == 0
    assert call("convert", theirs, ours, "--windows", "8,8,16").code == 0
    assert json.loads(call("info", ours, "--json").stdout)["config"]["windows"] == [8, 8, 16]


def test_a_mistaken_extension_is_answered_with_its_option(call: Callable[..., Ended], tmp_path: Path) -> None:
    for command, name, option in (("convert", "y.pt", "--to official"), ("export", "n.xml", "--to openvino")):
        arguments = [tmp_path / name] if command == "convert" else ["-o", tmp_path / name]
        ended = call(command, "elan-light-x2", *arguments)
        assert (ended.code, len(ended.error_lines)) == (2, 1)
        assert option in ended.stderr


def test_the_name_of_a_repository_is_answered_with_the_function_that_opens_it(call: Callable[..., Ended]) -> None:
    ended = call("info", "OWNER/NAME")
    assert (ended.code, len(ended.error_lines)) == (2, 1)
    assert "from_pretrained" in ended.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--windows", "4,x"], "--windows 4,x: must be whole numbers"),
        (["--windows", "5"], ""),
        (["--to", "official"], "ends in .pt or .pth"),
        ([], ""),
    ],
)
def test_convert_refuses_in_one_line(
    options: list[str], words: str, call: Callable[..., Ended], weights: dict[int, Path], tmp_path: Path
) -> None:
    theirs, target = tmp_path / "theirs.pth", tmp_path / "b.safetensors"
    call("convert", weights[2], theirs, "--to", "official")
    target.touch()
    ended = call("convert", theirs, target, *options)
    assert (ended.code, len(ended.error_lines)) == (2, 1)
    assert words in ended.stderr
    assert target.read_bytes() == b""


def test_what_pytorch_compiles_goes_to_the_users_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "")  # so that it is as before at the end
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "missing" / "cache"))
    main._keep_compiled_code()
    assert "TORCHINDUCTOR_CACHE_DIR" not in os.environ, "nothing can be written there"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    main._keep_compiled_code()
    assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == str(tmp_path / "elansr" / "torchinductor")
