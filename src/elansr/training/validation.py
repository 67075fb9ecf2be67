"""Validation during training: PSNR-Y and sharpness of a network over pictures kept in memory."""

from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple, TypeVar

import numpy as np
import torch

from elansr.evaluation import RGB, psnr_y, require_room
from elansr.images import from_float, luma, to_float
from elansr.nn.elan import ELAN
from elansr.training.data import find_files, read_pairs
from elansr.training.degradation import degrade_pictures
from elansr.training.recipe import Recipe

Item = TypeVar("Item")
VALIDATION_SEED = 0
"""Of the degradation of the validation pictures: the same in every run, so that runs can be compared."""


def validation_pairs(recipe: Recipe) -> list[tuple[RGB, RGB]]:
    """The (LR, HR) pictures that choose the best weights, degraded as the training pictures are.

    Raises:
        DataError: a folder without pictures, or a picture too small to be measured.
    """
    scale, data = recipe.network.scale, recipe.data
    files = [pair for folder in data.val for pair in find_files(folder, scale)]
    picked = pick_evenly(files, data.val_pictures)
    pairs = read_pairs(picked, scale, make_lr=data.degradation is None)
    for (_, hr), (path, _) in zip(pairs, picked, strict=True):
        require_room(hr, path, scale)
    if data.degradation is not None:
        return degrade_pictures([hr for _, hr in pairs], scale, data.degradation, VALIDATION_SEED)
    return [(lr, hr) for lr, hr in pairs if lr is not None]


class Scores(NamedTuple):
    """Means over the validation pictures.

    Attributes:
        psnr_y: in dB, under the protocol of the literature.
        sharpness: mean magnitude of the Laplacian of SR's luma over that of HR's; below 1 is softer than HR.
    """

    psnr_y: float
    sharpness: float


@torch.no_grad()
def validate(network: ELAN, pairs: Sequence[tuple[RGB, RGB]], scale: int) -> Scores:
    """Super-resolves the LR of uint8 (LR, HR) pairs in float32 and compares it with HR."""
    scores = []
    for lr, hr in pairs:
        sr = _super_resolve(network, lr)
        scores.append((psnr_y(sr, hr, scale), laplacian(sr), laplacian(hr)))
    psnr, of_sr, of_hr = (fmean(column) for column in zip(*scores, strict=True))
    return Scores(psnr, of_sr / of_hr if of_hr else 1.0)


def laplacian(picture: RGB) -> float:
    """Mean magnitude of the Laplacian (4, -1) of the luma of a uint8 picture (H, W, 3), in levels."""
    y = luma(picture)
    return float(np.abs(4 * y[1:-1, 1:-1] - y[:-2, 1:-1] - y[2:, 1:-1] - y[1:-1, :-2] - y[1:-1, 2:]).mean())


def _super_resolve(network: ELAN, lr: RGB) -> RGB:
    """The paper's plain form, whole: uint8 (h, w, 3) to uint8 (h * scale, w * scale, 3)."""
    x = torch.from_numpy(to_float(lr)).to(network.mean.device).permute(2, 0, 1).unsqueeze(0)
    return from_float(network(x)[0].permute(1, 2, 0).cpu().numpy(), np.uint8)


def pick_evenly(items: Sequence[Item], count: int) -> list[Item]:
    """At most `count` of the items, spread evenly."""
    count = min(count, len(items))
    return [items[i * len(items) // count] for i in range(count)]
