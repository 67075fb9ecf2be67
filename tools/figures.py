"""Measured figures of the released weights: model_cards/figures.json, the source of every table."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from elansr.errors import DataError
from elansr.weights.weights_file import write_file

Kind = Literal["bicubic", "fp32", "bf16", "fp16"]
KINDS: tuple[Kind, ...] = get_args(Kind)
SETS: dict[Kind, tuple[str, ...]] = {
    "bicubic": ("Set5", "Set14", "B100"),
    "fp32": ("Set5", "Set14", "B100"),
    "bf16": ("Set5", "Set14"),
    "fp16": ("Set5", "Set14"),
}
"""What is measured, in this order; a CPU emulates fp16, about ten times slower than fp32."""


@dataclass(frozen=True)
class Mean:
    """The means of a set.

    Attributes:
        psnr: PSNR-Y in dB.
        ssim: SSIM-Y.
    """

    psnr: float
    ssim: float


@dataclass(frozen=True)
class Measurement:
    """One command's answer.

    Attributes:
        command: as it was run, in the folder of the sets.
        elansr: version.
        torch: version.
        device: "cpu", "cuda" or "mps".
        sets: the means by the name of the set.
    """

    command: str
    elansr: str
    torch: str
    device: str
    sets: Mapping[str, Mean]


@dataclass(frozen=True)
class Figures:
    """What was measured of one weights file.

    Attributes:
        sha256: of the file, in hex.
        measurements: by what ran: plain bicubic, or the weights in a precision; none of weights that are not for
            bicubic LR, whose cards are filled by hand.
    """

    sha256: str
    measurements: Mapping[Kind, Measurement] = field(default_factory=dict)

    def missing(self) -> list[Kind]:
        """What is yet to be measured."""
        return [kind for kind in KINDS if kind not in self.measurements]

    def having(self, kind: Kind, measurement: Measurement) -> "Figures":
        """These figures with one more measurement."""
        return Figures(self.sha256, {**self.measurements, kind: measurement})


def path_of(root: Path) -> Path:
    """Where the figures are, in the repository `root`."""
    return root / "model_cards" / "figures.json"


def load(root: Path) -> dict[str, Figures]:
    """The figures by the name of the weights; none where there is no file yet.

    Raises:
        DataError: a file that `save` did not write.
    """
    path = path_of(root)
    if not path.exists():
        return {}
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return {name: _figures(**entry) for name, entry in document.items()}
    except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise DataError(
            f"{path}: not the figures that `make figures` writes ({error}): restore or delete it, then make figures"
        ) from error


def save(root: Path, figures: Mapping[str, Figures]) -> None:
    """Writes the file whole or not at all; weights and measurements in a fixed order.

    Raises:
        WeightsError: it cannot be written.
    """
    document = {
        name: {
            "sha256": found.sha256,
            "measurements": {k: dataclasses.asdict(found.measurements[k]) for k in KINDS if k in found.measurements},
        }
        for name, found in sorted(figures.items())
    }
    text = json.dumps(document, indent=2, allow_nan=False) + "\n"
    write_file(path_of(root), text.encode(), overwrite=True)


def _figures(sha256: str, measurements: dict[Kind, dict[str, object]]) -> Figures:
    return Figures(sha256, {kind: _measurement(kind, **values) for kind, values in measurements.items()})  # type: ignore[arg-type]


def _measurement(
    kind: Kind, command: str, elansr: str, torch: str, device: str, sets: dict[str, object]
) -> Measurement:
    if tuple(sets) != SETS[kind]:
        raise ValueError(f"{kind} of {', '.join(sets)} instead of {', '.join(SETS[kind])}")
    means = {name: Mean(**values) for name, values in sets.items()}  # type: ignore[arg-type]
    return Measurement(command, elansr, torch, device, means)
