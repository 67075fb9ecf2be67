"""Scores a model on benchmark sets under the protocol of the literature.

SR is rounded to 8 bits, a border of `scale` pixels is cropped, PSNR and SSIM are measured on the studio-range luma in
float64, and a set's score is the plain mean over its pictures; nothing is rounded on the way.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from elansr.evaluation.datasets import RGB, BenchmarkSet
from elansr.evaluation.metrics import psnr_y, ssim_y
from elansr.imaging.resize import imresize

PROTOCOL = "paper: SR rounded to uint8, border of scale cropped, PSNR and SSIM on BT.601 Y, float64, plain mean"

SuperResolve = Callable[[RGB], RGB]
"""LR uint8 (h, w, 3) to SR uint8 (h * scale, w * scale, 3)."""


@dataclass(frozen=True)
class Score:
    """PSNR-Y in dB and SSIM-Y of one picture."""

    psnr: float
    ssim: float


@dataclass(frozen=True)
class SetScores:
    """The scores of every picture of a set, by name."""

    name: str
    pictures: dict[str, Score]

    @property
    def psnr(self) -> float:
        """Mean PSNR-Y in dB."""
        return fmean(score.psnr for score in self.pictures.values())

    @property
    def ssim(self) -> float:
        """Mean SSIM-Y."""
        return fmean(score.ssim for score in self.pictures.values())


def evaluate(
    super_resolve: SuperResolve, folder: Path, scale: int, progress: Callable[[int, int], None] | None = None
) -> SetScores:
    """Scores a model on one benchmark set.

    Args:
        super_resolve: the model.
        folder: see `elansr.evaluation.datasets`.
        scale: super-resolution factor.
        progress: told the pictures done and in all.

    Raises:
        DataError: no pictures, or pairs that do not fit.
    """
    benchmark, scores = BenchmarkSet.of(folder, scale), {}
    for name, lr, hr in benchmark.pairs():
        sr = super_resolve(lr)
        scores[name] = Score(psnr_y(sr, hr, scale), ssim_y(sr, hr, scale))
        if progress:
            progress(len(scores), len(benchmark.files))
    return SetScores(benchmark.name, scores)


def bicubic(scale: int) -> SuperResolve:
    """Plain MATLAB bicubic upscaling: the row every table begins with."""

    def enlarge(lr: RGB) -> NDArray[np.uint8]:
        return imresize(lr, lr.shape[0] * scale, lr.shape[1] * scale).astype(np.uint8)

    return enlarge
