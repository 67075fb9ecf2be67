"""Our weights files: safetensors with the config and the provenance in the metadata.

Tensors carry the names of `ELAN.state_dict()` and are float32 (BatchNorm's counters int64). The metadata, text by name:

    format          "elansr"
    format_version  "1"
    config          JSON object, every field of `ELANConfig`
    provenance      JSON object, every field of `Provenance`
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from elansr.errors import WeightsError
from elansr.weights.checks import checked_state, require_finite, require_room
from elansr.weights.contents import Contents
from elansr.weights.disk import SAFETENSORS, read_arrays, read_metadata, to_safetensors, write_atomically
from elansr.weights.header import config_from_json, config_to_json
from elansr.weights.provenance import Provenance

if TYPE_CHECKING:
    from elansr.nn.elan import ELAN

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
    path = _checked_path(path)
    try:
        state = storable(network)
    except WeightsError as error:
        raise WeightsError(f"{path}: not written, {error}") from error
    save_contents(Contents("elansr", network.config, state), path, provenance, overwrite)


def save_contents(
    contents: Contents, path: str | os.PathLike[str], provenance: Provenance, overwrite: bool = False
) -> None:
    """Writes what was read from another file, see `save`."""
    path = _checked_path(path)
    try:
        metadata = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "config": config_to_json(contents.config),
            "provenance": provenance.to_json(),
        }
    except WeightsError as error:
        raise WeightsError(f"{path}: not written, {error}") from error
    write_atomically(path, to_safetensors(contents.state, metadata), overwrite)


def load(path: str | os.PathLike[str]) -> tuple[ELAN, Provenance]:
    """The network of one of our weights files, in eval mode, and where its weights come from.

    Args:
        path: a file written by `save`; half precision is accepted and becomes float32.

    Raises:
        WeightsError: anything but a complete, consistent file of our format.
    """
    contents = read_ours(Path(path))
    return contents.network(), contents.provenance


def read_ours(path: Path) -> Contents:
    """The contents of a file of our format, checked.

    Raises:
        WeightsError: see `load`.
    """
    metadata = read_metadata(path)
    try:
        _require_format(metadata)
        config = config_from_json(metadata["config"])
        provenance = Provenance.from_json(metadata["provenance"])
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from error
    found = read_arrays(path)
    try:
        require_room(config, found)
        return Contents("elansr", config, checked_state(found, config), provenance)
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from error


def is_ours(metadata: Mapping[str, str]) -> bool:
    """Whether a safetensors file says that it has our format."""
    return metadata.get("format") == FORMAT


def storable(network: ELAN) -> dict[str, NDArray[Any]]:
    """The network's state as files hold it: float32 and int64.

    Raises:
        WeightsError: NaN or infinite weights.
    """
    state = {}
    for name, tensor in network.state_dict().items():
        value = tensor.detach().cpu()
        state[name] = (value.float() if value.is_floating_point() else value.long()).numpy()
        require_finite(name, state[name])
    return state


def _checked_path(path: str | os.PathLike[str]) -> Path:
    path = Path(path)
    if path.suffix.lower() != SAFETENSORS:
        raise WeightsError(f"{path}: our weights files end in {SAFETENSORS}: choose such a name")
    return path


def _require_format(metadata: Mapping[str, str]) -> None:
    if not is_ours(metadata):
        raise WeightsError("safetensors, but not of elansr: convert it with `elansr convert`")
    version = metadata.get("format_version")
    if version != FORMAT_VERSION:
        raise WeightsError(f"format_version {version!r:.40} is not {FORMAT_VERSION!r}: install a newer elansr")
    if metadata.keys() != METADATA_KEYS:
        raise WeightsError(f"the metadata must be {', '.join(sorted(METADATA_KEYS))}: save the weights again")
