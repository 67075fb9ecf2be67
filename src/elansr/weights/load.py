"""Loads, describes and converts weights, by released name or from a file in any layout.

Every part of elansr that is given a name or a file gets its weights from `read_weights`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from elansr.arguments import require_path
from elansr.disk import require_free, writing_errors
from elansr.errors import WeightsError
from elansr.nn.config import ELANConfig
from elansr.weights.contents import Contents, Layout
from elansr.weights.foreign import DEFAULT_WINDOWS, read_foreign, require_extension, write_foreign
from elansr.weights.provenance import Provenance
from elansr.weights.released import SAFETENSORS, resolve
from elansr.weights.weights_file import is_ours, read_ours, save_contents

if TYPE_CHECKING:
    from elansr.nn.elan import ELAN

_LOG = logging.getLogger(__name__)


def read_weights(
    name_or_file: str | os.PathLike[str], scale: int | None = None, windows: tuple[int, ...] | None = None
) -> Contents:
    """The contents of a released file or of a weights file in any layout.

    Args:
        name_or_file: "elan-light-x4", "elan-light" together with `scale`, or the path of a file of ours or of one of
            the layouts that `convert` knows.
        scale: super-resolution factor that the weights must have; None takes what the name or the file says.
        windows: sides of the attention windows in pixels, for a foreign file, which does not say them; None is the
            paper's.

    Raises:
        WeightsError: an unknown name, an unusable file, weights of another scale, or `windows` for a file of ours.
        MissingExtraError: a `.pth` or `.pt` file, and PyTorch is not installed.
    """
    path = resolve(name_or_file, scale)
    ours = path.suffix.lower() == SAFETENSORS and is_ours(path)
    if ours:
        contents = read_ours(path)
        if windows is not None:
            stated = ", ".join(map(str, contents.config.windows))
            raise WeightsError(f"{path}: the file states its windows, {stated}: omit `windows`")
    else:
        contents = read_foreign(path, DEFAULT_WINDOWS if windows is None else windows)
        if contents.config.windows != DEFAULT_WINDOWS:
            _LOG.warning("%s: the file does not say its windows, so these windows are taken on trust", path)
    contents.require_scale(scale, name_or_file)
    return contents


def load_network(name_or_file: str | os.PathLike[str], scale: int | None = None) -> ELAN:
    """The network of a released name or of a weights file, ready to use.

    Args:
        name_or_file: as `read_weights` takes it; a file of another layout must have windows 4, 8 and 16, convert it
            first where it has others.
        scale: super-resolution factor that the weights must have; None takes what the name or the file says.

    Returns:
        The network in eval mode, float32, on the CPU.

    Raises:
        WeightsError: an unknown name, an unusable file, or weights of another scale.
    """
    return read_weights(name_or_file, scale).network()


@dataclass(frozen=True)
class Description:
    """A weights file in words and numbers.

    Attributes:
        path: of the file.
        layout: whose format it has.
        size: of the file, in bytes.
        sha256: of the file, in hex.
        config: of the network; for a foreign layout the windows are the ones asked for, the file does not say them.
        parameters: how many numbers training adjusts.
        provenance: where the weights come from, empty fields where the layout does not say.
    """

    path: Path
    layout: Layout
    size: int
    sha256: str
    config: ELANConfig
    parameters: int
    provenance: Provenance


def describe(
    name_or_file: str | os.PathLike[str], scale: int | None = None, windows: tuple[int, ...] | None = None
) -> Description:
    """Reads and checks a weights file of any layout and says what is in it; see `read_weights`.

    Raises:
        WeightsError: an unknown name or an unusable file.
    """
    path, contents = resolve(name_or_file, scale), read_weights(name_or_file, scale, windows)
    data = path.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    return Description(
        path, contents.layout, len(data), digest, contents.config, contents.parameters(), contents.provenance
    )


def convert(
    input: str | os.PathLike[str],  # noqa: A002
    output: str | os.PathLike[str],
    to: Layout = "elansr",
    windows: tuple[int, ...] | None = None,
    overwrite: bool = False,
) -> Path:
    """Rewrites a weights file in another layout.

    Args:
        input: a released name or the path of a file in any layout, which is detected.
        output: the file to write.
        to: the layout to write: "elansr", or one of `elansr.weights.foreign`.
        windows: sides of the attention windows in pixels, for a foreign file, which does not say them; None is the
            paper's.
        overwrite: whether a file at `output` may be replaced.

    Returns:
        The path written.

    Raises:
        OutputExistsError: `output` exists and `overwrite` is False.
        WeightsError: an unusable input, an unknown layout, or a path that cannot be written.
        MissingExtraError: a `.pth` or `.pt` file, and PyTorch is not installed.
    """
    target = require_path("output", output)
    require_extension(target, to)
    with writing_errors(target, WeightsError):
        require_free(target, overwrite)
    contents = read_weights(input, windows=windows)
    if to != "elansr":
        write_foreign(contents, target, to, overwrite)
    elif contents.layout == "elansr":
        save_contents(contents, target, overwrite)
    else:
        source = resolve(input)
        digest = hashlib.sha256(source.read_bytes()).hexdigest()
        origin = f"{source.name}, layout {contents.layout}, sha256 {digest}"
        provenance = Provenance(name=source.stem, started_from=origin)
        save_contents(dataclasses.replace(contents, provenance=provenance), target, overwrite)
    return target
