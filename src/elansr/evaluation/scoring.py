"""Scores models on benchmark sets under a protocol of the literature.

`paper`: SR is rounded to 8 bits, a border of `scale` pixels is cropped, PSNR and SSIM are measured on the studio-range
luma in float64, and a set's score is the plain mean over its pictures; nothing is rounded on the way.
`authors`: as the script of ELAN's authors does it: SR is clamped but not rounded, and the means are rounded up.
"""

import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import fmean
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from elansr.arguments import require_path
from elansr.errors import ConfigError, DataError
from elansr.evaluation.datasets import RGB, BenchmarkSet, LRSource, located
from elansr.evaluation.lr_check import check_pairs
from elansr.evaluation.metrics import consistency, psnr_y, ssim_y
from elansr.evaluation.models import Model, load_model
from elansr.evaluation.perceptual import MetricName, PerceptualMetric, load_metrics
from elansr.images import rounded
from elansr.text import shown

Protocol = Literal["paper", "authors"]
PROTOCOLS: dict[Protocol, str] = {
    "paper": "paper: SR rounded to uint8, border of scale cropped, PSNR and SSIM on BT.601 Y, float64, plain mean",
    "authors": "authors: SR not rounded, border of scale cropped, PSNR and SSIM on BT.601 Y, float64, mean rounded up",
}

SR = NDArray[np.uint8] | NDArray[np.float32]
FilePath = str | os.PathLike[str]


@dataclass(frozen=True)
class Score:
    """What was measured of one picture; NaN where it was not.

    Attributes:
        psnr: PSNR-Y in dB; infinite for equal pictures.
        ssim: SSIM-Y, -1 to 1.
        consistency: of SR with LR in dB, see `elansr.evaluation.metrics`.
        seconds: the model took.
        perceptual: what was asked for of `elansr.evaluation.perceptual`, by its name.
    """

    psnr: float
    ssim: float
    consistency: float = math.nan
    seconds: float = math.nan
    perceptual: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class SetScores:
    """The scores of a model on every picture of a set, and their means as the protocol takes them.

    Attributes:
        pictures: the score of each picture by its name; at least one.
        protocol: decides how `psnr` and `ssim` are rounded.
        model: as the user wrote it.
        network: what the literature calls the model, see `Model`.
    """

    name: str
    pictures: dict[str, Score]
    protocol: Protocol = "paper"
    lr_source: LRSource = "made by MATLAB bicubic"
    model: str = ""
    network: str = ""

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
    def perceptual(self) -> dict[str, float]:
        """Means of the perceptual metrics, by their names."""
        scores = list(self.pictures.values())
        return {name: fmean(score.perceptual[name] for score in scores) for name in scores[0].perceptual}

    @property
    def seconds(self) -> float:
        """Mean seconds the model took."""
        return fmean(score.seconds for score in self.pictures.values())


def measures(score: Score | SetScores) -> dict[str, float]:
    """Every number of a score, by the name that tables, CSV and JSON have for it."""
    first = {"psnr": score.psnr, "ssim": score.ssim, "consistency": score.consistency}
    return {**first, **score.perceptual, "seconds": score.seconds}


@dataclass(frozen=True)
class Evaluation:
    """The scores of models on benchmark sets.

    Attributes:
        scale: super-resolution factor of all models.
        protocol: how PSNR and SSIM were measured.
        lr_checked: whether LR files were compared with HR first.
        scores: one entry for each model and set: model by model, and for each model set by set.
    """

    scale: int
    protocol: Protocol
    lr_checked: bool
    scores: tuple[SetScores, ...]


@dataclass(frozen=True, eq=False)
class ScoredPicture:
    """One picture of a set as it was scored.

    Attributes:
        name: the picture, without file extension.
        lr: uint8, (h, w, 3).
        sr: uint8, (h * scale, w * scale, 3): rounded, whatever the protocol.
        hr: uint8, (h * scale, w * scale, 3); None where there is none.
    """

    set_name: str
    name: str
    lr: RGB
    sr: RGB
    hr: RGB | None
    score: Score
    scale: int


def evaluate(
    models: FilePath | Model | Sequence[FilePath | Model],
    data: FilePath | Sequence[FilePath] = (),
    *,
    lr: FilePath | None = None,
    scale: int | None = None,
    protocol: Protocol = "paper",
    metrics: Sequence[MetricName] = (),
    download: bool = False,
    check: bool = True,
    device: str = "auto",
    precision: str = "fp32",
    save: FilePath | None = None,
    csv: FilePath | None = None,
    html: FilePath | None = None,
    overwrite: bool = False,
    progress: Callable[[str, int, int], None] = lambda label, done, total: None,
) -> Evaluation:
    """Measures PSNR-Y, SSIM-Y and consistency of models on benchmark sets.

        >>> (set5,) = elansr.evaluate("elan-light-x4", "Set5").scores
        >>> print(f"{set5.psnr:.2f} dB, {set5.ssim:.4f}")

    Args:
        models: one model or several of one scale: released names, weights files, exported files, "bicubic", see
            `elansr.evaluation.models.load_model`; or `Model`, which wraps any function.
        data: one folder or several, see `elansr.evaluation.datasets`; or the name of a set in ELANSR_DATA.
        lr: a folder of LR pictures. Alone: measure consistency without HR; with one folder of data: its LR files.
        scale: super-resolution factor; None takes that of the weights, and 4 where they have none.
        protocol: "paper" or "authors", see the module.
        metrics: "lpips", "dists", "niqe": measured too, with pyiqa, see `elansr.evaluation.perceptual`.
        download: whether pyiqa may download the weights that these metrics need.
        check: whether to compare LR files with their HR first.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".
        precision: "auto", "fp32", "bf16" or "fp16".
        save: a folder for SR as PNG: SAVE/SET/PICTURE.png, with several models SAVE/MODEL/SET/PICTURE.png.
        csv: a file for the scores: a row for each picture and each mean.
        html: a file for a report with a crop of every picture, beside HR.
        progress: called after each picture with the model and set, the number of pictures done and the total.

    Raises:
        ConfigError: nothing to evaluate on, or an impossible choice of models, sets or outputs.
        DataError: no pictures, LR that does not belong to its HR, or a model that returns another size or NaN.
        WeightsError, DeviceError, MissingExtraError: see `load_model` and `load_metrics`.
        PictureError: a picture that cannot be read or written.
        OutputExistsError: a file exists and `overwrite` is off.
    """
    from elansr.evaluation.outputs import Outputs

    folders = [require_path("data", folder) for folder in (data if isinstance(data, (list, tuple)) else [data])]
    lr = None if lr is None else Path(lr)
    _require_data(folders, lr)
    loaded = _load([models] if isinstance(models, (str, os.PathLike, Model)) else models, scale, device, precision)
    sets = _find_sets(folders, lr, loaded[0].scale)
    outputs = Outputs(save, csv, html, overwrite, loaded, sets, protocol)
    perceptual = load_metrics(metrics, device, download)
    if check:
        check_pairs(sets, partial(progress, "LR against HR"))

    def after(model: Model, picture: ScoredPicture, done: int, total: int) -> None:
        outputs.add(model, picture)
        progress(f"{model.name}: {picture.set_name}", done, total)

    scores = [
        score_set(model, found, protocol, partial(after, model), perceptual) for model in loaded for found in sets
    ]
    result = Evaluation(loaded[0].scale, protocol, check, tuple(scores))
    outputs.write(result)
    return result


def score_set(
    model: Model,
    pictures: BenchmarkSet,
    protocol: Protocol = "paper",
    after: Callable[[ScoredPicture, int, int], None] | None = None,
    metrics: Mapping[str, PerceptualMetric] = MappingProxyType({}),
) -> SetScores:
    """Scores a model on one set; without HR, PSNR and SSIM are NaN.

    Args:
        metrics: what else is measured, by name.
        after: called after each picture with its score and the number of pictures done and of all.

    Raises:
        DataError: pairs that do not fit, or a model that gives another size or NaN.
        PictureError: a picture that cannot be read.
    """
    scores: dict[str, Score] = {}
    scale = pictures.scale
    for name, lr, hr in pictures.pairs():
        sr, seconds = _timed(model.super_resolve, lr, scale, name)
        pixels: RGB = rounded(sr, np.uint8)
        psnr = ssim = math.nan
        if hr is not None:
            measured = pixels if protocol == "paper" else np.clip(sr, 0, 255)
            psnr, ssim = psnr_y(measured, hr, scale), ssim_y(measured, hr, scale)
        others = {metric: measure(pixels, hr) for metric, measure in metrics.items()}
        scores[name] = Score(psnr, ssim, consistency(pixels, lr, scale), seconds, others)
        if after:
            scored = ScoredPicture(pictures.name, name, lr, pixels, hr, scores[name], scale)
            after(scored, len(scores), len(pictures.files))
    return SetScores(pictures.name, scores, protocol, pictures.lr_source, model.name, model.network)


def _require_data(folders: Sequence[Path], lr: Path | None) -> None:
    if not folders and lr is None:
        raise ConfigError("nothing to evaluate on: set `data`, or `lr` if there is no HR")
    if len(folders) > 1 and lr is not None:
        raise ConfigError(f"{shown(lr)}: `lr` works with one set, not with {len(folders)}")


def _load(models: Sequence[FilePath | Model], scale: int | None, device: str, precision: str) -> list[Model]:
    loaded = [m if isinstance(m, Model) else load_model(os.fspath(m), scale, device, precision) for m in models]
    names = [model.name for model in loaded]
    if len(set(names)) < len(names):
        raise ConfigError(f"a model occurs twice: {', '.join(names)}")
    if len({model.scale for model in loaded}) != 1:
        scales = ", ".join(f"{model.name} x{model.scale}" for model in loaded)
        raise ConfigError(f"models with different scales, {scales}: set `scale`" if loaded else "no model")
    return loaded


def _find_sets(folders: Sequence[Path], lr: Path | None, scale: int) -> list[BenchmarkSet]:
    if not folders and lr is not None:
        return [BenchmarkSet.without_hr(lr, scale)]
    sets = [BenchmarkSet.of(located(folder), scale, lr) for folder in folders]
    names = [found.name for found in sets]
    if len(set(names)) < len(names):
        raise ConfigError(f"two folders have the same name: {', '.join(names)}: evaluate them one by one")
    return sets


def _timed(super_resolve: Callable[[RGB], SR], lr: RGB, scale: int, name: str) -> tuple[SR, float]:
    """SR, checked, and the seconds it took."""
    started = time.perf_counter()
    sr = super_resolve(lr)
    seconds = time.perf_counter() - started
    expected = (lr.shape[0] * scale, lr.shape[1] * scale, 3)
    if sr.shape != expected:
        raise DataError(f"{name}: SR of shape {sr.shape}, not {expected}: use the scale of the model")
    if not np.isfinite(sr).all():
        raise DataError(f"{name}: SR contains NaN: try precision fp32, or other weights")
    return sr, seconds
