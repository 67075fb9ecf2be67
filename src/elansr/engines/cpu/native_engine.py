"""ELAN on a CPU in the native library, from picture to picture. Needs no PyTorch."""

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from elansr.engines.cpu import bindings, native_calls
from elansr.engines.cpu.bindings import MOST_GROUPS
from elansr.engines.cpu.native_calls import QUERY_FACTOR, Features, PackedLayer, from_bfloat16, pack, to_bfloat16
from elansr.engines.device import cpu_threads
from elansr.errors import DeviceError
from elansr.nn.config import SHIFT_GROUPS, ELANConfig
from elansr.weights.inference import Convolution, InferenceBlock, InferenceForm

BYTES_PER_CHANNEL = 34
"""Peak bytes that a pixel of a tile takes per network channel in fp32; bf16 takes half."""


@dataclass(frozen=True)
class _Block:
    local: tuple[PackedLayer, PackedLayer, PackedLayer]
    merge: PackedLayer
    shares: bool
    shifted: bool


class NativeEngine:
    """Runs the inference form in the native library, see `Engine`.

    Args:
        form: of the network.
        precision: "fp32" or "bf16", of the features.
        closed: whether attention windows end at a tile's border; else shifted ones continue at the opposite border, and
            tiles are padded to whole windows by reflection, as in the paper.

    Raises:
        DeviceError: the library is not available, or not for this network in this precision.
    """

    device = "cpu"

    def __init__(self, form: InferenceForm, precision: str, closed: bool) -> None:
        level = bindings.level()
        if level is None or not runs_natively(form.config, precision):
            reason = bindings.reason() or f"{precision} at level {level} has no kernels for this network"
            raise DeviceError(f"native engine: {reason}")
        self.form, self.config, self.precision, self.closed, self.level = form, form.config, precision, closed, level
        self.size: tuple[int, int] | None = None
        self.bytes_per_pixel = BYTES_PER_CHANNEL * form.config.channels // (2 if precision == "bf16" else 1)
        head = form.head
        self._heads = [pack(head.weight, head.bias, "fp32", level, by_color) for by_color in (False, True)]
        self._blocks = [self._packed_block(block) for block in form.blocks]
        self._tail = self._packed_tail()

    def __call__(self, tile: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `Engine`."""
        height, width = tile.shape[-2:]
        colors, scale, multiple = self.config.colors, self.config.scale, self.config.multiple
        x = tile.reshape(-1, colors, height, width)
        if not self.closed:
            x = np.pad(x, ((0, 0), (0, 0), (0, -height % multiple), (0, -width % multiple)), mode="reflect")
        x = x * np.float32(self.config.rgb_range)
        x -= self.form.mean[:, None, None]
        result = self._run(np.ascontiguousarray(x))[..., : height * scale, : width * scale]
        return result.reshape(1, -1, height * scale, width * scale)

    def digest(self) -> str:
        """See `Engine`."""
        return self.form.digest()

    def _run(self, picture: NDArray[np.float32]) -> NDArray[np.float32]:
        """Pictures (N, colors, H, W) less their mean, to (N, colors, H * scale, W * scale)."""
        run = native_calls.Run(self.precision, self.level, cpu_threads())
        head = self._heads[native_calls.sums_by_color(picture)]
        x = native_calls.head(run, picture, head)
        pictures, height, words, _ = x.words.shape
        room = functools.partial(Features.room, pictures, height, x.width)
        spare, attended, queries = room(words), room(words), room(2 * words)
        values = room(words) if self.config.n_share else queries
        merge: PackedLayer | None = None
        for block in self._blocks:
            projected = values if block.shares else queries
            if merge is None:
                native_calls.first_layers(run, x, block.local, spare, projected)
            else:
                native_calls.middle_layers(run, x, attended, merge, block.local, spare, projected)
            x, spare = spare, x
            native_calls.attention(run, queries, projected, attended, self.config.windows, block.shifted, self.closed)
            merge = block.merge
        assert merge is not None
        native_calls.last_layers(run, x, attended, merge, spare)
        return native_calls.tail(run, picture, spare, head, self._tail, self.config.scale)

    def _packed_block(self, block: InferenceBlock) -> _Block:
        expand, reduce, project, merge = map(self._rounded, (block.expand, block.reduce, block.project, block.merge))
        if not block.shares:
            project = _with_scaled_queries(project, len(self.config.windows))
        local = (self._packed(expand), self._packed(reduce), self._packed(project))
        return _Block(local, self._packed(merge), block.shares, block.shifted)

    def _rounded(self, convolution: Convolution) -> Convolution:
        """As the precision has it, in float64."""
        weight, bias = (
            x.astype(np.float32) if self.precision == "fp32" else from_bfloat16(to_bfloat16(x))
            for x in (convolution.weight, convolution.bias)
        )
        return Convolution(weight.astype(np.float64), bias.astype(np.float64))

    def _packed(self, convolution: Convolution) -> PackedLayer:
        return pack(convolution.weight, convolution.bias, self.precision, self.level)

    def _packed_tail(self) -> PackedLayer:
        """With the mean added and the range divided away."""
        config, tail = self.config, self.form.tail
        shift = np.repeat(self.form.mean, config.scale**2)
        weight = tail.weight.astype(np.float32) / np.float32(config.rgb_range)
        bias = (tail.bias.astype(np.float32) + shift) / np.float32(config.rgb_range)
        return pack(weight, bias, "fp32", self.level)


def runs_natively(config: ELANConfig, precision: str) -> bool:
    """Whether `NativeEngine` can run a network in a precision on this machine.

    The level must have kernels for the precision, and no word of two channels may straddle two groups.
    """
    level = bindings.level()
    if level is None or not bindings.has_type(level, precision) or len(config.windows) > MOST_GROUPS:
        return False
    hidden = config.channels * config.expansion
    groups = (
        *(config.channels, config.channels // SHIFT_GROUPS, hidden // SHIFT_GROUPS),
        config.channels // len(config.windows),
    )
    return precision == "fp32" or all(size % 2 == 0 for size in groups)


def _with_scaled_queries(project: Convolution, groups: int) -> Convolution:
    """A projection whose outputs are, group after group, queries for `native_calls.attention` and values."""
    depth = len(project.bias) // (2 * groups)
    factors = np.tile(np.repeat((QUERY_FACTOR, 1.0), depth), groups)
    return Convolution(project.weight * factors[:, None], project.bias * factors)
