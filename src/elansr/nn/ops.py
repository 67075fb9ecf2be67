"""The tensor operations of ELAN that have no parameters, in inverse pairs where an inverse exists.

All tensors are float, (N, C, H, W), any value range, unless said otherwise.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

SHIFT_GROUPS = 5


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


def shift(x: Tensor) -> Tensor:
    """The shift of shift-conv (section 3.2): four channel groups read a neighbour, the fifth stays.

    The channels are cut into five equal groups, the last of which takes the remainder. Group 0 reads the pixel to
    the right (x+1), group 1 to the left (x-1), group 2 below (y+1), group 3 above (y-1). Zeros come in at the border.

    Args:
        x: (N, C, H, W), C >= 5.

    Returns:
        The same shape.
    """
    group = x.shape[1] // SHIFT_GROUPS
    from_right, from_left, from_below, from_above, still = x.split([group] * 4 + [x.shape[1] - 4 * group], dim=1)
    return torch.cat(
        [
            F.pad(from_right, (-1, 1)),
            F.pad(from_left, (1, -1)),
            F.pad(from_below, (0, 0, -1, 1)),
            F.pad(from_above, (0, 0, 1, -1)),
            still,
        ],
        dim=1,
    )


def roll(x: Tensor, distance: int) -> Tensor:
    """Rolls rows and columns cyclically by `-distance`: the diagonal shift of the windows; `roll(x, -d)` undoes it."""
    return torch.roll(x, shifts=(-distance, -distance), dims=(-2, -1)) if distance else x


def to_windows(x: Tensor, window: int) -> Tensor:
    """Cuts `x` into square windows that do not overlap; `from_windows` undoes it.

    Args:
        x: (N, C, H, W), H and W multiples of `window`.
        window: side of a window in pixels.

    Returns:
        (N * H/window * W/window, window * window, C); windows and the pixels in them run row by row.
    """
    n, channels, height, width = x.shape
    x = x.view(n, channels, height // window, window, width // window, window)
    return x.permute(0, 2, 4, 3, 5, 1).reshape(-1, window * window, channels)


def from_windows(windows: Tensor, height: int, width: int) -> Tensor:
    """Puts windows back together; the inverse of `to_windows`.

    Args:
        windows: (N * H/window * W/window, window * window, C).
        height, width: size of the picture in pixels, multiples of the window's side.

    Returns:
        (N, C, height, width).
    """
    _, pixels, channels = windows.shape
    window = math.isqrt(pixels)
    x = windows.view(-1, height // window, width // window, window, window, channels)
    return x.permute(0, 5, 1, 3, 2, 4).reshape(-1, channels, height, width)
