"""Window attention with a symmetric embedding: `softmax(q @ q^T) @ v` (arXiv 2203.06697, section 3.3).

One projection serves as query and key. The logits are not scaled by 1/sqrt(d), there is no position bias and no mask.
Because blocks may share the attention of the block before (section 3.4), it is a function of the values: made once
from the queries, applied to as many values as there are blocks.
"""

from collections.abc import Callable
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from elansr.errors import ConfigError

AttentionForm = Literal["auto", "native", "reference", "sdpa"]
Attend = Callable[[Tensor], Tensor]
"""Maps values (B, L, D) to attended values (B, L, D)."""


def window_attention(query: Tensor, form: AttentionForm = "auto", inside: Tensor | None = None) -> Attend:
    """The attention that `query` defines over each window, ready to be applied to values.

    Args:
        query: (B, L, D): B windows of L pixels with D channels, float of any range.
        form: "reference" writes the attention maps (B, L, L) once; "sdpa" never writes them and computes them anew
            for each application; "auto" takes the faster: on a CPU the backward pass of SDPA is slow for windows
            this small, so training there uses the maps; everything else uses SDPA.
        inside: bool (B, L), the pixels that are attended to, at least one a window; None: all of them.

    Returns:
        A function from values (B, L, D) to (B, L, D).

    Raises:
        ConfigError: an unknown form.
    """
    if form == "auto":
        trains_on_cpu = query.device.type == "cpu" and torch.is_grad_enabled() and query.requires_grad
        form = "reference" if trains_on_cpu else "sdpa"
    if form not in _FORMS:
        raise ConfigError(f"attention form {form!r}: must be auto, native, {' or '.join(_FORMS)}")
    return _FORMS[form](query, inside)


def _materialised(query: Tensor, inside: Tensor | None) -> Attend:
    attention_map = _attention_map(query, inside)
    return lambda values: attention_map @ values


class _AttentionMap(torch.autograd.Function):
    """softmax(q @ q^T): (B, L, D) to (B, L, L), both of any float type.

    Logits and softmax are computed in float32 at least: the logits are unscaled and reach the hundreds. Only the map
    is kept for the gradient, in the type of the query: with A the map and G its gradient, the logits' is
    S = A * (G - rowsum(A * G)), and the query's (S + S^T) @ q.
    """

    @staticmethod
    def forward(ctx: Any, query: Tensor, inside: Tensor | None) -> Tensor:
        with torch.autocast(query.device.type, enabled=False):
            q = query.to(torch.promote_types(query.dtype, torch.float32))
            logits = q @ q.mT
            if inside is not None:
                logits.masked_fill_(~inside.unsqueeze(1), -torch.inf)
            attention_map = torch.softmax(logits, dim=-1).to(query.dtype)
        ctx.save_for_backward(query, attention_map)
        return attention_map

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        query, attention_map = ctx.saved_tensors
        logits = torch.ops.aten._softmax_backward_data(gradient, attention_map, -1, attention_map.dtype)
        return logits @ query + logits.mT @ query, None


_attention_map: Callable[[Tensor, Tensor | None], Tensor] = _AttentionMap.apply


def _sdpa(query: Tensor, inside: Tensor | None) -> Attend:
    q, mask = query.unsqueeze(1), None if inside is None else inside[:, None, None, :]
    return lambda values: F.scaled_dot_product_attention(q, q, values.unsqueeze(1), mask, scale=1.0).squeeze(1)


_FORMS: dict[str, Callable[[Tensor, Tensor | None], Attend]] = {"reference": _materialised, "sdpa": _sdpa}
