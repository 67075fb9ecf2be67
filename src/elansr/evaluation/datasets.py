"""Benchmark sets: finds the HR and LR pictures in a folder, and reads them.

These layouts are found by looking into the folder; names count in upper or lower case:

    EDSR      Set5/HR/baby.png                LR  Set5/LR_bicubic/X4/babyx4.png
    BasicSR   Set5/GTmod12/baby.png           LR  Set5/LRbicx4/baby.png
    DIV2K     DIV2K/DIV2K_valid_HR/0801.png   LR  DIV2K/DIV2K_valid_LR_bicubic/X4/0801x4.png
    plain     photos/otter.jpg                LR  photos/LR_bicubic/X4/otterx4.png

The folder given is the one above HR or the HR folder itself. LR files are called as their HR, with or without "x4".
Where there is no folder of LR for the scale, LR is the MATLAB bicubic of HR.
"""

import logging
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from elansr.errors import DataError
from elansr.evaluation.metrics import SSIM_WINDOW
from elansr.images import Picture, crop_to_multiple, downscale, in_8_bits, is_picture_name, read
from elansr.text import shown

RGB = NDArray[np.uint8]
LRSource = Literal["files", "made by MATLAB bicubic", "files, no HR"]

_LOG = logging.getLogger(__name__)

HR_NAME = re.compile(r"hr|gt(mod\d+)?|.+_hr", re.IGNORECASE)
WAY_OUT = "choose a folder of HR pictures, or one with HR/, GTmod12/ or NAME_HR/ in it"


@dataclass(frozen=True)
class BenchmarkSet:
    """A named set of HR pictures and, where they exist, their LR files; or of LR pictures without HR.

    Attributes:
        name: of the set, from the names of its folders.
        files: (HR path, LR path), sorted by name. Either all have an LR file or none has; either all have HR or none.
    """

    name: str
    scale: int
    files: tuple[tuple[Path | None, Path | None], ...]

    @staticmethod
    def of(folder: Path, scale: int, lr_folder: Path | None = None) -> "BenchmarkSet":
        """Finds the pictures of a folder.

        Args:
            lr_folder: where the LR files are; None looks for them.

        Raises:
            DataError: not a folder, no pictures, LR files for some of them only, or a choice that it cannot make.
        """
        hr_folder = _find_hr(folder)
        pictures = list(_named_pictures(hr_folder).values())
        lr_folder = _find_lr(hr_folder, scale) if lr_folder is None else lr_folder
        lr_files = [None] * len(pictures) if lr_folder is None else match_lr(pictures, lr_folder, scale)
        return BenchmarkSet(_set_name(hr_folder), scale, tuple(zip(pictures, lr_files, strict=True)))

    @staticmethod
    def without_hr(folder: Path, scale: int) -> "BenchmarkSet":
        """The pictures of a folder as LR that has no HR.

        Raises:
            DataError: not a folder, no pictures, or two of the same name.
        """
        files = tuple((None, path) for path in _named_pictures(folder).values())
        return BenchmarkSet(Path(os.path.abspath(folder)).name, scale, files)

    @property
    def lr_source(self) -> LRSource:
        """Where LR comes from."""
        hr, lr = self.files[0]
        return "files, no HR" if hr is None else "made by MATLAB bicubic" if lr is None else "files"

    @property
    def names(self) -> list[str]:
        """The names of the pictures: HR's, or LR's without HR, without the file extension."""
        return [path.stem for hr, lr in self.files if (path := hr or lr)]

    @property
    def inputs(self) -> list[Path]:
        """Every file that is read."""
        return [path for pair in self.files for path in pair if path is not None]

    def pairs(self) -> Iterator[tuple[str, RGB, RGB | None]]:
        """Name, LR (h, w, 3) and HR (h * scale, w * scale, 3) or None of every picture, uint8.

        Raises:
            DataError: an LR file whose size does not fit its HR, or an HR too small to be measured.
            PictureError: a file that cannot be read.
        """
        for name, (hr_path, lr_path) in zip(self.names, self.files, strict=True):
            if hr_path is not None:
                yield (name, *self._pair(hr_path, lr_path))
            elif lr_path is not None:
                yield name, read_rgb(lr_path), None

    def _pair(self, hr_path: Path, lr_path: Path | None) -> tuple[RGB, RGB]:
        whole = read_rgb(hr_path)
        require_room(whole, hr_path, self.scale)
        hr = crop_to_multiple(whole, self.scale)
        lr = downscale(hr, self.scale) if lr_path is None else read_rgb(lr_path)
        if (lr.shape[0] * self.scale, lr.shape[1] * self.scale) != hr.shape[:2]:
            raise DataError(
                f"{shown(lr_path or hr_path)}: {lr.shape[1]}x{lr.shape[0]} pixels, but HR "
                f"{hr.shape[1]}x{hr.shape[0]} at x{self.scale} needs "
                f"{hr.shape[1] // self.scale}x{hr.shape[0] // self.scale}; replace it with the LR of this HR, or move "
                "the LR folder away to use MATLAB bicubic"
            )
        return lr, hr


def read_rgb(path: Path) -> RGB:
    """A picture as uint8 RGB (H, W, 3), see `on_white`; says so where a pixel of it is transparent."""
    pixels, transparent = on_white(read(path))
    if transparent:
        _LOG.warning("%s: transparent pixels replaced by white", shown(path))
    return pixels


def on_white(picture: Picture) -> tuple[RGB, bool]:
    """The first page as uint8 RGB (H, W, 3): grey repeated, 16 bit rounded to 8, transparent pixels laid on white.

    Returns:
        The pixels, and whether any was transparent.
    """
    pixels = in_8_bits(picture.pages[0])
    colour = pixels[..., :3] if pixels.shape[2] >= 3 else pixels[..., :1].repeat(3, axis=2)
    if pixels.shape[2] in (1, 3) or pixels[..., -1].min() == 255:
        return np.ascontiguousarray(colour), False
    alpha = pixels[..., -1:].astype(np.uint32)
    return ((colour * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8), True


def require_room(hr: RGB, path: Path, scale: int) -> None:
    """Refuses a picture of which too little is left to measure.

    Raises:
        DataError: naming the file.
    """
    height, width = (side // scale * scale for side in hr.shape[:2])
    least = 2 * scale + SSIM_WINDOW
    if min(height, width) < least:
        raise DataError(
            f"{shown(path)}: {hr.shape[1]}x{hr.shape[0]} pixels; x{scale} needs {-(-least // scale) * scale} per side, "
            f"because of the cropped border of {scale} and the SSIM window of {SSIM_WINDOW}: remove the picture"
        )


def _find_hr(folder: Path) -> Path:
    """The folder of HR pictures: the one given, or one in it that is called as HR folders are."""
    if folder.name in ("", ".."):  # "." has no name and no folder above it
        folder = Path(os.path.abspath(folder))
    if not folder.is_dir():
        raise DataError(f"{shown(folder)}: not a folder; {WAY_OUT}")
    inside = [path for path in _listed(folder) if HR_NAME.fullmatch(path.name) and path.is_dir()]
    candidates = [folder] if _pictures(folder) else []
    candidates += inside
    if len(candidates) > 1:
        names = " and in ".join("the folder itself" if path == folder else path.name for path in candidates)
        raise DataError(f"{shown(folder)}: HR pictures may be in {names}; choose one folder, such as {inside[-1]}")
    if not candidates:
        raise DataError(f"{shown(folder)}: contains no pictures; {WAY_OUT}")
    return candidates[0]


def located(name: Path) -> Path:
    """The folder that a name means: itself, or where there is none, the set of that name in ELANSR_DATA/benchmark.

    Raises:
        DataError: a name without a separator, and neither exists.
    """
    if len(name.parts) != 1 or name.exists():
        return name
    data = os.environ.get("ELANSR_DATA")
    if data and (known := Path(data, "benchmark", name)).is_dir():
        return known
    where = f"and there is none in {Path(data, 'benchmark')}" if data else "and ELANSR_DATA is not set"
    raise DataError(
        f"{shown(name)}: not a folder, {where}; {WAY_OUT}, or set the environment variable ELANSR_DATA to the folder "
        "that contains benchmark/"
    )


def _set_name(hr_folder: Path) -> str:
    """What a set is called: its folder, without "_HR"; of HR/ and GTmod12/ the folder above."""
    folder = Path(os.path.abspath(hr_folder))
    if not HR_NAME.fullmatch(folder.name):
        return folder.name
    return folder.name[: -len("_HR")] if folder.name.lower().endswith("_hr") else folder.parent.name


def _find_lr(hr_folder: Path, scale: int) -> Path | None:
    """The folder of the LR pictures of a scale, or None."""
    name = hr_folder.name
    home = hr_folder.parent if HR_NAME.fullmatch(name) else hr_folder
    prefix = name[: -len("HR")] if name.lower().endswith("_hr") else ""
    above = _subfolders(home, f"{prefix}LR_bicubic")
    found = [lr_folder for folder in above for lr_folder in _subfolders(folder, f"X{scale}")]
    found += _subfolders(home, f"LRbicx{scale}")
    if len(found) > 1:
        raise DataError(f"{' and '.join(map(shown, found))}: both contain LR for x{scale}; choose one with `lr`")
    return found[0] if found else None


def match_lr(hr_files: Iterable[Path], lr_folder: Path, scale: int) -> list[Path]:
    """The LR file of each HR file.

    Raises:
        DataError: not a folder, one is missing, or two could be meant.
    """
    if not lr_folder.is_dir():
        raise DataError(f"{shown(lr_folder)}: not a folder; choose a folder of LR pictures")
    by_stem: dict[str, list[Path]] = {}
    for path in _pictures(lr_folder):
        by_stem.setdefault(path.stem, []).append(path)
    return [_the_lr_of(hr, by_stem, lr_folder, scale) for hr in hr_files]


def _named_pictures(folder: Path) -> dict[str, Path]:
    """The pictures of a folder by their names without suffix, sorted; two of one name are refused."""
    if not folder.is_dir():
        raise DataError(f"{shown(folder)}: not a folder; choose a folder of pictures")
    pictures: dict[str, Path] = {}
    for path in _pictures(folder):
        if path.stem in pictures:
            names = f"{shown(pictures[path.stem].name)} and {shown(path.name)}"
            raise DataError(f"{shown(folder)}: {names} have the same name; rename or remove one")
        pictures[path.stem] = path
    if not pictures:
        raise DataError(f"{shown(folder)}: contains no pictures; choose a folder of pictures")
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
            f"{shown(missing)}: missing, the LR of {shown(hr)}; complete the LR folder, or move it away to "
            "use MATLAB bicubic"
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
