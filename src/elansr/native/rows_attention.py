"""Window attention over rows, in one call of the native library."""

import ctypes
from collections.abc import Sequence

import torch

from elansr.errors import DeviceError
from elansr.native import loader
from elansr.native.attention import TYPES
from elansr.native.loader import LEVELS, Level
from elansr.native.rows import Rows, pair, require, same


class _AttentionCall(ctypes.Structure):
    """`RowAttentionCall` of rows.h."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("q", "v", "out")),
        *((name, ctypes.c_int64) for name in ("pictures", "height", "width", "pitch")),
        *((name, ctypes.c_int64) for name in ("q_words", "v_words", "out_words", "depth")),
        *((name, ctypes.c_void_p) for name in ("windows", "q_offsets", "v_offsets")),
        *((name, ctypes.c_int32) for name in ("groups", "shifted", "closed", "type", "level", "threads")),
    )


def attention(
    q: Rows, v: Rows, out: Rows, windows: Sequence[int], shifted: bool, closed: bool, *, level: Level | None = None
) -> None:
    """Window attention `softmax(q q^T) v` of every channel group (arXiv 2203.06697, section 3.3).

    Args:
        q: 2C channels: group after group, its queries, which are its keys too, and its values.
        v: the values; `q` itself, or C channels, group after group.
        out: room for C channels, group after group.
        windows: side of the windows of each group, in pixels.
        shifted: whether windows lie half a window further down and to the right.
        closed: whether windows end at the picture's border; else shifted ones go on at the opposite border, and the
            picture's sides are multiples of every window.
        level: instructions to use instead of those that `loader.level` names.

    Raises:
        ConfigError: channels, types or sizes that do not go together.
        DeviceError: not enough memory.
    """
    count = len(windows)
    depth, whole = q.channels // (2 * count), pair(q.dtype)
    own = v is q
    require(
        q.channels == 2 * count * depth and depth % whole == 0 and same(q, v) and (own or v.channels == count * depth),
        f"q of {q.channels} and v of {v.channels} channels for {count} windows: must be 2C and C, whole words a group",
    )
    pictures, height, _, pitch = q.words.shape
    require(
        min(windows) >= 1 and (closed or not any(height % w or q.width % w for w in windows)),
        f"{height} x {q.width} pixels: must be multiples of the windows {tuple(windows)} unless borders are closed",
    )
    chosen = loader.level() if level is None else loader.checked_level(level)
    assert chosen is not None
    words, numbers = depth // whole, ctypes.c_int64 * count
    sides = numbers(*windows)
    q_offsets = numbers(*(2 * words * group for group in range(count)))
    v_offsets = numbers(*(words * (2 * group + 1 if own else group) for group in range(count)))
    require(same(q, out) and out.channels == count * depth, f"out: must have {count * depth} channels")
    call = _AttentionCall(
        q=q.words.data_ptr(),
        v=v.words.data_ptr(),
        out=out.words.data_ptr(),
        pictures=pictures,
        height=height,
        width=q.width,
        pitch=pitch,
        q_words=q.words.shape[2],
        v_words=v.words.shape[2],
        out_words=out.words.shape[2],
        depth=depth,
        windows=ctypes.addressof(sides),
        q_offsets=ctypes.addressof(q_offsets),
        v_offsets=ctypes.addressof(v_offsets),
        groups=count,
        shifted=shifted,
        closed=closed,
        type=TYPES[q.dtype],
        level=LEVELS.index(chosen),
        threads=torch.get_num_threads(),
    )
    if q.words.numel() and loader.functions().elansr_rows_attention(ctypes.byref(call)):
        raise DeviceError(f"native attention in windows of {max(windows)}: not enough memory")
