"""The shift of shift-conv in one pass over the features, alone or after a ReLU, with its gradient."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from elansr.engines.cpu import bindings
from elansr.engines.cpu.training.native_attention import TYPES


def shift(x: Tensor, rectified: bool = False) -> Tensor:
    """Shifts channel groups as `elansr.nn.ops.shift` defines it; differentiable once.

    Args:
        x: (N, H, W, C), float32 or bfloat16, on the CPU (`elansr.engines.cpu.training.native_attention.takes`), C >= 5.
        rectified: shift max(x, 0) instead.

    Returns:
        The same shape and type.
    """
    if torch.is_grad_enabled() and x.requires_grad:
        return _shift(x, rectified)
    return _run(x, 1, rectified, None)


class _NativeShift(torch.autograd.Function):
    """The gradient comes back the other way, and passes where the ReLU let something through."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, rectified: bool) -> Tensor:
        x = x.contiguous()
        ctx.save_for_backward(x if rectified else None)
        return _run(x, 1, rectified, None)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        return _run(gradient if x is None else gradient.to(x.dtype), -1, False, x), None


_shift: Callable[[Tensor, bool], Tensor] = _NativeShift.apply


def _run(x: Tensor, way: int, rectified: bool, mask: Tensor | None) -> Tensor:
    x = x.contiguous()
    out = torch.empty_like(x)
    pointers = (x.data_ptr(), None if mask is None else mask.data_ptr(), out.data_ptr())
    call = bindings.ShiftCall(*pointers, *x.shape, way, rectified, TYPES[x.dtype], torch.get_num_threads())
    bindings.call("shift", call)
    return out
