"""The pictures of a recipe, from its folders: HR, and LR that was made of it or lies beside it."""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from elansr.errors import ConfigError, DataError
from elansr.evaluation import RGB, match_lr, read_rgb
from elansr.images import crop_to_multiple, downscale, is_picture_name, rounded
from elansr.text import shown

if TYPE_CHECKING:
    from elansr.training.recipe import DataRecipe, PictureFolder

Pair = tuple[RGB | None, RGB]
"""LR and HR of one picture, uint8 (h, w, 3) and (h * scale, w * scale, 3); LR is None where it is made later."""
Files = tuple[Path, Path | None]
"""The HR file and the LR file of one picture; None where LR is made."""
NAMED = 5
"""So many faulty files are named, the others are counted."""


def find_pictures(folders: Sequence[str | Path]) -> list[Path]:
    """All picture files below the folders, sorted, each once.

    Raises:
        DataError: a folder is missing or holds no picture.
    """
    found: set[Path] = set()
    for folder in map(Path, folders):
        if not folder.is_dir():
            raise DataError(f"{shown(folder)}: not a folder; name folders of pictures")
        pictures = {path for path in folder.rglob("*") if is_picture_name(path) and not path.is_dir()}
        if not pictures:
            raise DataError(f"{shown(folder)}: holds no picture; name folders of pictures")
        found |= pictures
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


def load_groups(recipe: "DataRecipe", scale: int) -> list[PictureGroup]:
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


def _check_shares(recipe: "DataRecipe") -> None:
    shares = [folder.share for folder in recipe.train]
    given = [share for share in shares if share is not None]
    if given and (len(given) < len(shares) or not math.isclose(sum(given), 1, abs_tol=1e-6)):
        raise ConfigError(f"data.train: shares {shares}: give every folder one, and let them sum to 1")
    if recipe.degradation is not None and any(folder.lr for folder in [*recipe.train, *recipe.val]):
        raise ConfigError("data.degradation: a folder of [data] has LR pictures of its own; leave one of the two out")


def find_files(folder: "PictureFolder", scale: int) -> list[Files]:
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
    mismatched = [
        f"{path} has {lr.shape[1]}x{lr.shape[0]} pixels, but its HR {hr.shape[1]}x{hr.shape[0]}"
        for (lr, hr), (_, path) in zip(pairs, files, strict=True)
        if lr is not None and (lr.shape[0] * scale, lr.shape[1] * scale) != hr.shape[:2]
    ]
    if mismatched:
        more = f"; and {len(mismatched) - NAMED} more" if len(mismatched) > NAMED else ""
        raise DataError(f"LR and HR do not fit at x{scale}: {'; '.join(mismatched[:NAMED])}{more}")


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
