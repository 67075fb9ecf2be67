"""Builds an ONNX graph: nodes in the order they are computed, constants and attention windows."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
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
MASKED = -3e4
"""Added to the logits of pixels outside the picture: far below any logit, and float16 holds it."""


class Graph:
    """Nodes and constants; a value is known by its name."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[tuple[str, tuple[int, ...], bytes], onnx.TensorProto] = {}

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """A node with one output.

        Args:
            operator: of ONNX, such as "Conv".

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
        """
        ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("lr", lr), ("sr", sr))]
        nodes = [*self._nodes, helper.make_node("Identity", [output], ["sr"], name="sr")]
        graph = helper.make_graph(nodes, "elan", ends[:1], ends[1:], initializer=list(self._constants.values()))
        opset = helper.make_opsetid("", OPSET)
        model = helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION, producer_name="elansr")
        helper.set_model_props(model, metadata)
        onnx.checker.check_model(model, full_check=True)
        return model


@dataclass(frozen=True)
class Sizes:
    """Batch size, height and width of the LR picture as int64 vectors of one number each: names of values."""

    batch: str
    height: str
    width: str

    @classmethod
    def of(cls, graph: Graph, value: str) -> "Sizes":
        """Those that a picture (N, C, H, W) has when the model runs."""
        return cls(*(graph.add("Shape", value, start=axis, end=axis + 1) for axis in (0, 2, 3)))

    @classmethod
    def fixed(cls, graph: Graph, batch: int, height: int, width: int) -> "Sizes":
        """Those that are known already."""
        return cls(graph.integers(batch), graph.integers(height), graph.integers(width))


class Windows:
    """Windows of one size, for features whose sides are multiples of it.

    Args:
        window: side in pixels.
        shifted: whether they lie half a window further down and to the right.
        closed: whether shifted ones end at the border, else they continue at the opposite one.
    """

    def __init__(self, graph: Graph, sizes: Sizes, window: int, shifted: bool, closed: bool) -> None:
        self._graph, self._sizes, self._window = graph, sizes, window
        self._half = window // 2 if shifted else 0
        self._closed = closed
        self._shapes: dict[tuple[str, int], str] = {}

    def cut(self, features: str, depth: int) -> str:
        """(N, D, H, W) to (B, L, D): B windows of L pixels."""
        g, w = self._graph, self._window
        grid = g.add("Reshape", self._moved(features), self._shape("grid", depth))
        pixels = g.add("Transpose", grid, perm=[0, 2, 4, 3, 5, 1])
        return g.add("Reshape", pixels, g.integers(-1, w * w, depth))

    def join(self, windows: str, depth: int) -> str:
        """The inverse of `cut`."""
        g = self._graph
        pixels = g.add("Reshape", windows, self._shape("pixels", depth))
        grid = g.add("Transpose", pixels, perm=[0, 5, 1, 3, 2, 4])
        return self._moved_back(g.add("Reshape", grid, self._shape("picture", depth)))

    @cached_property
    def mask(self) -> str | None:
        """Added to logits (B, L, L): 0 for pixels of the picture, `MASKED` beyond it, (B, 1, L); None if all are."""
        if not (self._padded and self._half):
            return None
        g, s = self._graph, self._sizes
        size = g.add("Concat", s.batch, g.integers(1), s.height, s.width, axis=0)
        inside = g.add("Expand", g.constant(np.zeros((1, 1, 1, 1), np.float32)), size)
        outside = g.constant(np.array(MASKED, np.float32))
        picture = g.add("Pad", inside, g.integers(*self._padding), outside)
        grid = g.add("Reshape", picture, self._shape("grid", 1))
        pixels = g.add("Transpose", grid, perm=[0, 2, 4, 1, 3, 5])
        return g.add("Reshape", pixels, g.integers(-1, 1, self._window**2))

    @property
    def _padded(self) -> bool:
        return self._closed and bool(self._half)

    @property
    def _before(self) -> int:
        """Pixels of nothing above and to the left of a padded picture; below and to the right there are `_half`."""
        return self._window - self._half

    @property
    def _padding(self) -> tuple[int, ...]:
        return 0, 0, self._before, self._before, 0, 0, self._half, self._half

    def _moved(self, features: str) -> str:
        """The picture so that windows begin at its upper left corner."""
        g = self._graph
        if self._padded:
            return g.add("Pad", features, g.integers(*self._padding))
        return _rolled(g, features, self._half)

    def _moved_back(self, features: str) -> str:
        g, before, half = self._graph, self._before, self._half
        if self._padded:
            return g.add("Slice", features, g.integers(before, before), g.integers(-half, -half), g.integers(2, 3))
        return _rolled(g, features, -half)

    def _shape(self, kind: str, depth: int) -> str:
        """What a reshape asks for, made once for each depth."""
        if (kind, depth) not in self._shapes:
            g, w, d = self._graph, self._graph.integers(self._window), self._graph.integers(depth)
            rows, columns = self._counts
            parts = {
                "grid": (self._sizes.batch, d, rows, w, columns, w),
                "pixels": (self._sizes.batch, rows, columns, w, w, d),
                "picture": (self._sizes.batch, d, *self._extent),
            }[kind]
            self._shapes[kind, depth] = g.add("Concat", *parts, axis=0)
        return self._shapes[kind, depth]

    @cached_property
    def _extent(self) -> tuple[str, str]:
        """Height and width of what is cut into windows."""
        g = self._graph
        if not self._padded:
            return self._sizes.height, self._sizes.width
        more = g.integers(self._window)
        return g.add("Add", self._sizes.height, more), g.add("Add", self._sizes.width, more)

    @cached_property
    def _counts(self) -> tuple[str, str]:
        """Windows in a column and in a row."""
        g, w = self._graph, self._graph.integers(self._window)
        height, width = self._extent
        return g.add("Div", height, w), g.add("Div", width, w)


def _rolled(graph: Graph, features: str, distance: int) -> str:
    """(N, D, H, W) with rows and columns rolled cyclically by -distance."""
    for axis in (2, 3) if distance else ():
        which, cut = graph.integers(axis), graph.integers(distance)
        front = graph.add("Slice", features, graph.integers(0), cut, which)
        back = graph.add("Slice", features, cut, graph.integers(END), which)
        features = graph.add("Concat", back, front, axis=axis)
    return features
