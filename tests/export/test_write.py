"""`export`: the files, what they say about themselves, what is refused, and that nothing is left behind."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from elansr.engines.exported import ExportMetadata, FileEngine, open_exported
from elansr.errors import BusyError, ConfigError, ExportError, OutputExistsError, WeightsError
from elansr.export import write
from elansr.export.parity import Parity
from elansr.nn.elan import ELAN
from elansr.weights.inference import STREAM_SCALE, Convolution, InferenceForm
from elansr.weights.provenance import Provenance
from elansr.weights.weights_file import save
from tests.export.conftest import tiny

onnx = pytest.importorskip("onnx", reason="needs the extra export")
pytest.importorskip("onnxruntime", reason="needs the extra export")
pytest.importorskip("openvino", reason="needs the extra export")


def names(folder: Path) -> set[str]:
    """Everything in a folder, hidden files too."""
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("to", "name", "precision", "files", "worst"),
    [
        ("onnx", "m.onnx", "fp32", {"m.onnx"}, 1e-5),
        ("onnx", "m.onnx", "fp16", {"m.onnx"}, 2e-3),
        ("openvino", "m.xml", "fp32", {"m.xml", "m.bin"}, 1e-5),
        ("openvino", "m.xml", "bf16", {"m.xml", "m.bin"}, 3e-2),
    ],
)
def test_what_is_written_runs(
    network: ELAN, weights: Path, tmp_path: Path, to: Any, name: str, precision: str, files: set[str], worst: float
) -> None:
    written = write.export(str(weights), tmp_path / name, to, precision=precision)
    assert names(tmp_path) == files == {path.name for path in written.files}
    assert written.bytes == sum((tmp_path / file).stat().st_size for file in files)
    assert 0 <= written.parity.worst <= worst
    assert abs(written.parity.loss) < 0.02
    engine = open_exported(tmp_path / name, "cpu")
    assert engine.exported == written.exported
    assert engine.exported == ExportMetadata(weights.name, network.config, True, precision, None, "CC0-1.0")


def test_a_pt2_archive_needs_torch_only(tmp_path: Path) -> None:
    """And no native library, though the network that it was made from runs in it."""
    network = tiny(blocks=2, n_share=0)
    save(network, tmp_path / "tiny.safetensors", Provenance())
    written = write.export(str(tmp_path / "tiny.safetensors"), tmp_path / "m.pt2", "pt2", size=(32, 48), closed=False)
    assert written.parity.worst < 1e-5
    program = torch.export.load(tmp_path / "m.pt2")
    called = {str(node.target) for node in program.graph.nodes if node.op == "call_function"}
    assert {name.partition(".")[0] for name in called} == {"aten", "<built-in function getitem>"}
    x = torch.rand(1, 3, 32, 48)
    with torch.no_grad():
        torch.testing.assert_close(program.module()(x), network(x), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("arguments", "error", "complaint"),
    [
        ({"path": "m.xml"}, ConfigError, "m.xml: "),
        ({"to": "tensorrt"}, ConfigError, "to='tensorrt': must be onnx, openvino, pt2"),
        ({"precision": "bf16"}, ConfigError, "precision 'bf16': onnx supports fp32, fp16"),
        ({"size": (50, 100)}, ConfigError, "size 100x50: both sides must be multiples of 16 pixels: 112x64 is"),
        ({"size": (0, 16)}, ConfigError, "size 16x0: both sides must be multiples of 16 pixels: 16x16 is"),
        ({"size": (2**20, 2**20)}, ConfigError, "GB available"),
        ({"to": "pt2", "path": "m.pt2"}, ConfigError, "pt2 needs `size`"),
        ({"model": "elan-lihgt-x4"}, WeightsError, "did you mean elan-light-x4"),
        ({"model": "other.onnx"}, WeightsError, "other.onnx"),
        ({"scale": 3}, WeightsError, "weights for x2, not x3"),
        ({"path": "none/m.onnx"}, WeightsError, "m.onnx"),
    ],
)
def test_what_cannot_be_is_refused(
    weights: Path, tmp_path: Path, arguments: dict[str, Any], error: type[Exception], complaint: str
) -> None:
    values: dict[str, Any] = {"model": str(weights), "path": "m.onnx"} | arguments
    values["path"] = tmp_path / values["path"]
    with pytest.raises(error) as raised:
        write.export(**values)
    assert complaint in str(raised.value)
    assert names(tmp_path) == set()


@pytest.mark.parametrize("there", ["m.xml", "m.bin"])
def test_what_exists_stays_without_overwrite(weights: Path, tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_text("precious")
    with pytest.raises(OutputExistsError, match=there):
        write.export(str(weights), tmp_path / "m.xml", "openvino")
    assert (tmp_path / there).read_text() == "precious"
    assert names(tmp_path) == {there}


def test_what_exists_is_replaced_with_overwrite(weights: Path, tmp_path: Path) -> None:
    for name in ("m.xml", "m.bin"):
        (tmp_path / name).write_text("old")
    write.export(str(weights), tmp_path / "m.xml", "openvino", overwrite=True)
    assert names(tmp_path) == {"m.xml", "m.bin"}
    assert min((tmp_path / name).stat().st_size for name in names(tmp_path)) > len("old")


def left(path: Path) -> "write._Draft":
    """What a run that is killed leaves behind, but for its lock."""
    draft = write._Draft(path, {})
    draft.__enter__()
    (draft.folder / "m.onnx").write_text("half")
    return draft


def test_what_a_killed_run_left_goes_with_the_next(weights: Path, tmp_path: Path) -> None:
    draft = left(tmp_path / "m.onnx")
    with pytest.raises(BusyError, match=r"m\.onnx"):
        write.export(str(weights), tmp_path / "m.onnx")
    assert (draft.folder / "m.onnx").read_text() == "half"
    assert draft._lock is not None
    draft._lock.close()
    write.export(str(weights), tmp_path / "m.onnx")
    assert names(tmp_path) == {"m.onnx"}


def spoiled(file_format: Any) -> Callable[..., None]:
    """Writes the file with one weight of the tail changed, as a bug of the exporter or the run time might."""

    def write_wrong(form: InferenceForm, path: Path, exported: ExportMetadata) -> None:
        weight = form.tail.weight.copy()
        weight[5, 3, 1, 1] += 0.5 / STREAM_SCALE
        file_format.write(dataclasses.replace(form, tail=Convolution(weight, form.tail.bias)), path, exported)

    return write_wrong


@pytest.mark.parametrize("existing", [False, True])
def test_a_wrong_weight_is_found_and_nothing_is_kept(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, existing: bool
) -> None:
    right = write.FORMATS["onnx"]
    monkeypatch.setitem(write.FORMATS, "onnx", dataclasses.replace(right, write=spoiled(right)))
    if existing:
        (tmp_path / "m.onnx").write_text("precious")
    with pytest.raises(ExportError, match=r"by up to \d+\.\d\d/255"):
        write.export(str(weights), tmp_path / "m.onnx", overwrite=True)
    assert names(tmp_path) == ({"m.onnx"} if existing else set())
    assert not existing or (tmp_path / "m.onnx").read_text() == "precious"


@pytest.mark.parametrize("stop", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_an_interrupt_leaves_nothing(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: BaseException | type[BaseException]
) -> None:
    def interrupted(form: InferenceForm, engine: FileEngine) -> Parity:
        assert any(path.name.startswith(".elansr-") for path in tmp_path.iterdir())
        raise stop

    monkeypatch.setattr(write, "parity", interrupted)
    with pytest.raises((KeyboardInterrupt, WeightsError)) as raised:
        write.export(str(weights), tmp_path / "m.onnx")
    assert stop is KeyboardInterrupt or "No space left on device" in str(raised.value)
    assert names(tmp_path) == set()
