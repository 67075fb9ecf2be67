"""Training data: every picture decoded once, kept as 8-bit LR and HR on the training device, cropped there.

A batch is two gathers from two flat byte buffers, so pictures of any size mix freely and no loader can fall behind.
"""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elansr.errors import ConfigError, DataError
from elansr.evaluation import RGB, match_lr, read_rgb
from elansr.images import crop_to_multiple, downscale, is_picture_name, rounded
from elansr.training.config import DataRecipe, PictureFolder

Pair = tuple[RGB | None, RGB]
"""LR and HR of one picture, uint8 (h, w, 3) and (h * scale, w * scale, 3); LR is None where it is made later."""
Files = tuple[Path, Path | None]
"""The HR file and the LR file of one picture; None where LR is made."""
NAMED = 5
"""So many faulty files are named, the others are counted."""


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


@dataclass(frozen=True)
class PictureGroup:
    """Training pictures that are drawn from together.

    Attributes:
        pairs: uint8 (LR, HR), (h, w, 3) and (h * scale, w * scale, 3); LR is None where it is made of every HR crop.
        share: of the crops of a batch.
        candidates: crops drawn for each one taken, which is the most detailed of them.
    """

    pairs: Sequence[tuple[RGB | None, RGB]]
    share: float = 1.0
    candidates: int = 1


def load_groups(recipe: DataRecipe, scale: int) -> list[PictureGroup]:
    """The training pictures of a recipe, folder by folder.

    Raises:
        DataError: a folder without pictures, LR missing or of a size that does not fit; every misfit is named.
        ConfigError: shares that are not given for all folders or do not sum to 1, or a degradation of given LR.
    """
    _check_shares(recipe)
    make_lr = recipe.degradation is None
    loaded = [read_pairs(find_files(folder, scale), scale, make_lr=make_lr) for folder in recipe.train]
    pictures = sum(map(len, loaded))
    return [
        PictureGroup(pairs, folder.share or len(pairs) / pictures, folder.candidates or recipe.candidates)
        for folder, pairs in zip(recipe.train, loaded, strict=True)
    ]


def _check_shares(recipe: DataRecipe) -> None:
    shares = [folder.share for folder in recipe.train]
    given = [share for share in shares if share is not None]
    if given and (len(given) < len(shares) or not math.isclose(sum(given), 1, abs_tol=1e-6)):
        raise ConfigError(f"data.train: shares {shares}: give every folder one, and let them sum to 1")
    if recipe.degradation is not None and any(folder.lr for folder in [*recipe.train, *recipe.val]):
        raise ConfigError("data.degradation: a folder of [data] has LR pictures of its own; leave one of the two out")


def find_files(folder: PictureFolder, scale: int) -> list[Files]:
    """The HR files of a folder, sorted, each with its LR file or None.

    Raises:
        DataError: no pictures, or an LR file is missing.
    """
    hr_files = find_pictures([folder.hr])
    lr_files = match_lr(hr_files, Path(folder.lr), scale) if folder.lr else [None] * len(hr_files)
    return list(zip(hr_files, lr_files, strict=True))


def read_pairs(files: Sequence[Files], scale: int, *, make_lr: bool = True) -> list[Pair]:
    """HR cropped to a multiple of `scale` and LR of many pictures, over a few threads.

    Args:
        files: HR and LR; where there is no LR file, LR is the MATLAB bicubic of HR.
        scale: super-resolution factor.
        make_lr: False leaves LR out where there is no file.

    Raises:
        DataError: LR of a size that does not fit; the first few are named.
    """
    with ThreadPoolExecutor() as workers:
        pairs = list(workers.map(lambda pair: _read_pair(pair[0], pair[1], scale, make_lr), files))
    _require_fit(pairs, files, scale)
    return pairs


def _read_pair(hr_file: Path, lr_file: Path | None, scale: int, make_lr: bool) -> Pair:
    hr = crop_to_multiple(read_rgb(hr_file), scale)
    if lr_file is not None:
        return read_rgb(lr_file), hr
    return downscale(hr, scale) if make_lr else None, hr


def _require_fit(pairs: Sequence[Pair], files: Sequence[Files], scale: int) -> None:
    """Every LR file must be its HR picture, `scale` times smaller."""
    misfits = [
        f"{path} has {lr.shape[1]}x{lr.shape[0]} pixels, but its HR {hr.shape[1]}x{hr.shape[0]}"
        for (lr, hr), (_, path) in zip(pairs, files, strict=True)
        if lr is not None and (lr.shape[0] * scale, lr.shape[1] * scale) != hr.shape[:2]
    ]
    if misfits:
        more = f"; and {len(misfits) - NAMED} more" if len(misfits) > NAMED else ""
        raise DataError(f"LR and HR do not fit at x{scale}: {'; '.join(misfits[:NAMED])}{more}")


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
    return rounded(cells.mean(axis=(1, 3)) * 4, np.uint8)[..., None]


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
        groups: what to draw from; all of them have LR or none has.
        scale: super-resolution factor.
        largest_patch: side of the largest LR crop that will be asked for, in pixels; no picture may be smaller.
        device: where the pool lives and batches appear.

    Raises:
        DataError: a picture is smaller than a crop.
    """

    def __init__(self, groups: Sequence[PictureGroup], scale: int, largest_patch: int, device: torch.device) -> None:
        hr = [hr for group in groups for _, hr in group.pairs]
        lr = [lr for group in groups for lr, _ in group.pairs if lr is not None]
        self._sides = torch.tensor([(picture.shape[0] // scale, picture.shape[1] // scale) for picture in hr])
        smallest = int(self._sides.min())
        if smallest < largest_patch:
            raise DataError(
                f"an LR picture is {smallest} pixels on one side: crops of {largest_patch} need at least "
                f"{largest_patch}; leave small pictures out (elansr check-data names them) or lower data.patch"
            )
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
            batch: N.
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
        if self._lr is None:
            raise DataError("this pool has no LR pictures; cut_hr gives what they are to be made of")
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
