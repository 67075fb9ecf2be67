"""Validation during training: PSNR-Y of a network over pictures kept in memory."""

from collections.abc import Sequence
from statistics import fmean
from typing import TypeVar

import numpy as np
import torch

from elansr.evaluation.datasets import RGB
from elansr.evaluation.metrics import psnr_y
from elansr.nn.elan import ELAN
from elansr.training.config import Recipe
from elansr.training.data import find_files, read_pairs
from elansr.training.degradation import degraded_pictures

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
    pairs = read_pairs(spread(files, data.val_pictures), scale, make_lr=data.degradation is None)
    if data.degradation is not None:
        return degraded_pictures([hr for _, hr in pairs], scale, data.degradation, VALIDATION_SEED)
    return [(lr, hr) for lr, hr in pairs if lr is not None]


@torch.no_grad()
def validate(network: ELAN, pairs: Sequence[tuple[RGB, RGB]], scale: int) -> float:
    """Mean PSNR-Y in dB over uint8 (LR, HR) pairs, in float32, under the protocol of the literature."""
    return fmean(psnr_y(_super_resolve(network, lr), hr, scale) for lr, hr in pairs)


def _super_resolve(network: ELAN, lr: RGB) -> RGB:
    """The paper's plain form, whole: uint8 (h, w, 3) to uint8 (h * scale, w * scale, 3)."""
    x = torch.from_numpy(lr).to(network.mean.device).permute(2, 0, 1).unsqueeze(0).float() / 255
    sr = network(x)[0].clamp(0, 1).mul(255).round().permute(1, 2, 0)
    return np.asarray(sr.cpu().numpy(), dtype=np.uint8)


def spread(items: Sequence[Item], count: int) -> list[Item]:
    """At most `count` of the items, evenly spread."""
    count = min(count, len(items))
    return [items[i * len(items) // count] for i in range(count)]
