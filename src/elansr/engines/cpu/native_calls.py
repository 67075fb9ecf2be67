"""The network's inference steps as calls of the native library, on features in rows (infer/calls.h).

    head -> layers -> attention -> layers -> attention ... -> layers -> tail

`layers` is everything between one window attention and the next in one pass: merging and its residual, local feature
extraction and its residual, projection. In between, nothing leaves the processor's cache, the shift of shift-conv is an
address, and no window is cut out. In fp32 all is float32; in bf16 features are multiplied as they are, summed in
float32 and rounded when they are stored, and the head, the long skip and the tail are float32 all the same.

Callers see to it that channels, sizes and precisions go together: nothing is checked here but for memory.
"""

import ctypes
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elansr.engines.cpu import bindings
from elansr.engines.cpu.bindings import LEVELS, TYPES, Layer, Level

MARGIN = 16
"""Words before each row of pixels and at least as many behind it: `kMargin` of infer/calls.h."""
TILE = 32
"""Pixels are computed in whole tiles, the last of which may reach into the margin."""
MOST_TILE_OUTPUTS = 12
ALIGNMENT = 64
SMALL = 20480
"""Samples of the largest picture that PyTorch convolves by a matrix product instead of by oneDNN."""
QUERY_FACTOR = math.sqrt(math.log2(math.e))
"""2^((q * QUERY_FACTOR) (k * QUERY_FACTOR)) is exp(q k): attention takes queries that are multiplied by it."""


@dataclass(frozen=True)
class Run:
    """What every call has in common.

    Attributes:
        precision: of the features, "fp32" or "bf16".
        level: of the instructions.
        threads: at most so many.
    """

    precision: str
    level: Level
    threads: int

    @property
    def pair(self) -> int:
        """Channels in a word."""
        return 2 if self.precision == "bf16" else 1

    def fields(self) -> dict[str, int]:
        """As every structure has them."""
        return {"type": TYPES[self.precision], "level": LEVELS.index(self.level), "threads": self.threads}


@dataclass(frozen=True)
class Features:
    """Features of N pictures.

    Attributes:
        words: float32 (N, H, channels / pair, pitch): a word holds `pair` channels of a pixel; H rows of pixels.
        width: W, of which word `MARGIN` is the first pixel.
    """

    words: NDArray[np.float32]
    width: int

    @staticmethod
    def room(pictures: int, height: int, width: int, words: int) -> "Features":
        """Room for features; what is in it is not defined."""
        lines = -(-(MARGIN + -(-width // TILE) * TILE + MARGIN) // MARGIN)
        pitch = MARGIN * (lines + 1 - lines % 2)  # an odd number of cache lines keeps words out of each other's way
        return Features(_aligned((pictures, height, words, pitch)), width)

    def sizes(self) -> dict[str, int]:
        """As every structure has them."""
        pictures, height, _, pitch = self.words.shape
        return {"pictures": pictures, "height": height, "width": self.width, "pitch": pitch}


@dataclass(frozen=True)
class PackedLayer:
    """A convolution in the order in which one level reads it.

    Attributes:
        weights: (tiles of outputs, words of the inputs, outputs of a tile): float32, or uint32 of two bfloat16.
        bias: float32, padded to whole tiles.
        inputs, outputs: channels; of a 3x3 convolution, `inputs` counts those of one neighbour.
    """

    weights: NDArray[Any]
    bias: NDArray[np.float32]
    inputs: int
    outputs: int

    def structure(self) -> Layer:
        """For the library, as long as `self` lives."""
        return Layer(self.weights.ctypes.data, self.bias.ctypes.data, self.inputs, self.outputs)


def pack(weight: NDArray[Any], bias: NDArray[Any], precision: str, level: Level, by_color: bool = False) -> PackedLayer:
    """Packs a convolution for a level of this machine.

    Args:
        weight: (outputs, inputs) of any float type, or (outputs, inputs, 3, 3) where `precision` is "fp32"; in bf16,
            inputs and outputs are even.
        bias: (outputs,).
        precision: "fp32" or "bf16".
        level: of the instructions.
        by_color: whether a 3x3 convolution sums up [channel][dy][dx]; else [dy][dx][channel].
    """
    outputs, inputs = weight.shape[:2]
    rows = np.moveaxis(weight, 1, -1) if not by_color else weight
    rows = rows.reshape(outputs, -1).astype(np.float32)
    words = rows if precision == "fp32" else to_bfloat16(rows).view(np.uint32)
    tile, padded = bindings.tile_outputs(level), -(-outputs // MOST_TILE_OUTPUTS) * MOST_TILE_OUTPUTS
    packed = _aligned((padded // tile, words.shape[1], tile)).view(words.dtype)
    packed[:] = np.pad(words, ((0, padded - outputs), (0, 0))).reshape(-1, tile, words.shape[1]).transpose(0, 2, 1)
    return PackedLayer(packed, np.pad(bias.astype(np.float32), (0, padded - outputs)), inputs, outputs)


def to_bfloat16(values: NDArray[Any]) -> NDArray[np.uint16]:
    """The upper halves of float32, rounded to nearest, ties to even; finite values of any float type."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def from_bfloat16(halves: NDArray[np.uint16]) -> NDArray[np.float32]:
    """The inverse of `to_bfloat16` for what it has rounded."""
    return (halves.astype(np.uint32) << 16).view(np.float32)


def sums_by_color(picture: NDArray[np.float32]) -> bool:
    """Whether the head's sums run [color][dy][dx]: where PyTorch's do, so that results are the same to the last bit."""
    return len(picture) == 1 and picture.size <= SMALL


def head(run: Run, picture: NDArray[np.float32], layer: PackedLayer) -> Features:
    """The first convolution, with zeros around the picture.

    Args:
        run: see there.
        picture: float32 (N, colors, H, W), contiguous.
        layer: colours to C, packed as fp32, in the order that `sums_by_color` says.
    """
    pictures, _, height, width = picture.shape
    out = Features.room(pictures, height, width, layer.outputs // run.pair)
    ends = {"picture": picture.ctypes.data, "out": out.words.ctypes.data, "layer": layer.structure()}
    bindings.call("head", bindings.HeadCall(**ends, by_color=sums_by_color(picture), **out.sizes(), **run.fields()))
    return out


def first_layers(
    run: Run, x: Features, local: tuple[PackedLayer, PackedLayer, PackedLayer], out: Features, projected: Features
) -> None:
    """`out = x + reduce(shift(relu(expand(shift(x)))))` and `projected = project(out)` (arXiv 2203.06697, figure 2).

    Args:
        run: see there.
        x: features of C channels.
        local: expand, C to rC; reduce, back to C; project, C to 2C or C.
        out: room for C channels, not `x`.
        projected: room for what `project` makes. It is for attention: the words beside its rows are not zero, as those
            of `x` must be.
    """
    _layers(run, x, out, projected, local=local)


def middle_layers(
    run: Run,
    x: Features,
    attended: Features,
    merge: PackedLayer,
    local: tuple[PackedLayer, PackedLayer, PackedLayer],
    out: Features,
    projected: Features,
) -> None:
    """`first_layers` of `x + merge(attended)`."""
    _layers(run, x, out, projected, attended, merge, local)


def last_layers(run: Run, x: Features, attended: Features, merge: PackedLayer, out: Features) -> None:
    """`out = x + merge(attended)`."""
    _layers(run, x, out, None, attended, merge)


def _layers(
    run: Run,
    x: Features,
    out: Features,
    projected: Features | None,
    attended: Features | None = None,
    merge: PackedLayer | None = None,
    local: tuple[PackedLayer, PackedLayer, PackedLayer] | None = None,
) -> None:
    expand, reduce, project = local or (None, None, None)
    features = {"x": x, "attended": attended, "out": out, "projected": projected}
    layers = {"merge": merge, "expand": expand, "reduce": reduce, "project": project}
    call = bindings.LayersCall(
        **{name: None if value is None else value.words.ctypes.data for name, value in features.items()},
        **{name: Layer() if value is None else value.structure() for name, value in layers.items()},
        channels=x.words.shape[2] * run.pair,
        **x.sizes(),
        **run.fields(),
    )
    bindings.call("layers", call)


def attention(
    run: Run, q: Features, v: Features, out: Features, windows: tuple[int, ...], shifted: bool, closed: bool
) -> None:
    """Window attention of every channel group, `softmax(q q^T / QUERY_FACTOR^2) v` (section 3.3).

    Args:
        run: see there.
        q: 2C channels: group after group, its queries, which are its keys too, and its values.
        v: the values; `q` itself, or C channels, group after group.
        out: room for C channels, group after group.
        windows: side of the windows of each group, in pixels; at most `MOST_GROUPS`.
        shifted: whether windows lie half a window further down and to the right.
        closed: whether windows end at the picture's border; else shifted ones continue at the opposite border, and the
            picture's sides are multiples of every window.
    """
    count, words = len(windows), out.words.shape[2] // len(windows)
    numbers = ctypes.c_int64 * count
    sides = numbers(*bindings.sides_within(windows, q.words.shape[1], q.width))
    q_offsets = numbers(*(2 * words * group for group in range(count)))
    v_offsets = numbers(*(words * (2 * group + 1 if v is q else group) for group in range(count)))
    call = bindings.WindowCall(
        q=q.words.ctypes.data,
        v=v.words.ctypes.data,
        out=out.words.ctypes.data,
        **q.sizes(),
        q_words=q.words.shape[2],
        v_words=v.words.shape[2],
        out_words=out.words.shape[2],
        depth=words * run.pair,
        windows=ctypes.addressof(sides),
        q_offsets=ctypes.addressof(q_offsets),
        v_offsets=ctypes.addressof(v_offsets),
        groups=count,
        shifted=shifted,
        closed=closed,
        **run.fields(),
    )
    bindings.call("windows", call)


def tail(
    run: Run, picture: NDArray[np.float32], body: Features, first: PackedLayer, last: PackedLayer, scale: int
) -> NDArray[np.float32]:
    """`PixelShuffle(last(head(picture) + body))`, with zeros around the picture.

    Args:
        run: see there.
        picture: float32 (N, colors, H, W), contiguous: what `head` was given.
        body: features of C channels.
        first: the head's layer, which is computed again.
        last: C to colors * scale^2, packed as fp32.
        scale: super-resolution factor.

    Returns:
        float32 (N, colors, H * scale, W * scale).
    """
    pictures, colors, height, width = picture.shape
    out = np.empty((pictures, colors, height * scale, width * scale), np.float32)
    ends = {"picture": picture.ctypes.data, "body": body.words.ctypes.data, "out": out.ctypes.data}
    layers = {"head": first.structure(), "tail": last.structure()}
    options = {"scale": scale, "by_color": sums_by_color(picture)}
    bindings.call("tail", bindings.TailCall(**ends, **layers, **body.sizes(), **options, **run.fields()))
    return out


def _aligned(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Room on a cache line, which vectors of 64 bytes are read from at full speed."""
    size = math.prod(shape) * 4
    room = np.empty(size + ALIGNMENT, np.uint8)
    start = -room.ctypes.data % ALIGNMENT
    return room[start : start + size].view(np.float32).reshape(shape)
