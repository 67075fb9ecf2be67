"""Models that are compared on one photo, which may be large: ELAN in tiles, bicubic in bands, baselines whole."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from elansr.benchmark.weights import find_baseline
from elansr.evaluation.models import BICUBIC, DEFAULT_SCALE, super_resolver
from elansr.upscaling.final_size import fit
from elansr.upscaling.upscaler import load
from elansr.weights.disk import SUFFIXES
from elansr.weights.released import family

RGB = NDArray[np.uint8]
Progress = Callable[[int, int], None]
"""Told the LR pixels done and in all."""
Run = Callable[[RGB, Progress], RGB]
"""LR uint8 (h, w, 3) to SR uint8 (h * scale, w * scale, 3)."""


@dataclass(frozen=True)
class Contender:
    """A model that is ready to run.

    Attributes:
        name: as the user wrote it.
        scale: super-resolution factor.
        run: the model.
    """

    name: str
    scale: int
    run: Run

    @property
    def label(self) -> str:
        """The name, of a file without its folder, and the scale where the name does not end with it."""
        path = Path(self.name) if _is_weights_file(self.name) else None
        name, stem = (path.name, path.stem) if path else (self.name, self.name)
        return name if stem.endswith(f"x{self.scale}") else f"{name} x{self.scale}"


def contenders(
    names: Sequence[str], scale: int | None, device: str, precision: str, plain: bool
) -> dict[str, Contender]:
    """Loads models, by name.

    Args:
        names: released weights, weights files, or "bicubic", which takes the largest scale of the others.
        scale: the scale asked for; None takes that of the weights, and 4 for a preset.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".
        precision: "auto", "fp32", "bf16" or "fp16".
        plain: the paper's cyclic borders and for "auto" fp32, as in an evaluation; else as in `elansr upscale`.

    Raises:
        WeightsError, DeviceError: see `elansr.load`.
    """
    found = {name: _network(name, scale, device, precision, plain) for name in names if name != BICUBIC}
    common = scale or max((model.scale for model in found.values()), default=DEFAULT_SCALE)
    return found | {name: Contender(BICUBIC, common, _bicubic(common)) for name in names if name == BICUBIC}


def _network(name: str, scale: int | None, device: str, precision: str, plain: bool) -> Contender:
    if _is_weights_file(name) and find_baseline(name) is not None:
        return _baseline(name, scale, device, precision)
    asked = DEFAULT_SCALE if scale is None and family(name) else scale
    precision = "fp32" if plain and precision == "auto" else precision
    upscaler = load(name, scale=asked, device=device, precision=precision, border="cyclic" if plain else "closed")
    return Contender(name, upscaler.scale, upscaler)


def _baseline(name: str, scale: int | None, device: str, precision: str) -> Contender:
    model = super_resolver(name, scale, device, precision)

    def run(lr: RGB, progress: Progress) -> RGB:
        sr: RGB = model.super_resolve(lr).round().astype(np.uint8)
        progress(1, 1)
        return sr

    return Contender(name, model.scale, run)


def _bicubic(scale: int) -> Run:
    def run(lr: RGB, progress: Progress) -> RGB:
        enlarged = fit(lr, lr.shape[1] * scale, lr.shape[0] * scale)
        progress(1, 1)
        return enlarged.astype(np.uint8, copy=False)

    return run


def _is_weights_file(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)
