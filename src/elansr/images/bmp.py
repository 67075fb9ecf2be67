"""BMP, which Pillow reads."""

import io
import struct
from typing import Any, BinaryIO

import numpy as np

from elansr.errors import PictureError
from elansr.images.decoding import undecodable
from elansr.images.picture import Pixels, blank


def decode_bmp(stream: BinaryIO, decode: bool) -> tuple[Pixels, tuple[float, float]]:
    """The pixels of a BMP, or a stand-in for them, and its dots per inch, 0 where it says none."""
    from PIL.BmpImagePlugin import BmpImageFile  # here, because it takes longer to import than all the rest

    stream.seek(0)
    try:
        image = BmpImageFile(stream)
        mode = image.mode if image.mode in ("L", "RGB", "RGBA") else "L" if image.mode == "1" else "RGB"
        shape = (*image.size[::-1], 1 if mode == "L" else len(mode))
        if decode:
            _require_enough(stream, image)
        pixels = np.array(image.convert(mode)).reshape(shape) if decode else blank(shape[:2], shape[2], deep=False)
    except (OSError, SyntaxError, ValueError, EOFError, struct.error) as error:
        raise PictureError(undecodable("bmp", error)) from error
    return pixels, image.info.get("dpi", (0.0, 0.0))


def _require_enough(stream: BinaryIO, image: Any) -> None:
    """Refuses a BMP that is too small a file for its pixels, before somebody waits for what is not there.

    Two bytes of the densest encoding make at most 255 pixels.
    """
    size = stream.seek(0, io.SEEK_END)
    if image.size[0] * image.size[1] > 128 * size:
        width, height = image.size
        text = f"damaged: {width} x {height} pixels do not fit into a BMP of {size:,} bytes"
        raise PictureError(f"{text}; copy or download it again")
