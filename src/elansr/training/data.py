"""A recipe's pictures: HR, and LR made from it or read from files."""

import hashlib
import logging
import math
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from elansr.errors import ConfigError, DataError
from elansr.evaluation import RGB, match_lr, on_white
from elansr.images import crop_to_multiple, downscale, is_picture_name, read, rounded
from elansr.text import count, listed, shown

if TYPE_CHECKING:
    from elansr.training.recipe import DataRecipe, PictureFolder

Pair = tuple[RGB | None, RGB]
"""LR and HR of one picture, uint8 (h, w, 3) and (h * scale, w * scale, 3); LR is None where it is made later."""
Files = tuple[Path, Path | None]
"""The HR file and the LR file of one picture; None where LR is made."""
_LOG = logging.getLogger(__name__)
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
            raise DataError(f"{shown(folder)}: not a folder; choose folders of pictures")
        pictures = {path for path in folder.rglob("*") if is_picture_name(path) and not path.is_dir()}
        if not pictures:
            raise DataError(f"{shown(folder)}: contains no pictures; choose folders of pictures")
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


def load_groups(recipe: "DataRecipe", scale: int, crop: int = 1) -> list[PictureGroup]:
    """The training pictures of a recipe, folder by folder.

    Args:
        crop: side in LR pixels of the largest crop that will be cut; no picture may be smaller.

    Raises:
        DataError: a folder without pictures, a picture that is too small, LR missing or of a size that does not fit;
            the first few are named.
        ConfigError: shares that are not given for all folders or do not sum to 1, or a degradation of given LR.
    """
    _check_shares(recipe)
    make_lr = recipe.degradation is None
    files = [find_files(folder, scale) for folder in recipe.train]
    loaded = [read_pairs(found, scale, make_lr=make_lr) for found in files]
    _require_size(chain(*loaded), chain(*files), crop, scale)
    pictures = sum(map(len, loaded))
    return [
        PictureGroup(pairs, folder.share or len(pairs) / pictures, folder.candidates or recipe.candidates)
        for folder, pairs in zip(recipe.train, loaded, strict=True)
    ]


def _check_shares(recipe: "DataRecipe") -> None:
    shares = [folder.share for folder in recipe.train]
    given = [share for share in shares if share is not None]
    if given and (len(given) < len(shares) or not math.isclose(sum(given), 1, abs_tol=1e-6)):
        raise ConfigError(f"data.train: shares {shares}: every folder needs one, and they must sum to 1")
    if recipe.degradation is not None and any(folder.lr for folder in [*recipe.train, *recipe.val]):
        raise ConfigError("data.degradation: a folder of [data] contains LR pictures; remove one of the two")


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
        read_in = list(workers.map(lambda pair: _read_pair(pair[0], pair[1], scale, make_lr), files))
    pairs = [pair for pair, _ in read_in]
    if transparent := [shown(path) for _, paths in read_in for path in paths]:
        names = listed(transparent)
        _LOG.warning("%s: transparent pixels replaced by white: %s", count(len(transparent), "picture"), names)
    _require_fit(pairs, files, scale)
    return pairs


def digests(recipe: "DataRecipe", scale: int) -> dict[str, str]:
    """A digest of each file that a recipe trains or validates on, by its path."""
    files = {path for folder in [*recipe.train, *recipe.val] for pair in find_files(folder, scale) for path in pair}
    paths = sorted(path for path in files if path is not None)
    with ThreadPoolExecutor() as workers:
        found = workers.map(lambda path: hashlib.blake2b(path.read_bytes(), digest_size=8).hexdigest(), paths)
        return dict(zip(map(str, paths), found, strict=True))


def _read_pair(hr_file: Path, lr_file: Path | None, scale: int, make_lr: bool) -> tuple[Pair, list[Path]]:
    """The pair, and which of its files has transparent pixels."""
    whole, transparent = on_white(read(hr_file))
    hr, noted = crop_to_multiple(whole, scale), [hr_file] if transparent else []
    if lr_file is None:
        return (downscale(hr, scale) if make_lr else None, hr), noted
    lr, transparent = on_white(read(lr_file))
    return (lr, hr), [*noted, lr_file] if transparent else noted


def _require_size(pairs: Iterable[Pair], files: Iterable[Files], crop: int, scale: int) -> None:
    """Every picture must be as large as a crop."""
    least = crop * scale
    small = [
        f"{shown(path)} has {hr.shape[1]}x{hr.shape[0]} pixels"
        for (_, hr), (path, _) in zip(pairs, files, strict=True)
        if min(hr.shape[:2]) < least
    ]
    if small:
        more = f"; and {len(small) - NAMED} more" if len(small) > NAMED else ""
        rule = f"crops of {crop} LR pixels at x{scale} need {least}x{least}"
        raise DataError(f"{'; '.join(small[:NAMED])}{more}: {rule}; remove them, or lower data.patch")


def _require_fit(pairs: Sequence[Pair], files: Sequence[Files], scale: int) -> None:
    """Every LR file must be its HR picture, `scale` times smaller."""
    mismatched = [
        f"{path} has {lr.shape[1]}x{lr.shape[0]} pixels, but its HR {hr.shape[1]}x{hr.shape[0]}"
        for (lr, hr), (_, path) in zip(pairs, files, strict=True)
        if lr is not None and (lr.shape[0] * scale, lr.shape[1] * scale) != hr.shape[:2]
    ]
    if mismatched:
        more = f"; and {len(mismatched) - NAMED} more" if len(mismatched) > NAMED else ""
        raise DataError(f"LR and HR do not match at x{scale}: {'; '.join(mismatched[:NAMED])}{more}")


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
