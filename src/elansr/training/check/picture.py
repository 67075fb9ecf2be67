"""One picture of a training set, looked at: what it is, what is wrong with it by itself, whether a benchmark has it."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from elansr.errors import PictureError
from elansr.evaluation.datasets import RGB, read_rgb
from elansr.images import FormatName
from elansr.text import shown
from elansr.training.check.files import Storage, storage_of
from elansr.training.check.jpeg import Grid, jpeg_grid
from elansr.training.check.likeness import Print, print_of
from elansr.training.check.measures import gradient, luma, sharpness
from elansr.training.check.overlap import Benchmark, Overlap

FLAT = 2.0
"""Mean gradient in levels below which a picture is flat: sky, walls, out-of-focus backgrounds."""
BLURRY = 0.0005
"""Sharpness below which a picture is blurry or was enlarged: photos enlarged twice or more are below, nearly all with a
blur of a sigma of 1 pixel, and one in a hundred as they came."""

Kind = Literal["unreadable", "tiny", "flat", "blurry", "lossy", "jpeg-grid", "duplicate", "near-duplicate", "overlap"]
KINDS: dict[Kind, str] = {
    "unreadable": "cannot be decoded",
    "tiny": "smaller than an HR crop",
    "flat": "hardly any gradient",
    "blurry": "no fine detail: blurred or enlarged",
    "lossy": "compressed with loss",
    "jpeg-grid": "lossless file with the 8x8 grid of a JPEG",
    "duplicate": "same pixels as another",
    "near-duplicate": "same picture as another, re-encoded, rescaled, turned or mirrored",
    "overlap": "shows what a benchmark picture shows",
}
"""What may be wrong, the worst first."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with one file.

    Attributes:
        kind: see `KINDS`.
        file: the file.
        severity: findings of a kind are sorted by it, the worst has the largest.
        detail: the measure, in words.
        other: the file that it repeats or overlaps.
    """

    kind: Kind
    file: Path
    severity: float
    detail: str
    other: Path | None = None


@dataclass(frozen=True)
class Record:
    """What was measured of one picture; see the modules of the measures.

    Attributes:
        file: the file.
        width, height: in pixels.
        format, lossy, quality: of the file; quality of JPEG only.
        gradient: in levels a pixel.
        sharpness: None if too small or flat to tell.
        grid: the likeliest JPEG grid; None if too small to tell.
        overlaps: with benchmark pictures.
        digest: of the pixels.
        fingerprint: what it is compared with others by.
    """

    file: Path
    width: int
    height: int
    format: FormatName
    lossy: bool
    quality: int | None
    gradient: float
    sharpness: float | None
    grid: Grid | None
    overlaps: tuple[Overlap, ...]
    digest: bytes
    fingerprint: Print


def look_at(file: Path, benchmark: Benchmark | None) -> Record | Finding:
    """Reads and measures one picture; an unreadable one is a finding."""
    try:
        rgb, storage = read_rgb(file), storage_of(file)
    except PictureError as error:
        return Finding("unreadable", file, 0.0, str(error).removeprefix(f"{shown(file)}: "))
    except (OSError, MemoryError) as error:
        return Finding("unreadable", file, 0.0, f"cannot be read ({error})")
    return _measured(file, rgb, storage, benchmark)


def faults(record: Record, smallest: int) -> Iterator[Finding]:
    """What is wrong with a picture by itself; `smallest` is the side of an HR crop in pixels."""
    shorter = min(record.width, record.height)
    if shorter < smallest:
        size = f"{record.width}x{record.height}, a crop needs {smallest}x{smallest}"
        yield Finding("tiny", record.file, smallest - shorter, size)
    if record.gradient < FLAT:
        yield Finding("flat", record.file, -record.gradient, f"gradient {record.gradient:.2f}, below {FLAT:g}")
    elif record.sharpness is not None and record.sharpness < BLURRY:
        detail = f"sharpness {record.sharpness:.5f}, below {BLURRY:g}"
        yield Finding("blurry", record.file, -record.sharpness, detail)
    if record.lossy:
        quality = "quality unknown" if record.quality is None else f"quality about {record.quality}"
        yield Finding("lossy", record.file, -(record.quality or 0), f"{record.format.upper()}, {quality}")
    elif record.grid is not None and record.grid.found:
        yield Finding("jpeg-grid", record.file, -(record.grid.quality or 0), _grid_in_words(record.grid))


def _measured(file: Path, rgb: RGB, storage: Storage, benchmark: Benchmark | None) -> Record:
    y = luma(rgb)
    return Record(
        file=file,
        width=rgb.shape[1],
        height=rgb.shape[0],
        format=storage.format,
        lossy=storage.lossy,
        quality=storage.quality,
        gradient=gradient(y),
        sharpness=sharpness(y),
        grid=jpeg_grid(y),
        overlaps=tuple(benchmark.overlaps(y)) if benchmark else (),
        digest=hashlib.blake2b(np.ascontiguousarray(rgb).data, digest_size=16, key=str(rgb.shape).encode()).digest(),
        fingerprint=print_of(y),
    )


def _grid_in_words(grid: Grid) -> str:
    quality = "quality unknown" if grid.quality is None else f"quality about {grid.quality}"
    return f"{quality}, blocks from {grid.origin[0]},{grid.origin[1]}, {100 * grid.share:.0f} % of the votes"
