"""The weights that come with elansr, one row each, and how a name becomes a file."""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from elansr.errors import WeightsError
from elansr.weights.disk import SUFFIXES

if TYPE_CHECKING:
    from elansr.nn.elan import PresetName

FOLDER = Path(__file__).parent / "released"


@dataclass(frozen=True)
class ReleasedWeights:
    """One released weights file.

    Attributes:
        name: what the user types, preset and scale: "elan-light-x4".
        preset: the network.
        scale: super-resolution factor.
        file: name of the file in `FOLDER`.
        sha256: of the file, in hex.
        description: one line.
    """

    name: str
    preset: PresetName
    scale: int
    file: str
    sha256: str
    description: str

    @property
    def path(self) -> Path:
        """Where the file is installed."""
        return FOLDER / self.file


RELEASED: dict[str, ReleasedWeights] = {
    "elan-light-x2": ReleasedWeights(
        name="elan-light-x2",
        preset="elan-light",
        scale=2,
        file="elan-light-x2.safetensors",
        sha256="6ecea32667e2ffca52048f6e0616b615053bfa29f33991f950f0e773934cc858",
        description="ELAN-light, twice as wide and high, for clean photos (bicubic downscaling)",
    ),
    "elan-light-x3": ReleasedWeights(
        name="elan-light-x3",
        preset="elan-light",
        scale=3,
        file="elan-light-x3.safetensors",
        sha256="e2776b9c655ec4f69558a9bd2b655ef4aaebad0e553685b0b0fbfeefc463f6ac",
        description="ELAN-light, three times as wide and high, for clean photos (bicubic downscaling)",
    ),
    "elan-light-x4": ReleasedWeights(
        name="elan-light-x4",
        preset="elan-light",
        scale=4,
        file="elan-light-x4.safetensors",
        sha256="753a9011d91f9d3b5d106f108126d402657be825aa56d38f54fc2d319af8fc8e",
        description="ELAN-light, four times as wide and high, for clean photos (bicubic downscaling)",
    ),
}


def resolve(name_or_file: str | os.PathLike[str], scale: int | None = None) -> Path:
    """The file that a name or a path means.

    Args:
        name_or_file: a released name ("elan-light-x4"), a preset together with `scale` ("elan-light"), or a path:
            a `Path`, or text with a separator or the ending of a weights file.
        scale: super-resolution factor, if the caller wants a certain one; a path is not opened to compare it.

    Raises:
        WeightsError: an unknown name, a name of another scale, a preset without scale, or a released file that is
            missing from the installation.
    """
    if not isinstance(name_or_file, str) or _is_path(name_or_file):
        return Path(name_or_file)
    row = RELEASED.get(name_or_file) or _of_preset(name_or_file, scale)
    if scale not in (None, row.scale):
        raise WeightsError(f"{name_or_file}: weights for x{row.scale}, not x{scale}: choose {_choices(row.preset)}")
    if not row.path.is_file():
        raise WeightsError(f"{row.name}: its file {row.path} is missing: install elansr again, or name a weights file")
    return row.path


def _is_path(text: str) -> bool:
    separators = {"/", os.sep, os.altsep or os.sep}
    return text.lower().endswith(SUFFIXES) or any(separator in text for separator in separators)


def _of_preset(preset: str, scale: int | None) -> ReleasedWeights:
    rows = [row for row in RELEASED.values() if row.preset == preset]
    if not rows:
        raise WeightsError(_unknown(preset))
    for row in rows:
        if row.scale == scale:
            return row
    wanted = "no scale given" if scale is None else f"no weights for x{scale}"
    raise WeightsError(f"{preset}: {wanted}: choose {_choices(preset)}")


def _choices(preset: str) -> str:
    return ", ".join(row.name for row in RELEASED.values() if row.preset == preset)


def _unknown(name: str) -> str:
    known = [*RELEASED, *{row.preset for row in RELEASED.values()}]
    nearest = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {nearest[0]}? " if nearest else ""
    return f"unknown weights {name!r}: {hint}there are {', '.join(RELEASED)}; a file needs its path, e.g. ./{name}"
