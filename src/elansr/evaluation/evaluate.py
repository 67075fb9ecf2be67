"""Scores a model on benchmark sets under a protocol of the literature.

`paper`: SR is rounded to 8 bits, a border of `scale` pixels is cropped, PSNR and SSIM are measured on the studio-range
luma in float64, and a set's score is the plain mean over its pictures; nothing is rounded on the way.
`authors`: as the script of ELAN's authors does it: SR is clamped but not rounded, and the means are rounded up.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from elansr.errors import DataError
from elansr.evaluation.consistency import consistency
from elansr.evaluation.datasets import RGB, BenchmarkSet, LRFolder, LRSource, read_rgb
from elansr.evaluation.metrics import psnr_y, ssim_y
from elansr.images import imresize

Protocol = Literal["paper", "authors"]
PROTOCOLS: dict[Protocol, str] = {
    "paper": "paper: SR rounded to uint8, border of scale cropped, PSNR and SSIM on BT.601 Y, float64, plain mean",
    "authors": "authors: SR not rounded, border of scale cropped, PSNR and SSIM on BT.601 Y, float64, mean rounded up",
}

SR = NDArray[np.uint8] | NDArray[np.float32]
SuperResolve = Callable[[RGB], SR]
"""LR uint8 (h, w, 3) to SR (h * scale, w * scale, 3), 0-255: uint8, or floating and not rounded."""
Progress = Callable[[int, int], None]
"""Told the pictures done and in all."""


@dataclass(frozen=True)
class Score:
    """What was measured of one picture; NaN where it was not.

    Attributes:
        psnr: PSNR-Y in dB; infinite for equal pictures.
        ssim: SSIM-Y, -1 to 1.
        consistency: of SR with LR in dB, see `elansr.evaluation.consistency`.
        seconds: the model took.
    """

    psnr: float
    ssim: float
    consistency: float = math.nan
    seconds: float = math.nan


@dataclass(frozen=True)
class SetScores:
    """The scores of every picture of a set, by name, and their means as the protocol takes them.

    Attributes:
        name: of the set.
        pictures: at least one.
        protocol: decides how `psnr` and `ssim` are rounded.
        lr_source: where LR comes from; None where there was no HR.
    """

    name: str
    pictures: dict[str, Score]
    protocol: Protocol = "paper"
    lr_source: LRSource | None = None

    @property
    def psnr(self) -> float:
        """Mean PSNR-Y in dB; `authors` rounds it up to two decimals."""
        mean = fmean(score.psnr for score in self.pictures.values())
        return mean if self.protocol == "paper" else round(mean + 5e-3, 2)

    @property
    def ssim(self) -> float:
        """Mean SSIM-Y; `authors` rounds it up to four decimals."""
        mean = fmean(score.ssim for score in self.pictures.values())
        return mean if self.protocol == "paper" else round(mean + 5e-5, 4)

    @property
    def consistency(self) -> float:
        """Mean consistency in dB."""
        return fmean(score.consistency for score in self.pictures.values())

    @property
    def seconds(self) -> float:
        """Mean seconds the model took."""
        return fmean(score.seconds for score in self.pictures.values())


@dataclass(frozen=True, eq=False)
class Example:
    """One picture of a set as it was scored.

    Attributes:
        set_name: the set.
        name: the picture, without suffix.
        lr: uint8, (h, w, 3).
        sr: uint8, (h * scale, w * scale, 3): rounded, whatever the protocol.
        hr: uint8, (h * scale, w * scale, 3).
        score: what was measured.
        scale: super-resolution factor.
    """

    set_name: str
    name: str
    lr: RGB
    sr: RGB
    hr: RGB
    score: Score
    scale: int


Observe = Callable[[Example], None]


def evaluate(
    super_resolve: SuperResolve,
    folder: Path | BenchmarkSet,
    scale: int,
    progress: Progress | None = None,
    observe: Observe | None = None,
    protocol: Protocol = "paper",
) -> SetScores:
    """Scores a model on one benchmark set.

    Args:
        super_resolve: the model.
        folder: see `elansr.evaluation.layouts`; or the set itself, of the same scale.
        scale: super-resolution factor.
        progress: told after each picture.
        observe: given each picture with its score.
        protocol: see above.

    Raises:
        DataError: no pictures, pairs that do not fit, or a model that gives another size or NaN.
    """
    benchmark = folder if isinstance(folder, BenchmarkSet) else BenchmarkSet.of(folder, scale)
    scores: dict[str, Score] = {}
    for name, lr, hr in benchmark.pairs():
        sr, seconds = _timed(super_resolve, lr, scale, name)
        rounded = _rounded(sr)
        measured = rounded if protocol == "paper" else np.clip(sr, 0, 255)
        scores[name] = Score(
            psnr_y(measured, hr, scale), ssim_y(measured, hr, scale), consistency(rounded, lr, scale), seconds
        )
        if observe:
            observe(Example(benchmark.name, name, lr, rounded, hr, scores[name], scale))
        if progress:
            progress(len(scores), len(benchmark.files))
    return SetScores(benchmark.name, scores, protocol, benchmark.lr_source)


def evaluate_lr(
    super_resolve: SuperResolve,
    folder: LRFolder,
    scale: int,
    progress: Progress | None = None,
    observe: Callable[[str, RGB], None] | None = None,
) -> SetScores:
    """Measures the consistency of a model on a folder of LR pictures, where there is no HR.

    Args:
        super_resolve: the model.
        folder: the LR pictures.
        scale: super-resolution factor.
        progress: told after each picture.
        observe: given the name and SR, uint8, of each picture.

    Returns:
        Scores whose PSNR and SSIM are NaN.

    Raises:
        DataError: a model that gives another size or NaN.
        PictureError: a picture that cannot be read.
    """
    scores: dict[str, Score] = {}
    for name, path in folder.files.items():
        lr = read_rgb(path)
        sr, seconds = _timed(super_resolve, lr, scale, name)
        rounded = _rounded(sr)
        scores[name] = Score(math.nan, math.nan, consistency(rounded, lr, scale), seconds)
        if observe:
            observe(name, rounded)
        if progress:
            progress(len(scores), len(folder.files))
    return SetScores(folder.name, scores)


def bicubic(scale: int) -> Callable[[RGB], RGB]:
    """Plain MATLAB bicubic upscaling: the row every table begins with."""

    def enlarge(lr: RGB) -> RGB:
        return imresize(lr, lr.shape[0] * scale, lr.shape[1] * scale).astype(np.uint8)

    return enlarge


def _timed(super_resolve: SuperResolve, lr: RGB, scale: int, name: str) -> tuple[SR, float]:
    """SR, checked, and the seconds it took."""
    started = time.perf_counter()
    sr = super_resolve(lr)
    seconds = time.perf_counter() - started
    expected = (lr.shape[0] * scale, lr.shape[1] * scale, 3)
    if sr.shape != expected:
        raise DataError(f"{name}: SR of shape {sr.shape}, not {expected}: give the scale that the model has")
    if not np.isfinite(sr).all():
        raise DataError(f"{name}: SR has values that are no numbers: try precision fp32, or other weights")
    return sr, seconds


def _rounded(sr: SR) -> RGB:
    """To 8 bits, halves to even, as PyTorch rounds."""
    return np.clip(np.round(sr), 0, 255).astype(np.uint8)
