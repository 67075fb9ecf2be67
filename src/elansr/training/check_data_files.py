"""How a picture file is compressed, as the file itself says."""

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import JpegImagePlugin

from elansr.imaging.containers import inspect
from elansr.imaging.formats import FormatName, sniff
from elansr.training.check_data_jpeg import LUMA_TABLES

HEAD = 64


@dataclass(frozen=True)
class Storage:
    """How a file holds its pixels.

    Attributes:
        format: by content, not by suffix.
        lossy: whether detail was given up.
        quality: of a JPEG, as libjpeg counts it, or the nearest to its tables; None for other formats.
    """

    format: FormatName
    lossy: bool
    quality: int | None


def storage_of(path: Path) -> Storage:
    """Looks into a file without decoding it.

    Raises:
        PictureError: no picture that elansr knows; the message lacks the file's name.
        OSError: the file cannot be opened.
    """
    with path.open("rb") as stream:
        name = sniff(stream.read(HEAD))
        lossy = inspect(name, stream).lossy
        return Storage(name, lossy, _jpeg_quality(stream) if name == "jpeg" else None)


def _jpeg_quality(stream: BinaryIO) -> int | None:
    """The libjpeg quality whose luma table has the same mean as the file's."""
    stream.seek(0)
    try:
        tables = JpegImagePlugin.JpegImageFile(stream).quantization
    except (OSError, SyntaxError, ValueError, KeyError):
        return None
    if not tables:
        return None
    luma = np.asarray(tables[min(tables)])
    return int(np.abs(LUMA_TABLES.mean(1) - luma.mean()).argmin()) + 1
