"""Window attention `softmax(q q^T) v` of all channel groups in one call of the native library, with its gradient.

Windows and their cyclic shift are addresses: nothing is cut out, rolled or put together in memory, and the maps of
L x L weights never leave the processor's cache. The backward pass makes them anew from the queries.

Features are (N, H, W, C), contiguous. float32 is computed in float32; bfloat16 is multiplied as it is, summed in
float32 and rounded once at the end, logits and softmax being float32.
"""

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from elansr.engines.cpu import bindings
from elansr.engines.cpu.bindings import LEVELS, MOST_GROUPS, Function
from elansr.errors import ConfigError, DeviceError

TYPES = {torch.float32: 0, torch.bfloat16: 1}


def takes(x: Tensor) -> bool:
    """Whether `attend` can work on features like `x`: the library is available, `x` on the CPU and of its types.

    Not while torch.compile or torch.export traces the network: neither sees into it.
    """
    if torch.compiler.is_compiling():
        return False
    return bindings.available() and x.device.type == "cpu" and x.dtype in TYPES


def attend(q: Tensor, v: Tensor, windows: Sequence[int], shifted: bool) -> Tensor:
    """Attends within the windows of each channel group; differentiable once, by q and by v.

    The result is the same, bit for bit, on any number of threads.

    Args:
        q: (N, H, W, 2C), which the library `takes`: group after group, its queries, which are its keys too, and its
            values.
        v: the values: `q` itself, or (N, H, W, C) of the same type, group after group.
        windows: side of the windows of each group, in pixels.
        shifted: whether each group's windows lie half a window further down and to the right.

    Returns:
        (N, H, W, C) of the type of `q`, group after group.

    Raises:
        ConfigError: H or W is no multiple of a window, or there are more than `MOST_GROUPS` of these.
        DeviceError: there is no native library.
        MemoryError: there is not enough memory.
    """
    height, width = q.shape[1:3]
    if len(windows) > MOST_GROUPS or any(height % window or width % window for window in windows):
        rule = f"must be multiples of the windows {tuple(windows)}, which are {MOST_GROUPS} at most"
        raise ConfigError(f"native attention: {height} x {width} pixels: {rule}")
    level = bindings.level()
    if level is None:
        raise DeviceError(f"native attention is not available: {bindings.reason()}")
    plan = _Plan(tuple(windows), shifted, LEVELS.index(level))
    if torch.is_grad_enabled() and (q.requires_grad or v.requires_grad):
        return _attend(q, None if v is q else v, plan)
    return plan.forward(q.contiguous(), None if v is q else v.contiguous())


class _Attend(torch.autograd.Function):
    """`_Plan` with its gradient; without `v` the values are channels of `q`."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, v: Tensor | None, plan: "_Plan") -> Tensor:
        q = q.contiguous()
        v = None if v is None else v.contiguous()
        ctx.plan = plan
        ctx.save_for_backward(q, v)
        return plan.forward(q, v)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor | None, None]:
        q, v = ctx.saved_tensors
        dq, dv = ctx.plan.backward(q, v, gradient.to(q.dtype).contiguous())
        return dq, dv, None


_attend: Callable[[Tensor, Tensor | None, "_Plan"], Tensor] = _Attend.apply


@dataclass(frozen=True)
class _Plan:
    """Everything but the features; the level by its number. Without `v` the values are channels of `q`."""

    windows: tuple[int, ...]
    shifted: bool
    level: int

    def forward(self, q: Tensor, v: Tensor | None) -> Tensor:
        out = q.new_empty((*q.shape[:-1], q.shape[-1] // 2))
        self._run("attention_forward", q, v, out=out.data_ptr())
        return out

    def backward(self, q: Tensor, v: Tensor | None, gradient: Tensor) -> tuple[Tensor, Tensor | None]:
        """The gradients by q and v; by q alone where it holds the values."""
        dq = torch.empty_like(q) if v is None else torch.zeros_like(q)  # of values that are not used
        dv = None if v is None else torch.empty_like(v)
        pointers = {"q_gradient": dq.data_ptr(), "v_gradient": (dq if dv is None else dv).data_ptr()}
        self._run("attention_backward", q, v, out_gradient=gradient.data_ptr(), **pointers)
        return dq, dv

    def _run(self, function: Function, q: Tensor, v: Tensor | None, **pointers: int) -> None:
        if not q.numel():
            return
        groups, channels = len(self.windows), q.shape[-1] // 2
        depth = channels // groups
        numbers = ctypes.c_int64 * groups
        windows = numbers(*self.windows)
        q_offsets = numbers(*(2 * depth * group for group in range(groups)))
        v_offsets = numbers(*(depth * (2 * group + 1 if v is None else group) for group in range(groups)))
        call = bindings.AttentionCall(
            **pointers,
            q=q.data_ptr(),
            v=(q if v is None else v).data_ptr(),
            **dict(zip(("pictures", "height", "width", "q_channels"), q.shape, strict=True)),
            v_channels=(q if v is None else v).shape[-1],
            out_channels=channels,
            depth=depth,
            windows=ctypes.addressof(windows),
            q_offsets=ctypes.addressof(q_offsets),
            v_offsets=ctypes.addressof(v_offsets),
            groups=groups,
            shifted=self.shifted,
            type=TYPES[q.dtype],
            level=self.level,
            threads=torch.get_num_threads(),
        )
        bindings.call(function, call)
