"""The published weights of other networks that ELAN is measured against.

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
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, TypeVar

import torch
from torch import Tensor

from elansr.benchmark.networks import edsr, swinir
from elansr.benchmark.networks.edsr import EDSR, EDSRConfig
from elansr.benchmark.networks.imdn import IMDN
from elansr.benchmark.networks.rrdb import RRDBNet
from elansr.benchmark.networks.swinir import SwinIR, SwinIRConfig, SwinTransformerLayer, WindowAttention
from elansr.errors import WeightsError
from elansr.nn.config import MAX_SCALE
from elansr.text import listed
from elansr.weights.disk import PICKLES, SUFFIXES, read_pickle, read_safetensors, require_readable
from elansr.weights.foreign import unwrapped
from elansr.weights.tensors import check_tensors

Baseline: TypeAlias = IMDN | SwinIR | EDSR | RRDBNet
"""A network with `scale` whose `forward` takes and returns RGB (N, 3, H, W) in [0, 1]."""
Row = TypeVar("Row", SwinIRConfig, EDSRConfig)


@dataclass(frozen=True)
class PublishedNetwork:
    """A network and how its published files name its parts.

    Attributes:
        network: its name in tables.
        prefix: of names that only its files have.
        build: the network, with any weights, of the size that the tensors imply.
    """

    network: str
    prefix: str
    build: Callable[[Mapping[str, Tensor]], Baseline]


def find_baseline(path: str | os.PathLike[str]) -> Baseline | None:
    """The network of a published weights file, float32, in eval mode.

    Args:
        path: a `.pth`, `.pt` or `.safetensors` file.

    Returns:
        None for a sound file of tensors that is for none of the `PUBLISHED_NETWORKS`, such as an ELAN's.

    Raises:
        WeightsError: a file that cannot be read, asks to run code, or is damaged.
    """
    path = Path(path)
    tensors = _read(path)
    for published in PUBLISHED_NETWORKS:
        if any(name.startswith(published.prefix) for name in tensors):
            try:
                return _loaded(published, tensors)
            except WeightsError as error:
                raise WeightsError(f"{path}: {error}") from error
    return None


def _read(path: Path) -> dict[str, Tensor]:
    require_readable(path)
    if path.suffix.lower() not in SUFFIXES:
        raise WeightsError(f"{path}: weights files end in {', '.join(SUFFIXES)}: rename the file to what it is")
    loaded = read_pickle(path) if path.suffix.lower() in PICKLES else read_safetensors(path)[0]
    try:
        return unwrapped(loaded)[1]
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from error


def _loaded(published: PublishedNetwork, tensors: Mapping[str, Tensor]) -> Baseline:
    with torch.random.fork_rng(devices=[]):
        network = published.build(tensors)
    expected = network.state_dict()
    weights = _without_computed(network, tensors)
    _require_names(published.network, set(weights), set(expected))
    network.load_state_dict(check_tensors(weights, expected))
    return network.eval()


def _without_computed(network: Baseline, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors but for those that published code stores although the network computes them.

    Raises:
        WeightsError: one that is the same for every picture is another in the file: a network that computes otherwise.
    """
    indices, masks = _computed(network)
    found = {name: tensors[name] for name in indices.keys() & tensors.keys()}
    for name, index in check_tensors(found, {name: indices[name] for name in found}).items():
        if not torch.equal(index, indices[name]):
            raise WeightsError(
                f"{name} numbers the positions in another way: it is another network, use the file that SwinIR's "
                "authors published"
            )
    return {name: tensor for name, tensor in tensors.items() if name not in indices.keys() | masks}


def _computed(network: Baseline) -> tuple[dict[str, Tensor], set[str]]:
    """Position indices by name, and the names of masks, which fit the training's crops and no other picture."""
    parts = list(network.named_modules())
    indices = {
        f"{name}.relative_position_index": part.relative_position_index
        for name, part in parts
        if isinstance(part, WindowAttention)
    }
    return indices, {
        f"{name}.attn_mask" for name, part in parts if isinstance(part, SwinTransformerLayer) and part.shift
    }


def _require_names(network: str, found: set[str], expected: set[str]) -> None:
    if found != expected:
        raise WeightsError(
            f"{listed(expected - found)} missing and {listed(found - expected)} unknown for {network}: it is another "
            "network or a damaged file, use the one that its authors published"
        )


def _imdn(tensors: Mapping[str, Tensor]) -> IMDN:
    return IMDN(_scale("IMDN", tensors, "upsampler.0.weight", 3))


def _swinir(tensors: Mapping[str, Tensor]) -> SwinIR:
    config = _row("SwinIR", tensors, swinir.PRESETS.values())
    if config.direct:
        return SwinIR(_published(_scale("SwinIR", tensors, "upsample.0.weight", 3)), config)
    return SwinIR(_scale_of_steps("SwinIR", tensors, swinir.RECONSTRUCTION_CHANNELS), config)


def _edsr(tensors: Mapping[str, Tensor]) -> EDSR:
    config = _row("EDSR", tensors, edsr.PRESETS.values())
    return EDSR(_scale_of_steps("EDSR", tensors, config.channels), config)


def _rrdb(tensors: Mapping[str, Tensor]) -> RRDBNet:
    channels = _outputs("RRDBNet", tensors, "conv_first.weight")
    growth = _outputs("RRDBNet", tensors, "body.0.rdb1.conv1.weight")
    blocks = sum(name.startswith("body.") and name.endswith(".rdb1.conv1.weight") for name in tensors)
    if not channels or not growth:
        raise WeightsError("RRDBNet without channels: a damaged file, use the one that its authors published")
    return RRDBNet(channels, blocks, growth)


def _row(network: str, tensors: Mapping[str, Tensor], rows: Collection[Row]) -> Row:
    """The published size that has as many channels as the tensors."""
    channels = _outputs(network, tensors, "conv_first.weight")
    for row in rows:
        if row.channels == channels:
            return row
    known = " and ".join(str(row.channels) for row in rows)
    raise WeightsError(
        f"{network} of {channels} channels: only the published sizes, of {known}, can be compared with, use one of them"
    )


def _outputs(network: str, tensors: Mapping[str, Tensor], name: str) -> int:
    """Output channels of a convolution; 0 where its weight is a single number."""
    if name not in tensors:
        raise WeightsError(f"{name!r} missing for {network}: a damaged file, use the one that its authors published")
    return tensors[name].shape[0] if tensors[name].ndim else 0


def _scale(network: str, tensors: Mapping[str, Tensor], name: str, channels: int) -> int:
    """The factor of the PixelShuffle that follows a convolution and leaves `channels`."""
    scale = math.isqrt(_outputs(network, tensors, name) // channels)
    if not 1 <= scale <= MAX_SCALE:
        raise WeightsError(
            f"{name} has the shape {list(tensors[name].shape)}, which is no scale from 1 to {MAX_SCALE}: use the file "
            "of one network as it was written"
        )
    return scale


def _scale_of_steps(network: str, tensors: Mapping[str, Tensor], channels: int) -> int:
    """The factor of all steps of `edsr.upsampler`; one step more than any scale has is enough to refuse it."""
    first = _scale(network, tensors, "upsample.0.weight", channels)
    most = max(map(len, edsr.STEPS.values())) + 1
    return _published(first ** sum(f"upsample.{2 * i}.weight" in tensors for i in range(most)))


def _published(scale: int) -> int:
    if scale not in edsr.STEPS:
        raise WeightsError(f"weights for x{scale}: use weights for one of {', '.join(f'x{s}' for s in edsr.STEPS)}")
    return scale


PUBLISHED_NETWORKS = (
    PublishedNetwork("IMDN", "IMDB1.", _imdn),
    PublishedNetwork("SwinIR", "layers.0.residual_group.", _swinir),
    PublishedNetwork("EDSR", "body.0.conv1.", _edsr),
    PublishedNetwork("RRDBNet", "body.0.rdb1.", _rrdb),
)
"""Every network that can be compared with; to add one is to add its row."""
