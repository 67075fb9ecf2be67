"""Problems of one picture: unreadable, too small, flat, blurred or lossy."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from elansr.errors import PictureError
from elansr.evaluation import RGB, read_rgb
from elansr.images import FormatName, inspect, sniff
from elansr.text import shown
from elansr.training.check.duplicates import Fingerprint, fingerprint
from elansr.training.check.jpeg_grid import Grey, JpegGrid, jpeg_grid, squares

Kind = Literal["unreadable", "tiny", "flat", "blurry", "lossy", "jpeg-grid", "duplicate", "near-duplicate", "overlap"]
KINDS: dict[Kind, str] = {
    "unreadable": "cannot be decoded",
    "tiny": "smaller than an HR crop",
    "flat": "hardly any detail",
    "blurry": "no fine detail: blurred or enlarged",
    "lossy": "lossy compression",
    "jpeg-grid": "lossless file that shows the 8x8 grid of a JPEG",
    "duplicate": "same pixels as another",
    "near-duplicate": "same picture as another, re-encoded, resized, rotated, mirrored or slightly cropped",
    "overlap": "same or nearly the same picture as one of a benchmark",
}
"""What may be wrong, the worst first."""

FLAT = 2.0
"""Mean gradient in levels below which a picture is flat: sky, walls, out-of-focus backgrounds."""
BLURRY = 0.0005
"""Sharpness below which a picture is blurry or was enlarged: photos enlarged twice or more are below, nearly all with a
blur of a sigma of 1 pixel, and one in a hundred as they came."""
LARGEST = 2048
"""Of a larger picture, so many rows and columns in its middle are measured."""
TILE = 64
COARSE = (0.075, 0.125)
FINE = ((0.225, 0.275), (0.275, 0.325), (0.325, 0.375), (0.375, 0.425), (0.425, 0.475))
"""Bands of frequencies in cycles a pixel."""
ROUNDING = 1 / 12
"""Spectral density of rounding to whole levels."""
WEAK = 1.0
"""Where the coarse band holds less, sharpness means nothing."""
FILE_HEAD = 64
"""Bytes that tell a file's format."""

_WINDOW = np.outer(np.hanning(TILE), np.hanning(TILE)).astype(np.float32)
_FREQUENCY = np.hypot(np.fft.fftfreq(TILE)[:, None], np.fft.rfftfreq(TILE)[None])


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with one file.

    Attributes:
        severity: findings of a kind are sorted by it, the worst has the largest.
        other: the file that it repeats.
    """

    kind: Kind
    file: Path
    severity: float
    detail: str
    other: Path | None = None


@dataclass(frozen=True)
class PictureMeasures:
    """What was measured of one picture.

    Attributes:
        format: by content, not by suffix.
        lossy: whether the file gave up detail.
        quality: of a JPEG, as libjpeg counts it, or the nearest to its tables; None for other formats.
        gradient: in levels a pixel.
        sharpness: None if too small or flat to tell.
        grid: the likeliest JPEG grid; None if too small to tell.
    """

    file: Path
    width: int
    height: int
    format: FormatName
    lossy: bool
    quality: int | None
    gradient: float
    sharpness: float | None
    grid: JpegGrid | None
    fingerprint: Fingerprint


def measure(file: Path) -> PictureMeasures | Finding:
    """Reads and measures one picture; an unreadable one is a finding."""
    try:
        rgb = read_rgb(file)
        with file.open("rb") as stream:
            name = sniff(stream.read(FILE_HEAD))
            structure = inspect(name, stream)
    except PictureError as error:
        return Finding("unreadable", file, 0.0, str(error).removeprefix(f"{shown(file)}: "))
    except (OSError, MemoryError) as error:
        return Finding("unreadable", file, 0.0, f"cannot be read ({error})")
    levels = grey(rgb)
    return PictureMeasures(
        file=file,
        width=rgb.shape[1],
        height=rgb.shape[0],
        format=name,
        lossy=structure.lossy,
        quality=structure.quality,
        gradient=gradient(levels),
        sharpness=sharpness(levels),
        grid=jpeg_grid(levels),
        fingerprint=fingerprint(rgb),
    )


def faults(picture: PictureMeasures, smallest: int) -> Iterator[Finding]:
    """What is wrong with a picture by itself; `smallest` is the side of an HR crop in pixels."""
    file, grid = picture.file, picture.grid
    shorter = min(picture.width, picture.height)
    if shorter < smallest:
        size = f"{picture.width}x{picture.height}, but a crop needs {smallest}x{smallest}"
        yield Finding("tiny", file, smallest - shorter, size)
    if picture.gradient < FLAT:
        yield Finding("flat", file, -picture.gradient, f"gradient {picture.gradient:.2f}, below {FLAT:g}")
    elif picture.sharpness is not None and picture.sharpness < BLURRY:
        yield Finding("blurry", file, -picture.sharpness, f"sharpness {picture.sharpness:.5f}, below {BLURRY:g}")
    if picture.lossy:
        detail = f"{picture.format.upper()}, {_quality_in_words(picture.quality)}"
        yield Finding("lossy", file, -(picture.quality or 0), detail)
    elif grid is not None and grid.found:
        place = f"blocks from {grid.origin[0]},{grid.origin[1]}, {100 * grid.share:.0f} % of the votes"
        yield Finding("jpeg-grid", file, -(grid.quality or 0), f"{_quality_in_words(grid.quality)}, {place}")


def grey(rgb: RGB) -> Grey:
    """Grey levels of uint8 (H, W, 3), not rounded, as JPEG weighs R, G and B."""
    return rgb.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)


def gradient(picture: Grey) -> float:
    """Mean length of the gradient, in levels a pixel, after 2x2 means, which take most of the noise away."""
    picture = _middle(np.pad(picture, [(0, max(0, 2 - side)) for side in picture.shape], mode="edge"))
    height, width = (side // 2 * 2 for side in picture.shape)
    half = picture[:height, :width].reshape(height // 2, 2, width // 2, 2).mean((1, 3))
    down, right = np.diff(half, axis=0, append=half[-1:]), np.diff(half, axis=1, append=half[:, -1:])
    return float(np.hypot(down, right).mean())


def sharpness(picture: Grey) -> float | None:
    """Energy of fine details over that of coarse ones, in the parts that have most contrast.

    The picture is cut into tiles of 64x64. Those of the upper half by contrast are transformed (Hann window) and their
    spectral densities averaged. The emptiest of the five bands of `FINE`, less the density of rounding, is divided by
    `COARSE`. Photos lie around 0.01. Enlarging and blurring leave at least one of the fine bands next to empty; which
    one depends on the factor and the kernel.

    Returns:
        The ratio, or None where the picture is too small or too flat to tell.
    """
    tiles = squares(_middle(picture), TILE)
    if not len(tiles):
        return None
    tiles = tiles[np.argsort(tiles.std((1, 2)))[len(tiles) // 2 :]]
    centred = (tiles - tiles.mean((1, 2), keepdims=True)) * _WINDOW
    density = (np.abs(np.fft.rfft2(centred)) ** 2).mean(0) / (_WINDOW**2).sum()
    fine, coarse = min(float(density[_band(*limits)].mean()) for limits in FINE), float(density[_band(*COARSE)].mean())
    return max(0.0, fine - ROUNDING) / coarse if coarse > WEAK else None


def _middle(picture: Grey) -> Grey:
    """At most `LARGEST` rows and columns around the centre."""
    top, left = (max(0, (length - LARGEST) // 2) for length in picture.shape)
    return picture[top : top + LARGEST, left : left + LARGEST]


def _band(low: float, high: float) -> NDArray[np.bool_]:
    return np.logical_and(low <= _FREQUENCY, high > _FREQUENCY)


def _quality_in_words(quality: int | None) -> str:
    return "quality unknown" if quality is None else f"quality about {quality}"
