"""The end of the network over rows: long skip, 3x3 convolution and PixelShuffle, in one call of the native library."""

import ctypes

import torch
from torch import Tensor

from elansr.engines.cpu import loader
from elansr.engines.cpu.attention import TYPES
from elansr.engines.cpu.loader import LEVELS
from elansr.engines.cpu.rows import PackedLayer, Rows, level_for, pack, require
from elansr.engines.cpu.rows_layers import Layer
from elansr.errors import DeviceError

TAPS = 9


def pack_tail(weight: Tensor, bias: Tensor) -> PackedLayer:
    """Packs the last convolution.

    Args:
        weight: (colors * scale^2, C, 3, 3), on the CPU.
        bias: (colors * scale^2,).
    """
    return pack(weight.permute(0, 2, 3, 1).flatten(1), bias, torch.float32)


class _TailCall(ctypes.Structure):
    """`TailCall` of rows.h."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("head", "body", "out")),
        ("layer", Layer),
        *((name, ctypes.c_int64) for name in ("pictures", "height", "width", "pitch", "colors", "scale")),
        *((name, ctypes.c_int32) for name in ("type", "level", "threads")),
        ("rows", ctypes.c_int64),
    )


def tail(head: Tensor, body: Rows, layer: PackedLayer, scale: int) -> Tensor:
    """`PixelShuffle(conv3x3(head + body))`, with zeros around the picture, in float32.

    Args:
        head: features (N, C, H, W), float32.
        body: the same features after the body.
        layer: from `pack_tail`.
        scale: super-resolution factor.

    Returns:
        float32 (N, colors, H * scale, W * scale).

    Raises:
        ConfigError: shapes or types that do not go together.
        DeviceError: not enough memory.
    """
    pictures, height, _, pitch = body.words.shape
    expected = (pictures, body.channels, height, body.width)
    require(
        head.dtype == torch.float32 and head.shape == expected and head.device.type == "cpu",
        f"features {tuple(head.shape)}, {head.dtype}, on {head.device}: must be {expected}, float32, on the CPU",
    )
    require(layer.dtype == torch.float32, f"tail packed for {layer.dtype}: must be float32")
    level_for(body.dtype, layer.level)
    require(
        layer.inputs == TAPS * body.channels and scale >= 1 and layer.outputs % scale**2 == 0,
        f"tail of {layer.inputs} to {layer.outputs} at x{scale}: must be {TAPS} x {body.channels} to whole colours",
    )
    colors, head = layer.outputs // scale**2, head.contiguous()
    out = torch.empty(pictures, colors, height * scale, body.width * scale)
    call = _TailCall(
        head=head.data_ptr(),
        body=body.words.data_ptr(),
        out=out.data_ptr(),
        layer=Layer(layer.weights.data_ptr(), layer.bias.data_ptr(), body.channels, layer.outputs),
        pictures=pictures,
        height=height,
        width=body.width,
        pitch=pitch,
        colors=colors,
        scale=scale,
        type=TYPES[body.dtype],
        level=LEVELS.index(layer.level),
        threads=torch.get_num_threads(),
    )
    if out.numel() and loader.functions().elansr_rows_tail(ctypes.byref(call)):
        raise DeviceError(f"native tail on {body.width} x {height} pixels: not enough memory")
    return out
