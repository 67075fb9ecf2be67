"""Files of other projects, read and written with PyTorch; see `convert` for their layouts."""

import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from elansr.errors import WeightsError
from elansr.nn.elan import ELAN
from elansr.weights.contents import Contents, Layout
from elansr.weights.convert import require_ending
from elansr.weights.disk import SAFETENSORS, read_pickle, read_safetensors, to_safetensors, write_atomically
from elansr.weights.files import storable
from elansr.weights.layouts import from_theirs, to_theirs
from elansr.weights.mean_shift import require_expressible
from elansr.weights.tensors import arrays

WHITE: dict[Layout, float] = {"official": 255, "basicsr": 255, "trainner": 1}
WRAPPERS = ("model_state_dict", "params_ema", "params")


def read_pickled(path: Path, windows: tuple[int, ...]) -> Contents:
    """The contents of a `.pth` or `.pt` file, see `convert.read_file`."""
    return _from_foreign(path, read_pickle(path), windows)


def read_tensors(path: Path, windows: tuple[int, ...]) -> Contents:
    """The contents of a `.safetensors` file that is not of our format, see `convert.read_file`."""
    return _from_foreign(path, read_safetensors(path)[0], windows)


def write_foreign(network: ELAN, path: str | os.PathLike[str], layout: Layout, overwrite: bool = False) -> None:
    """Writes a network as the file of another project; `convert.read_file` gives the same network back, bit for bit.

    Args:
        network: on any device; stored in float32.
        path: the file to write; its ending is one that the other program opens.
        layout: "official", "basicsr" or "trainner".
        overwrite: whether a file at `path` may be replaced.

    Raises:
        OutputExistsError: `path` exists and `overwrite` is False.
        WeightsError: an unknown layout, a network that the layout cannot express, or a path that cannot be written.
    """
    path = Path(path)
    require_ending(path, layout)
    if layout == "elansr":
        raise WeightsError(f"{path}: elansr is no foreign layout: use elansr.weights.files.save")
    try:
        require_expressible(network.config, WHITE[layout])
        theirs = to_theirs(network.config, _tensors(storable(network)), WHITE[layout])
    except WeightsError as error:
        raise WeightsError(f"{path}: not written, {error}") from error
    write_atomically(path, _packed(theirs, layout, path), overwrite)


def _from_foreign(path: Path, loaded: object, windows: tuple[int, ...]) -> Contents:
    try:
        wrapper, tensors = unwrapped(loaded)
        config, state, white = from_theirs(tensors, windows, may_lack_mean=wrapper != "model_state_dict")
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from error
    if white == 1:
        return Contents("trainner", config, arrays(state))
    return Contents("basicsr" if wrapper in ("params_ema", "params") else "official", config, arrays(state))


def unwrapped(loaded: object) -> tuple[str, dict[str, Tensor]]:
    """The wrapper's name ("" for a bare state) and the tensors by name, "module." taken away."""
    if not isinstance(loaded, dict):
        raise WeightsError(f"holds a {type(loaded).__name__}, not tensors by name: save the network's state_dict")
    wrapper = next((name for name in WRAPPERS if isinstance(loaded.get(name), dict)), "")
    state = loaded[wrapper] if wrapper else loaded
    for name, value in state.items():
        if not isinstance(name, str) or not _is_plain(value):
            raise WeightsError(f"{name!r:.80} is no plain tensor: save the network's state_dict and nothing else")
    prefix = "module." if all(name.startswith("module.") for name in state) else ""
    return wrapper, {name.removeprefix(prefix): tensor for name, tensor in state.items()}


def _is_plain(value: object) -> bool:
    """A dense tensor whose numbers are all in the file: not sparse, quantised, without data, or one number repeated."""
    if not isinstance(value, Tensor) or value.layout != torch.strided or value.is_quantized:
        return False
    return value.device.type == "cpu" and value.numel() * value.element_size() <= value.untyped_storage().nbytes()


def _tensors(state: Mapping[str, NDArray[Any]]) -> dict[str, Tensor]:
    return {name: torch.from_numpy(array) for name, array in state.items()}


def _packed(theirs: Mapping[str, Tensor], layout: Layout, path: Path) -> bytes:
    """The bytes of the file: the tensors in the wrapping that the other program expects."""
    if path.suffix.lower() == SAFETENSORS:
        return to_safetensors(arrays(theirs), {"format": "pt"})
    content = {"params_ema": dict(theirs)}
    if layout == "official":
        content = {"model_state_dict": {f"module.{key}": tensor for key, tensor in theirs.items()}}
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()
