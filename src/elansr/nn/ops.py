"""The tensor operations of ELAN that have no parameters, in inverse pairs where an inverse exists.

Pictures are (N, C, H, W). Features are (N, H, W, C): a 1x1 convolution is then one matrix product over all pixels, and
windows and shifts move whole pixels, which on a CPU makes a training step about 1.5 times as fast.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from elansr.nn.config import SHIFT_GROUPS


def reflected_indices(size: int, before: int, after: int, device: torch.device | None = None) -> Tensor:
    """Source index of every sample of an axis padded by reflection, as `numpy.pad(mode="reflect")` defines it.

    Reflections repeat as often as needed; an axis of one sample repeats that sample.

    Args:
        size: samples on the axis, at least 1.
        before: samples to add in front, at least 0.
        after: samples to add behind, at least 0.
        device: where the result lives.

    Returns:
        int64, (before + size + after,), values in 0 .. size - 1.
    """
    period = max(2 * (size - 1), 1)
    index = torch.arange(-before, size + after, device=device) % period
    return torch.minimum(index, period - index) if size > 1 else torch.zeros_like(index)


def pad(x: Tensor, left: int, right: int, top: int, bottom: int) -> Tensor:
    """Reflects `x` past its border, as often as needed; `crop` undoes it.

    Args:
        x: (N, C, H, W).
        left, right, top, bottom: pixels to add on each side, at least 0.

    Returns:
        (N, C, top + H + bottom, left + W + right).
    """
    if not (left or right or top or bottom):
        return x
    height, width = x.shape[-2:]
    if max(left, right) < width and max(top, bottom) < height:
        return F.pad(x, (left, right, top, bottom), mode="reflect")
    rows = reflected_indices(height, top, bottom, x.device)
    columns = reflected_indices(width, left, right, x.device)
    return x.index_select(-2, rows).index_select(-1, columns)


def crop(x: Tensor, left: int, top: int, height: int, width: int) -> Tensor:
    """The `height` x `width` pixels of `x` that begin at column `left`, row `top`; the inverse of `pad`."""
    return x[..., top : top + height, left : left + width]


def pad_to_multiple(x: Tensor, multiple: int) -> Tensor:
    """Reflects `x` at the right and the bottom up to the next multiple of `multiple` pixels on both axes."""
    height, width = x.shape[-2:]
    return pad(x, 0, -width % multiple, 0, -height % multiple)


def to_pixels(x: Tensor) -> Tensor:
    """(N, C, H, W) to (N, H, W, C), in memory too; `to_picture` undoes it."""
    return x.movedim(1, -1).contiguous()


def to_picture(x: Tensor) -> Tensor:
    """(N, H, W, C) to (N, C, H, W); a view, whose gradient is (N, H, W, C) in memory too."""
    return _to_picture(x) if torch.is_grad_enabled() else x.movedim(-1, 1)


class _ToPicture(torch.autograd.Function):
    """The tail's gradient is (N, C, H, W) in memory; left so, every sum of the body's gradients would be slow."""

    @staticmethod
    def forward(_ctx: Any, x: Tensor) -> Tensor:
        return x.movedim(-1, 1)

    @staticmethod
    def backward(_ctx: Any, gradient: Tensor) -> Tensor:
        return to_pixels(gradient)


_to_picture: Callable[[Tensor], Tensor] = _ToPicture.apply


def shift(x: Tensor) -> Tensor:
    """The shift of shift-conv (section 3.2): four channel groups read a neighbour, the fifth stays.

    The channels are cut into five equal groups, the last of which takes the remainder. Group 0 reads the pixel to
    the right (x+1), group 1 to the left (x-1), group 2 below (y+1), group 3 above (y-1). Zeros come in at the border.

    Args:
        x: (N, H, W, C), C >= 5.

    Returns:
        The same shape.
    """
    return _differentiable_shift(x, 1) if torch.is_grad_enabled() else _shift(x, 1)


class _Shift(torch.autograd.Function):
    """`_shift` with its gradient, which is the shift the other way: five copies instead of the ten of autograd."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, way: int) -> Tensor:
        ctx.way = way
        return _shift(x, way)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return _differentiable_shift(gradient, -ctx.way), None


_differentiable_shift: Callable[[Tensor, int], Tensor] = _Shift.apply


def _shift(x: Tensor, way: int) -> Tensor:
    """`shift` with `way` 1; with `way` -1 each group reads from the opposite side."""
    group = x.shape[-1] // SHIFT_GROUPS
    out = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    out[..., 4 * group :] = x[..., 4 * group :]
    for i, (axis, step) in enumerate(((2, way), (2, -way), (1, way), (1, -way))):
        channels = slice(i * group, (i + 1) * group)
        source, target = x[..., channels], out[..., channels]
        size = x.shape[axis] - 1
        target.narrow(axis, max(-step, 0), size).copy_(source.narrow(axis, max(step, 0), size))
        target.select(axis, size if step > 0 else 0).zero_()
    return out


def roll(x: Tensor, distance: int) -> Tensor:
    """Rolls rows and columns of (N, H, W, C) cyclically by `-distance`: the diagonal shift of the windows.

    `roll(x, -distance)` undoes it.
    """
    return torch.roll(x, shifts=(-distance, -distance), dims=(1, 2)) if distance else x


def to_windows(x: Tensor, window: int) -> Tensor:
    """Cuts `x` into square windows that do not overlap; `from_windows` undoes it.

    Args:
        x: (N, H, W, C), H and W multiples of `window`.
        window: side of a window in pixels.

    Returns:
        (N * H/window * W/window, window * window, C); windows and the pixels in them run row by row.
    """
    x = x.unflatten(2, (-1, window)).unflatten(1, (-1, window))
    return x.transpose(2, 3).reshape(-1, window * window, x.shape[-1])


def from_windows(windows: Tensor, height: int, width: int) -> Tensor:
    """Puts windows back together; the inverse of `to_windows`.

    Args:
        windows: (N * H/window * W/window, window * window, C).
        height, width: size of the picture in pixels, multiples of the window's side.

    Returns:
        (N, height, width, C).
    """
    _, pixels, channels = windows.shape
    window = math.isqrt(pixels)
    x = windows.view(-1, height // window, width // window, window, window, channels)
    return x.transpose(2, 3).reshape(-1, height, width, channels)
