"""What can be timed: ELAN as elansr runs it, ELAN as its authors do, and the networks it is compared with.

A network is timed on a picture that is on the device already and stays there: no file, no tile, no transfer.
"""

import copy
import dataclasses
import functools
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from elansr.benchmark.networks.authors import authors_elan
from elansr.benchmark.networks.edsr import EDSR
from elansr.benchmark.networks.imdn import IMDN
from elansr.benchmark.networks.rrdb import RRDBNet
from elansr.benchmark.networks.swinir import PRESETS as SWINIR_PRESETS
from elansr.benchmark.networks.swinir import SwinIR
from elansr.benchmark.published_weights import Baseline, find_baseline
from elansr.benchmark.speed import Run, explained
from elansr.engines import open_engine
from elansr.engines.device import pick_precision
from elansr.engines.exported import ENGINE_OF_SUFFIX, open_exported
from elansr.engines.pytorch import DTYPES, TorchEngine, inference_form
from elansr.errors import ConfigError
from elansr.nn.config import MAX_SCALE, PRESETS, PresetName
from elansr.nn.elan import ELAN, create_model
from elansr.text import did_you_mean
from elansr.weights.load import load_network
from elansr.weights.released import RELEASED, family, is_path, is_released, resolve

AUTO = "auto"
SUFFIX_OF_ENGINE: dict[str, str] = {engine: suffix for suffix, engine in ENGINE_OF_SUFFIX.items()}
DEFAULT_SCALE = 4
DEFAULT_MODELS = ("swinir-light", "elan-light-authors", "elan-light:fp32", "elan-light")
SEED = 0

Weights = Literal["released", "file", "random"]
Forward = Callable[[Tensor], Tensor]
"""Float (N, C, H, W) to (N, C, H * scale, W * scale), both on the device."""


@dataclass(frozen=True)
class ModelSpec:
    """One of `--models`: NAME[:PRECISION].

    Attributes:
        name: of a network in `NETWORKS`, of released weights, or the path of a weights file.
        precision: "auto", "fp32", "bf16" or "fp16".
    """

    name: str
    precision: str


@dataclass(frozen=True)
class BenchmarkModel:
    """A network that can be timed.

    Attributes:
        name: as the user wrote it.
        precision: "fp32", "bf16" or "fp16".
        weights: which it has; for the time they take, random ones do as well.
        network: its plain form, float32, in eval mode, on the CPU.
        ours: whether it runs as `elansr upscale` runs it; else as it is.
    """

    name: str
    precision: str
    scale: int
    weights: Weights
    network: nn.Module
    ours: bool

    @property
    def label(self) -> str:
        """Name and precision."""
        return f"{self.name}:{self.precision}"


@dataclass(frozen=True)
class Workload:
    """What all networks do.

    Attributes:
        width, height: of the LR picture, in pixels.
        engine: one of `ENGINES`, for ours.
        folder: where the files of engines that run files are, see `exported_file`.
    """

    device: torch.device
    width: int
    height: int
    engine: str = AUTO
    folder: Path = Path()


def parse(text: str, precision: str = AUTO) -> list[ModelSpec]:
    """The models of a list NAME[:PRECISION],NAME[:PRECISION],...

    Args:
        precision: for those that name none.

    Raises:
        ConfigError: nothing between two commas.
    """
    specs = []
    for item in text.split(","):
        name, colon, own = item.strip().rpartition(":")
        if not colon or is_path(own):  # C:\weights.pth
            name, own = item.strip(), precision
        if not name or not own:
            raise ConfigError(f"models {text!r}: must be NAME or NAME:PRECISION, separated by commas")
        specs.append(ModelSpec(name, own))
    return specs


def benchmark_models(
    specs: Sequence[ModelSpec], scale: int | None, device: torch.device, engine: str = AUTO
) -> list[BenchmarkModel]:
    """Loads or builds models, all of one scale.

    Args:
        scale: super-resolution factor; None takes that of weights, and 4 for networks of any scale.
        device, engine: decide what the precision "auto" stands for.

    Raises:
        ConfigError: an unknown name, a scale that a network does not have, or models of different scales.
        WeightsError: weights that cannot be used, or are of another scale.
        DeviceError: an unknown precision.
    """
    if scale is not None and not 1 <= scale <= MAX_SCALE:
        raise ConfigError(f"scale={scale}: must be from 1 to {MAX_SCALE}")
    models = [_model(spec, scale, device, engine) for spec in specs]
    if len({model.scale for model in models}) > 1:
        scales = ", ".join(f"{model.name} x{model.scale}" for model in models)
        raise ConfigError(f"models with different scales, {scales}: set `scale`")
    return models


def distinct(models: Sequence[BenchmarkModel]) -> list[BenchmarkModel]:
    """Each of name and precision once: automatic may be what was asked for already."""
    return list({model.label: model for model in models}.values())


def timed_forward(model: BenchmarkModel, workload: Workload) -> Run:
    """The model, ready to run on a random picture; what PyTorch reports, now or then, becomes a DeviceError."""

    def build() -> Run:
        forward = _forward(model, workload)
        dtype = torch.float32 if model.ours else DTYPES[model.precision]
        layout = _layout(model.network)
        picture = _picture(model.network, workload).to(workload.device, dtype, memory_format=layout)
        return torch.no_grad()(lambda: forward(picture))

    run = explained(model.label, build)
    return lambda: explained(model.label, run)


def _forward(model: BenchmarkModel, workload: Workload) -> Forward:
    if model.ours:
        return ENGINES[workload.engine](model, workload)
    # A copy, so that the network stays what it is.
    network = copy.deepcopy(model.network).to(workload.device, DTYPES[model.precision])
    return network.to(memory_format=_layout(network))  # type: ignore[call-overload]


def _layout(network: nn.Module) -> torch.memory_format:
    """Convolutions alone are faster with channels last (EDSR on a CPU by a quarter); the others arrange features."""
    return torch.channels_last if isinstance(network, (EDSR, IMDN, RRDBNet)) else torch.contiguous_format


def _picture(network: nn.Module, workload: Workload) -> Tensor:
    """RGB in [0, 1], float32 (1, 3, H, W), or as three pictures for a network of one colour."""
    colors = network.config.colors if isinstance(network, ELAN) else 3
    generator = torch.Generator().manual_seed(SEED)
    return torch.rand(3 // colors, colors, workload.height, workload.width, generator=generator)


def exported_file(model: BenchmarkModel, workload: Workload) -> Path:
    """Where the file of one of our networks is, for an engine that runs files."""
    return workload.folder / (hashlib.sha256(model.label.encode()).hexdigest()[:16] + SUFFIX_OF_ENGINE[workload.engine])


def _own_engine(model: BenchmarkModel, workload: Workload) -> Forward:
    """What `elansr upscale` takes: on a CPU the native library where it can, else PyTorch on the device."""
    if workload.device.type != "cpu":
        return _torch_engine(model, workload)
    assert isinstance(model.network, ELAN)
    engine = open_engine(model.network, device="cpu", precision=model.precision)
    return lambda x: torch.from_numpy(engine(x.reshape(1, -1, *x.shape[-2:]).numpy()))


def _torch_engine(model: BenchmarkModel, workload: Workload) -> Forward:
    """`TorchEngine`, which brings its answer back to the CPU, without the way there and back."""
    assert isinstance(model.network, ELAN)
    return TorchEngine(inference_form(model.network), str(workload.device), model.precision, closed=True).run


def _file_engine(model: BenchmarkModel, workload: Workload) -> Forward:
    """`FileEngine`, with the way of picture and answer, and what it pads."""
    engine = open_exported(exported_file(model, workload), str(workload.device))
    return lambda x: torch.from_numpy(engine(x.reshape(1, -1, *x.shape[-2:]).cpu().numpy()))


ENGINES = {AUTO: _own_engine, "torch": _torch_engine, "onnx": _file_engine, "openvino": _file_engine}
"""What runs our networks, a row each."""


def _model(spec: ModelSpec, scale: int | None, device: torch.device, engine: str) -> BenchmarkModel:
    network, weights, ours = _network(spec.name, scale)
    found: int = network.config.scale if isinstance(network, ELAN) else network.scale
    return BenchmarkModel(spec.name, _precision(spec, ours, device, engine), found, weights, network.eval(), ours)


def _precision(spec: ModelSpec, ours: bool, device: torch.device, engine: str) -> str:
    """Automatic is for ours what `elansr upscale` takes; for the others fp16 on CUDA and else fp32; in files fp32."""
    if spec.precision == AUTO and ours and engine in SUFFIX_OF_ENGINE:
        return "fp32"
    if spec.precision == AUTO and not ours:
        return "fp16" if device.type == "cuda" else "fp32"
    return pick_precision(spec.precision, str(device))


def _network(name: str, scale: int | None) -> tuple[ELAN | Baseline, Weights, bool]:
    """The network of a name or a file, what weights it has, and whether it is ours."""
    if name in NETWORKS:
        network, weights = _named(name, scale or DEFAULT_SCALE)
        return network, weights, name in OURS
    if is_path(name):
        baseline = find_baseline(resolve(name), scale)
        return baseline or load_network(name, scale), "file", baseline is None
    if not is_released(name):
        raise ConfigError(_unknown(name))
    return load_network(name, scale or (None if name in RELEASED else DEFAULT_SCALE)), "released", True


def _named(name: str, scale: int) -> tuple[ELAN | Baseline, Weights]:
    """Random weights are the same in every process."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        try:
            return NETWORKS[name](scale)
        except ConfigError as error:
            raise ConfigError(f"{name}: {error}") from error


def _unknown(name: str) -> str:
    known = [*NETWORKS, *RELEASED]
    hint = did_you_mean(name, known)
    return f"unknown model {name!r}: {hint}must be one of {', '.join(known)}, or the path of a file, such as ./{name}"


def _elan(preset: PresetName, scale: int) -> tuple[ELAN, Weights]:
    if scale in family(preset):
        return load_network(preset, scale), "released"
    return create_model(preset, scale), "random"


def _authors(preset: PresetName, scale: int) -> tuple[ELAN, Weights]:
    ours, weights = _elan(preset, scale)
    network = authors_elan(ours.config)
    network.load_state_dict(ours.state_dict())
    return network, weights


def _sharing(n_share: int, scale: int) -> tuple[ELAN, Weights]:
    """ELAN-light with another number of blocks that share (arXiv 2203.06697, section 4.3)."""
    return ELAN(dataclasses.replace(PRESETS["elan-light"], scale=scale, n_share=n_share)), "random"


def _rrdb(scale: int) -> RRDBNet:
    if scale != RRDBNet.scale:
        raise ConfigError(f"scale={scale}: must be {RRDBNet.scale}")
    return RRDBNet()


SHARING = {f"elan-light-share{n}": n for n in (0, 2, 3)}
"""ELAN-light itself has n_share = 1."""
OURS = ("elan-light", "elan", *SHARING)
NETWORKS: dict[str, Callable[[int], tuple[ELAN | Baseline, Weights]]] = {
    "elan-light": lambda scale: _elan("elan-light", scale),
    "elan-light-authors": lambda scale: _authors("elan-light", scale),
    "elan": lambda scale: _elan("elan", scale),
    "elan-authors": lambda scale: _authors("elan", scale),
    **{name: functools.partial(_sharing, n) for name, n in SHARING.items()},
    "swinir-light": lambda scale: (SwinIR(scale, SWINIR_PRESETS["swinir-light"]), "random"),
    "swinir": lambda scale: (SwinIR(scale, SWINIR_PRESETS["swinir"]), "random"),
    "edsr-baseline": lambda scale: (EDSR(scale), "random"),
    "imdn": lambda scale: (IMDN(scale), "random"),
    "realesrgan-x4plus": lambda scale: (_rrdb(scale), "random"),
}
"""What `--models` knows besides weights: of a scale, the network and which weights it has."""
