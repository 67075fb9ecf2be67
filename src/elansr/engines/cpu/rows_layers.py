"""Every layer between one window attention and the next, over rows, in one call of the native library."""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from elansr.engines.cpu import loader
from elansr.engines.cpu.attention import TYPES
from elansr.engines.cpu.loader import LEVELS
from elansr.engines.cpu.rows import SHIFT_GROUPS, PackedLayer, Rows, pair, require, same
from elansr.errors import DeviceError


class Layer(ctypes.Structure):
    """`Layer` of rows.h."""

    _fields_ = (
        ("weights", ctypes.c_void_p),
        ("bias", ctypes.c_void_p),
        ("inputs", ctypes.c_int64),
        ("outputs", ctypes.c_int64),
    )

    @staticmethod
    def of(layer: PackedLayer | None) -> "Layer":
        """The layer, or what stands for none."""
        if layer is None:
            return Layer()
        return Layer(layer.weights.data_ptr(), layer.bias.data_ptr(), layer.inputs, layer.outputs)


class _LayersCall(ctypes.Structure):
    """`LayersCall` of rows.h."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("x", "attended", "out", "projected")),
        *((name, Layer) for name in ("merge", "expand", "reduce", "project")),
        *((name, ctypes.c_int64) for name in ("pictures", "height", "width", "pitch", "channels")),
        *((name, ctypes.c_int32) for name in ("type", "level", "threads")),
        ("rows", ctypes.c_int64),
    )


@dataclass(frozen=True)
class LocalFeatures:
    """Local feature extraction, C to rC (`expand`) and back (`reduce`), and the projection of what comes out."""

    expand: PackedLayer
    reduce: PackedLayer
    project: PackedLayer


def layers(
    x: Rows,
    merge: PackedLayer | None,
    attended: Rows | None,
    local: LocalFeatures | None,
    out: Rows,
    projected: Rows | None,
) -> None:
    """Every layer between one window attention and the next (arXiv 2203.06697, figure 2).

        y = x + merge(attended)
        out = y + reduce(shift(relu(expand(shift(y)))))
        projected = project(out)

    Args:
        x: features of C channels.
        merge: C to C; None where nothing was attended yet: y = x.
        attended: C channels, with `merge`.
        local: None where no block follows: out = y, and nothing is projected.
        out: room for C channels, not `x`.
        projected: room for as many channels as `local.project` has; None without `local`. It is for attention: the
            words beside the picture are not zero, as those of `x` must be.

    Raises:
        ConfigError: channels or types that do not go together.
        DeviceError: not enough memory.
    """
    require((merge is None) == (attended is None), "merge and attended: must be given together")
    require(merge is not None or local is not None, "neither merge nor local: nothing to do")
    packed = [*([merge] if merge else []), *((local.expand, local.reduce, local.project) if local else ())]
    _check_layers(x, packed, merge, local)
    if attended is not None:
        require(same(x, attended) and attended.channels == x.channels, "x and attended: must be alike")
    require((local is None) == (projected is None), "local and projected: must be given together")
    require(same(x, out) and out.channels == x.channels, "x and out: must be alike")
    if local is not None and projected is not None:
        require(same(x, projected) and projected.channels == local.project.outputs, "projected: of other channels")
    used = [rows for rows in (x, attended, out, projected) if rows is not None]
    require(len({id(rows.words) for rows in used}) == len(used), "x, attended, out, projected: must be different rows")
    pictures, height, _, pitch = x.words.shape
    call = _LayersCall(
        x=x.words.data_ptr(),
        attended=None if attended is None else attended.words.data_ptr(),
        out=out.words.data_ptr(),
        projected=None if projected is None else projected.words.data_ptr(),
        merge=Layer.of(merge),
        expand=Layer.of(local.expand if local else None),
        reduce=Layer.of(local.reduce if local else None),
        project=Layer.of(local.project if local else None),
        pictures=pictures,
        height=height,
        width=x.width,
        pitch=pitch,
        channels=x.channels,
        type=TYPES[x.dtype],
        level=LEVELS.index(packed[0].level),
        threads=torch.get_num_threads(),
    )
    if x.words.numel() and loader.functions().elansr_rows_layers(ctypes.byref(call)):
        raise DeviceError(f"native layers on {x.width} x {height} pixels: not enough memory")


def _check_layers(
    x: Rows, packed: Sequence[PackedLayer], merge: PackedLayer | None, local: LocalFeatures | None
) -> None:
    c = x.channels
    alike = all(layer.dtype == x.dtype and layer.level == packed[0].level for layer in packed)
    require(alike, "layers: must be packed for the features' type and for one level")
    require(
        all(layer.inputs == c for layer in packed if local is None or layer is not local.reduce), f"inputs: must be {c}"
    )
    require(merge is None or merge.outputs == c, f"outputs of merge: must be {c}")
    if local is None:
        return
    hidden = local.expand.outputs
    require(
        local.reduce.inputs == hidden and local.reduce.outputs == c and min(c, hidden) >= SHIFT_GROUPS,
        f"{c} to {hidden} and {local.reduce.inputs} to {local.reduce.outputs} channels: must go there and back",
    )
    groups = (c // SHIFT_GROUPS, hidden // SHIFT_GROUPS)
    require(not any(size % pair(x.dtype) for size in groups), f"shift groups of {groups}: must hold whole words")
