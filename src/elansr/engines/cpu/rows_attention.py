"""Window attention over rows, in one call of the native library.

Its weights are powers of two: where softmax is wanted, queries are multiplied by `QUERY_FACTOR` beforehand, once and
for all in the weights that project them.
"""

import ctypes
import math
from collections.abc import Sequence

import torch

from elansr.engines.cpu import loader
from elansr.engines.cpu.attention import MOST_GROUPS, TYPES, sides_within
from elansr.engines.cpu.loader import LEVELS, Level
from elansr.engines.cpu.rows import Rows, level_for, pair, require, same
from elansr.errors import DeviceError


class _AttentionCall(ctypes.Structure):
    """`RowAttentionCall` of rows.h."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("q", "v", "out")),
        *((name, ctypes.c_int64) for name in ("pictures", "height", "width", "pitch")),
        *((name, ctypes.c_int64) for name in ("q_words", "v_words", "out_words", "depth")),
        *((name, ctypes.c_void_p) for name in ("windows", "q_offsets", "v_offsets")),
        *((name, ctypes.c_int32) for name in ("groups", "shifted", "closed", "type", "level", "threads")),
    )


QUERY_FACTOR = math.sqrt(math.log2(math.e))
"""2^((q * QUERY_FACTOR) (k * QUERY_FACTOR)) is exp(q k)."""


def attention(
    q: Rows, v: Rows, out: Rows, windows: Sequence[int], shifted: bool, closed: bool, *, level: Level | None = None
) -> None:
    """Window attention of every channel group (arXiv 2203.06697, section 3.3).

    It is `softmax(q q^T / QUERY_FACTOR^2) v`.

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
    require(
        1 <= count <= MOST_GROUPS and all(type(w) is int and w >= 1 for w in windows),
        f"windows {tuple(windows)}: must be from 1 to {MOST_GROUPS} whole numbers of at least 1",
    )
    depth, whole = q.channels // (2 * count), pair(q.dtype)
    own = v is q
    require(
        q.channels == 2 * count * depth and depth % whole == 0 and same(q, v) and (own or v.channels == count * depth),
        f"q of {q.channels} and v of {v.channels} channels for {count} windows: must be 2C and C, whole words a group",
    )
    pictures, height, _, pitch = q.words.shape
    require(
        closed or not any(height % w or q.width % w for w in windows),
        f"{height} x {q.width} pixels: must be multiples of the windows {tuple(windows)} unless borders are closed",
    )
    chosen = level_for(q.dtype, level)
    words, numbers = depth // whole, ctypes.c_int64 * count
    sides = numbers(*sides_within(windows, height, q.width))
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
