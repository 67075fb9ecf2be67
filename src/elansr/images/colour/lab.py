"""CIELab of TIFF as sRGB. libvips knows it in 16 bits; 8 it refuses, unless they are called RGB."""

import io
import struct
from typing import Any

from elansr.images.tags import Directory, Field, TagFile

_BITS, _PHOTOMETRIC = 258, 262
_RGB, _CIELAB, _ICCLAB = 2, 8, 9


def is_lab8(page: Directory) -> bool:
    """Whether a page of a TIFF has L, a and b of 8 bits, and perhaps alpha."""
    kind, bits = page.get(_PHOTOMETRIC), page.get(_BITS)
    if not isinstance(kind, Field) or not isinstance(bits, Field):
        return False
    return kind.numbers()[:1] in ((_CIELAB,), (_ICCLAB,)) and bits.numbers() in ((8,) * 3, (8,) * 4)


def called_rgb(data: bytes) -> bytes:
    """The bytes of a TIFF whose pages of Lab are called RGB."""
    found, changed = TagFile(io.BytesIO(data)), bytearray(data)
    layout, at, seen = found.layout, found.first(), set[int]()
    while at and at not in seen:
        seen.add(at)
        first = at + layout.count.size
        for number in range(layout.count.unpack_from(data, at)[0]):
            end = first + (number + 1) * layout.entry.size
            tag, _, _, value = layout.entry.unpack_from(data, end - layout.entry.size)
            if tag == _PHOTOMETRIC and struct.unpack(layout.order + "H", value[:2])[0] in (_CIELAB, _ICCLAB):
                struct.pack_into(layout.order + "H", changed, end - layout.offset.size, _RGB)
        at = found.directory(at)[1]
    return bytes(changed)


def from_lab8(image: Any, photometric: int) -> Any:
    """Samples of 8 bits, which libvips takes for RGB, as libvips' Lab; alpha stays."""
    colours = image[1:3]
    signed = (colours < 128).ifthenelse(colours, colours.cast("float") - 256)
    shifted = signed if photometric == _CIELAB else colours.cast("float") - 128
    lab = image[0].linear(100 / 255, 0).bandjoin(shifted).cast("float").copy(interpretation="lab")
    return in_srgb(lab, deep=False) if image.bands == 3 else in_srgb(lab, deep=False).bandjoin(image[3])


def in_srgb(lab: Any, *, deep: bool) -> Any:
    """libvips' Lab as sRGB of 8 or 16 bits."""
    lab = lab.colourspace("lab") if lab.interpretation != "lab" else lab
    shown = lab[0:3].icc_export(output_profile="srgb", intent="relative", depth=16 if deep else 8).copy()
    shown.remove("icc-profile-data")
    return shown
