"""What can be evaluated: released weights, weights files, other projects' networks and plain bicubic.

Each becomes a function from LR to SR that has not been rounded; the protocol decides about rounding. Pictures are run
whole, in the network's plain form: no tiles, no margin.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elansr.benchmark.weights import Baseline, find_baseline
from elansr.engines.device import pick_device, pick_precision
from elansr.engines.files import choose, open_engine
from elansr.engines.pytorch import DTYPES, TorchEngine
from elansr.errors import ConfigError, DeviceError, WeightsError
from elansr.evaluation.datasets import RGB
from elansr.evaluation.evaluate import bicubic
from elansr.memory import keep_freed_memory
from elansr.nn.config import MAX_SCALE, PRESETS, ELANConfig
from elansr.weights import load_network
from elansr.weights.disk import one_line
from elansr.weights.released import family, resolve

BICUBIC = "bicubic"
DEFAULT_SCALE = 4
NAMES = {"elan-light": "ELAN-light", "elan": "ELAN"}
"""What the paper calls the presets."""

Network = Callable[[Tensor], Tensor]
"""Float32 (1, 3, h, w), RGB in [0, 1], to float32 (1, 3, h * scale, w * scale), both on the CPU."""


@dataclass(frozen=True)
class Model:
    """A model under evaluation.

    Attributes:
        name: as the user wrote it: "elan-light", "runs/my_x4/best.safetensors", "bicubic".
        scale: super-resolution factor.
        super_resolve: LR uint8 (h, w, 3) to SR float32 (h * scale, w * scale, 3), 0-255, clamped, not rounded.
        network: what the literature calls it, "ELAN-light", "IMDN", "bicubic"; "" for a network that has no such name.
    """

    name: str
    scale: int
    super_resolve: Callable[[RGB], NDArray[np.float32]]
    network: str = ""


def super_resolver(model: str, scale: int | None, device: str, precision: str) -> Model:
    """Loads a model for evaluation.

    Args:
        model: a released name or family, the path of a weights file (ours, of a layout that `convert` knows, or of a
            baseline such as IMDN) or of an ONNX or OpenVINO file that `export` wrote, or "bicubic".
        scale: the scale asked for; None takes the weights' own, and 4 for a family or bicubic.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".
        precision: "auto", "fp32", "bf16" or "fp16"; a baseline, which runs in it from end to end, takes fp32 for
            "auto" on a CPU.

    Raises:
        WeightsError: an unknown name, an unusable file, or weights of another scale.
        ConfigError: a scale that bicubic is not offered for.
        DeviceError: a device or precision that is unknown or not there.
        MissingExtraError: the run time of an exported file is not installed.
    """
    if model == BICUBIC:
        return _bicubic(DEFAULT_SCALE if scale is None else scale)
    keep_freed_memory()
    if choose(model, "auto") != "torch":
        return _exported(Path(model), scale, device, precision)
    where = torch.device(pick_device(device))
    kind = pick_precision(precision, str(where))
    scale = DEFAULT_SCALE if scale is None and family(model) else scale
    baseline = find_baseline(resolve(model, scale))
    if baseline is not None:
        kind = "fp32" if precision == "auto" and where.type == "cpu" else kind
        return _baseline(model, baseline, scale, where, DTYPES[kind])
    network = load_network(model, scale)
    engine = TorchEngine(network, where, kind, closed=False)
    return Model(model, network.config.scale, _function(engine), _name_in_the_paper(network.config))


def _bicubic(scale: int) -> Model:
    """MATLAB's bicubic of 8-bit pictures gives 8-bit pictures: it is rounded whatever the protocol."""
    if not 1 <= scale <= MAX_SCALE:
        raise ConfigError(f"{BICUBIC} x{scale}: must be from x1 to x{MAX_SCALE}")
    enlarge = bicubic(scale)
    return Model(BICUBIC, scale, lambda lr: enlarge(lr).astype(np.float32), BICUBIC)


def _exported(path: Path, scale: int | None, device: str, precision: str) -> Model:
    """In the precision, which only "fp32" does not insist on, and with the borders that it was exported with."""
    engine = open_engine(path, device)
    engine.require_scale(scale)
    engine.require("auto" if precision == "fp32" else precision, engine.exported.closed)
    return Model(str(path), engine.config.scale, _function(engine), _name_in_the_paper(engine.config))


def _function(network: Network) -> Callable[[RGB], NDArray[np.float32]]:
    def super_resolve(lr: RGB) -> NDArray[np.float32]:
        try:
            x = torch.from_numpy(np.divide(lr, 255.0, dtype=np.float32)).permute(2, 0, 1).unsqueeze(0)
            sr = network(x)[0]
        # PyTorch reports what a picture asks too much of as RuntimeError.
        except (RuntimeError, MemoryError) as error:
            raise DeviceError(
                f"LR of {lr.shape[1]}x{lr.shape[0]} pixels: the network failed on it ({one_line(error)}): evaluation "
                "runs pictures whole, so use a --device with more memory, or smaller pictures"
            ) from error
        return np.ascontiguousarray(sr.clamp(0, 1).mul(255).permute(1, 2, 0).numpy())

    return super_resolve


def _name_in_the_paper(config: ELANConfig) -> str:
    """The paper's name of its networks, at any scale and with any mean and range of the input; else ""."""
    for preset, row in PRESETS.items():
        same = dataclasses.replace(row, scale=config.scale, rgb_mean=config.rgb_mean, rgb_range=config.rgb_range)
        if config == same:
            return NAMES[preset]
    return ""


def _baseline(model: str, network: Baseline, scale: int | None, device: torch.device, dtype: torch.dtype) -> Model:
    if scale not in (None, network.scale):
        raise WeightsError(
            f"{model}: weights for x{network.scale}, not x{scale}: leave the scale out or take other weights"
        )
    network = network.to(device, dtype)

    @torch.no_grad()
    def run(x: Tensor) -> Tensor:
        sr: Tensor = network(x.to(device, dtype))
        return sr.float().cpu()

    return Model(model, network.scale, _function(run), type(network).__name__)
