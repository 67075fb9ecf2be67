"""What is in a weights file: the answer of `elansr info`."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from elansr.nn.config import ELANConfig
from elansr.weights.contents import Layout
from elansr.weights.convert import DEFAULT_WINDOWS, read_file
from elansr.weights.provenance import Provenance
from elansr.weights.released import resolve


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
    name_or_file: str | os.PathLike[str], scale: int | None = None, windows: tuple[int, ...] = DEFAULT_WINDOWS
) -> Description:
    """Reads and checks a weights file of any layout and says what is in it.

    Args:
        name_or_file: a released name or a path, see `resolve`.
        scale: for the name of a preset.
        windows: sides of the attention windows in pixels, for a foreign file.

    Raises:
        WeightsError: an unknown name or an unusable file.
    """
    path = resolve(name_or_file, scale)
    contents = read_file(path, windows)
    data = path.read_bytes()
    return Description(
        path=path,
        layout=contents.layout,
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        config=contents.config,
        parameters=contents.parameters(),
        provenance=contents.provenance,
    )
