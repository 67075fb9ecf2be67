"""Validation during training: PSNR-Y of a network over pictures kept in memory."""

from collections.abc import Sequence
from statistics import fmean
from typing import TypeVar

import numpy as np
import torch

from elansr.evaluation import RGB, psnr_y
from elansr.images import from_float, to_float
from elansr.nn.elan import ELAN
from elansr.training.config import Recipe
from elansr.training.data import find_files, read_pairs
from elansr.training.degradation import degrade_pictures

Item = TypeVar("Item")
VALIDATION_SEED = 0
"""Of the degradation of the validation pictures: the same in every run, so that runs can be compared."""


def validation_pairs(recipe: Recipe) -> list[tuple[RGB, RGB]]:
    """The (LR, HR) pictures that choose the best weights, degraded as the training pictures are.

    Raises:
        DataError: a folder without pictures.
    """
    scale, data = recipe.network.scale, recipe.data
    files = [pair for folder in data.val for pair in find_files(folder, scale)]
    pairs = read_pairs(pick_evenly(files, data.val_pictures), scale, make_lr=data.degradation is None)
    if data.degradation is not None:
        return degrade_pictures([hr for _, hr in pairs], scale, data.degradation, VALIDATION_SEED)
    return [(lr, hr) for lr, hr in pairs if lr is not None]


@torch.no_grad()
def validate(network: ELAN, pairs: Sequence[tuple[RGB, RGB]], scale: int) -> float:
    """Mean PSNR-Y in dB over uint8 (LR, HR) pairs, in float32, under the protocol of the literature."""
    return fmean(psnr_y(_super_resolve(network, lr), hr, scale) for lr, hr in pairs)


def _super_resolve(network: ELAN, lr: RGB) -> RGB:
    """The paper's plain form, whole: uint8 (h, w, 3) to uint8 (h * scale, w * scale, 3)."""
    x = torch.from_numpy(to_float(lr)).to(network.mean.device).permute(2, 0, 1).unsqueeze(0)
    sr: RGB = from_float(network(x)[0].permute(1, 2, 0).cpu().numpy(), np.uint8)
    return sr


def pick_evenly(items: Sequence[Item], count: int) -> list[Item]:
    """At most `count` of the items, spread evenly."""
    count = min(count, len(items))
    return [items[i * len(items) // count] for i in range(count)]
