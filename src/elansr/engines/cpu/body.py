"""The inference form behind its head as calls of the native library: two a block, each one pass over the features."""

import copy

import torch
from torch import Tensor, nn

from elansr.engines.cpu.rows import PackedLayer, from_picture, pack, supports
from elansr.engines.cpu.rows_attention import QUERY_FACTOR, attention
from elansr.engines.cpu.rows_layers import LocalFeatures, layers
from elansr.engines.cpu.rows_tail import pack_tail, tail
from elansr.nn.config import ELANConfig
from elansr.nn.elan import ELAB
from elansr.nn.layers import GroupwiseSelfAttention, LocalFeatureExtraction, SharedGroupwiseSelfAttention


class RowsBody:
    """Body, long skip and tail of a network whose BatchNorm is folded, packed for this processor.

    Args:
        config: of the network.
        body: the ELABs, on the CPU; the weights are copied.
        last: the convolution of the tail.
        mean: added at the end, (1, colors, 1, 1), in the units of `rgb_range`.
        dtype: of the body's features, float32 or bfloat16; see `suits`.
    """

    def __init__(
        self, config: ELANConfig, body: nn.Sequential, last: nn.Module, mean: Tensor, dtype: torch.dtype
    ) -> None:
        self._scale, self._dtype = config.scale, dtype
        self._blocks = [block for elab in body for block in _blocks(elab, dtype)]
        assert isinstance(last, nn.Conv2d)
        assert last.bias is not None
        shift = mean.flatten().repeat_interleave(config.scale**2)
        self._tail = pack_tail(last.weight / config.rgb_range, (last.bias + shift) / config.rgb_range)

    def __call__(self, features: Tensor) -> Tensor:
        """What the head made, float32 (N, C, H, W), to float32 (N, colors, H * scale, W * scale), in [0, 1]."""
        x = from_picture(features, self._dtype)
        spare, attended = x.like(x.channels), x.like(x.channels)
        queries, values = x.like(2 * x.channels), x.like(x.channels)
        merge, form = None, None
        for block in self._blocks:
            projected = values if block.own is None else queries
            layers(x, merge, None if merge is None else attended, block.local, spare, projected)
            x, spare = spare, x
            form = block.own or form
            assert form is not None
            attention(queries, projected, attended, form.windows, form.shifted, form.closed)
            merge = block.merge
        layers(x, merge, attended, None, spare, None)
        return tail(features, spare, self._tail, self._scale)


class _Block:
    """One step of LFE + GMSA: `own` is None where it shares the attention of the step before."""

    def __init__(self, lfe: LocalFeatureExtraction, step: nn.Module, dtype: torch.dtype) -> None:
        assert isinstance(step, (GroupwiseSelfAttention, SharedGroupwiseSelfAttention))
        self.own = step if isinstance(step, GroupwiseSelfAttention) else None
        project = step.project if self.own is None else _with_scaled_queries(step.project, len(self.own.windows))
        self.local = LocalFeatures(*(_packed(conv, dtype) for conv in (lfe.expand.conv, lfe.reduce.conv, project)))
        self.merge = _packed(step.merge, dtype)


def _with_scaled_queries(project: nn.Module, groups: int) -> nn.Conv2d:
    """A projection whose outputs are, group after group, queries and values."""
    assert isinstance(project, nn.Conv2d)
    assert project.bias is not None
    scaled = copy.deepcopy(project).double()
    for values in (scaled.weight, scaled.bias):
        assert values is not None
        for group in values.detach().chunk(groups):
            group.chunk(2)[0].mul_(QUERY_FACTOR)
    return scaled


def _packed(conv: nn.Module, dtype: torch.dtype) -> PackedLayer:
    assert isinstance(conv, nn.Conv2d)
    assert conv.bias is not None
    return pack(conv.weight, conv.bias, dtype)


def _blocks(elab: nn.Module, dtype: torch.dtype) -> list[_Block]:
    assert isinstance(elab, ELAB)
    steps: list[nn.Module] = [elab.attention, *elab.shared]
    found = []
    for lfe, step in zip(elab.local, steps, strict=True):
        assert isinstance(lfe, LocalFeatureExtraction)
        found.append(_Block(lfe, step, dtype))
    return found


def suits(body: nn.Sequential, config: ELANConfig, dtype: torch.dtype) -> bool:
    """Whether the native library can run the body over rows, and nobody asked for another form of attention."""
    if not supports(config.channels, config.channels // len(config.windows), config.expansion, dtype):
        return False
    return all(isinstance(elab, ELAB) and elab.attention.form in ("auto", "native") for elab in body)
