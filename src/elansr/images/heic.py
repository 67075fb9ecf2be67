"""HEIC, the pictures of phones: decoded by pillow-heif where it is installed, since the codec HEVC needs a licence.

Images are upright, as the file's own boxes turn them; the orientation in EXIF is a copy of that and is not applied.
"""

import logging
from functools import cache
from importlib.util import find_spec
from typing import Any, BinaryIO

import numpy as np
import pyvips

from elansr.errors import PictureError
from elansr.images.metadata import xmp

HEIC_SUFFIXES = (".heic", ".heif", ".hif")
_DAMAGE = (OSError, ValueError, RuntimeError, EOFError, SyntaxError)
_LONGEST = 10_000_000
"""Pixels of a side, where libvips stops."""
_GAIN_MAP = "hdrgainmap"


@cache
def reads_heic() -> bool:
    """Whether pillow-heif is installed."""
    return find_spec("pillow_heif") is not None


class Heic:
    """A HEIC file of which only the boxes have been read.

    Raises:
        PictureError: pillow-heif is missing, or the file is damaged.
    """

    def __init__(self, stream: BinaryIO) -> None:
        if not reads_heic():
            way_out = "pip install '.[heif]' in elansr's folder, or convert it to JPEG, PNG or AVIF first"
            raise PictureError(f"a HEIC picture needs pillow-heif: {way_out}")
        import pillow_heif  # here, because few need it

        logging.getLogger("pillow_heif").setLevel(logging.ERROR)
        stream.seek(0)
        try:
            file = pillow_heif.open_heif(stream, convert_hdr_to_8bit=False, remove_stride=True)
            if not len(file):
                raise ValueError("the file contains no picture")
            self._image: Any = file[file.primary_index]
            if not all(0 < side <= _LONGEST for side in self._image.size):
                raise ValueError("sides of {} x {} pixels".format(*self._image.size))
        except _DAMAGE as error:
            raise _damaged(error) from error
        self.notes = tuple(self._notes(len(file)))

    def header(self) -> Any:
        """A black libvips image of its size and kind, with its profile, EXIF and XMP."""
        width, height = self._image.size
        black = pyvips.Image.black(width, height, bands=len(self._image.mode.partition(";")[0]))
        return self._described(black.cast("ushort" if self._deep else "uchar"))

    def decoded(self) -> Any:
        """The same with its pixels; 10 and 12 bits are at the top of 16."""
        try:
            samples = np.asarray(self._image)
        except _DAMAGE as error:
            raise _damaged(error) from error
        image = self._described(pyvips.Image.new_from_array(samples))
        if self._image.premultiplied_alpha:
            image = image.unpremultiply(max_alpha=65535 if self._deep else 255).cast(image.format)
        return image

    @property
    def _deep(self) -> bool:
        return ";16" in self._image.mode

    def _described(self, image: Any) -> Any:
        grey = image.bands < 3
        kind = ("grey16" if grey else "rgb16") if self._deep else ("b-w" if grey else "srgb")
        image, info = image.copy(interpretation=kind), self._image.info
        image.set_type(pyvips.GValue.gint_type, "bits-per-sample", info.get("bit_depth", 8))
        for name, key in (("icc-profile-data", "icc_profile"), ("exif-data", "exif"), ("xmp-data", "xmp")):
            if blob := info.get(key):
                image.set_type(pyvips.GValue.blob_type, name, bytes(blob))
        image.set_type(pyvips.GValue.gint_type, "orientation", 1)  # libvips takes that of the EXIF block
        return image

    def _notes(self, count: int) -> list[str]:
        info = self._image.info
        found = {
            xmp.GAIN_MAP: any(_GAIN_MAP in str(kind) for kind in info.get("aux") or {}),
            xmp.DEPTH_MAP: bool(info.get("depth_images")),
            xmp.PICTURES: count > 1,
        }
        return [text for text, lost in found.items() if lost]


def _damaged(error: Exception) -> PictureError:
    why = " ".join(str(error).split())[:100] or type(error).__name__
    return PictureError(f"truncated, damaged or an unusual HEIC ({why}); download it again or convert it to PNG")
