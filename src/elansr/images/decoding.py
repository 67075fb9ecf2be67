"""Decodes the pages of a file: libvips all formats but HEIC, which is pillow-heif's, and BMP, see bmp.py."""

import io
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np
import pyvips

from elansr.errors import PictureError
from elansr.images.alpha import not_multiplied
from elansr.images.colour.lab import from_lab8
from elansr.images.colour.lab import in_srgb as lab_in_srgb
from elansr.images.formats import FormatName
from elansr.images.heic import Heic
from elansr.images.picture import Pixels, blank
from elansr.images.structure import Structure

_LOADERS = {"jpeg": "jpegload", "png": "pngload", "webp": "webpload", "tiff": "tiffload", "gif": "gifload"}
_LOADERS["avif"] = "heifload"
STRICTNESS = {"tiff": "warning"}  # else tiles that are damaged or missing are left black
ANIMATED = ("gif", "webp")
CONVERTED = ("cmyk", "lab", "labs", "labq")
_JPEG_DAMAGE = ("premature end", "bad Huffman")  # other warnings of libjpeg are about stray bytes, and harmless


def headers(stream: BinaryIO, kind: FormatName, structure: Structure, fail_on: str) -> list[Any]:
    """The pages, or the one long strip of all frames, as libvips images of which only the header is read."""
    if kind == "heic":
        return [Heic(stream).header()]
    options = {"fail_on": fail_on, "access": "sequential"}
    if kind == "tiff":
        images = [_header(stream, kind, options | {"page": page}) for page in structure.pages]
        return [from_lab8(image, structure.lab8) for image in images] if structure.lab8 else images
    image = _header(stream, kind, options | ({"n": -1} if kind in ANIMATED else {}))
    if structure.orientation in range(2, 9):
        image = image.copy()
        image.set_type(pyvips.GValue.gint_type, "orientation", structure.orientation)
    return [image]


def _header(stream: BinaryIO, kind: FormatName, options: dict[str, Any]) -> Any:
    pyvips.vips_lib.vips_error_clear()
    if isinstance(stream, io.BytesIO):
        source = pyvips.Source.new_from_memory(stream.getvalue())
    else:
        os.lseek(stream.fileno(), 0, os.SEEK_SET)
        source = pyvips.Source.new_from_descriptor(stream.fileno())
    return pyvips.Operation.call(f"{_LOADERS[kind]}_source", source, **options)


def strictly(data: bytes) -> Any:
    """A JPEG that is not decoded where something is missing."""
    return _header(io.BytesIO(data), "jpeg", {"fail_on": "warning", "access": "sequential"})


def decode_pages(stream: BinaryIO, kind: FormatName, structure: Structure) -> list[Pixels]:
    """All pages. JPEG and TIFF are decoded strictly first, and again where the library warned of something harmless."""
    if (kind == "jpeg" and not structure.is_cut) or kind in STRICTNESS:
        try:
            return _all_pages(headers(stream, kind, structure, "warning"), kind)
        except pyvips.Error as error:
            if not is_harmless(kind, error):
                raise
    with silent_damage(kind):
        images = [Heic(stream).decoded()] if kind == "heic" else headers(stream, kind, structure, "error")
        pages = _all_pages(images, kind)
    return [not_multiplied(page) for page in pages] if structure.premultiplied else pages


def _all_pages(images: list[Any], kind: FormatName) -> list[Pixels]:
    return [page for image in images for page in _pages(image, kind)]


def is_harmless(kind: FormatName, error: pyvips.Error) -> bool:
    """Whether a strict decoder stopped at no damage of pixels: stray bytes in a JPEG, odd tags in a TIFF."""
    if kind == "jpeg":
        return not any(damage in str(error) for damage in _JPEG_DAMAGE)
    return kind == "tiff" and not error.detail.strip()  # of tags libtiff only warns


@contextmanager
def silent_damage(kind: FormatName) -> Iterator[None]:
    """Raises for a damaged tile of a TIFF, which a decoder that is not strict leaves black, with a line about it."""
    pyvips.vips_lib.vips_error_clear()
    yield
    if kind == "tiff" and "tiff2vips" in (error := pyvips.Error("damaged tiles")).detail:
        raise error


def blank_pages(image: Any, kind: FormatName) -> list[Pixels]:
    """Stand-ins for what `_pages` decodes."""
    height, orientation, samples = _page_height(image, kind), field(image, "orientation", 1), in_samples(image)
    size = (image.width, height) if orientation in (5, 6, 7, 8) else (height, image.width)
    return [blank(size, samples.bands, deep=samples.format == "ushort")] * len(range(0, image.height, height))


def _pages(image: Any, kind: FormatName) -> list[Pixels]:
    """Decodes one page of a TIFF, all frames of an animation or a still."""
    pixels = _samples(image, kind)
    height, orientation = _page_height(image, kind), field(image, "orientation", 1)
    if kind in ANIMATED and (kind == "gif" or height < image.height):
        pixels = _without_idle_alpha(pixels)
    return [_upright(pixels[top : top + height], orientation) for top in range(0, image.height, height)]


def _page_height(image: Any, kind: FormatName) -> int:
    height: int = field(image, "page-height", image.height) if kind in ANIMATED else image.height
    return height


def _samples(image: Any, kind: FormatName) -> Pixels:
    """Decodes to samples of full range, as stored: not turned, an animation as one long strip."""
    bits = field(image, "bits-per-sample", 8)
    image = in_samples(image)
    pixels: Pixels = image.numpy().reshape(image.height, image.width, image.bands)
    if kind in ("avif", "heic") and bits in (10, 12):
        return _full_range(pixels, bits)
    return pixels


def _without_idle_alpha(pixels: Pixels) -> Pixels:
    """Drops the alpha that libvips gives to opaque GIFs and opaque animated WebPs."""
    return pixels[..., :-1] if pixels.shape[2] in (2, 4) and pixels[..., -1].min() == 255 else pixels


def in_samples(image: Any) -> Any:
    """The image as grey or RGB, with or without alpha, in 8 or 16 bits; nothing is decoded yet.

    Raises:
        PictureError: It has other samples, or more channels.
    """
    image = _as_rgb(image)
    if image.format not in ("uchar", "ushort"):
        raise PictureError(
            f"samples of type {image.format}, but must be 8 or 16 bits unsigned; convert it to a 16-bit TIFF first"
        )
    if image.bands > 4:
        raise PictureError(
            f"{image.bands} channels, but at most 4 (RGB and alpha) are supported; flatten or split it first"
        )
    return image


def _as_rgb(image: Any) -> Any:
    """Takes CMYK (by its profile, else by libvips' own) and Lab to sRGB, and leaves everything else alone."""
    deep = image.format == "ushort" or image.interpretation in ("lab", "labs")
    if image.interpretation == "cmyk":
        options = {"intent": "relative", "black_point_compensation": True, "depth": 16 if deep else 8}
        return image.icc_transform("srgb", embedded=True, input_profile="cmyk", **options)
    if image.interpretation in ("lab", "labs") and image.bands == 3:
        return lab_in_srgb(image, deep=True)
    if image.interpretation in CONVERTED:
        return image.colourspace("rgb16" if deep else "srgb")
    return image


def _full_range(pixels: Pixels, bits: int) -> Pixels:
    """Scales samples that libvips left at the top of 16 bits, so that the largest becomes 65535."""
    largest = 2**bits - 1
    table = ((np.arange(largest + 1) * 65535 + largest // 2) // largest).astype(np.uint16)
    scaled: Pixels = table[pixels >> (16 - bits)]
    return scaled


def _upright(pixels: Pixels, orientation: int) -> Pixels:
    """Turns and mirrors stored pixels to the way EXIF says they are seen.

    Args:
        pixels: (H, W, C).
        orientation: 1-8 as in EXIF; anything else counts as 1.

    Returns:
        The same dtype, (H, W, C), or (W, H, C) for orientations 5-8; contiguous.
    """
    if orientation in (5, 6, 7, 8):
        pixels = pixels.transpose(1, 0, 2)
    rows = -1 if orientation in (3, 4, 7, 8) else 1
    columns = -1 if orientation in (2, 3, 6, 7) else 1
    return np.ascontiguousarray(pixels[::rows, ::columns])


def undecodable(kind: str, error: Exception) -> str:
    """What a decoder's error means to the user, without the file's name."""
    why = decoder_reason(error)
    way_out = "copy or download it again" if kind.lower() == "png" else "download it again or convert it to PNG"
    return f"truncated, damaged or an unusual {kind.upper()} ({why}); {way_out}"


def decoder_reason(error: Exception) -> str:
    """The first telling line of a long report by libvips, without the name of the function that says it."""
    text = error.detail if isinstance(error, pyvips.Error) else str(error)
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.endswith("load error")]
    return re.sub(r"^\w+: | at scanline 4294967295", "", lines[0]) if lines else "no reason given"


def field(image: Any, name: str, default: Any) -> Any:
    """What libvips found out about an image, or the default where it found nothing."""
    return image.get(name) if image.get_typeof(name) else default
