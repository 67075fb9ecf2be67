"""`elansr export`, and `elansr upscale` and `elansr benchmark` with what it wrote."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from elansr.images import read
from elansr.text import data_size
from tests.command_line import Ended

pytest.importorskip("onnx", reason="needs the extra export")
pytest.importorskip("onnxruntime", reason="needs the extra export")
pytest.importorskip("openvino", reason="needs the extra export")

Call = Callable[..., Ended]


@pytest.fixture(scope="module")
def exported(weights: dict[int, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The x2 network as .onnx and .xml."""
    from elansr.export import export

    folder = tmp_path_factory.mktemp("exported")
    export(str(weights[2]), folder / "m.onnx")
    export(str(weights[2]), folder / "m.xml", "openvino")
    return {"onnx": folder / "m.onnx", "openvino": folder / "m.xml"}


def test_one_line_tells_what_was_written(call: Call, weights: dict[int, Path], tmp_path: Path) -> None:
    ended = call("export", weights[3], "-o", tmp_path / "m.onnx", "--size", "48x32", "--border", "cyclic")
    assert ended.code == 0
    (line,) = ended.error_lines
    size = data_size((tmp_path / "m.onnx").stat().st_size)
    assert line.startswith(f"tiny_x3.safetensors -> {tmp_path / 'm.onnx'}: onnx, fp32, x3, 48x32, {size}; ")
    assert line.endswith("0.000/255, PSNR-Y +0.0000 dB")


def test_without_a_name_it_is_that_of_the_weights(
    call: Call, weights: dict[int, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call("export", weights[2], "--to", "openvino").code == 0
    assert {path.name for path in tmp_path.iterdir()} == {"tiny_x2.xml", "tiny_x2.bin"}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--size", "32"), "'32'"),
        (("--size", "99999968x99999968"), "99999968x99999968"),
        (("--size", "30x16"), "32x16"),
        (("--precision", "bf16"), "'bf16'"),
        (("--to", "pt2"), "--size"),
        (("-s", "4"), "x4"),
    ],
)
def test_what_cannot_be_is_one_line(
    call: Call, weights: dict[int, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...],
    complaint: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    ended = call("export", weights[2], *arguments)
    assert ended.code == 2
    (line,) = ended.error_lines
    assert line.startswith("error: ")
    assert complaint in line
    assert not list(tmp_path.iterdir())


def test_what_exists_needs_overwrite(call: Call, weights: dict[int, Path], tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_text("precious")
    ended = call("export", weights[2], "-o", tmp_path / "m.onnx")
    assert (ended.code, len(ended.error_lines)) == (2, 1)
    assert "--overwrite" in ended.stderr
    assert call("export", weights[2], "-o", tmp_path / "m.onnx", "--overwrite").code == 0


@pytest.mark.parametrize("engine", ["onnx", "openvino"])
def test_upscale_runs_it(
    call: Call, exported: dict[str, Path], photo: Callable[..., Path], tmp_path: Path, engine: str
) -> None:
    photo("in/a.png", 18, 35)
    photo("in/b.png", 18, 35, channels=4)
    ended = call(
        "upscale", tmp_path / "in", "-n", exported[engine], "--engine", engine, "--json", "--threads", 1, "-t", 32
    )
    assert ended.code == 0
    records = json.loads(ended.stdout)["files"]
    assert [(record["width"], record["height"], record["scale"]) for record in records] == [(70, 36, 2)] * 2
    assert {record["model"] for record in records} == {str(exported[engine])}
    assert read(tmp_path / "in_x2" / "b_x2.png").pixels.shape == (36, 70, 4)


def test_a_file_in_this_folder_needs_no_path(
    call: Call, exported: dict[str, Path], photo: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(exported["onnx"].parent)
    ended = call("upscale", photo("a.png"), "-n", "m.onnx")
    assert ended.code == 0
    assert "m.onnx" in ended.stderr
    assert (tmp_path / "a_x2.png").is_file()


def test_weights_in_another_engine_name_the_export(
    call: Call, weights: dict[int, Path], photo: Callable[..., Path]
) -> None:
    ended = call("upscale", photo("a.png"), "-n", weights[2], "--engine", "onnx")
    assert ended.code == 2
    (line,) = ended.error_lines
    assert "--engine onnx" in line
    assert f"`elansr export {weights[2]} --to onnx -o model.onnx`" in line


def test_weights_that_each_picture_chooses_are_told_once(
    call: Call, photo: Callable[..., Path], tmp_path: Path
) -> None:
    for name in ("in/a.png", "in/b.jpg"):
        photo(name)
    ended = call("upscale", tmp_path / "in", "--engine", "openvino")
    assert ended.code == 2
    [line] = ended.error_lines
    assert "`elansr export elan-light-x4 --to openvino -o model.xml`" in line


def test_other_commands_say_what_the_file_is(call: Call, exported: dict[str, Path]) -> None:
    ended = call("info", exported["onnx"])
    assert ended.code == 2
    assert "an exported model" in ended.stderr


def test_benchmark_exports_first(call: Call, weights: dict[int, Path]) -> None:
    ended = call("benchmark", "-n", f"{weights[2]}", "--engine", "onnx", "--size", "19x13", "--rounds", 1, "--json")
    assert ended.code == 0
    found = json.loads(ended.stdout)
    assert (found["engine"], found["models"][0]["precision"]) == ("onnx", "fp32")
    ended = call("benchmark", "-n", f"{weights[2]}:bf16", "--engine", "onnx", "--size", "19x13", "--rounds", 1)
    assert (ended.code, ended.error_lines) == (2, ["error: precision 'bf16': onnx supports fp32, fp16"])
