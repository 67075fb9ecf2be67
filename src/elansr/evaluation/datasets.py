"""Benchmark sets: which HR pictures a folder holds and which LR pictures belong to them.

`elansr.evaluation.layouts` says which folders are understood. Where there are no LR files, LR is the MATLAB bicubic of
HR.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from elansr.errors import DataError
from elansr.evaluation.layouts import find_hr, find_lr, match_lr, named_pictures, set_name
from elansr.evaluation.metrics import SSIM_WINDOW
from elansr.images import crop_to_multiple, downscale, read
from elansr.text import shown

RGB = NDArray[np.uint8]
LRSource = Literal["files", "made by MATLAB bicubic"]


@dataclass(frozen=True)
class BenchmarkSet:
    """A named set of HR pictures and, where they exist, their LR files.

    Attributes:
        name: of the set, from the names of its folders.
        scale: super-resolution factor.
        files: HR path and LR path or None, sorted by name; either all have an LR file or none has.
    """

    name: str
    scale: int
    files: tuple[tuple[Path, Path | None], ...]

    @staticmethod
    def of(folder: Path, scale: int, lr_folder: Path | None = None) -> "BenchmarkSet":
        """Finds the pictures of a folder.

        Args:
            folder: in any layout of `elansr.evaluation.layouts`.
            scale: super-resolution factor.
            lr_folder: where the LR files are; None looks for them.

        Raises:
            DataError: not a folder, no pictures, LR files for some of them only, or a choice that it cannot make.
        """
        hr_folder = find_hr(folder)
        pictures = list(named_pictures(hr_folder).values())
        lr_folder = find_lr(hr_folder, scale) if lr_folder is None else lr_folder
        lr_files = [None] * len(pictures) if lr_folder is None else match_lr(pictures, lr_folder, scale)
        return BenchmarkSet(set_name(hr_folder), scale, tuple(zip(pictures, lr_files, strict=True)))

    @property
    def lr_source(self) -> LRSource:
        """Where LR comes from."""
        return "made by MATLAB bicubic" if self.files[0][1] is None else "files"

    @property
    def names(self) -> list[str]:
        """What the pictures are called: HR's names without suffix."""
        return [hr.stem for hr, _ in self.files]

    @property
    def inputs(self) -> list[Path]:
        """Every file that is read."""
        return [path for pair in self.files for path in pair if path is not None]

    def pairs(self) -> Iterator[tuple[str, RGB, RGB]]:
        """Name, LR (h, w, 3) and HR (h * scale, w * scale, 3) of every picture, uint8.

        Raises:
            DataError: an LR file whose size does not fit its HR, or an HR too small to be measured.
        """
        for hr_path, lr_path in self.files:
            whole = read_rgb(hr_path)
            require_room(whole, hr_path, self.scale)
            hr = crop_to_multiple(whole, self.scale)
            lr = downscale(hr, self.scale) if lr_path is None else read_rgb(lr_path)
            if (lr.shape[0] * self.scale, lr.shape[1] * self.scale) != hr.shape[:2]:
                raise DataError(
                    f"{shown(lr_path or hr_path)}: {lr.shape[1]}x{lr.shape[0]} pixels, but HR "
                    f"{hr.shape[1]}x{hr.shape[0]} at x{self.scale} needs "
                    f"{hr.shape[1] // self.scale}x{hr.shape[0] // self.scale}; put the LR of this HR there, or move "
                    "the LR folder away: then LR is made by MATLAB bicubic"
                )
            yield hr_path.stem, lr, hr


@dataclass(frozen=True)
class LRFolder:
    """A folder of LR pictures without HR.

    Attributes:
        name: of the folder.
        files: the pictures by their names without suffix, sorted.
    """

    name: str
    files: dict[str, Path]

    @staticmethod
    def of(folder: Path) -> "LRFolder":
        """Finds the pictures of a folder.

        Raises:
            DataError: not a folder, no pictures, or two of the same name.
        """
        return LRFolder(Path(os.path.abspath(folder)).name, named_pictures(folder))

    @property
    def names(self) -> list[str]:
        """What the pictures are called."""
        return list(self.files)

    @property
    def inputs(self) -> list[Path]:
        """Every file that is read."""
        return list(self.files.values())


def read_rgb(path: Path) -> RGB:
    """A picture as uint8 RGB (H, W, 3): grey repeated, alpha dropped, 16 bit rounded to 8, the first page of many."""
    pixels = read(path).pages[0]
    if pixels.dtype == np.uint16:
        pixels = np.round(pixels / 257.0)
    colour = pixels[..., :3] if pixels.shape[2] >= 3 else pixels[..., :1].repeat(3, axis=2)
    return np.ascontiguousarray(colour.astype(np.uint8))


def require_room(hr: RGB, path: Path, scale: int) -> None:
    """Refuses a picture of which too little is left to measure.

    Raises:
        DataError: naming the file.
    """
    height, width = (side // scale * scale for side in hr.shape[:2])
    least = 2 * scale + SSIM_WINDOW
    if min(height, width) < least:
        raise DataError(
            f"{shown(path)}: {hr.shape[1]}x{hr.shape[0]} pixels; x{scale} needs {-(-least // scale) * scale} each way, "
            f"for a border of {scale} that is cropped and SSIM's window of {SSIM_WINDOW}: leave the picture out"
        )
