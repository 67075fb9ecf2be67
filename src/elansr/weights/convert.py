"""Checkpoints of other projects, read and written.

    official   the authors': {"model_state_dict": ...}, names with "module." in front; pictures in 0..255
    basicsr    the same network wrapped as BasicSR does, {"params_ema": ...} or {"params": ...}; pictures in 0..255
    trainner   traiNNer-redux: the same names, `.safetensors` or `.pth`; pictures in 0..1

By default traiNNer-redux has no mean shift; such a file becomes a network of mean 0. Towards traiNNer the form with
mean shift is written (its option `norm: true`), scaled so that it takes traiNNer's pictures in 0..1.
"""

import hashlib
import os
from pathlib import Path
from types import ModuleType
from typing import get_args

from elansr.errors import MissingExtraError, WeightsError
from elansr.weights.contents import Contents, Layout
from elansr.weights.disk import (
    EXPORTED,
    PICKLES,
    SAFETENSORS,
    SUFFIXES,
    read_metadata,
    require_free,
    require_readable,
)
from elansr.weights.files import is_ours, read_ours, save_contents
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
    require_ending(target, to)
    require_free(target, overwrite)
    contents = read_file(source, windows)
    if to == "elansr":
        save_contents(contents, target, _provenance(source, contents), overwrite)
    else:
        _foreign().write_foreign(contents.network(), target, to, overwrite)
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
    contents = read_file(resolve(name_or_file, scale))
    if scale not in (None, contents.config.scale):
        raise WeightsError(
            f"{name_or_file}: weights for x{contents.config.scale}, not x{scale}: "
            "leave the scale out or take other weights"
        )
    return contents


def read_file(path: str | os.PathLike[str], windows: tuple[int, ...] = DEFAULT_WINDOWS) -> Contents:
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
        return _foreign().read_pickled(path, windows)
    if path.suffix.lower() in EXPORTED:
        raise WeightsError(f"{path}: an exported model, which `elansr upscale` runs: name the weights it was made from")
    if path.suffix.lower() != SAFETENSORS:
        raise WeightsError(f"{path}: weights files end in {', '.join(SUFFIXES)}: rename the file to what it is")
    return read_ours(path) if is_ours(read_metadata(path)) else _foreign().read_tensors(path, windows)


def require_ending(path: Path, layout: Layout) -> None:
    """Refuses a layout that does not exist, or a file whose ending its program does not open.

    Raises:
        WeightsError: one of both.
    """
    if layout not in LAYOUTS:
        raise WeightsError(f"unknown layout {layout!r}: choose one of {', '.join(LAYOUTS)}")
    if path.suffix.lower() not in ENDINGS[layout]:
        raise WeightsError(f"{path}: a file of layout {layout} ends in {' or '.join(ENDINGS[layout])}: rename it")


def _foreign() -> ModuleType:
    """What reads and writes files of other projects, with PyTorch."""
    try:
        from elansr.weights import foreign
    except ModuleNotFoundError as error:
        raise MissingExtraError("weights of other projects need PyTorch: pip install 'elansr[torch]'") from error
    return foreign


def _provenance(source: Path, contents: Contents) -> Provenance:
    """What is known of the weights after conversion to our format."""
    if contents.layout == "elansr":
        return contents.provenance
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    return Provenance(name=source.stem, started_from=f"{source.name}, layout {contents.layout}, sha256 {digest}")
