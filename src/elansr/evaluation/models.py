"""Models that can be evaluated: released weights, weights files, other projects' networks and bicubic.

Each becomes a function from LR to SR that has not been rounded; the protocol decides about rounding. Pictures are run
whole, in the network's plain form: no tiles, no margin.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from elansr.engines import open_engine
from elansr.engines.device import require_torch
from elansr.engines.exported import open_exported
from elansr.errors import ConfigError, DeviceError
from elansr.evaluation.datasets import RGB
from elansr.images import imresize, to_float
from elansr.memory import keep_freed_memory
from elansr.nn.config import MAX_SCALE, PRESETS, ELANConfig
from elansr.text import one_line
from elansr.weights.load import read_weights
from elansr.weights.provenance import Provenance
from elansr.weights.released import EXPORTED, SAFETENSORS, family, is_path
from elansr.weights.weights_file import is_ours

if TYPE_CHECKING:
    from elansr.benchmark.published_weights import Baseline

BICUBIC = "bicubic"
DEFAULT_SCALE = 4
NAMES = {"elan-light": "ELAN-light", "elan": "ELAN"}
"""What the paper calls the presets."""

Network = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Float32 (1, 3, h, w), RGB in [0, 1], to float32 (1, 3, h * scale, w * scale), not clipped."""


@dataclass(frozen=True)
class Model:
    """A model under evaluation.

    Attributes:
        name: as the user wrote it: "elan-light", "runs/my_x4/best.safetensors", "bicubic".
        super_resolve: LR uint8 (h, w, 3) to SR (h * scale, w * scale, 3), 0-255: float32 and not rounded, or uint8.
        network: what the literature calls it, "ELAN-light", "IMDN", "bicubic"; "" for a network that has no such name,
            and for weights that were trained for photos, which the literature's scores say nothing about.
    """

    name: str
    scale: int
    super_resolve: Callable[[RGB], NDArray[np.float32] | RGB]
    network: str = ""


def load_model(model: str, scale: int | None = None, device: str = "auto", precision: str = "fp32") -> Model:
    """Loads a model for evaluation.

    Args:
        model: a released name or family, the path of a weights file (ours, of a layout that `convert` knows, or of a
            network in `elansr.benchmark`, such as IMDN) or of an ONNX or OpenVINO file that `export` wrote, or
            "bicubic".
        scale: the scale asked for; None takes the weights' own, and 4 for a family or bicubic.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".
        precision: "auto", "fp32", "bf16" or "fp16". Other projects' networks run in it from end to end; "auto" is fp32
            for them on a CPU.

    Raises:
        WeightsError: an unknown name, an unusable file, or weights of another scale.
        ConfigError: a scale that bicubic is not offered for.
        DeviceError: a device or precision that is unknown or not there.
        MissingExtraError: what runs the model is not installed.
    """
    if model == BICUBIC:
        return _bicubic(DEFAULT_SCALE if scale is None else scale)
    keep_freed_memory()
    if model.lower().endswith(EXPORTED):
        return _exported(Path(model), scale, device, precision)
    baseline = find_baseline_file(model, scale)
    if baseline is not None:
        return _baseline(model, baseline, device, precision)
    scale = DEFAULT_SCALE if scale is None and family(model) else scale
    engine = open_engine(model, scale=scale, device=device, precision=precision, closed=False)
    name = _name_in_the_paper(engine.config, read_weights(model, scale).provenance)
    return Model(model, engine.config.scale, _on_pictures(engine), name)


def find_baseline_file(model: str, scale: int | None = None) -> Baseline | None:
    """The network of another project in a weights file; None for a released name and for a file of ELAN's.

    Raises:
        WeightsError: a file that cannot be used, or of another scale.
        DeviceError: PyTorch, which such a network needs, is not installed.
    """
    if not is_path(model) or model.lower().endswith(EXPORTED):
        return None
    if model.lower().endswith(SAFETENSORS) and is_ours(Path(model)):
        return None
    require_torch(model)
    from elansr.benchmark.published_weights import find_baseline

    return find_baseline(model, scale)


def bicubic(scale: int) -> Callable[[RGB], RGB]:
    """Plain MATLAB bicubic upscaling: the row every table begins with."""
    return lambda lr: imresize(lr, lr.shape[0] * scale, lr.shape[1] * scale).astype(np.uint8)


def _bicubic(scale: int) -> Model:
    """MATLAB's bicubic of 8-bit pictures gives 8-bit pictures: it is rounded whatever the protocol."""
    if not 1 <= scale <= MAX_SCALE:
        raise ConfigError(f"{BICUBIC} x{scale}: must be from x1 to x{MAX_SCALE}")
    return Model(BICUBIC, scale, bicubic(scale), BICUBIC)


def _exported(path: Path, scale: int | None, device: str, precision: str) -> Model:
    """In the precision, which only "fp32" does not insist on, and with the borders that it was exported with."""
    engine = open_exported(path, device)
    engine.require_scale(scale)
    engine.require("auto" if precision == "fp32" else precision, engine.exported.closed)
    name = _name_in_the_paper(engine.config, Provenance(name=Path(engine.exported.model).stem))
    return Model(str(path), engine.config.scale, _on_pictures(engine), name)


def _on_pictures(network: Network) -> Callable[[RGB], NDArray[np.float32]]:
    def super_resolve(lr: RGB) -> NDArray[np.float32]:
        try:
            x = to_float(lr).transpose(2, 0, 1)[np.newaxis]
            sr = network(np.ascontiguousarray(x))[0]
            return np.ascontiguousarray((sr.clip(0, 1) * np.float32(255)).transpose(1, 2, 0))
        # PyTorch reports what a picture asks too much of as RuntimeError.
        except (RuntimeError, MemoryError) as error:
            raise DeviceError(
                f"LR of {lr.shape[1]}x{lr.shape[0]} pixels: the network failed ({one_line(error)}): evaluation "
                "uses no tiles, so use a `device` with more memory, or smaller pictures"
            ) from error

    return super_resolve


def _name_in_the_paper(config: ELANConfig, provenance: Provenance) -> str:
    """The paper's name of its networks, at any scale and with any mean and range of the input; else ""."""
    for preset, row in PRESETS.items() if provenance.for_fidelity else ():
        same = dataclasses.replace(row, scale=config.scale, rgb_mean=config.rgb_mean, rgb_range=config.rgb_range)
        if config == same:
            return NAMES[preset]
    return ""


def _baseline(model: str, network: Baseline, device: str, precision: str) -> Model:
    import torch

    from elansr.engines.device import pick_device, pick_precision
    from elansr.engines.pytorch import DTYPES

    where = pick_device(device)
    dtype = DTYPES["fp32" if precision == "auto" and where == "cpu" else pick_precision(precision, where)]
    network = network.to(where, dtype)

    @torch.no_grad()
    def run(x: NDArray[np.float32]) -> NDArray[np.float32]:
        return network(torch.from_numpy(x).to(where, dtype)).float().cpu().numpy()

    return Model(model, network.scale, _on_pictures(run), type(network).__name__)
