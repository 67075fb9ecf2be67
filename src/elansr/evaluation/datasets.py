"""Benchmark sets: which HR pictures a folder holds and which LR pictures belong to them.

A folder of HR pictures, or one with the EDSR layout: `Set5/HR/baby.png` and `Set5/LR_bicubic/X4/babyx4.png`. Where
there is no LR file, LR is the MATLAB bicubic of HR.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from elansr.errors import DataError
from elansr.imaging.files import is_picture_name, read
from elansr.imaging.resize import crop_to_multiple, downscale

RGB = NDArray[np.uint8]


@dataclass(frozen=True)
class BenchmarkSet:
    """A named set of HR pictures and, where they exist, their LR files.

    Attributes:
        name: the folder's name; of the folder above, if it is called HR.
        scale: super-resolution factor.
        files: HR path and LR path or None, sorted by name.
    """

    name: str
    scale: int
    files: tuple[tuple[Path, Path | None], ...]

    @staticmethod
    def of(folder: Path, scale: int) -> "BenchmarkSet":
        """Finds the pictures of a folder.

        Raises:
            DataError: not a folder, or no pictures in it.
        """
        hr_folder = folder / "HR" if (folder / "HR").is_dir() else folder
        if not hr_folder.is_dir():
            raise DataError(f"{folder}: not a folder; give a folder of HR pictures, or one with HR/ in it")
        pictures = sorted(p for p in hr_folder.iterdir() if is_picture_name(p))
        if not pictures:
            raise DataError(f"{hr_folder}: holds no picture; give a folder of HR pictures, or one with HR/ in it")
        lr_folder = folder / "LR_bicubic" / f"X{scale}"
        candidates = [lr_folder / f"{p.stem}x{scale}{p.suffix}" for p in pictures]
        files = tuple((hr, lr if lr.is_file() else None) for hr, lr in zip(pictures, candidates, strict=True))
        name = hr_folder.resolve().parent.name if hr_folder.name == "HR" else folder.resolve().name
        return BenchmarkSet(name, scale, files)

    def pairs(self) -> Iterator[tuple[str, RGB, RGB]]:
        """Name, LR (h, w, 3) and HR (h * scale, w * scale, 3) of every picture, uint8.

        Raises:
            DataError: an LR file whose size does not fit its HR.
        """
        for hr_path, lr_path in self.files:
            hr = crop_to_multiple(read_rgb(hr_path), self.scale)
            lr = downscale(hr, self.scale) if lr_path is None else read_rgb(lr_path)
            if (lr.shape[0] * self.scale, lr.shape[1] * self.scale) != hr.shape[:2]:
                raise DataError(
                    f"{lr_path}: {lr.shape[1]}x{lr.shape[0]} pixels, but HR {hr.shape[1]}x{hr.shape[0]} at "
                    f"x{self.scale} needs {hr.shape[1] // self.scale}x{hr.shape[0] // self.scale}"
                )
            yield hr_path.stem, lr, hr


def read_rgb(path: Path) -> RGB:
    """A picture as uint8 RGB (H, W, 3): grey repeated, alpha dropped, 16 bit rounded to 8, the first page of many."""
    pixels = read(path).pages[0]
    if pixels.dtype == np.uint16:
        pixels = np.round(pixels / 257.0)
    colour = pixels[..., :3] if pixels.shape[2] >= 3 else pixels[..., :1].repeat(3, axis=2)
    return np.ascontiguousarray(colour.astype(np.uint8))
