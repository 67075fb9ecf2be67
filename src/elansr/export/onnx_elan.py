"""ELAN as an ONNX graph (arXiv 2203.06697), written node by node from its inference form.

Nothing in it depends on how PyTorch traces: no modulo, no reflection inside, sizes only where windows are counted.
Height and width are multiples of the windows' least common multiple; what lies beyond the picture is padded by who runs
it.
Attention maps are written once and used by the blocks that share them.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto
from torch import Tensor, nn

from elansr.engines.fused import FusedELAN
from elansr.export.graph import END, Graph
from elansr.export.windows import Sizes, Windows
from elansr.nn.config import SHIFT_GROUPS
from elansr.nn.elan import ELAB, ELAN
from elansr.nn.layers import GroupwiseSelfAttention, LocalFeatureExtraction, SharedGroupwiseSelfAttention

NEIGHBOURS = ((1, 2), (1, 0), (2, 1), (0, 1), (1, 1))
"""Where each group of the shift reads in a picture padded by one pixel: right, left, below, above, the pixel itself."""
ELEMENT = {torch.float32: TensorProto.FLOAT, torch.float16: TensorProto.FLOAT16}


def onnx_elan(
    network: ELAN, dtype: torch.dtype, closed: bool, size: tuple[int, int] | None, metadata: dict[str, str]
) -> onnx.ModelProto:
    """The model: "lr", float32 (N, colors, H, W) in [0, 1], to "sr", float32 (N, colors, H * scale, W * scale).

    Args:
        network: any ELAN.
        dtype: of the body, float32 or float16; logits and softmax are float32 always.
        closed: whether attention windows end at the border, see `FusedELAN`.
        size: height and width, multiples of `config.multiple`; the batch is 1 then. None leaves all three open.
        metadata: what the file says about itself.
    """
    fused, graph = FusedELAN(network, dtype, closed), Graph()
    sizes = Sizes.fixed(graph, 1, *size) if size else Sizes.of(graph, "lr")
    output = _Writer(graph, fused, sizes).network("lr")
    colors, scale = fused.config.colors, fused.config.scale
    lr = (1, *size) if size else ("batch", "height", "width")
    sr = (1, size[0] * scale, size[1] * scale) if size else ("batch", "height_sr", "width_sr")
    return graph.model([lr[0], colors, *lr[1:]], [sr[0], colors, *sr[1:]], output, metadata)


class _Writer:
    """Adds the nodes of a network; every method takes names of values and returns one."""

    def __init__(self, graph: Graph, fused: FusedELAN, sizes: Sizes) -> None:
        self._graph, self._fused, self._sizes = graph, fused, sizes
        self._windows: dict[tuple[int, bool], Windows] = {}

    def network(self, lr: str) -> str:
        """RGB in [0, 1] to RGB."""
        g, config = self._graph, self._fused.config
        full, mean = g.constant(np.array(config.rgb_range, np.float32)), g.constant(_array(self._fused.mean))
        features = self._conv(g.add("Sub", g.add("Mul", lr, full), mean), self._fused.head)
        body = self._cast(features, self._fused.dtype, torch.float32)
        for elab in self._fused.body:
            assert isinstance(elab, ELAB)
            body = self._elab(body, elab)
        body = self._cast(body, torch.float32, self._fused.dtype)
        pixels = self._conv(g.add("Add", features, body), self._fused.tail[0])
        picture = g.add("DepthToSpace", pixels, blocksize=config.scale, mode="CRD")
        return g.add("Div", g.add("Add", picture, mean), full)

    def _elab(self, x: str, elab: ELAB) -> str:
        """`n_share + 1` steps of LFE and GMSA that use one attention."""
        g, maps = self._graph, list[str]()
        for local, step in zip(elab.local, [elab.attention, *elab.shared], strict=True):
            assert isinstance(local, LocalFeatureExtraction)
            assert isinstance(step, (GroupwiseSelfAttention, SharedGroupwiseSelfAttention))
            x = g.add("Add", x, self._local(x, local))
            projected = self._conv(x, step.project)
            if isinstance(step, GroupwiseSelfAttention):
                projected, maps = self._attention_maps(projected, step)
            attended = self._attend(projected, maps, elab.attention)
            x = g.add("Add", x, self._conv(attended, step.merge))
        return x

    def _local(self, x: str, local: LocalFeatureExtraction) -> str:
        channels = local.expand.conv.in_channels, local.reduce.conv.in_channels
        hidden = self._conv(self._shifted(x, channels[0]), local.expand.conv)
        return self._conv(self._shifted(self._graph.add("Relu", hidden), channels[1]), local.reduce.conv)

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

    def _attention_maps(self, projected: str, step: GroupwiseSelfAttention) -> tuple[str, list[str]]:
        """The values (N, C, H, W), and softmax(q @ q^T) of each group, (B, L, L)."""
        g, dtype = self._graph, self._fused.dtype
        depth = self._fused.config.channels // len(step.windows)
        parts = self._split(projected, 2 * len(step.windows), depth)
        maps = []
        for group, window in enumerate(step.windows):
            windows = self._windows_of(window, step.shifted)
            query = self._cast(windows.cut(parts[2 * group], depth), torch.float32, dtype)
            logits = g.add("MatMul", query, g.add("Transpose", query, perm=[0, 2, 1]))
            logits = g.add("Add", logits, windows.mask) if windows.mask else logits
            maps.append(self._cast(g.add("Softmax", logits, axis=-1), dtype, torch.float32))
        return g.add("Concat", *parts[1::2], axis=1), maps

    def _attend(self, values: str, maps: Sequence[str], step: GroupwiseSelfAttention) -> str:
        """Values (N, C, H, W), each group by its map."""
        g, depth = self._graph, self._fused.config.channels // len(step.windows)
        attended = []
        for part, attention, window in zip(
            self._split(values, len(step.windows), depth), maps, step.windows, strict=True
        ):
            windows = self._windows_of(window, step.shifted)
            attended.append(windows.join(g.add("MatMul", attention, windows.cut(part, depth)), depth))
        return g.add("Concat", *attended, axis=1)

    def _split(self, x: str, count: int, depth: int) -> list[str]:
        """`count` groups of `depth` channels."""
        g, axis = self._graph, self._graph.integers(1)
        at = [i * depth for i in range(count + 1)]
        return [g.add("Slice", x, g.integers(a), g.integers(b), axis) for a, b in pairwise(at)]

    def _windows_of(self, window: int, shifted: bool) -> Windows:
        key = window, shifted
        if key not in self._windows:
            self._windows[key] = Windows(self._graph, self._sizes, window, shifted, self._fused.closed)
        return self._windows[key]

    def _conv(self, x: str, conv: nn.Module) -> str:
        assert isinstance(conv, nn.Conv2d)
        assert conv.bias is not None
        weight, bias = (self._graph.constant(_array(values)) for values in (conv.weight, conv.bias))
        side = conv.kernel_size[0]
        return self._graph.add("Conv", x, weight, bias, kernel_shape=[side, side], pads=[side // 2] * 4)

    def _cast(self, x: str, to: torch.dtype, of: torch.dtype) -> str:
        return x if to == of else self._graph.add("Cast", x, to=ELEMENT[to])


def _array(values: Tensor) -> NDArray[np.floating]:
    return values.detach().numpy()
