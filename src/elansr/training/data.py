"""Training data: every picture decoded once, kept as 8-bit LR and HR on the training device, cropped there.

A batch is two gathers from two flat byte buffers, so pictures of any size mix freely and no loader can fall behind.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elansr.errors import DataError
from elansr.evaluation.datasets import RGB, read_rgb
from elansr.images import crop_to_multiple, downscale, is_picture_name


def find_pictures(folders: Sequence[str | Path]) -> list[Path]:
    """All picture files below the folders, sorted.

    Raises:
        DataError: a folder is missing or holds no picture.
    """
    found: list[Path] = []
    for folder in map(Path, folders):
        if not folder.is_dir():
            raise DataError(f"{folder}: not a folder; [data] lists folders of pictures")
        pictures = [path for path in folder.rglob("*") if is_picture_name(path)]
        if not pictures:
            raise DataError(f"{folder}: holds no picture; [data] lists folders of pictures")
        found += pictures
    return sorted(found)


def lr_hr_pair(path: Path, scale: int) -> tuple[RGB, RGB]:
    """LR and HR of one file, uint8 (H, W, 3): HR cropped to a multiple of `scale`, LR its MATLAB bicubic."""
    hr = crop_to_multiple(read_rgb(path), scale)
    return downscale(hr, scale), hr


def load_pairs(paths: Iterable[Path], scale: int) -> list[tuple[RGB, RGB]]:
    """`lr_hr_pair` of many files, in order, over a few threads."""
    with ThreadPoolExecutor() as workers:
        return list(workers.map(lambda path: lr_hr_pair(path, scale), paths))


def detail(hr: RGB, scale: int) -> NDArray[np.uint8]:
    """How much fine detail lies in the HR pixels of each LR pixel.

    It is the mean distance of the grey picture from the mean of its 3x3 neighbourhood, in quarters of a level.

    Args:
        hr: uint8 (H, W, 3), H and W multiples of `scale`.
        scale: super-resolution factor.

    Returns:
        uint8 (H / scale, W / scale, 1).
    """
    grey = hr.mean(axis=2, dtype=np.float32)
    height, width = grey.shape
    around = np.pad(grey, 1, mode="edge")
    mean = sum(around[y : y + height, x : x + width] for y in range(3) for x in range(3)) / 9
    cells = np.abs(grey - mean).reshape(height // scale, scale, width // scale, scale)
    return (cells.mean(axis=(1, 3)) * 4).round().clip(0, 255).astype(np.uint8)[..., None]


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
        pairs: uint8 (LR, HR), (h, w, 3) and (h * scale, w * scale, 3).
        scale: super-resolution factor.
        largest_patch: side of the largest LR crop that will be asked for, in pixels; no picture may be smaller.
        device: where the pool lives and batches appear.

    Raises:
        DataError: a picture is smaller than a crop.
    """

    def __init__(self, pairs: Sequence[tuple[RGB, RGB]], scale: int, largest_patch: int, device: torch.device) -> None:
        smallest = min(min(lr.shape[:2]) for lr, _ in pairs)
        if smallest < largest_patch:
            raise DataError(
                f"an LR picture is {smallest} pixels on one side: crops of {largest_patch} need at least "
                f"{largest_patch}; leave small pictures out (elansr check-data names them) or lower data.patch"
            )
        self.scale, self.device = scale, device
        self._lr = _Buffer.of([lr for lr, _ in pairs], device)
        self._hr = _Buffer.of([hr for _, hr in pairs], device)
        with ThreadPoolExecutor() as workers:
            maps = list(workers.map(lambda pair: detail(pair[1], scale), pairs))
        self._detail = _Buffer.of(maps, torch.device("cpu"))
        self._sides = torch.tensor([lr.shape[:2] for lr, _ in pairs])

    def __len__(self) -> int:
        return len(self._sides)

    def draw(self, batch: int, patch: int, generator: torch.Generator, candidates: int = 1) -> "Crops":
        """Chooses random crops, each flipped left-right, flipped up-down and transposed with probability 0.5.

        Flat crops teach little. With several candidates for each crop, the one whose HR has the most fine detail is
        taken (importance sampling of patches: SamplingAug, arXiv 2111.15185; the measure is `detail`).

        Args:
            batch: N.
            patch: side of an LR crop in pixels.
            generator: on the CPU; the same state draws the same crops on every device.
            candidates: drawn for each crop of the batch; 1 takes what comes.
        """
        which = torch.randint(len(self), (batch * candidates,), generator=generator)
        room = self._sides[which] - patch + 1
        corner = (torch.rand(len(which), 2, generator=generator, dtype=torch.float64) * room).long()
        turns = torch.rand(len(which), 3, generator=generator) < 0.5
        crops = Crops(patch, which, corner, turns)
        return crops if candidates == 1 else crops.of(self._most_detailed(crops, candidates))

    def _most_detailed(self, crops: "Crops", candidates: int) -> Tensor:
        """The index of the crop with the most detail among each `candidates` that follow one another."""
        seen = self._detail.gather(*crops.pixels(1, torch.device("cpu"))).mean((1, 2, 3))
        best = seen.view(-1, candidates).argmax(dim=1)
        return best + candidates * torch.arange(len(best))

    def cut(self, crops: "Crops") -> tuple[Tensor, Tensor]:
        """LR (N, 3, patch, patch) and HR (N, 3, patch * scale, patch * scale), float in [0, 1], on the device."""
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
    """Source rows and columns (N, side, side) of crops at `corner` (N, 2) under the turns (N, 3) of `sample`."""
    line = torch.arange(side, device=corner.device)
    mirrored = side - 1 - line
    flip_x, flip_y, transpose = (turns[:, i].view(-1, 1, 1) for i in range(3))
    across = torch.where(flip_x, mirrored.view(1, 1, -1), line.view(1, 1, -1)).expand(-1, side, -1)
    down = torch.where(flip_y, mirrored.view(1, -1, 1), line.view(1, -1, 1)).expand(-1, -1, side)
    across, down = torch.where(transpose, down, across), torch.where(transpose, across, down)
    return corner[:, 0].view(-1, 1, 1) + down, corner[:, 1].view(-1, 1, 1) + across
