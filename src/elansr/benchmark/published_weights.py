"""The published weights of the networks that ELAN is compared with.

    IMDN     arXiv 1909.11856, the authors' files: a state_dict, names with "module." in front
    SwinIR   arXiv 2108.10257, the authors' files for classical and lightweight SR: {"params": ...} or a state_dict
    EDSR     arXiv 1707.02921, BasicSR's files: {"params": ...}
    RRDBNet  arXiv 2107.10833, Real-ESRGAN x4plus: {"params_ema": ...}

Only IMDN's published files were at hand. The other layouts are those of the published code, and have not been tried on
published files.

Which network a file is for follows from its names, its size from its shapes; the file is opened once.
"""

import math
import os
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, TypeVar

import numpy as np
import torch

from elansr.benchmark.networks import edsr, swinir
from elansr.benchmark.networks.edsr import EDSR, EDSRConfig
from elansr.benchmark.networks.imdn import IMDN
from elansr.benchmark.networks.rrdb import RRDBNet
from elansr.benchmark.networks.swinir import SwinIR, SwinIRConfig, SwinTransformerLayer, WindowAttention
from elansr.errors import WeightsError
from elansr.nn.config import MAX_SCALE
from elansr.weights.contents import State, checked
from elansr.weights.foreign import read_wrapped
from elansr.weights.weights_file import errors_of

Baseline: TypeAlias = IMDN | SwinIR | EDSR | RRDBNet
"""A network with `scale` whose `forward` takes and returns RGB (N, 3, H, W) in [0, 1]."""
Row = TypeVar("Row", SwinIRConfig, EDSRConfig)


@dataclass(frozen=True)
class PublishedNetwork:
    """A network and how its published files name its parts.

    Attributes:
        network: its name in tables.
        prefix: of names that only its files have.
        build: the network, with any weights, of the size that the arrays imply.
    """

    network: str
    prefix: str
    build: Callable[[State], Baseline]


def find_baseline(path: str | os.PathLike[str], scale: int | None = None) -> Baseline | None:
    """The network of a published weights file, float32, in eval mode.

    Args:
        path: a `.pth`, `.pt` or `.safetensors` file.
        scale: refuses weights of another scale; None takes any.

    Returns:
        None for a sound file of tensors that is for none of the `PUBLISHED_NETWORKS`, such as an ELAN's.

    Raises:
        WeightsError: a file that cannot be read, asks to run code, is damaged, or is of another scale.
    """
    path = Path(path)
    _, arrays = read_wrapped(path)
    with errors_of(path):
        for published in PUBLISHED_NETWORKS:
            if any(name.startswith(published.prefix) for name in arrays):
                return _loaded(published, arrays, scale)
    return None


def _loaded(published: PublishedNetwork, arrays: State, scale: int | None) -> Baseline:
    with torch.random.fork_rng(devices=[]):
        network = published.build(arrays)
    if scale not in (None, network.scale):
        raise WeightsError(f"weights for x{network.scale}, not x{scale}: omit the scale, or choose other weights")
    expected = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    weights = checked(_without_computed(network, arrays), expected, published.network)
    network.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    return network.eval()


def _without_computed(network: Baseline, arrays: State) -> State:
    """The arrays but for those that published code stores although the network computes them.

    Raises:
        WeightsError: one that is the same for every picture is another in the file: a network that computes otherwise.
    """
    indices, masks = _computed(network)
    found = {name: arrays[name] for name in indices.keys() & arrays.keys()}
    for name, index in checked(found, {name: indices[name] for name in found}).items():
        if not np.array_equal(index, indices[name]):
            raise WeightsError(
                f"{name} has another order of positions: another network; use the file that SwinIR's authors published"
            )
    return {name: array for name, array in arrays.items() if name not in indices.keys() | masks}


def _computed(network: Baseline) -> tuple[State, set[str]]:
    """Position indices by name, and the names of masks, which fit the training's crops and no other picture."""
    parts = list(network.named_modules())
    indices = {
        f"{name}.relative_position_index": part.relative_position_index.numpy()
        for name, part in parts
        if isinstance(part, WindowAttention)
    }
    return indices, {
        f"{name}.attn_mask" for name, part in parts if isinstance(part, SwinTransformerLayer) and part.shift
    }


def _imdn(arrays: State) -> IMDN:
    return IMDN(_scale("IMDN", arrays, "upsampler.0.weight", 3))


def _swinir(arrays: State) -> SwinIR:
    config = _row("SwinIR", arrays, swinir.PRESETS.values())
    if config.direct:
        return SwinIR(_published(_scale("SwinIR", arrays, "upsample.0.weight", 3)), config)
    return SwinIR(_scale_of_steps("SwinIR", arrays, swinir.RECONSTRUCTION_CHANNELS), config)


def _edsr(arrays: State) -> EDSR:
    config = _row("EDSR", arrays, edsr.PRESETS.values())
    return EDSR(_scale_of_steps("EDSR", arrays, config.channels), config)


def _rrdb(arrays: State) -> RRDBNet:
    channels = _outputs("RRDBNet", arrays, "conv_first.weight")
    growth = _outputs("RRDBNet", arrays, "body.0.rdb1.conv1.weight")
    blocks = sum(name.startswith("body.") and name.endswith(".rdb1.conv1.weight") for name in arrays)
    if not channels or not growth:
        raise WeightsError("RRDBNet without channels: a damaged file; use the one that its authors published")
    return RRDBNet(channels, blocks, growth)


def _row(network: str, arrays: State, rows: Collection[Row]) -> Row:
    """The published size that has as many channels as the arrays."""
    channels = _outputs(network, arrays, "conv_first.weight")
    for row in rows:
        if row.channels == channels:
            return row
    known = " and ".join(str(row.channels) for row in rows)
    raise WeightsError(f"{network} of {channels} channels: must be one of the published sizes: {known}")


def _outputs(network: str, arrays: State, name: str) -> int:
    """Output channels of a convolution; 0 where its weight is a single number."""
    if name not in arrays:
        raise WeightsError(f"{name!r} missing for {network}: a damaged file; use the one that its authors published")
    return arrays[name].shape[0] if arrays[name].ndim else 0


def _scale(network: str, arrays: State, name: str, channels: int) -> int:
    """The factor of the PixelShuffle that follows a convolution and leaves `channels`."""
    scale = math.isqrt(_outputs(network, arrays, name) // channels)
    if not 1 <= scale <= MAX_SCALE:
        raise WeightsError(
            f"{name} has the shape {list(arrays[name].shape)}, which is no scale from 1 to {MAX_SCALE}: use the file "
            "as its program wrote it"
        )
    return scale


def _scale_of_steps(network: str, arrays: State, channels: int) -> int:
    """The factor of all steps of `edsr.upsampler`; one step more than any scale has is enough to refuse it."""
    first = _scale(network, arrays, "upsample.0.weight", channels)
    most = max(map(len, edsr.STEPS.values())) + 1
    return _published(first ** sum(f"upsample.{2 * i}.weight" in arrays for i in range(most)))


def _published(scale: int) -> int:
    if scale not in edsr.STEPS:
        raise WeightsError(f"weights for x{scale}: must be for one of {', '.join(f'x{s}' for s in edsr.STEPS)}")
    return scale


PUBLISHED_NETWORKS = (
    PublishedNetwork("IMDN", "IMDB1.", _imdn),
    PublishedNetwork("SwinIR", "layers.0.residual_group.", _swinir),
    PublishedNetwork("EDSR", "body.0.conv1.", _edsr),
    PublishedNetwork("RRDBNet", "body.0.rdb1.", _rrdb),
)
"""Every network that can be compared with; to add one is to add its row."""
