"""Window attention `softmax(q q^T) v` of all channel groups in one call of the native library, with its gradient.

Windows and their cyclic shift are addresses: nothing is cut out, rolled or put together in memory, and the maps of
L x L weights never leave the processor's cache. The backward pass makes them anew from the queries.

Features are (N, H, W, C), contiguous. float32 is computed in float32; bfloat16 is multiplied as it is, summed in
float32 and rounded once at the end, logits and softmax being float32.
"""

import ctypes
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from elansr.engines.cpu import bindings
from elansr.engines.cpu.bindings import LEVELS, MOST_GROUPS, Function, Level
from elansr.errors import ConfigError, DeviceError

TYPES = {torch.float32: 0, torch.bfloat16: 1}


def takes(x: Tensor) -> bool:
    """Whether `attend` can work on features like `x`: the library is available, `x` on the CPU and of its types.

    Not while torch.compile or torch.export traces the network: neither sees into it.
    """
    if torch.compiler.is_compiling():
        return False
    return bindings.available() and x.device.type == "cpu" and x.dtype in TYPES


def attend(
    q: Tensor,
    v: Tensor,
    q_offsets: Sequence[int],
    v_offsets: Sequence[int],
    depth: int,
    windows: Sequence[int],
    shifted: bool,
    *,
    level: Level | None = None,
) -> Tensor:
    """Attends within the windows of each channel group; differentiable once, by q and by v.

    Group k has the queries `q[..., q_offsets[k] : q_offsets[k] + depth]`, which are its keys too, the values
    `v[..., v_offsets[k] : v_offsets[k] + depth]`, and windows of side `windows[k]`. `q` and `v` may be the same
    tensor; the result is the same, bit for bit, on any number of threads.

    Args:
        q: (N, H, W, Cq), float32 or bfloat16, on the CPU; H and W multiples of every window.
        v: (N, H, W, Cv), of the same type.
        q_offsets: the first query channel of each group.
        v_offsets: the first value channel of each group.
        depth: channels of a group.
        windows: side of the windows of each group, in pixels.
        shifted: whether each group's windows lie half a window further down and to the right.
        level: instructions to use instead of those that `bindings.level` names.

    Returns:
        (N, H, W, depth * groups) of the type of `q`.

    Raises:
        ConfigError: shapes, types, offsets or windows that do not go together, or a level this machine has not.
        DeviceError: there is no native library, or not enough memory.
    """
    plan = _Plan(tuple(q_offsets), tuple(v_offsets), depth, tuple(windows), bool(shifted), _number(level))
    plan.check(q, v)
    if torch.is_grad_enabled() and (q.requires_grad or v.requires_grad):
        return _attend(q, None if v is q else v, plan)
    return plan.forward(q.contiguous(), v.contiguous())


def _number(level: Level | None) -> int:
    found = bindings.level() if level is None else bindings.checked_level(level)
    if found is None:
        raise DeviceError(f"native attention is not available: {bindings.reason()}")
    return LEVELS.index(found)


class _Attend(torch.autograd.Function):
    """`_Plan` with its gradient; without `v` the values are channels of `q`."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, v: Tensor | None, plan: "_Plan") -> Tensor:
        q = q.contiguous()
        v = None if v is None else v.contiguous()
        ctx.plan = plan
        ctx.save_for_backward(q, v)
        return plan.forward(q, q if v is None else v)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor | None, None]:
        q, v = ctx.saved_tensors
        dq, dv = ctx.plan.backward(q, v, gradient.to(q.dtype).contiguous())
        return dq, dv, None


_attend: Callable[[Tensor, Tensor | None, "_Plan"], Tensor] = _Attend.apply


@dataclass(frozen=True)
class _Plan:
    """Everything but the features; fields as the arguments of `attend`, `level` by its number."""

    q_offsets: tuple[int, ...]
    v_offsets: tuple[int, ...]
    depth: int
    windows: tuple[int, ...]
    shifted: bool
    level: int

    def forward(self, q: Tensor, v: Tensor) -> Tensor:
        out = q.new_empty((*q.shape[:-1], self.depth * len(self.windows)))
        self._run("attention_forward", q, v, out=out.data_ptr())
        return out

    def backward(self, q: Tensor, v: Tensor | None, gradient: Tensor) -> tuple[Tensor, Tensor | None]:
        """The gradients by q and v, zero outside the channels of the groups; by q alone where it holds the values."""
        used = self.depth * len(self.windows)
        dq = _gradient_like(q, used if v is not None else 2 * used)
        dv = None if v is None else _gradient_like(v, used)
        self._run(
            "attention_backward",
            q,
            q if v is None else v,
            out_gradient=gradient.data_ptr(),
            q_gradient=dq.data_ptr(),
            v_gradient=(dq if dv is None else dv).data_ptr(),
        )
        return dq, dv

    def _run(self, function: Function, q: Tensor, v: Tensor, **pointers: int) -> None:
        if not q.numel():
            return
        groups = len(self.windows)
        numbers = ctypes.c_int64 * groups
        windows = numbers(*self.windows)
        q_offsets, v_offsets = numbers(*self.q_offsets), numbers(*self.v_offsets)
        call = bindings.AttentionCall(
            **pointers,
            q=q.data_ptr(),
            v=v.data_ptr(),
            **dict(zip(("pictures", "height", "width", "q_channels"), q.shape, strict=True)),
            v_channels=v.shape[-1],
            out_channels=self.depth * groups,
            depth=self.depth,
            windows=ctypes.addressof(windows),
            q_offsets=ctypes.addressof(q_offsets),
            v_offsets=ctypes.addressof(v_offsets),
            groups=groups,
            shifted=self.shifted,
            closed=False,
            type=TYPES[q.dtype],
            level=self.level,
            threads=torch.get_num_threads(),
        )
        bindings.call(function, call)

    def check(self, q: Tensor, v: Tensor) -> None:
        """Raises ConfigError, in one line, for what the library must not be called with."""
        groups = len(self.windows)
        _require(
            1 <= groups <= MOST_GROUPS and len(self.q_offsets) == len(self.v_offsets) == groups,
            f"{groups} windows, {len(self.q_offsets)} q_offsets, {len(self.v_offsets)} v_offsets: "
            f"must be as many of each, from 1 to {MOST_GROUPS}",
        )
        numbers = (*self.q_offsets, *self.v_offsets, self.depth, *self.windows)
        _require(all(type(n) is int for n in numbers), f"offsets, depth and windows {numbers}: must be whole numbers")
        _require(self.depth >= 1 and min(self.windows) >= 1, f"depth={self.depth}, windows={self.windows}: at least 1")
        for name, x, offsets in (("q", q, self.q_offsets), ("v", v, self.v_offsets)):
            _require(x.ndim == 4, f"{name} of shape {tuple(x.shape)}: must be (N, H, W, C)")
            _require(x.device.type == "cpu", f"{name} on {x.device}: native attention works on the CPU")
            _require(x.dtype in TYPES, f"{name} of {x.dtype}: must be torch.float32 or torch.bfloat16")
            self._check_offsets(name, offsets, x.shape[-1])
        if v is q:
            self._check_offsets("q and v", self.q_offsets + self.v_offsets, q.shape[-1])
        _require(q.dtype == v.dtype, f"q of {q.dtype} and v of {v.dtype}: must be the same")
        _require(q.shape[:3] == v.shape[:3], f"q {tuple(q.shape)} and v {tuple(v.shape)}: must agree in N, H, W")
        height, width = q.shape[1:3]
        _require(
            not any(height % w or width % w for w in self.windows),
            f"{height} x {width} pixels: must be multiples of the windows {self.windows}",
        )

    def _check_offsets(self, name: str, offsets: tuple[int, ...], channels: int) -> None:
        """Groups must lie inside the channels and apart, since each writes its gradient there."""
        ordered = sorted(offsets)
        apart = all(b - a >= self.depth for a, b in itertools.pairwise(ordered))
        _require(
            ordered[0] >= 0 and ordered[-1] + self.depth <= channels and apart,
            f"offsets {offsets} of {name}: groups of {self.depth} must not overlap and must end within {channels} "
            "channels",
        )


def _gradient_like(x: Tensor, written: int) -> Tensor:
    """Room for the gradient of `x`; the library writes so many channels, and where that is all, zeros are spared."""
    return torch.empty_like(x) if written == x.shape[-1] else torch.zeros_like(x)


def _require(holds: bool, rule: str) -> None:
    if not holds:
        raise ConfigError(f"native attention: {rule}")
