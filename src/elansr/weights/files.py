"""Our weights files: safetensors with the config and the provenance in the metadata.

Tensors carry the names of `ELAN.state_dict()` and are float32 (BatchNorm's counters int64). The metadata, text by name:

    format          "elansr"
    format_version  "1"
    config          JSON object, every field of `ELANConfig`
    provenance      JSON object, every field of `Provenance`
"""

import os
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from elansr.errors import WeightsError
from elansr.nn.elan import ELAN
from elansr.weights.checks import check_tensors, require_finite, require_room
from elansr.weights.contents import Contents, skeleton
from elansr.weights.disk import SAFETENSORS, read_safetensors, to_safetensors, write_atomically
from elansr.weights.header import config_from_json, config_to_json
from elansr.weights.provenance import Provenance

FORMAT = "elansr"
FORMAT_VERSION = "1"
METADATA_KEYS = {"format", "format_version", "config", "provenance"}


def save(network: ELAN, path: str | os.PathLike[str], provenance: Provenance, overwrite: bool = False) -> None:
    """Writes the network's weights and their story, whole or not at all.

    Args:
        network: on any device, of any float type; stored in float32.
        path: where to, ending in `.safetensors`.
        provenance: where the weights come from.
        overwrite: whether a file at `path` may be replaced.

    Raises:
        OutputExistsError: `path` exists and `overwrite` is False.
        WeightsError: NaN or infinite weights, another ending, or a path that cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() != SAFETENSORS:
        raise WeightsError(f"{path}: our weights files end in {SAFETENSORS}: choose such a name")
    try:
        metadata = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "config": config_to_json(network.config),
            "provenance": provenance.to_json(),
        }
        state = storable(network)
    except WeightsError as error:
        raise WeightsError(f"{path}: not written, {error}") from error
    write_atomically(path, to_safetensors(state, metadata), overwrite)


def load(path: str | os.PathLike[str]) -> tuple[ELAN, Provenance]:
    """The network of one of our weights files, in eval mode, and where its weights come from.

    Args:
        path: a file written by `save`; half precision is accepted and becomes float32.

    Raises:
        WeightsError: anything but a complete, consistent file of our format.
    """
    path = Path(path)
    tensors, metadata = read_safetensors(path)
    contents = from_safetensors(path, tensors, metadata)
    return contents.network(), contents.provenance


def from_safetensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> Contents:
    """The contents of a file of our format, checked.

    Args:
        path: of the file, for messages.
        tensors: as read.
        metadata: as read.

    Raises:
        WeightsError: see `load`.
    """
    try:
        _require_format(metadata)
        config = config_from_json(metadata["config"])
        require_room(config, tensors)
        state = check_tensors(tensors, skeleton(config))
        return Contents("elansr", config, state, Provenance.from_json(metadata["provenance"]))
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from error


def is_ours(metadata: Mapping[str, str]) -> bool:
    """Whether a safetensors file says that it has our format."""
    return metadata.get("format") == FORMAT


def storable(network: ELAN) -> dict[str, Tensor]:
    """The network's state as files hold it: float32 and int64, on the CPU, contiguous.

    Raises:
        WeightsError: NaN or infinite weights.
    """
    state = {}
    for name, tensor in network.state_dict().items():
        dtype = torch.float32 if tensor.is_floating_point() else torch.int64
        state[name] = tensor.detach().to("cpu", dtype, memory_format=torch.contiguous_format)
        require_finite(name, state[name])
    return state


def _require_format(metadata: Mapping[str, str]) -> None:
    if not is_ours(metadata):
        raise WeightsError("safetensors, but not of elansr: convert it with `elansr convert`")
    version = metadata.get("format_version")
    if version != FORMAT_VERSION:
        raise WeightsError(f"format_version {version!r:.40} is not {FORMAT_VERSION!r}: install a newer elansr")
    if metadata.keys() != METADATA_KEYS:
        raise WeightsError(f"the metadata must be {', '.join(sorted(METADATA_KEYS))}: save the weights again")
