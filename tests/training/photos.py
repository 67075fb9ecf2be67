"""The example photos, and what happens to photos, for tests of what looks at them."""

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from elansr.evaluation import RGB, read_rgb

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def otter() -> RGB:
    """(240, 320, 3), decoded from a JPEG of quality 95."""
    return read_rgb(EXAMPLES / "otter.jpg")


def city() -> RGB:
    """(240, 320, 3), never a JPEG at this size."""
    return read_rgb(EXAMPLES / "cityscape.png")


def resized(picture: RGB, factor: float, kind: Image.Resampling = Image.Resampling.BICUBIC) -> RGB:
    height, width = (max(1, round(side * factor)) for side in picture.shape[:2])
    return np.array(Image.fromarray(picture).resize((width, height), kind))


def through_jpeg(picture: RGB, quality: int, subsampling: int = 2) -> RGB:
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(file, "JPEG", quality=quality, subsampling=subsampling)
    return np.array(Image.open(file))


def numbered(index: int, height: int, width: int) -> NDArray[np.uint8]:
    """Every pixel tells its picture, row and column."""
    y, x = np.mgrid[:height, :width]
    return np.stack([np.full_like(y, index), y, x], axis=2).astype(np.uint8)
