"""The published weights of other networks that ELAN is measured against.

    IMDN   arXiv 1909.11856, the authors' files: a state_dict, names with "module." in front

Which network a file is for follows from its names, its size from its shapes; the file is opened once.
"""

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import torch
from torch import Tensor

from elansr.errors import WeightsError
from elansr.nn.baselines.imdn import IMDN
from elansr.nn.elan import MAX_SCALE
from elansr.weights.checks import check_tensors
from elansr.weights.convert import unwrapped
from elansr.weights.disk import PICKLES, SUFFIXES, read_pickle, read_safetensors, require_readable
from elansr.weights.header import listed

Baseline: TypeAlias = IMDN
"""A network with `scale` whose `forward` takes and returns RGB (N, 3, H, W) in [0, 1]."""


@dataclass(frozen=True)
class Layout:
    """A network and how its published files name its parts.

    Attributes:
        network: its name in tables.
        prefix: of names that only its files have.
        build: the network, with any weights, of the size that the tensors imply.
    """

    network: str
    prefix: str
    build: Callable[[Mapping[str, Tensor]], Baseline]


def load_baseline(path: str | os.PathLike[str]) -> Baseline:
    """The network of a published weights file, float32, in eval mode.

    Args:
        path: a `.pth`, `.pt` or `.safetensors` file of a network in `LAYOUTS`.

    Raises:
        WeightsError: a file that cannot be read, asks to run code, is damaged or holds another network.
    """
    network = find_baseline(path)
    if network is None:
        known = ", ".join(layout.network for layout in LAYOUTS)
        raise WeightsError(f"{path}: none of the networks to compare with ({known}): use a file that one of them wrote")
    return network


def find_baseline(path: str | os.PathLike[str]) -> Baseline | None:
    """As `load_baseline`, but None for a sound file of tensors that is for none of the `LAYOUTS`, such as an ELAN's."""
    path = Path(path)
    tensors = _read(path)
    for layout in LAYOUTS:
        if any(name.startswith(layout.prefix) for name in tensors):
            try:
                return _loaded(layout, tensors)
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


def _loaded(layout: Layout, tensors: Mapping[str, Tensor]) -> Baseline:
    with torch.random.fork_rng(devices=[]):
        network = layout.build(tensors)
    expected = network.state_dict()
    _require_names(layout.network, set(tensors), set(expected))
    network.load_state_dict(check_tensors(tensors, expected))
    return network.eval()


def _require_names(network: str, found: set[str], expected: set[str]) -> None:
    if found != expected:
        raise WeightsError(
            f"{listed(expected - found)} missing and {listed(found - expected)} unknown for {network}: it is another "
            "network or a damaged file, use the one that its authors published"
        )


def _imdn(tensors: Mapping[str, Tensor]) -> IMDN:
    name = "upsampler.0.weight"
    if name not in tensors:
        raise WeightsError(f"{name!r} missing for IMDN: a damaged file, use the one that its authors published")
    shape = tensors[name].shape
    scale = math.isqrt(shape[0] // 3) if shape else 0
    if not 1 <= scale <= MAX_SCALE:
        raise WeightsError(
            f"{name} has the shape {list(shape)}, which is no scale from 1 to {MAX_SCALE}: use the file of one "
            "network as it was written"
        )
    return IMDN(scale)


LAYOUTS = (Layout("IMDN", "IMDB1.", _imdn),)
"""Every network that can be compared with; to add one is to add its row."""
