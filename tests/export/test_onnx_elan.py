"""The ONNX graph against the inference form in float64, and what is in it."""

from collections import Counter
from typing import Literal

import numpy as np
import pytest
import torch
from torch import Tensor

from elansr.engines.pytorch import FusedELAN, inference_form
from elansr.nn.elan import ELAN
from tests.export.conftest import tiny

onnx = pytest.importorskip("onnx", reason="needs the extra export")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra export")

from elansr.export.onnx_elan import onnx_elan  # noqa: E402
from elansr.export.onnx_graph import IR_VERSION, OPSET, Graph  # noqa: E402

ANY = None
Size = tuple[int, int] | None


def made(
    network: ELAN, closed: bool, size: Size = ANY, precision: Literal["fp32", "fp16"] = "fp32"
) -> "onnx.ModelProto":
    return onnx_elan(inference_form(network), precision, closed, size, {"elansr": "{}"})


def run(model: "onnx.ModelProto", x: Tensor) -> Tensor:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return torch.from_numpy(session.run(["sr"], {"lr": x.float().numpy()})[0])


def expected(network: ELAN, x: Tensor, closed: bool) -> Tensor:
    with torch.no_grad():
        return FusedELAN(inference_form(network), torch.float64, closed)(x.double())


@pytest.mark.parametrize("closed", [True, False], ids=["closed", "cyclic"])
@pytest.mark.parametrize(
    "network",
    [
        tiny(),
        tiny(n_share=0, blocks=2, scale=3),
        tiny(windows=(3, 5), scale=1, channels=10),
        tiny(rgb_mean=(0.5,), scale=4),
    ],
    ids=["shared", "own", "odd windows", "one colour"],
)
def test_it_computes_what_the_network_does(network: ELAN, closed: bool) -> None:
    side, colors = network.config.multiple, network.config.colors
    model = made(network, closed)
    for batch, rows, columns in ((1, 1, 1), (2, 2, 3), (3, 1, 2)):
        x = torch.rand(batch, colors, rows * side, columns * side)
        torch.testing.assert_close(run(model, x).double(), expected(network, x, closed), atol=2e-5, rtol=0)


@pytest.mark.parametrize("closed", [True, False], ids=["closed", "cyclic"])
def test_of_one_size_it_is_the_same(network: ELAN, closed: bool) -> None:
    model, x = made(network, closed, (32, 48)), torch.rand(1, 3, 32, 48)
    torch.testing.assert_close(run(model, x).double(), expected(network, x, closed), atol=2e-5, rtol=0)
    assert sides(model.graph.input[0]) == [1, 3, 32, 48]
    assert sides(model.graph.output[0]) == [1, 3, 64, 96]
    assert "Shape" not in {node.op_type for node in model.graph.node}


def test_half_precision_keeps_the_ends_and_the_softmax_in_float(network: ELAN) -> None:
    model, x = made(network, True, precision="fp16"), torch.rand(1, 3, 32, 32)
    torch.testing.assert_close(run(model, x).double(), expected(network, x, True), atol=1e-3, rtol=0)
    inferred = onnx.shape_inference.infer_shapes(model)
    kinds = {value.name: value.type.tensor_type.elem_type for value in inferred.graph.value_info}
    softmaxes = [node.output[0] for node in model.graph.node if node.op_type == "Softmax"]
    assert {kinds[name] for name in softmaxes} == {onnx.TensorProto.FLOAT}
    assert onnx.TensorProto.FLOAT16 in kinds.values()
    ends = model.graph.input[0], model.graph.output[0]
    assert [end.type.tensor_type.elem_type for end in ends] == [onnx.TensorProto.FLOAT] * 2


def test_what_run_times_need(network: ELAN) -> None:
    """Old enough for TensorRT, open axes by name, none of the operators that run times refuse or are slow at."""
    model = made(network, True)
    onnx.checker.check_model(model, full_check=True)
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", OPSET)]
    assert (OPSET, model.ir_version) == (18, IR_VERSION)
    assert sides(model.graph.input[0]) == ["batch", 3, "height", "width"]
    operators = Counter(node.op_type for node in model.graph.node)
    assert not {"Mod", "Loop", "If", "Scan", "NonZero", "GatherND", "ScatterND", "Einsum"} & set(operators)
    assert all(b"reflect" not in node.SerializeToString() for node in model.graph.node)
    assert operators["Softmax"] == 2 * 3, "one map for each ELAB and window: blocks that share use it again"


def test_equal_constants_are_stored_once() -> None:
    graph = Graph()
    names = {graph.constant(np.ones(3, np.float32)) for _ in range(3)}
    assert len(names) == 1
    assert graph.constant(np.ones(3, np.float16)) not in names
    assert graph.constant(np.ones((1, 3), np.float32)) not in names


def sides(value: "onnx.ValueInfoProto") -> list[str | int]:
    return [side.dim_param or side.dim_value for side in value.type.tensor_type.shape.dim]
