"""The released weights, one row each, and how a name becomes a file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from elansr.arguments import require_number, require_whole, wrong
from elansr.errors import WeightsError
from elansr.text import did_you_mean

if TYPE_CHECKING:
    from elansr.nn.config import PresetName

SAFETENSORS = ".safetensors"
PICKLES = (".pth", ".pt", ".ckpt")
SUFFIXES = (SAFETENSORS, *PICKLES)
"""The extensions of weights files."""
EXPORTED = (".onnx", ".xml", ".pt2")
"""The extensions of files that `elansr export` writes."""

IN_FOLDER = "model.safetensors"
"""The weights file of a folder, as on the Hugging Face Hub, see `elansr.weights.hub`."""
FOLDER = Path(__file__).parent / "released"
AUTO = "auto"
"""Not a name of weights: `elansr upscale` chooses them for each picture file, see `elansr.upscaling.choice`."""

Degradation = Literal["bicubic", "real"]
"""What made the LR pictures that weights were trained on: MATLAB's bicubic alone, for clean pictures; or also blur,
noise and JPEG at random (docs/degradation.md), for everyday photos."""


@dataclass(frozen=True)
class ReleasedWeights:
    """One released weights file.

    Attributes:
        name: what the user types, preset and scale, and what is not bicubic: "elan-light-x4", "elan-light-x4-real".
        preset: the network.
        scale: super-resolution factor.
        degradation: which pictures they are for.
        sha256: of the file, in hex.
        description: one line.
    """

    name: str
    preset: PresetName
    scale: int
    degradation: Degradation
    sha256: str
    description: str

    @property
    def file(self) -> str:
        """Name of the file in `FOLDER`."""
        return self.name + SAFETENSORS

    @property
    def path(self) -> Path:
        """Where the file is installed."""
        return FOLDER / self.file

    @property
    def family(self) -> str:
        """The name that weights of several scales share: "elan-light", "elan-light-real"."""
        return self.preset if self.degradation == "bicubic" else f"{self.preset}-{self.degradation}"


RELEASED: dict[str, ReleasedWeights] = {
    "elan-light-x2": ReleasedWeights(
        name="elan-light-x2",
        preset="elan-light",
        scale=2,
        degradation="bicubic",
        sha256="5533c1171a5422714833cb279b9a7b2394ff7e8e39b5473edd0d2e2a1547ef2e",
        description="ELAN-light x2 for clean pictures (trained on bicubic downscaling)",
    ),
    "elan-light-x3": ReleasedWeights(
        name="elan-light-x3",
        preset="elan-light",
        scale=3,
        degradation="bicubic",
        sha256="a14d2a81a070c05bc2ace8acc04f7dda0e088445982aa772cf8164985c31070e",
        description="ELAN-light x3 for clean pictures (trained on bicubic downscaling)",
    ),
    "elan-light-x4": ReleasedWeights(
        name="elan-light-x4",
        preset="elan-light",
        scale=4,
        degradation="bicubic",
        sha256="59e8734565638cb7712d6bc47a2950d59aaa0f5e6210f65ad416ce5f82ff062c",
        description="ELAN-light x4 for clean pictures (trained on bicubic downscaling)",
    ),
    "elan-light-x2-real": ReleasedWeights(
        name="elan-light-x2-real",
        preset="elan-light",
        scale=2,
        degradation="real",
        sha256="de7a07fbe7afb65bbd9aa79e1cd727ae54dadbea1812e6a0c331ad9aa9d91dd2",
        description="ELAN-light x2 for everyday photos (trained on mild blur, noise and JPEG)",
    ),
    "elan-light-x4-real": ReleasedWeights(
        name="elan-light-x4-real",
        preset="elan-light",
        scale=4,
        degradation="real",
        sha256="0350fb680f4efee1127870c0fbbba361143d402f39941936327ec9d81f3c19c2",
        description="ELAN-light x4 for everyday photos (trained on mild blur, noise and JPEG)",
    ),
}


def require_strength(strength: float | None, name: str | os.PathLike[str] = "", scale: int | None = None) -> None:
    """Refuses a strength that cannot be; see `elansr.weights.interpolation`.

    Args:
        strength: from 0, the weights for clean pictures, to 1, those of `name`; None is these as they are.
        name: released weights, a family, or a path, which is not opened.
        scale: super-resolution factor, where `name` is a family.

    Raises:
        ConfigError: a number outside 0 to 1.
        WeightsError: an unknown name, or `name` are the weights for clean pictures.
    """
    if strength is None:
        return
    require_number("strength", strength, 0, 1)
    if isinstance(name, str) and name and not is_path(name) and find(name, scale).degradation == "bicubic":
        raise WeightsError(f"{name}: these weights are strength 0: use -real weights, or omit strength")


def list_models() -> list[str]:
    """The names of the released weights: "elan-light-x2", "elan-light-x3" ..."""
    return list(RELEASED)


def find(name: str, scale: int | None = None) -> ReleasedWeights:
    """The row that a name means.

    Args:
        name: of released weights ("elan-light-x4"), or of a family together with `scale` ("elan-light-real").
        scale: super-resolution factor, if the caller wants a certain one.

    Raises:
        WeightsError: an unknown name, a name of another scale, a family without scale, or "auto".
    """
    if name == AUTO:
        raise WeightsError(
            f"{AUTO}: only `elansr upscale` chooses weights for each file: "
            f"choose one of {', '.join(RELEASED)}, or a weights file"
        )
    if row := RELEASED.get(name):
        if scale in (None, row.scale):
            return row
        rows = family(row.family)
        why = f"weights for x{row.scale}, not x{scale}"
        choices = [rows[scale]] if scale in rows else [other for other in rows.values() if other != row]
    elif rows := family(name):
        if scale in rows:
            return rows[scale]
        why = "no scale given" if scale is None else f"no weights for x{scale}"
        choices = list(rows.values())
    else:
        raise WeightsError(_unknown(name))
    raise WeightsError(f"{name}: {why}: choose {', '.join(row.name for row in choices)}")


def family(name: str) -> dict[int, ReleasedWeights]:
    """The released weights of a family, by scale; none for a name that is no family's."""
    return {row.scale: row for row in RELEASED.values() if row.family == name}


def is_released(name: str) -> bool:
    """Whether a name is that of released weights or of a family."""
    return name in RELEASED or bool(family(name))


def resolve(name_or_file: str | os.PathLike[str], scale: int | None = None) -> Path:
    """The file that a name or a path means.

    Args:
        name_or_file: a released name or a family, see `find`, or a path, see `is_path`; of a folder its `IN_FOLDER`.
        scale: super-resolution factor, if the caller wants a certain one; a path is not opened to compare it.

    Raises:
        ConfigError: neither text nor a path.
        WeightsError: see `find`; or a released file that is missing from the installation.
    """
    if scale is not None:
        require_whole("scale", scale, least=1)
    if not isinstance(name_or_file, (str, os.PathLike)):
        raise wrong("name", name_or_file, "must be the name of released weights or the path of a weights file")
    if not isinstance(name_or_file, str) or is_path(name_or_file):
        return Path(name_or_file) / IN_FOLDER if _is_folder(name_or_file) else Path(name_or_file)
    row = find(name_or_file, scale)
    if not row.path.is_file():
        raise WeightsError(f"{row.name}: its file {row.path} is missing: install elansr again")
    return row.path


def is_path(text: str) -> bool:
    """Whether text means a file or a folder rather than a name.

    It has a separator or the extension of a weights or exported file, or it is no name of ours and there is a folder
    called so that `elansr.hub` wrote.
    """
    separators = {"/", os.sep, os.altsep or os.sep}
    if text.lower().endswith((*SUFFIXES, *EXPORTED)) or any(separator in text for separator in separators):
        return True
    return text not in ("", AUTO) and not is_released(text) and _is_folder(text)


def _is_folder(path: str | os.PathLike[str]) -> bool:
    """Whether there is a folder with weights."""
    try:
        return (Path(path) / IN_FOLDER).is_file()
    except (OSError, ValueError):  # a name that no disk takes
        return False


def _unknown(name: str) -> str:
    known = [*RELEASED, *{row.family for row in RELEASED.values()}]
    hint = did_you_mean(name.lower(), known)
    return (
        f"unknown weights {name!r}: {hint}must be one of {', '.join(RELEASED)}, or the path of a file, such as ./{name}"
    )
