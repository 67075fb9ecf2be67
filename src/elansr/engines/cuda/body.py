"""The inference form's body on a GPU: three launches of Triton kernels a block (`elansr.engines.cuda.launches`)."""

import torch
from torch import Tensor

from elansr.engines.cuda.launches import QUERY_FACTOR, Linear, TritonLocalFeatures, TritonMerge, attention
from elansr.weights.inference import Convolution, InferenceBlock, InferenceForm


class TritonBody:
    """The blocks of a network, packed for Triton.

    Args:
        form: of the network.
        dtype: of the features; see `layers.supports`.
        closed: whether attention windows end at the border, see `FusedELAN`.
        device: where it runs.
    """

    def __init__(self, form: InferenceForm, dtype: torch.dtype, closed: bool, device: torch.device) -> None:
        self._windows, self._closed = form.config.windows, closed
        self._blocks = [_TritonBlock(block, len(self._windows), dtype, device) for block in form.blocks]

    def __call__(self, x: Tensor) -> Tensor:
        """Features of the type it was packed for, (N, H, W, C), contiguous, to the same shape; `x` stays as it is."""
        groups = len(self._windows)
        queries = x.new_empty((groups, *x.shape[:3], x.shape[3] // groups))
        values, attended = torch.empty_like(queries), torch.empty_like(queries)
        rooms = torch.empty_like(x), torch.empty_like(x)
        with torch.cuda.device_of(x):  # Triton launches on the current device
            for n, block in enumerate(self._blocks):
                out = rooms[n % 2]
                block.local(x, out, queries, values)  # a block that shares leaves the queries as they are
                attention(queries, values, attended, self._windows, block.shifted, self._closed)
                block.merge(out, attended)
                x = out
        return x


class _TritonBlock:
    """One step of LFE + GMSA but for the attention."""

    def __init__(self, block: InferenceBlock, groups: int, dtype: torch.dtype, device: torch.device) -> None:
        expand, reduce, projected, merge = (
            _linear(conv, device) for conv in (block.expand, block.reduce, block.project, block.merge)
        )
        queries, values = (None, projected) if block.shares else _split(projected, groups)
        depth = len(merge.bias) // groups
        self.shifted = block.shifted
        self.local = TritonLocalFeatures(expand, reduce, values, queries, depth, dtype)
        self.merge = TritonMerge(merge, depth, dtype)


def _linear(conv: Convolution, device: torch.device) -> Linear:
    return Linear(torch.from_numpy(conv.weight).to(device), torch.from_numpy(conv.bias).to(device))


def _split(projection: Linear, groups: int) -> tuple[Linear, Linear]:
    """What makes queries, times `QUERY_FACTOR`, and what makes values; `projection` alternates group by group."""
    weights, biases = projection.weight.chunk(2 * groups), projection.bias.chunk(2 * groups)
    queries, values = (Linear(torch.cat(weights[i::2]), torch.cat(biases[i::2])) for i in range(2))
    return Linear(queries.weight * QUERY_FACTOR, queries.bias * QUERY_FACTOR), values
