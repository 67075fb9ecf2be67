"""Window attention with a symmetric embedding, `softmax(q @ q^T) @ v` (arXiv 2203.06697, section 3.3).

One projection serves as query and key. The logits are not scaled by 1/sqrt(d), there is no position bias and no mask.
The attention of a block is a function of values: it is made once, from the block's queries, and applied to the values
of every block that shares it (section 3.4).
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from elansr.nn.ops import from_windows, roll, to_windows

Attention = Callable[[Tensor], Tensor]
"""Maps values to attended values of the same shape."""


def group_attention(projected: Tensor, windows: Sequence[int], shifted: bool) -> tuple[Tensor, Attention]:
    """The attention of channel groups, each within windows of its own size.

    Args:
        projected: (N, H, W, 2C): group after group, its C/K queries and its C/K values; H and W are multiples of every
            window.
        windows: side of the windows of each of the K groups, in pixels.
        shifted: whether windows lie half a window further down and right; they continue at the opposite border.

    Returns:
        The attended values (N, H, W, C), group after group, and the attention, for other values (N, H, W, C).
    """
    height, width = projected.shape[1:3]
    distances = [window // 2 if shifted else 0 for window in windows]

    def cut(features: Tensor) -> list[Tensor]:
        groups = zip(features.chunk(len(windows), dim=-1), windows, distances, strict=True)
        return [to_windows(roll(group, distance), window) for group, window, distance in groups]

    def attend(values: Sequence[Tensor]) -> Tensor:
        groups = zip(attentions, values, distances, strict=True)
        pictures = [roll(from_windows(a(v), height, width), -distance) for a, v, distance in groups]
        return torch.cat(pictures, dim=-1)

    queries, values = zip(*(group.chunk(2, dim=-1) for group in cut(projected)), strict=True)
    attentions = [window_attention(query) for query in queries]
    return attend(values), lambda other_values: attend(cut(other_values))


def window_attention(query: Tensor) -> Attention:
    """The attention that `query` defines over each window, computed in the faster of two ways.

    On a CPU the backward pass of SDPA is slow for windows this small: training there writes the attention maps.

    Args:
        query: (B, L, D): B windows of L pixels with D channels, float of any range.

    Returns:
        A function from values (B, L, D) to (B, L, D).
    """
    trains_on_cpu = query.device.type == "cpu" and torch.is_grad_enabled() and query.requires_grad
    return attention_by_maps(query) if trains_on_cpu else attention_by_sdpa(query)


def attention_by_maps(query: Tensor) -> Attention:
    """`window_attention` that writes the attention maps (B, L, L), once for all values."""
    attention_map = _attention_map(query)
    return lambda values: attention_map @ values


def attention_by_sdpa(query: Tensor) -> Attention:
    """`window_attention` that never writes the maps and computes them anew for each values."""
    q = query.unsqueeze(1)
    return lambda values: F.scaled_dot_product_attention(q, q, values.unsqueeze(1), scale=1.0).squeeze(1)


class _AttentionMap(torch.autograd.Function):
    """softmax(q @ q^T): (B, L, D) to (B, L, L), both of any float type.

    Logits and softmax are computed in float32 at least: the logits are unscaled and reach the hundreds. Only the map
    is kept for the gradient, in the type of the query: with A the map and G its gradient, the logits' is
    S = A * (G - rowsum(A * G)), and the query's (S + S^T) @ q.
    """

    @staticmethod
    def forward(ctx: Any, query: Tensor) -> Tensor:
        with torch.autocast(query.device.type, enabled=False):
            q = query.to(torch.promote_types(query.dtype, torch.float32))
            attention_map = torch.softmax(q @ q.mT, dim=-1).to(query.dtype)
        ctx.save_for_backward(query, attention_map)
        return attention_map

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        query, attention_map = ctx.saved_tensors
        logits = torch.ops.aten._softmax_backward_data(gradient, attention_map, -1, attention_map.dtype)
        return logits @ query + logits.mT @ query


_attention_map: Callable[[Tensor], Tensor] = _AttentionMap.apply
