"""Batches of LR and HR crops for the training loop.

LR is the MATLAB bicubic of the whole picture, cropped; or, with `[data.degradation]`, a random blind degradation of
the HR crop. Either is computed where the pictures live, so nothing is read or waited for during the run.
"""

import torch
from torch import Tensor

from elansr.training.config import Recipe
from elansr.training.data import PairPool, load_groups
from elansr.training.degradation import BORDER, degrade_crops
from elansr.training.schedule import CropSize, crop_sizes


class Batches:
    """The training pictures of a recipe, drawn from at random.

    Args:
        recipe: see `elansr.training.config`.
        device: of the training.
        process: index of this process.
        processes: how many share every batch.

    Raises:
        DataError: a folder without pictures, a picture smaller than a crop.
    """

    def __init__(self, recipe: Recipe, device: torch.device, process: int = 0, processes: int = 1) -> None:
        scale, self._degradation = recipe.network.scale, recipe.data.degradation
        self._device, self._process, self._processes = device, process, processes
        self._border = BORDER if self._degradation else 0
        largest = max(size.patch for size in crop_sizes(recipe).values()) + 2 * self._border
        home = torch.device("cpu") if recipe.data.pool == "cpu" else device
        self._pool = PairPool(load_groups(recipe.data, scale), scale, largest, home)

    def draw(self, size: CropSize, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """This process's share of a batch of crops, on the training device.

        Returns:
            LR (N, 3, patch, patch) and HR (N, 3, patch * scale, patch * scale), float in [0, 1].
        """
        crops = self._pool.draw(size.batch, size.patch + 2 * self._border, generator)
        crops = crops.part(self._process, self._processes)
        if self._degradation is None:
            lr, hr = self._pool.cut(crops)
        else:
            seeds = torch.randint(2**62, (self._processes,), generator=generator)
            own = torch.Generator().manual_seed(int(seeds[self._process]))
            lr, hr = degrade_crops(self._pool.cut_hr(crops), self._pool.scale, size.patch, self._degradation, own)
        return lr.to(self._device, non_blocking=True), hr.to(self._device, non_blocking=True)
