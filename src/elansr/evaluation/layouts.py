"""The usual layouts of benchmark sets, found by looking into the folder. Names count in upper or lower case.

    EDSR      Set5/HR/baby.png                LR  Set5/LR_bicubic/X4/babyx4.png
    BasicSR   Set5/GTmod12/baby.png           LR  Set5/LRbicx4/baby.png
    DIV2K     DIV2K/DIV2K_valid_HR/0801.png   LR  DIV2K/DIV2K_valid_LR_bicubic/X4/0801x4.png
    plain     photos/otter.jpg                LR  photos/LR_bicubic/X4/otterx4.png

The folder given is the one above HR or the HR folder itself. LR files are called as their HR, with or without "x4".
Where there is no folder of LR for the scale, there are no LR files.
"""

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from elansr.errors import DataError
from elansr.images import is_picture_name
from elansr.text import shown

HR_NAME = re.compile(r"hr|gt(mod\d+)?|.+_hr", re.IGNORECASE)
WAY_OUT = "give a folder of HR pictures, or one with HR/, GTmod12/ or NAME_HR/ in it"


def find_hr(folder: Path) -> Path:
    """The folder of HR pictures: the one given, or one in it that is called as HR folders are.

    Raises:
        DataError: not a folder, no pictures, or several folders that could be meant.
    """
    if folder.name in ("", ".."):  # "." has no name and no folder above it
        folder = Path(os.path.abspath(folder))
    if not folder.is_dir():
        raise DataError(f"{shown(folder)}: not a folder; {WAY_OUT}")
    inside = [path for path in _listed(folder) if HR_NAME.fullmatch(path.name) and path.is_dir()]
    candidates = [folder] if _pictures(folder) else []
    candidates += inside
    if len(candidates) > 1:
        names = " and in ".join("the folder itself" if path == folder else path.name for path in candidates)
        raise DataError(f"{shown(folder)}: HR pictures may be in {names}; name the one folder, such as {inside[-1]}")
    if not candidates:
        raise DataError(f"{shown(folder)}: holds no picture; {WAY_OUT}")
    return candidates[0]


def set_name(hr_folder: Path) -> str:
    """What a set is called: its folder, without "_HR"; of HR/ and GTmod12/ the folder above."""
    folder = Path(os.path.abspath(hr_folder))
    if not HR_NAME.fullmatch(folder.name):
        return folder.name
    return folder.name[: -len("_HR")] if folder.name.lower().endswith("_hr") else folder.parent.name


def find_lr(hr_folder: Path, scale: int) -> Path | None:
    """The folder of the LR pictures of a scale, or None.

    Raises:
        DataError: several folders that could be meant.
    """
    name = hr_folder.name
    home = hr_folder.parent if HR_NAME.fullmatch(name) else hr_folder
    prefix = name[: -len("HR")] if name.lower().endswith("_hr") else ""
    above = _subfolders(home, f"{prefix}LR_bicubic")
    found = [lr_folder for folder in above for lr_folder in _subfolders(folder, f"X{scale}")]
    found += _subfolders(home, f"LRbicx{scale}")
    if len(found) > 1:
        raise DataError(f"{' and '.join(map(shown, found))}: both hold LR for x{scale}; name the one with --lr")
    return found[0] if found else None


def match_lr(hr_files: Iterable[Path], lr_folder: Path, scale: int) -> list[Path]:
    """The LR file of each HR file.

    Raises:
        DataError: not a folder, one is missing, or two could be meant.
    """
    if not lr_folder.is_dir():
        raise DataError(f"{shown(lr_folder)}: not a folder; give a folder of LR pictures")
    by_stem: dict[str, list[Path]] = {}
    for path in _pictures(lr_folder):
        by_stem.setdefault(path.stem, []).append(path)
    return [_the_lr_of(hr, by_stem, lr_folder, scale) for hr in hr_files]


def named_pictures(folder: Path) -> dict[str, Path]:
    """The pictures of a folder by their names without suffix, sorted.

    Raises:
        DataError: not a folder, no pictures, or two of the same name.
    """
    if not folder.is_dir():
        raise DataError(f"{shown(folder)}: not a folder; give a folder of pictures")
    pictures: dict[str, Path] = {}
    for path in _pictures(folder):
        if path.stem in pictures:
            names = f"{shown(pictures[path.stem].name)} and {shown(path.name)}"
            raise DataError(f"{shown(folder)}: {names} have one name for two pictures; rename or remove one")
        pictures[path.stem] = path
    if not pictures:
        raise DataError(f"{shown(folder)}: holds no picture; give a folder of pictures")
    return pictures


def _the_lr_of(hr: Path, by_stem: dict[str, list[Path]], lr_folder: Path, scale: int) -> Path:
    found = [path for stem in (f"{hr.stem}x{scale}", hr.stem) for path in by_stem.get(stem, [])]
    if len(found) > 1:
        names = " and ".join(shown(path.name) for path in found)
        raise DataError(f"{shown(lr_folder)}: {names} could both be LR of {shown(hr.name)}; remove one")
    if not found:
        suffix = "" if lr_folder.name.lower().startswith("lrbic") else f"x{scale}"
        missing = lr_folder / f"{hr.stem}{suffix}{hr.suffix}"
        raise DataError(
            f"{shown(missing)}: missing, the LR of {shown(hr)}; complete the folder, since part of a set has another "
            "mean, or move it away: then LR is made by MATLAB bicubic"
        )
    return found[0]


def _subfolders(folder: Path, name: str) -> list[Path]:
    """The folders in `folder` of that name, in upper or lower case."""
    return [path for path in _listed(folder) if path.name.lower() == name.lower() and path.is_dir()]


def _pictures(folder: Path) -> list[Path]:
    return [path for path in _listed(folder) if is_picture_name(path) and path.is_file()]


def _listed(folder: Path) -> Sequence[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise DataError(f"{shown(folder)}: cannot be listed ({error.strerror}); check the permissions") from error
