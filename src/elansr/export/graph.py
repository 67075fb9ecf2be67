"""An ONNX graph under construction: nodes in the order they are computed, and the constants they use."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 18
"""ONNX Runtime from 1.14, OpenVINO from 2023.1 and TensorRT from 8.6 read it."""
IR_VERSION = 8
"""That of opset 18; a newer one is refused by older run times."""
END = np.iinfo(np.int64).max
"""Where a slice ends that goes to the end."""


class Graph:
    """Nodes and constants; a value is known by its name."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[tuple[str, tuple[int, ...], bytes], onnx.TensorProto] = {}

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """A node with one output.

        Args:
            operator: of ONNX, such as "Conv".
            inputs: names of values.
            attributes: of the node.

        Returns:
            The name of its output.
        """
        name = f"{operator.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, list(inputs), [name], name=name, **attributes))
        return name

    def constant(self, values: NDArray[Any]) -> str:
        """The name of a constant; equal ones are stored once."""
        array = np.ascontiguousarray(values)
        key = array.dtype.name, array.shape, array.tobytes()
        if key not in self._constants:
            self._constants[key] = numpy_helper.from_array(array, f"constant_{len(self._constants)}")
        return self._constants[key].name

    def integers(self, *values: int) -> str:
        """A constant int64 vector."""
        return self.constant(np.array(values, np.int64))

    def model(
        self, lr: Sequence[int | str], sr: Sequence[int | str], output: str, metadata: dict[str, str]
    ) -> onnx.ModelProto:
        """The finished model, checked: input "lr" to output "sr", both float32.

        Args:
            lr, sr: their sizes; a text names a size that is open.
            output: the value that is the result.
            metadata: what the file says about itself.
        """
        ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("lr", lr), ("sr", sr))]
        nodes = [*self._nodes, helper.make_node("Identity", [output], ["sr"], name="sr")]
        graph = helper.make_graph(nodes, "elan", ends[:1], ends[1:], initializer=list(self._constants.values()))
        opset = helper.make_opsetid("", OPSET)
        model = helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION, producer_name="elansr")
        helper.set_model_props(model, metadata)
        onnx.checker.check_model(model, full_check=True)
        return model
