"""The inference form behind its head as calls of the native library: two a block, each one pass over the features."""

import numpy as np
import torch
from torch import Tensor

from elansr.engines.cpu.rows import PackedLayer, from_picture, pack, supports
from elansr.engines.cpu.rows_attention import QUERY_FACTOR, attention
from elansr.engines.cpu.rows_layers import LocalFeatures, layers
from elansr.engines.cpu.rows_tail import pack_tail, tail
from elansr.nn.config import ELANConfig
from elansr.weights.inference import Convolution, InferenceBlock, InferenceForm


class RowsBody:
    """Body, long skip and tail of a network, packed for this processor.

    Args:
        form: of the network.
        dtype: of the body's features, float32 or bfloat16; see `suits`.
        closed: whether attention windows end at the border.
    """

    def __init__(self, form: InferenceForm, dtype: torch.dtype, closed: bool) -> None:
        config = form.config
        self._scale, self._windows, self._dtype, self._closed = config.scale, config.windows, dtype, closed
        self._blocks = [_RowsBlock(block, len(config.windows), dtype) for block in form.blocks]
        # In float32, as the rest of the network computes the mean.
        weight, bias = (torch.from_numpy(values).float() for values in (form.tail.weight, form.tail.bias))
        shift = torch.from_numpy(form.mean).repeat_interleave(config.scale**2)
        self._tail = pack_tail(weight / config.rgb_range, (bias + shift) / config.rgb_range)

    def __call__(self, features: Tensor) -> Tensor:
        """What the head made, float32 (N, C, H, W), to float32 (N, colors, H * scale, W * scale), in [0, 1]."""
        x = from_picture(features, self._dtype)
        spare, attended = x.like(x.channels), x.like(x.channels)
        queries, values = x.like(2 * x.channels), x.like(x.channels)
        merge = None
        for block in self._blocks:
            projected = values if block.shares else queries
            layers(x, merge, None if merge is None else attended, block.local, spare, projected)
            x, spare = spare, x
            attention(queries, projected, attended, self._windows, block.shifted, self._closed)
            merge = block.merge
        layers(x, merge, attended, None, spare, None)
        return tail(features, spare, self._tail, self._scale)


class _RowsBlock:
    """One step of LFE + GMSA."""

    def __init__(self, block: InferenceBlock, groups: int, dtype: torch.dtype) -> None:
        self.shares, self.shifted = block.shares, block.shifted
        expand, reduce, project, merge = (
            _rounded(conv, dtype) for conv in (block.expand, block.reduce, block.project, block.merge)
        )
        project = project if block.shares else _with_scaled_queries(project, groups)
        self.local = LocalFeatures(*(_packed(conv, dtype) for conv in (expand, reduce, project)))
        self.merge = _packed(merge, dtype)


def _rounded(conv: Convolution, dtype: torch.dtype) -> Convolution:
    """With numbers that `dtype` has."""
    weight, bias = (torch.from_numpy(values).to(dtype).double().numpy() for values in (conv.weight, conv.bias))
    return Convolution(weight, bias)


def _with_scaled_queries(project: Convolution, groups: int) -> Convolution:
    """A projection whose outputs are, group after group, queries and values."""
    factors = np.repeat(np.tile([QUERY_FACTOR, 1.0], groups), len(project.bias) // (2 * groups))
    return Convolution(project.weight * factors[:, None], project.bias * factors)


def _packed(conv: Convolution, dtype: torch.dtype) -> PackedLayer:
    return pack(torch.from_numpy(conv.weight), torch.from_numpy(conv.bias), dtype)


def suits(config: ELANConfig, dtype: torch.dtype) -> bool:
    """Whether the native library can run the body over rows."""
    return supports(config.channels, config.channels // len(config.windows), config.expansion, dtype)
