"""Checkpoints of other projects, read and written.

    official   the authors': {"model_state_dict": ...}, names with "module." in front; pictures in 0..255
    basicsr    the same network wrapped as BasicSR does, {"params_ema": ...} or {"params": ...}; pictures in 0..255
    trainner   traiNNer-redux: the same names, `.safetensors` or `.pth`; pictures in 0..1

By default traiNNer-redux has no mean shift; such a file becomes a network of mean 0. Towards traiNNer the form with
mean shift is written (its option `norm: true`), scaled so that it takes traiNNer's pictures in 0..1.
"""

import hashlib
import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import get_args

import torch
from torch import Tensor

from elansr.errors import WeightsError
from elansr.nn.elan import ELAN
from elansr.weights.contents import Contents, Layout
from elansr.weights.disk import (
    EXPORTED,
    PICKLES,
    SAFETENSORS,
    SUFFIXES,
    read_pickle,
    read_safetensors,
    require_free,
    require_readable,
    to_safetensors,
    write_atomically,
)
from elansr.weights.files import from_safetensors, is_ours, save, storable
from elansr.weights.layouts import from_theirs, to_theirs
from elansr.weights.mean_shift import require_expressible
from elansr.weights.provenance import Provenance
from elansr.weights.released import resolve

DEFAULT_WINDOWS = (4, 8, 16)
LAYOUTS: tuple[Layout, ...] = get_args(Layout)
ENDINGS: dict[Layout, tuple[str, ...]] = {
    "elansr": (SAFETENSORS,),
    "official": (".pt", ".pth"),
    "basicsr": (".pth", ".pt"),
    "trainner": (".pth", SAFETENSORS),
}
"""The endings that the programs behind the layouts open."""
WHITE: dict[Layout, float] = {"official": 255, "basicsr": 255, "trainner": 1}
WRAPPERS = ("model_state_dict", "params_ema", "params")


def convert(
    input: str | os.PathLike[str],  # noqa: A002
    output: str | os.PathLike[str],
    to: Layout = "elansr",
    windows: tuple[int, ...] = DEFAULT_WINDOWS,
    overwrite: bool = False,
) -> Path:
    """Rewrites a weights file in another layout.

    Args:
        input: a released name or the path of a file in any layout; its layout is found out.
        output: the file to write.
        to: the layout to write.
        windows: sides of the attention windows in pixels, for a foreign file, which does not say them.
        overwrite: whether a file at `output` may be replaced.

    Returns:
        The path written.

    Raises:
        OutputExistsError: `output` exists and `overwrite` is False.
        WeightsError: an unusable input, an unknown layout, or a path that cannot be written.
    """
    source, target = resolve(input), Path(output)
    _require_ending(target, to)
    require_free(target, overwrite)
    contents = read_foreign(source, windows)
    if to == "elansr":
        save(contents.network(), target, _provenance(source, contents), overwrite)
    else:
        write_foreign(contents.network(), target, to, overwrite)
    return target


def read_weights(name_or_file: str | os.PathLike[str], scale: int | None = None) -> Contents:
    """The contents of a released file or of a weights file in any layout.

    Args:
        name_or_file: "elan-light-x4", "elan-light" together with `scale`, or the path of a file of ours or of one of
            the layouts that `convert` knows (then with windows 4, 8, 16; convert the file first where it has others).
        scale: super-resolution factor that the weights must have; None takes what the name or the file says.

    Raises:
        WeightsError: an unknown name, an unusable file, or weights of another scale.
    """
    contents = read_foreign(resolve(name_or_file, scale))
    if scale not in (None, contents.config.scale):
        raise WeightsError(
            f"{name_or_file}: weights for x{contents.config.scale}, not x{scale}: "
            "leave the scale out or take other weights"
        )
    return contents


def read_foreign(path: str | os.PathLike[str], windows: tuple[int, ...] = DEFAULT_WINDOWS) -> Contents:
    """The contents of a weights file in any layout, ours included.

    Args:
        path: a `.safetensors`, `.pth` or `.pt` file.
        windows: sides of the attention windows in pixels, for a foreign file, which does not say them.

    Raises:
        WeightsError: a file that cannot be read, is damaged, asks to run code, or holds another network.
    """
    path = Path(path)
    require_readable(path)
    if path.suffix.lower() in PICKLES:
        return _from_foreign(path, read_pickle(path), windows)
    if path.suffix.lower() in EXPORTED:
        raise WeightsError(f"{path}: an exported model, which `elansr upscale` runs: name the weights it was made from")
    if path.suffix.lower() != SAFETENSORS:
        raise WeightsError(f"{path}: weights files end in {', '.join(SUFFIXES)}: rename the file to what it is")
    tensors, metadata = read_safetensors(path)
    return from_safetensors(path, tensors, metadata) if is_ours(metadata) else _from_foreign(path, tensors, windows)


def write_foreign(network: ELAN, path: str | os.PathLike[str], layout: Layout, overwrite: bool = False) -> None:
    """Writes a network as the file of another project; `read_foreign` gives the same network back, bit for bit.

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
    _require_ending(path, layout)
    if layout == "elansr":
        raise WeightsError(f"{path}: elansr is no foreign layout: use elansr.weights.files.save")
    try:
        require_expressible(network.config, WHITE[layout])
        theirs = to_theirs(network.config, storable(network), WHITE[layout])
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
        return Contents("trainner", config, state)
    return Contents("basicsr" if wrapper in ("params_ema", "params") else "official", config, state)


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


def _require_ending(path: Path, layout: Layout) -> None:
    if layout not in LAYOUTS:
        raise WeightsError(f"unknown layout {layout!r}: choose one of {', '.join(LAYOUTS)}")
    if path.suffix.lower() not in ENDINGS[layout]:
        raise WeightsError(f"{path}: a file of layout {layout} ends in {' or '.join(ENDINGS[layout])}: rename it")


def _packed(theirs: Mapping[str, Tensor], layout: Layout, path: Path) -> bytes:
    """The bytes of the file: the tensors in the wrapping that the other program expects."""
    if path.suffix.lower() == SAFETENSORS:
        return to_safetensors(theirs, {"format": "pt"})
    content = {"params_ema": dict(theirs)}
    if layout == "official":
        content = {"model_state_dict": {f"module.{key}": tensor for key, tensor in theirs.items()}}
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def _provenance(source: Path, contents: Contents) -> Provenance:
    """What is known of the weights after conversion to our format."""
    if contents.layout == "elansr":
        return contents.provenance
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    return Provenance(name=source.stem, started_from=f"{source.name}, layout {contents.layout}, sha256 {digest}")
