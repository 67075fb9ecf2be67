"""The body of the inference form over rows: features in which every vector of the processor holds neighbouring pixels.

    from_picture -> layers -> attention -> layers -> attention ... -> layers -> tail

`layers` (`rows_layers`) is everything between one window attention (`rows_attention`) and the next in one pass: merging
and its residual, local feature extraction and its residual, projection. In between, nothing leaves the processor's
cache, the shift of shift-conv is an address, and no window is cut out. float32 is computed in float32; bfloat16 is
multiplied as it is, summed in float32 and rounded when it is stored. `tail` (`rows_tail`) makes pictures of the result,
in float32. There is no gradient.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from elansr.engines.cpu import loader
from elansr.engines.cpu.attention import TYPES
from elansr.engines.cpu.loader import LEVELS, Level
from elansr.errors import ConfigError, DeviceError

MARGIN = 16
"""Words before each row of pixels and at least as many behind it: `kMargin` of rows.h."""
TILE = 32
"""Pixels are computed in whole tiles, the last of which may reach into the margin."""
MOST_OUTPUTS_OF_A_TILE = 12
SHIFT_GROUPS = 5


@dataclass(frozen=True)
class Rows:
    """Features of N pictures.

    Attributes:
        words: float32 (N, H, channels / pair, pitch): a word holds `pair` channels of a pixel; H rows of pixels.
        width: W, of which word `MARGIN` is the first pixel.
        channels: C.
        dtype: float32 (one channel a word) or bfloat16 (two).
    """

    words: Tensor
    width: int
    channels: int
    dtype: torch.dtype

    @staticmethod
    def room(pictures: int, height: int, width: int, channels: int, dtype: torch.dtype) -> "Rows":
        """Room for features; what is in it is not defined."""
        lines = -(-(MARGIN + -(-width // TILE) * TILE + MARGIN) // MARGIN)
        pitch = MARGIN * (lines + 1 - lines % 2)  # an odd number of cache lines keeps words out of each other's way
        words = torch.empty(pictures, height, channels // pair(dtype), pitch)
        return Rows(words, width, channels, dtype)

    def like(self, channels: int) -> "Rows":
        """Room for features of the same pictures."""
        pictures, height = self.words.shape[:2]
        return Rows.room(pictures, height, self.width, channels, self.dtype)


def pair(dtype: torch.dtype) -> int:
    """Channels in a word."""
    return 2 if dtype == torch.bfloat16 else 1


def supports(channels: int, depth: int, expansion: int, dtype: torch.dtype) -> bool:
    """Whether a body can run over rows: the level has kernels for the type, and no word straddles two groups.

    Args:
        channels: C.
        depth: channels of a window's group.
        expansion: r of local feature extraction.
        dtype: of the features.
    """
    chosen = loader.level()
    if chosen is None or not _has_kernels(chosen, dtype):
        return False
    groups = (channels, channels // SHIFT_GROUPS, channels * expansion // SHIFT_GROUPS, depth)
    return all(size % pair(dtype) == 0 for size in groups)


@dataclass(frozen=True)
class PackedLayer:
    """A 1x1 convolution in the order in which one level reads it: float32 `weights` (words) and padded `bias`."""

    weights: Tensor
    bias: Tensor
    inputs: int
    outputs: int
    dtype: torch.dtype
    level: Level


def pack(weight: Tensor, bias: Tensor, dtype: torch.dtype, *, level: Level | None = None) -> PackedLayer:
    """Packs a 1x1 convolution.

    Args:
        weight: (outputs, inputs), or with two axes of 1 behind, on the CPU; multiples of `pair(dtype)` channels.
        bias: (outputs,).
        dtype: of the features.
        level: instructions to use instead of those that `loader.level` names.

    Raises:
        ConfigError: shapes or types that do not go together, or a level this machine has not.
        DeviceError: there is no native library.
    """
    chosen = level_for(dtype, level)
    _check_weights(weight, bias, pair(dtype))
    weight, bias = weight.detach().flatten(1).float().contiguous(), bias.detach().float()
    number, kind = LEVELS.index(chosen), TYPES[dtype]
    outputs, inputs = weight.shape
    library = loader.functions()
    words = torch.empty(library.elansr_rows_pack(number, kind, outputs, inputs, None, None))
    library.elansr_rows_pack(number, kind, outputs, inputs, weight.data_ptr(), words.data_ptr())
    padded = torch.zeros(-(-outputs // MOST_OUTPUTS_OF_A_TILE) * MOST_OUTPUTS_OF_A_TILE)
    padded[:outputs] = bias
    return PackedLayer(words, padded, inputs, outputs, dtype, chosen)


def _check_weights(weight: Tensor, bias: Tensor, whole: int) -> None:
    shape = tuple(weight.shape)
    require(
        len(shape) in (2, 4)
        and min(shape) >= 1
        and shape[2:] in ((), (1, 1))
        and bias.shape == shape[:1]
        and not any(size % whole for size in shape[:2]),
        f"weight {shape} and bias {tuple(bias.shape)}: must be (outputs, inputs), (outputs,), multiples of {whole}",
    )
    _require_on_cpu(weight)
    _require_on_cpu(bias)


def level_for(dtype: torch.dtype, level: Level | None = None) -> Level:
    """The level to use: `level`, or the one that `loader.level` names.

    Raises:
        ConfigError: it has no kernels for features of `dtype`, or this machine has it not.
        DeviceError: there is no native library.
    """
    chosen = loader.level() if level is None else loader.checked_level(level)
    if chosen is None:
        raise DeviceError(f"native rows are not available: {loader.reason()}")
    require(_has_kernels(chosen, dtype), f"{dtype} at level {chosen}: has no kernels")
    return chosen


def _has_kernels(level: Level, dtype: torch.dtype) -> bool:
    return dtype in TYPES and bool(loader.functions().elansr_rows_support(LEVELS.index(level), TYPES[dtype]))


def from_picture(picture: Tensor, dtype: torch.dtype, *, level: Level | None = None) -> Rows:
    """Features (N, C, H, W), float32, as rows.

    Raises:
        ConfigError: another shape or type, channels that do not make whole words, or no kernels for `dtype`.
        DeviceError: there is no native library.
    """
    chosen = level_for(dtype, level)
    require(
        picture.ndim == 4 and picture.dtype == torch.float32 and picture.shape[1] % pair(dtype) == 0,
        f"features {tuple(picture.shape)}, {picture.dtype}: must be float32 (N, C, H, W), words of {pair(dtype)}",
    )
    _require_on_cpu(picture)
    pictures, channels, height, width = picture.shape
    rows, source = Rows.room(pictures, height, width, channels, dtype), picture.contiguous()
    ends = source.data_ptr(), rows.words.data_ptr()
    numbers = LEVELS.index(chosen), TYPES[dtype], torch.get_num_threads()
    sizes = pictures, channels, height, width, rows.words.shape[-1]
    loader.functions().elansr_rows_from_planes(*numbers, *ends, *sizes)
    return rows


def same(a: Rows, b: Rows) -> bool:
    """Whether two features are of the same pictures, in the same type."""
    shapes = [(*rows.words.shape[:2], rows.words.shape[3], rows.width) for rows in (a, b)]
    return shapes[0] == shapes[1] and a.dtype == b.dtype


def _require_on_cpu(x: Tensor) -> None:
    require(x.device.type == "cpu", f"a tensor on {x.device}: must be on the CPU")


def require(holds: bool, rule: str) -> None:
    """Raises ConfigError with `rule` unless it holds."""
    if not holds:
        raise ConfigError(f"native rows: {rule}")
