"""Do the LR files belong to their HR? Asked of every pair before anything is computed."""

from collections.abc import Callable, Sequence
from pathlib import Path

from elansr.errors import DataError
from elansr.evaluation.datasets import BenchmarkSet, read_rgb, require_room
from elansr.evaluation.fit import misfit
from elansr.text import shown


def check_pairs(sets: Sequence[BenchmarkSet], progress: Callable[[int, int], None] | None = None) -> None:
    """Checks every pair of every set that has LR files; LR that is made from HR fits anyway.

    Args:
        sets: to be evaluated.
        progress: told the pairs done and in all.

    Raises:
        DataError: an LR file that is not the bicubic LR of its HR, or an HR too small to be measured.
        PictureError: a file that cannot be read.
    """
    pairs = [(hr, lr, found.scale) for found in sets for hr, lr in found.files if lr is not None]
    for done, (hr_path, lr_path, scale) in enumerate(pairs, start=1):
        _check(hr_path, lr_path, scale)
        if progress:
            progress(done, len(pairs))


def _check(hr_path: Path, lr_path: Path, scale: int) -> None:
    hr, lr = read_rgb(hr_path), read_rgb(lr_path)
    require_room(hr, hr_path, scale)
    problem = misfit(lr, hr, scale)
    if problem:
        same_size = lr.shape[:2] == tuple(side // scale for side in hr.shape[:2])
        raise DataError(
            f"{shown(lr_path)}: {problem}; put the LR of {shown(hr_path.name)} there, or move the LR folder away: then "
            f"LR is made by MATLAB bicubic{'; --no-check measures it as it is' if same_size else ''}"
        )
