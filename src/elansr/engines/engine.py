"""What an engine is: a tile in, the super-resolved tile out, both NumPy arrays.

`open_engine` is the one place that chooses which engine runs a model on a device.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from elansr.errors import ConfigError
from elansr.nn.config import ELANConfig

if TYPE_CHECKING:
    from elansr.engines.exported import EngineName
    from elansr.nn.elan import ELAN
    from elansr.weights.inference import InferenceForm

Tile = NDArray[np.float32]


class Engine(Protocol):
    """Runs one network on tiles.

    Attributes:
        config: of the network.
        device: where it runs: "cpu", "cuda:0", "mps".
        precision: "fp32", "bf16" or "fp16", of the network's body.
        size: height and width of the largest tile; None is any.
        bytes_per_pixel: that a pixel of a tile takes at the peak.
    """

    config: ELANConfig
    device: str
    precision: str
    size: tuple[int, int] | None
    bytes_per_pixel: int

    def __call__(self, tile: Tile, /) -> Tile:
        """Super-resolves one tile, or tiles of several pictures at once.

        Args:
            tile: float32, (1, 3n, h, w), RGB in [0, 1]; a network of one colour is given the colours one by one.

        Returns:
            float32, (1, 3n, h * scale, w * scale), not clipped; the caller's to overwrite.

        Raises:
            MemoryError: the tile is too large for the memory; a smaller one may not be.
        """

    def digest(self) -> str:
        """SHA-256 of what decides its answers besides the attributes, in hex."""


def open_engine(
    model: str | os.PathLike[str] | ELAN,
    *,
    scale: int | None = None,
    strength: float | None = None,
    engine: EngineName = "auto",
    device: str = "auto",
    precision: str = "auto",
    closed: bool = True,
) -> Engine:
    """The engine that runs a model.

    Args:
        model: a released name ("elan-light-x4"), the path of a weights file, the path of a file that `elansr export`
            wrote, or a network.
        scale: super-resolution factor that the model must have.
        strength: of weights that end in -real or of a file, see `read_interpolated`; None takes them as they are.
        engine: "auto" runs weights in the native library where it can, and else with PyTorch, as "torch" always does;
            "onnx" and "openvino" run exported files; see `choose`.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".
        precision: "auto", "fp32", "bf16" or "fp16".
        closed: whether attention windows end at a tile's border; else shifted ones continue at the opposite border.

    Raises:
        WeightsError: an unknown name, or a file that is not a network of ours.
        ConfigError: an engine that does not run such a file, or what contradicts how it was exported.
        DeviceError: a device or precision that is unknown or not there.
        MissingExtraError: what the engine needs is not installed.
    """
    from elansr.engines.cpu import bindings
    from elansr.engines.cpu.native_engine import NativeEngine, runs_natively
    from elansr.engines.device import pick_device, pick_precision, require_torch
    from elansr.engines.exported import choose, open_exported

    if isinstance(model, (str, os.PathLike)) and choose(model, engine) != "torch":
        if strength is not None:
            raise ConfigError(f"{model}: an exported file has no strength: omit it")
        exported = open_exported(Path(model), device)
        exported.require_scale(scale)
        exported.require(precision, closed)
        return exported
    where = pick_device(device)
    kind = pick_precision(precision, where)
    form = _inference_form(model, scale, strength)
    if where == "cpu" and engine == "auto" and runs_natively(form.config, kind):
        return NativeEngine(form, kind, closed)

    why = f" ({bindings.reason()})" if where == "cpu" and not bindings.available() else ""
    require_torch("`engine=torch`" if engine == "torch" else f"precision {kind} on device {where}{why}")
    from elansr.engines.pytorch import TorchEngine

    return TorchEngine(form, where, kind, closed)


def _inference_form(model: str | os.PathLike[str] | ELAN, scale: int | None, strength: float | None) -> InferenceForm:
    if isinstance(model, (str, os.PathLike)):
        from elansr.weights.interpolation import read_interpolated

        return read_interpolated(model, scale, strength)
    if strength is not None:
        raise ConfigError("a network has no strength: omit it, or give released weights or a file")
    from elansr.weights.contents import require_network

    require_network(model, "must be the name of released weights, the path of a weights file, or an elansr ELAN")
    from elansr.engines.pytorch import inference_form

    return inference_form(model)
