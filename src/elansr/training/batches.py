"""Batches of LR and HR crops for the training loop.

Every picture is decoded once and kept as 8-bit LR and HR on the training device. A batch is two gathers from two flat
byte buffers, so pictures of any size mix freely and no loader can fall behind. LR is the MATLAB bicubic of the whole
picture, a given file, or, with `[data.degradation]`, a random blind degradation of the HR crop.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elansr.training.data import PictureGroup, detail, load_groups
from elansr.training.degradation import BORDER, degrade_crops
from elansr.training.recipe import Recipe
from elansr.training.schedule import CropSize, crop_sizes


class Batches:
    """The training pictures of a recipe, drawn from at random.

    Args:
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
        self._pool = PairPool(load_groups(recipe.data, scale, largest), scale, home)

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


@dataclass(frozen=True)
class _Buffer:
    """Pictures of any size one after another: `data` uint8 (bytes,), each picture (H, W, C) row by row."""

    data: Tensor
    starts: Tensor
    widths: Tensor
    channels: int

    @staticmethod
    def of(pictures: Sequence[NDArray[np.uint8]], device: torch.device) -> "_Buffer":
        sizes = torch.tensor([p.size for p in pictures])
        data = torch.from_numpy(np.concatenate([p.reshape(-1) for p in pictures]))
        widths = torch.tensor([p.shape[1] for p in pictures])
        starts = (sizes.cumsum(0) - sizes).to(device)
        return _Buffer(data.to(device), starts, widths.to(device), pictures[0].shape[2])

    def gather(self, which: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        """Pixels of picture `which` (N,) at `rows` and `columns` (N, p, p): float (N, C, p, p) in [0, 1]."""
        pixel = rows * self.widths[which].view(-1, 1, 1) + columns
        first = self.starts[which].view(-1, 1, 1) + self.channels * pixel
        channels = torch.arange(self.channels, device=first.device).view(1, -1, 1, 1)
        return self.data[first.unsqueeze(1) + channels].float() / 255


class PairPool:
    """Pairs of LR and HR pictures, ready to be cropped.

    Args:
        groups: what to draw from; all of them have LR or none has. No picture may be smaller than the crops.
        device: where the pool lives and batches appear.
    """

    def __init__(self, groups: Sequence[PictureGroup], scale: int, device: torch.device) -> None:
        hr = [hr for group in groups for _, hr in group.pairs]
        lr = [lr for group in groups for lr, _ in group.pairs if lr is not None]
        self._sides = torch.tensor([(picture.shape[0] // scale, picture.shape[1] // scale) for picture in hr])
        self.scale, self.device = scale, device
        self._hr = _Buffer.of(hr, device)
        self._lr = _Buffer.of(lr, device) if lr else None
        self._shares = torch.tensor([group.share for group in groups], dtype=torch.float64)
        self._counts = torch.tensor([len(group.pairs) for group in groups])
        self._candidates = torch.tensor([group.candidates for group in groups])
        self._detail = None
        if self._candidates.max() > 1:
            with ThreadPoolExecutor() as workers:
                maps = list(workers.map(lambda picture: detail(picture, scale), hr))
            self._detail = _Buffer.of(maps, torch.device("cpu"))

    def __len__(self) -> int:
        return len(self._sides)

    def draw(self, batch: int, patch: int, generator: torch.Generator) -> "Crops":
        """Chooses random crops, each flipped left-right, flipped up-down and transposed with probability 0.5.

        Flat crops teach little. With several candidates for each crop, the one whose HR has the most fine detail is
        taken (importance sampling of patches: SamplingAug, arXiv 2111.15185; the measure is `detail`).

        Args:
            patch: side of an LR crop in pixels.
            generator: on the CPU; the same state draws the same crops on every device.
        """
        group = torch.multinomial(self._shares, batch, replacement=True, generator=generator)
        most = int(self._candidates.max())
        group = group.repeat_interleave(most)
        place = torch.rand(len(group), 3, generator=generator, dtype=torch.float64)
        first = (self._counts.cumsum(0) - self._counts)[group]
        which = first + (place[:, 0] * self._counts[group]).long()
        corner = (place[:, 1:] * (self._sides[which] - patch + 1)).long()
        turns = torch.rand(len(which), 3, generator=generator) < 0.5
        crops = Crops(patch, which, corner, turns)
        return crops if self._detail is None else crops.of(self._most_detailed(crops, group, self._detail))

    def _most_detailed(self, crops: "Crops", group: Tensor, details: _Buffer) -> Tensor:
        """The index of the crop with the most detail among the candidates of each crop of the batch."""
        most = int(self._candidates.max())
        seen = details.gather(*crops.pixels(1, torch.device("cpu"))).mean((1, 2, 3)).view(-1, most)
        allowed = torch.arange(most) < self._candidates[group].view(-1, most)
        best = seen.where(allowed, torch.tensor(-1.0)).argmax(dim=1)
        return best + most * torch.arange(len(best))

    def cut(self, crops: "Crops") -> tuple[Tensor, Tensor]:
        """LR (N, 3, patch, patch) and HR (N, 3, patch * scale, patch * scale), float in [0, 1], on the device."""
        assert self._lr is not None
        return self._lr.gather(*crops.pixels(1, self.device)), self.cut_hr(crops)

    def cut_hr(self, crops: "Crops") -> Tensor:
        """Only the HR side of `cut`."""
        return self._hr.gather(*crops.pixels(self.scale, self.device))


@dataclass(frozen=True)
class Crops:
    """Which crops a batch is made of.

    Attributes:
        patch: side of an LR crop in pixels.
        which: (N,), indices of pictures.
        corner: (N, 2), row and column of the upper left LR pixel.
        turns: (N, 3), bool: flipped left-right, up-down, transposed.
    """

    patch: int
    which: Tensor
    corner: Tensor
    turns: Tensor

    def part(self, index: int, parts: int) -> "Crops":
        """One of `parts` equal parts."""
        which, corner, turns = (x.chunk(parts)[index] for x in (self.which, self.corner, self.turns))
        return Crops(self.patch, which, corner, turns)

    def of(self, indices: Tensor) -> "Crops":
        """Those at `indices` (M,), in that order."""
        return Crops(self.patch, self.which[indices], self.corner[indices], self.turns[indices])

    def pixels(self, scale: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
        """Pictures (N,), source rows and source columns (N, side, side) of the crops at `scale`, on `device`."""
        which, corner, turns = self.which.to(device), self.corner.to(device), self.turns.to(device)
        return which, *_crop_grid(corner * scale, self.patch * scale, turns)


def _crop_grid(corner: Tensor, side: int, turns: Tensor) -> tuple[Tensor, Tensor]:
    """PictureGroup rows and columns (N, side, side) of crops at `corner` (N, 2) under the turns (N, 3) of `sample`."""
    line = torch.arange(side, device=corner.device)
    mirrored = side - 1 - line
    flip_x, flip_y, transpose = (turns[:, i].view(-1, 1, 1) for i in range(3))
    across = torch.where(flip_x, mirrored.view(1, 1, -1), line.view(1, 1, -1)).expand(-1, side, -1)
    down = torch.where(flip_y, mirrored.view(1, -1, 1), line.view(1, -1, 1)).expand(-1, -1, side)
    across, down = torch.where(transpose, down, across), torch.where(transpose, across, down)
    return corner[:, 0].view(-1, 1, 1) + down, corner[:, 1].view(-1, 1, 1) + across
