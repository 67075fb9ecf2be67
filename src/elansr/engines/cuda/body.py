"""The inference form's body on a GPU: three launches of Triton kernels a block (`elansr.engines.cuda`)."""

import torch
from torch import Tensor, nn

from elansr.engines.cuda.layers import QUERY_FACTOR, Linear, LocalFeatures, Merge, attention, supports
from elansr.nn.config import ELANConfig
from elansr.nn.elan import ELAB
from elansr.nn.layers import GroupwiseSelfAttention, LocalFeatureExtraction, SharedGroupwiseSelfAttention


class TritonBody:
    """The body of a network whose BatchNorm is folded, packed for Triton.

    Args:
        config: of the network.
        body: the ELABs, on the device where it runs; the weights are copied.
        dtype: of the features; see `suits`.
    """

    def __init__(self, config: ELANConfig, body: nn.Sequential, dtype: torch.dtype) -> None:
        self._groups = len(config.windows)
        self._blocks = [block for elab in body for block in _blocks(elab, self._groups, dtype)]

    def __call__(self, x: Tensor) -> Tensor:
        """Features of the type it was packed for, (N, H, W, C), contiguous, to the same shape; `x` stays as it is."""
        queries = x.new_empty((self._groups, *x.shape[:3], x.shape[3] // self._groups))
        values, attended = torch.empty_like(queries), torch.empty_like(queries)
        rooms = torch.empty_like(x), torch.empty_like(x)
        form = None
        with torch.cuda.device_of(x):  # Triton launches on the current device
            for n, block in enumerate(self._blocks):
                out = rooms[n % 2]
                block.local(x, out, queries, values)
                form = block.own or form
                assert form is not None
                attention(queries, values, attended, form.windows, form.shifted, form.closed)
                block.merge(out, attended)
                x = out
        return x


class _Block:
    """One step of LFE + GMSA: `own` is None where it shares the attention of the step before."""

    def __init__(self, lfe: LocalFeatureExtraction, step: nn.Module, groups: int, dtype: torch.dtype) -> None:
        assert isinstance(step, (GroupwiseSelfAttention, SharedGroupwiseSelfAttention))
        self.own = step if isinstance(step, GroupwiseSelfAttention) else None
        projected, merge = _linear(step.project), _linear(step.merge)
        queries, values = (None, projected) if self.own is None else _split(projected, groups)
        depth = len(merge.bias) // groups
        self.local = LocalFeatures(_linear(lfe.expand.conv), _linear(lfe.reduce.conv), values, queries, depth, dtype)
        self.merge = Merge(merge, depth, dtype)


def _linear(conv: nn.Module) -> Linear:
    assert isinstance(conv, nn.Conv2d)
    assert conv.bias is not None
    return Linear(conv.weight.detach().flatten(1), conv.bias.detach())


def _split(projection: Linear, groups: int) -> tuple[Linear, Linear]:
    """What makes queries, times `QUERY_FACTOR`, and what makes values; `projection` alternates group by group."""
    weights, biases = projection.weight.chunk(2 * groups), projection.bias.chunk(2 * groups)
    queries, values = (Linear(torch.cat(weights[i::2]), torch.cat(biases[i::2])) for i in range(2))
    return Linear(queries.weight.double() * QUERY_FACTOR, queries.bias.double() * QUERY_FACTOR), values


def _blocks(elab: nn.Module, groups: int, dtype: torch.dtype) -> list[_Block]:
    assert isinstance(elab, ELAB)
    steps: list[nn.Module] = [elab.attention, *elab.shared]
    found = []
    for lfe, step in zip(elab.local, steps, strict=True):
        assert isinstance(lfe, LocalFeatureExtraction)
        found.append(_Block(lfe, step, groups, dtype))
    return found


def suits(body: nn.Sequential, config: ELANConfig, dtype: torch.dtype) -> bool:
    """Whether there are kernels for the body, and nobody asked for another form of attention."""
    if not supports(config.channels, config.windows, dtype):
        return False
    return all(isinstance(elab, ELAB) and elab.attention.form == "auto" for elab in body)
