"""ELAN as an ONNX graph (arXiv 2203.06697), written node by node from its inference form.

Nothing in it depends on how PyTorch traces: no modulo, no reflection inside, sizes only where windows are counted.
Height and width are multiples of the windows' least common multiple; whoever runs the file pads the picture to them.
Attention maps are written once and used by the blocks that share them.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import numpy as np
import onnx
from numpy.typing import DTypeLike
from onnx import TensorProto

from elansr.export.onnx_graph import END, Graph, Sizes, Windows
from elansr.nn.config import SHIFT_GROUPS
from elansr.weights.inference import Convolution, InferenceBlock, InferenceForm

NEIGHBOURS = ((1, 2), (1, 0), (2, 1), (0, 1), (1, 1))
"""Where each group of the shift reads in a picture padded by one pixel: right, left, below, above, the pixel itself."""
HALF = "fp16"


def onnx_elan(
    form: InferenceForm,
    precision: Literal["fp32", "fp16"],
    closed: bool,
    size: tuple[int, int] | None,
    metadata: dict[str, str],
) -> onnx.ModelProto:
    """The model: "lr", float32 (N, colors, H, W) in [0, 1], to "sr", float32 (N, colors, H * scale, W * scale).

    Args:
        precision: of the body; logits and softmax are float32 always, and so are the ends of the network.
        closed: whether attention windows end at the border, else they continue at the opposite one.
        size: height and width, multiples of `config.multiple`; the batch is 1 then. None leaves all three open.
    """
    graph = Graph()
    sizes = Sizes.fixed(graph, 1, *size) if size else Sizes.of(graph, "lr")
    output = _Writer(graph, form, precision == HALF, closed, sizes).network("lr")
    colors, scale = form.config.colors, form.config.scale
    lr = (1, *size) if size else ("batch", "height", "width")
    sr = (1, size[0] * scale, size[1] * scale) if size else ("batch", "height_sr", "width_sr")
    return graph.model([lr[0], colors, *lr[1:]], [sr[0], colors, *sr[1:]], output, metadata)


class _Writer:
    """Adds the nodes of a network; every method takes names of values and returns one."""

    def __init__(self, graph: Graph, form: InferenceForm, half: bool, closed: bool, sizes: Sizes) -> None:
        self._graph, self._form, self._half, self._closed, self._sizes = graph, form, half, closed, sizes
        self._sides = form.config.windows
        self._depth = form.config.channels // len(self._sides)
        self._windows: dict[tuple[int, bool], Windows] = {}

    def network(self, lr: str) -> str:
        """RGB in [0, 1] to RGB."""
        g, form, maps = self._graph, self._form, list[str]()
        full = g.constant(np.array(form.config.rgb_range, np.float32))
        mean = g.constant(form.mean.reshape(1, -1, 1, 1))
        features = self._conv(g.add("Sub", g.add("Mul", lr, full), mean), form.head, np.float32)
        body = self._to_body(features)
        for block in form.blocks:
            body, maps = self._block(body, block, maps)
        body = self._from_body(body)
        pixels = self._conv(g.add("Add", features, body), form.tail, np.float32)
        picture = g.add("DepthToSpace", pixels, blocksize=form.config.scale, mode="CRD")
        return g.add("Div", g.add("Add", picture, mean), full)

    def _block(self, x: str, block: InferenceBlock, maps: list[str]) -> tuple[str, list[str]]:
        """One step of LFE and GMSA; takes the attention maps of the block before and returns its own."""
        g = self._graph
        hidden = self._pointwise(self._shifted(x, len(block.reduce.bias)), block.expand)
        local = self._pointwise(self._shifted(g.add("Relu", hidden), len(block.expand.bias)), block.reduce)
        x = g.add("Add", x, local)
        values = self._pointwise(x, block.project)
        if not block.shares:
            values, maps = self._attention_maps(values, block.shifted)
        attended = self._attend(values, maps, block.shifted)
        return g.add("Add", x, self._pointwise(attended, block.merge)), maps

    def _shifted(self, x: str, channels: int) -> str:
        """The shift of shift-conv: each group of channels is another window of the zero-padded picture."""
        g, group = self._graph, channels // SHIFT_GROUPS
        padded = g.add("Pad", x, g.integers(0, 0, 1, 1, 0, 0, 1, 1))
        cuts = [*range(0, SHIFT_GROUPS * group, group), channels]
        axes, pieces = g.integers(1, 2, 3), []
        for (first, last), (top, left) in zip(pairwise(cuts), NEIGHBOURS, strict=True):
            starts = g.integers(first, top, left)
            ends = g.integers(last, *(END if at == 2 else at - 2 for at in (top, left)))
            pieces.append(g.add("Slice", padded, starts, ends, axes))
        return g.add("Concat", *pieces, axis=1)

    def _attention_maps(self, projected: str, shifted: bool) -> tuple[str, list[str]]:
        """The values (N, C, H, W), and softmax(q @ q^T) of each group, (B, L, L)."""
        g, maps = self._graph, []
        parts = self._split(projected, 2 * len(self._sides))
        for queries, side in zip(parts[::2], self._sides, strict=True):
            windows = self._windows_of(side, shifted)
            query = self._from_body(windows.cut(queries, self._depth))
            logits = g.add("MatMul", query, g.add("Transpose", query, perm=[0, 2, 1]))
            logits = g.add("Add", logits, windows.mask) if windows.mask else logits
            maps.append(self._to_body(g.add("Softmax", logits, axis=-1)))
        return g.add("Concat", *parts[1::2], axis=1), maps

    def _attend(self, values: str, maps: Sequence[str], shifted: bool) -> str:
        """Values (N, C, H, W), each group by its map."""
        g, attended = self._graph, []
        for part, attention, side in zip(self._split(values, len(self._sides)), maps, self._sides, strict=True):
            windows = self._windows_of(side, shifted)
            attended.append(windows.join(g.add("MatMul", attention, windows.cut(part, self._depth)), self._depth))
        return g.add("Concat", *attended, axis=1)

    def _split(self, x: str, count: int) -> list[str]:
        """`count` groups of channels, each as deep as an attention group's queries."""
        g, axis = self._graph, self._graph.integers(1)
        at = [i * self._depth for i in range(count + 1)]
        return [g.add("Slice", x, g.integers(a), g.integers(b), axis) for a, b in pairwise(at)]

    def _windows_of(self, side: int, shifted: bool) -> Windows:
        key = side, shifted
        if key not in self._windows:
            self._windows[key] = Windows(self._graph, self._sizes, side, shifted, self._closed)
        return self._windows[key]

    def _pointwise(self, x: str, conv: Convolution) -> str:
        """A 1x1 convolution of the body."""
        weight = conv.weight[:, :, None, None]
        return self._conv(x, Convolution(weight, conv.bias), np.float16 if self._half else np.float32)

    def _conv(self, x: str, conv: Convolution, dtype: DTypeLike) -> str:
        # By way of float32, as PyTorch rounds to float16.
        singles = [values.astype(np.float32) for values in (conv.weight, conv.bias)]
        weight, bias = (self._graph.constant(values.astype(dtype)) for values in singles)
        side = conv.weight.shape[-1]
        return self._graph.add("Conv", x, weight, bias, kernel_shape=[side, side], pads=[side // 2] * 4)

    def _to_body(self, x: str) -> str:
        """float32 in the body's type."""
        return self._graph.add("Cast", x, to=TensorProto.FLOAT16) if self._half else x

    def _from_body(self, x: str) -> str:
        """The inverse of `_to_body`."""
        return self._graph.add("Cast", x, to=TensorProto.FLOAT) if self._half else x
