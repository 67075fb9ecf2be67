"""The stages of ELAN's body as launches of Triton kernels, with weights packed for them.

Importing this module imports Triton: only where `elansr.engines.cuda.support.takes` holds.

Features are pixels (N, H, W, C) or groups (groups, N, H, W, D), contiguous and all of one type, on one device. float16
and bfloat16 are multiplied as they are; float32 is multiplied on tensor cores as well, each product as three of TF32,
whose error is that of float32.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from elansr.engines.cuda import triton_kernels as kernels
from elansr.nn.config import SHIFT_GROUPS

QUERY_FACTOR = math.sqrt(math.log2(math.e))
"""2^((q * QUERY_FACTOR) (k * QUERY_FACTOR)) is exp(q k): softmax from powers of two, which is what a GPU computes."""

MAX_CHANNELS = 64
"""More would leave the registers."""
MAX_WINDOW = 16
MAX_GROUPS = 7

SMALLEST_DOT = 16
LARGEST_CHUNK = 32
"""Hidden channels that are made together."""

# Chosen by what ptxas reports for sm_90 and fp16, not by timings. With 128 registers a thread, two programs of 8 warps
# share a multiprocessor, at the price of 8 bytes spilled; attention takes 96 registers and 12 KiB of shared memory.
LOCAL_TILE = (8, 16)
LOCAL_OPTIONS = {"num_warps": 8, "maxnreg": 128}
LOCAL_OPTIONS_FLOAT32 = {"num_warps": 8}
MERGE_TILE = 128
ATTENTION_ROWS = 64
WARPS = 4


@dataclass(frozen=True)
class Linear:
    """A 1x1 convolution: `weight` (out, in), `bias` (out,)."""

    weight: Tensor
    bias: Tensor


class TritonLocalFeatures:
    """Features plus their local features, and the projection of both to values and perhaps queries, in one launch.

    Args:
        expand: C -> rC.
        reduce: rC -> C.
        values: C -> C, group after group.
        queries: C -> C, group after group, multiplied by `QUERY_FACTOR`; None: none are made.
        depth: channels of an attention group.
        dtype: of the features.
    """

    def __init__(
        self, expand: Linear, reduce: Linear, values: Linear, queries: Linear | None, depth: int, dtype: torch.dtype
    ) -> None:
        self._channels, self._depth, self._own = reduce.weight.shape[0], depth, queries is not None
        self._padded = _padded(self._channels)
        groups = _shift_groups(expand.weight.shape[0])
        largest = max(map(len, groups))
        self._hidden = min(_padded(largest), LARGEST_CHUNK)
        self._chunks = math.ceil(largest / self._hidden)
        self._weights = [
            *self._packed_hidden(expand, reduce, groups, dtype),
            _fitted(reduce.bias, self._padded).float(),
            *_packed(queries or values, dtype),
            *_packed(values, dtype),
        ]

    def _packed_hidden(
        self, expand: Linear, reduce: Linear, groups: Sequence[range], dtype: torch.dtype
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Group after group, each as many channels: weight (in, out) and bias of `expand`, weight of `reduce`."""
        room, c = self._hidden * self._chunks, self._padded
        into = torch.stack([_fitted(expand.weight[g.start : g.stop], room, c) for g in groups])
        out = torch.stack([_fitted(reduce.weight[:, g.start : g.stop], c, room) for g in groups])
        bias = torch.stack([_fitted(expand.bias[g.start : g.stop], room) for g in groups])
        into = into.unflatten(1, (self._chunks, self._hidden)).mT
        return into.to(dtype).contiguous(), bias.float().contiguous(), out.mT.to(dtype).contiguous()

    def __call__(self, x: Tensor, out: Tensor, queries: Tensor, values: Tensor) -> None:
        """Reads the pixels `x`; writes the pixels `out`, the groups `values`, and `queries` if it has any."""
        pictures, height, width, _ = x.shape
        expand, expand_bias, reduce, reduce_bias, *projections = self._weights
        tile_height, tile_width = LOCAL_TILE
        kernels.local_features[(pictures * -(-height // tile_height) * -(-width // tile_width),)](
            *(x, out, queries, values, expand, expand_bias, reduce, reduce_bias, *projections),
            *(pictures, height, width),
            channels=self._channels,
            depth=self._depth,
            padded=self._padded,
            hidden=self._hidden,
            chunks=self._chunks,
            own=self._own,
            tile_height=tile_height,
            tile_width=tile_width,
            precision=_precision(x.dtype),
            **(LOCAL_OPTIONS_FLOAT32 if x.dtype == torch.float32 else LOCAL_OPTIONS),
        )


class TritonMerge:
    """The 1x1 convolution behind the attention, and the residual.

    Args:
        linear: C -> C.
        depth: channels of an attention group.
        dtype: of the features.
    """

    def __init__(self, linear: Linear, depth: int, dtype: torch.dtype) -> None:
        self._channels, self._depth = linear.weight.shape[0], depth
        self._weight, self._bias = _packed(linear, dtype)

    def __call__(self, x: Tensor, attended: Tensor) -> None:
        """Adds to the pixels `x` what it makes of the groups `attended`."""
        pixels = x.numel() // self._channels
        kernels.merged[(-(-pixels // MERGE_TILE),)](
            *(x, attended, self._weight, self._bias, pixels),
            channels=self._channels,
            depth=self._depth,
            padded=self._weight.shape[0],
            tile=MERGE_TILE,
            precision=_precision(x.dtype),
            num_warps=WARPS,
        )


def attention(
    queries: Tensor, values: Tensor, out: Tensor, windows: Sequence[int], shifted: bool, closed: bool
) -> None:
    """Window attention of all groups in one launch (arXiv 2203.06697, section 3.3).

    Args:
        queries, values, out: groups, (groups, N, H, W, D); the queries, which are the keys too, times `QUERY_FACTOR`.
        windows: side of the windows of each group, a power of two up to `MAX_WINDOW`.
        shifted: whether each group's windows lie half a window further down and to the right.
        closed: whether every window ends at the border; else shifted ones go on at the opposite one, and H and W must
            be multiples of every window.
    """
    _, pictures, height, width, depth = queries.shape
    programs = sum(_programs(window, pictures, height, width, shifted and closed) for window in windows)
    kernels.attention[(programs,)](
        *(queries, values, out, pictures, height, width),
        sides=sum((window.bit_length() - 1) << 4 * group for group, window in enumerate(windows)),
        groups=len(windows),
        depth=depth,
        padded=_padded(depth),
        shifted=shifted,
        closed=closed,
        rows=ATTENTION_ROWS,
        precision=_precision(queries.dtype),
        num_warps=WARPS,
    )


def _programs(window: int, pictures: int, height: int, width: int, moved: bool) -> int:
    """How many programs a group takes; `moved` windows begin before the picture does."""
    before = window // 2 if moved else 0
    windows = pictures * -(-(height + before) // window) * -(-(width + before) // window)
    return -(-windows * window**2 // ATTENTION_ROWS)


def supports(channels: int, windows: Sequence[int], dtype: torch.dtype) -> bool:
    """Whether there are kernels for networks of these sizes."""
    known = all(1 <= window <= MAX_WINDOW and window.bit_count() == 1 for window in windows)
    return known and len(windows) <= MAX_GROUPS and channels <= MAX_CHANNELS and dtype in _PRECISIONS


_PRECISIONS = {torch.float16: "tf32", torch.bfloat16: "tf32", torch.float32: "tf32x3"}
"""What `tl.dot` makes of float32."""


def _precision(dtype: torch.dtype) -> str:
    return _PRECISIONS[dtype]


def _padded(channels: int) -> int:
    """The next side that `tl.dot` takes."""
    return max(1 << (channels - 1).bit_length(), SMALLEST_DOT)


def _fitted(values: Tensor, *shape: int) -> Tensor:
    """`values` in the first corner of zeros."""
    room = values.new_zeros(shape)
    room[tuple(slice(size) for size in values.shape)] = values
    return room


def _packed(linear: Linear, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Weight (in, out) of `dtype` and bias, float32, padded."""
    side = _padded(len(linear.bias))
    return _fitted(linear.weight, side, side).T.to(dtype).contiguous(), _fitted(linear.bias, side).float()


def _shift_groups(channels: int) -> list[range]:
    """The channels that shift-conv moves each way: five equal groups, the last of which takes the remainder."""
    size = channels // SHIFT_GROUPS
    starts = [size * group for group in range(SHIFT_GROUPS)]
    return [range(a, b) for a, b in zip(starts, [*starts[1:], channels], strict=True)]
