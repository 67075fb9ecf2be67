"""Files of other projects, read and written; only pickles (`.pth`, `.pt`, `.ckpt`) need PyTorch.

    official   the authors': {"model_state_dict": ...}, names with "module." in front; pictures in 0..255
    basicsr    the same network wrapped as BasicSR does, {"params_ema": ...} or {"params": ...}; pictures in 0..255
    trainner   traiNNer-redux: the same names, `.safetensors` or `.pth`; pictures in 0..1

By default traiNNer-redux has no mean shift; such a file becomes a network of mean 0. Towards traiNNer the form with
mean shift is written (its option `norm: true`), scaled so that it takes traiNNer's pictures in 0..1.

Training code wraps a network's state in other things, and its names in those of the objects that hold it: checkpoints
of Lightning, of `torch.compile` and of loops of one's own are opened too, see `WRAPPERS` and `PREFIXES`.

Pickles are opened with `weights_only=True`: nothing in them is imported or run.
"""

import dataclasses
import io
import logging
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

from numpy.typing import NDArray

from elansr.errors import MissingExtraError, WeightsError
from elansr.nn.config import DIV2K_RGB_MEAN
from elansr.text import listed
from elansr.weights.contents import Contents, Layout, State, blank_state, checked
from elansr.weights.foreign_keys import OURS, THEIRS, config_of, from_theirs, their_name, to_theirs
from elansr.weights.mean_shift import require_expressible
from elansr.weights.released import EXPORTED, PICKLES, SAFETENSORS, SUFFIXES
from elansr.weights.weights_file import errors_of, read_arrays, require_readable, to_safetensors, write_file

DEFAULT_WINDOWS = (4, 8, 16)
LAYOUTS: tuple[Layout, ...] = get_args(Layout)
EXTENSIONS: dict[Layout, tuple[str, ...]] = {
    "elansr": (SAFETENSORS,),
    "official": (".pt", ".pth"),
    "basicsr": (".pth", ".pt"),
    "trainner": (".pth", SAFETENSORS),
}
"""The extensions that the programs behind the layouts open."""
WHITE: dict[Layout, float] = {"official": 255, "basicsr": 255, "trainner": 1}
WRAPPERS: dict[str, Layout] = {
    "model_state_dict": "official",
    "params_ema": "basicsr",
    "params": "basicsr",
    "model_ema": "official",
    "ema_state_dict": "official",
    "ema": "official",
    "state_dict": "official",
    "model": "official",
    "net_g": "official",
    "net": "official",
    "network": "official",
    "generator": "official",
}
"""Names under which checkpoints have the state, and whose layout it then is; the first that is there counts."""
PREFIXES = ("module.", "_orig_mod.", "model.", "net_g.", "net.", "network.", "generator.", "ema.")
"""In front of a network's names where another object holds it; several may follow each other."""
_NESTED = 4
"""Wrappers inside wrappers, at most."""
_OURS_IN_TRAINING = {"config", "network", "ema", "optimizer", "step"}

_LOG = logging.getLogger(__name__)


def read_foreign(path: Path, windows: tuple[int, ...] = DEFAULT_WINDOWS) -> Contents:
    """The contents of a file of one of the foreign layouts.

    Args:
        path: a `.safetensors`, `.pth`, `.pt` or `.ckpt` file.
        windows: sides of the attention windows in pixels, which the file does not say.

    Raises:
        WeightsError: a file that cannot be read, is damaged, asks to run code, or holds another network.
        MissingExtraError: a `.pth` or `.pt` file, and PyTorch is not installed.
    """
    wrapper, arrays = read_wrapped(path)
    with errors_of(path):
        if arrays.keys() >= set(OURS):
            return _ours(arrays, windows)
        config, state, white = from_theirs(arrays, windows, may_lack_mean=wrapper != "model_state_dict")
    return Contents("trainner" if white == 1 else WRAPPERS.get(wrapper, "official"), config, state)


def write_foreign(contents: Contents, path: Path, layout: Layout, overwrite: bool = False) -> None:
    """Writes a network as the file of another project; `read_foreign` gives the same network back, bit for bit.

    Args:
        contents: of any weights file.
        path: the file to write; its extension is one that the other program opens.
        layout: "official", "basicsr" or "trainner".
        overwrite: whether a file at `path` may be replaced.

    Raises:
        OutputExistsError: `path` exists and `overwrite` is False.
        WeightsError: an unknown layout, a network that the layout cannot express, or a path that cannot be written.
    """
    require_extension(path, layout)
    with errors_of(path, "not written, "):
        require_expressible(contents.config, WHITE[layout])
        theirs = to_theirs(contents.config, contents.state, WHITE[layout])
    if path.suffix.lower() == SAFETENSORS:
        data = to_safetensors(theirs, {"format": "pt"})
    elif layout == "official":
        data = _pickled({"model_state_dict": {f"module.{name}": array for name, array in theirs.items()}})
    else:
        data = _pickled({"params_ema": theirs})
    write_file(path, data, overwrite)


def require_extension(path: Path, layout: Layout) -> None:
    """Refuses a layout that does not exist, or a file whose extension its program does not open.

    Raises:
        WeightsError: one of both.
    """
    if layout not in LAYOUTS:
        raise WeightsError(f"unknown layout {layout!r}: must be one of {', '.join(LAYOUTS)}")
    if path.suffix.lower() not in EXTENSIONS[layout]:
        others = [other for other in LAYOUTS if path.suffix.lower() in EXTENSIONS[other]]
        way_out = "rename it" + (f", or choose `to={others[0]}`" if others else "")
        raise WeightsError(f"{path}: a file of layout {layout} ends in {' or '.join(EXTENSIONS[layout])}: {way_out}")


def read_wrapped(path: Path) -> tuple[str, State]:
    """The arrays of a weights file of any network.

    Returns:
        The name of the innermost wrapper, "" where there is none, and the arrays by name, without `PREFIXES`.

    Raises:
        WeightsError: a file that cannot be read, is damaged, asks to run code, or holds something else than tensors.
        MissingExtraError: a `.pth` or `.pt` file, and PyTorch is not installed.
    """
    require_readable(path)
    if path.suffix.lower() in EXPORTED:
        raise WeightsError(
            f"{path}: an exported model, which only `elansr upscale` can use: choose the weights it was made from"
        )
    if path.suffix.lower() not in SUFFIXES:
        raise WeightsError(f"{path}: weights files end in {', '.join(SUFFIXES)}: rename it")
    if path.suffix.lower() == SAFETENSORS:
        return "", _without_prefix(read_arrays(path), path)
    loaded = _unpickled(path)
    with errors_of(path):
        if not isinstance(loaded, dict):
            raise WeightsError(f"holds a {type(loaded).__name__}, not tensors by name: save the network's state_dict")
        if loaded.keys() >= _OURS_IN_TRAINING:
            raise WeightsError(
                "a training checkpoint, only for `elansr train --resume`: choose the weights file beside it"
            )
        wrapper, tensors = _unwrapped(loaded)
        return wrapper, _without_prefix(_arrays(tensors), path)


def is_elan(tensors: Mapping[str, object]) -> bool:
    """Whether a state is that of an ELAN, by our names or by the authors'."""
    return tensors.keys() >= set(OURS) or tensors.keys() >= set(THEIRS)


def contents_of(tensors: Mapping[str, object], windows: tuple[int, ...] = DEFAULT_WINDOWS) -> Contents:
    """The contents of a file that another program read, without its metadata, wrapper and prefix.

    Args:
        tensors: an ELAN's, by our names or by the authors', on any device. By our names, the mean is taken to be the
            paper's; by the authors' without mean keys, it is traiNNer-redux's network for pictures in 0..1.
        windows: sides of the attention windows in pixels.

    Raises:
        WeightsError: another network, a damaged one, or a grey one by our names, whose mean only the metadata says.
    """
    arrays = _arrays(tensors)
    if arrays.keys() >= set(OURS):
        return _ours(arrays, windows)
    config, state, white = from_theirs(arrays, windows, may_lack_mean=True)
    return Contents("trainner" if white == 1 else "official", config, state)


def _ours(arrays: State, windows: tuple[int, ...]) -> Contents:
    """The contents of a file with our names, but without our metadata."""
    config = config_of({their_name(name): array for name, array in arrays.items()}, windows)
    if config.colors != 3:
        raise WeightsError(f"weights for {config.colors} colours: without metadata, only RGB weights can be opened")
    config = dataclasses.replace(config, rgb_mean=DIV2K_RGB_MEAN)
    return Contents("elansr", config, checked(arrays, blank_state(config)))


def _unwrapped(loaded: dict[Any, Any]) -> tuple[str, dict[Any, Any]]:
    """The innermost wrapper's name, and what is in it: under a usual name, or the only dictionary beside no tensors."""
    wrapper = ""
    for _ in range(_NESTED):
        inside = [name for name, value in loaded.items() if isinstance(value, dict)]
        alone = len(inside) == 1 and not any(hasattr(value, "shape") for value in loaded.values())
        name = next((name for name in WRAPPERS if name in inside), inside[0] if alone else None)
        if name is None:
            break
        wrapper, loaded = str(name), loaded[name]
    return wrapper, loaded


def _without_prefix(arrays: Mapping[str, NDArray[Any]], path: Path) -> State:
    """The arrays by the names that the network itself has; what an ELAN's checkpoint has beside it is left out."""
    names = {name: name for name in arrays}
    while prefix := next((p for p in PREFIXES if names and all(name.startswith(p) for name in names)), ""):
        names = {name.removeprefix(prefix): full for name, full in names.items()}
    for prefix in PREFIXES:
        inside = {name.removeprefix(prefix): full for name, full in names.items() if name.startswith(prefix)}
        if is_elan(inside):
            others = listed(names.keys() - {prefix + name for name in inside})
            _LOG.warning("%s: using only the network under %s, not %s", path, prefix, others)
            return _without_prefix({name: arrays[full] for name, full in inside.items()}, path)
    return {name: arrays[full] for name, full in names.items()}


def _arrays(tensors: Mapping[Any, object]) -> State:
    """Tensors on any device as arrays; bfloat16 becomes float32."""
    arrays = {}
    for name, value in tensors.items():
        array = _array(value)
        if array is None or not isinstance(name, str):
            raise WeightsError(f"{name!r:.80} is not a plain tensor: save only the network's state_dict")
        arrays[name] = array
    return arrays


def _array(value: object) -> NDArray[Any] | None:
    """A dense tensor whose numbers are all in memory; None for one that is sparse, quantised, without data ..."""
    torch = _torch()
    if not isinstance(value, torch.Tensor) or value.layout != torch.strided or value.is_quantized or value.is_meta:
        return None
    if value.numel() * value.element_size() > value.untyped_storage().nbytes():  # one number repeated
        return None
    tensor: Any = value.detach().cpu()
    try:
        array: NDArray[Any] = (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()
    except (TypeError, RuntimeError):  # a type that NumPy lacks
        return None
    return array


def _unpickled(path: Path) -> object:
    """What a `.pt` or `.pth` file holds, if it holds tensors and plain containers only.

    Raises:
        WeightsError: not a complete torch file, or a file that asks for anything but tensors.
    """
    torch = _torch()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about pickle protocols: the refusal below is the whole answer
            return torch.load(path, map_location="cpu", weights_only=True)
    # A damaged archive fails in whatever the damaged byte leads to: no list of types would be complete.
    except Exception as error:
        named = re.search(r"GLOBAL ([\w.]{1,100})", str(error))
        why = (
            f"contains {named[1]}, which is not a tensor"
            if named
            else "incomplete, or not a torch file of plain tensors"
        )
        raise WeightsError(
            f"{path}: {why}; nothing in it was executed: use a file that contains only tensors, preferably safetensors"
        ) from error


def _pickled(content: Mapping[str, State]) -> bytes:
    torch = _torch()
    buffer = io.BytesIO()
    tensors = {
        wrapper: {name: torch.from_numpy(array) for name, array in state.items()} for wrapper, state in content.items()
    }
    torch.save(tensors, buffer)
    return buffer.getvalue()


def _torch() -> ModuleType:
    try:
        import torch
    except ModuleNotFoundError as error:
        raise MissingExtraError.torch(f"a file that ends in {' or '.join(PICKLES)}") from error
    return torch
