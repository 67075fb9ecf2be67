"""Pixels as a format holds them: channels, depth, colours, and what lies under alpha 0. libvips images in and out.

Everything here is lazy: libvips does it in rows while it encodes.
"""

from typing import Any

import numpy as np
import pyvips

from elansr.images.colour.cicp import to_sdr
from elansr.images.colour.colour_tags import profile_of
from elansr.images.formats import FORMATS, FormatName
from elansr.images.picture import Picture, Pixels


def joined(picture: Picture) -> Any:
    """The pages, one below the other, as a libvips image."""
    images = [_shared(page) for page in picture.pages]
    return pyvips.Image.arrayjoin(images, across=1) if len(images) > 1 else images[0]


def as_image(samples: Any, shape: tuple[int, ...], deep: bool) -> Any:
    """A libvips image on memory that holds the samples of (H, W, C), of 16 bits if `deep`."""
    height, width, channels = shape
    image = pyvips.Image.new_from_memory(samples, width, height, channels, "ushort" if deep else "uchar")
    return image.copy(interpretation=interpretation(channels, deep))


def interpretation(channels: int, deep: bool) -> str:
    """What libvips calls grey or RGB, with or without alpha."""
    grey, colour = ("grey16", "rgb16") if deep else ("b-w", "srgb")
    return grey if channels < 3 else colour


def adapted(image: Any, picture: Picture, name: FormatName, lossless: bool) -> tuple[Any, bytes | None]:
    """The image with the channels, the depth and the colours that a format holds.

    Args:
        image: The pixels of the picture.
        picture: What they mean.
        name: The format.
        lossless: Whether its encoder keeps every pixel as it is. It does not spread colours that nobody sees then, so
            that they may be 0; others get such as suit the edges.

    Returns:
        The image, and the profile that goes with it.
    """
    row = FORMATS[name]
    cicp = picture.colour.cicp
    if cicp and picture.colour.is_hdr and name not in ("png", "avif"):
        image, icc = to_sdr(_in_rgb(image), cicp), None
    else:
        icc = _profile(picture, name, image.bands)
    told = picture.icc is not None and image.format == "uchar"  # by a profile that is kept
    linear = row.bits == 8 and picture.is_linear and not told  # 8 bits show steps in its shadows
    if row.bits == 8 and not linear:
        image = _in_8_bits(image)
    if icc and (linear or not (row.metadata and (row.grey or image.bands > 2))):
        image, icc = _in_srgb(image, icc), None
    if row.bits == 8:
        image = _in_8_bits(image)
    if not row.grey:
        image = _in_rgb(image)
    if not row.alpha and image.hasalpha():
        image = image.flatten(background=255 if image.format == "uchar" else 65535)
    elif lossless and image.hasalpha():
        image = (image[image.bands - 1] > 0).ifthenelse(image, 0).copy(interpretation=image.interpretation)
    return _in_12_bits(image) if row.bits == 12 and image.format == "ushort" else image, icc


def fits(icc: bytes, channels: int) -> bool:
    """Whether the colour space of a profile is that of the pixels, as the formats demand."""
    return icc[16:20] == (b"GRAY" if channels < 3 else b"RGB ")


def _profile(picture: Picture, name: FormatName, channels: int) -> bytes | None:
    """The profile that a file gets, beside its colour tags if the format has some."""
    own, tags = picture.icc, picture.colour
    if own is not None and not fits(own, channels):
        own = None
    if name == "png":  # gAMA is a chunk of its own; a profile serves those who do not know cICP, or cHRM alone
        return own or (profile_of(None, tags, channels) if tags.cicp or tags.gamma is None else None)
    if name == "avif" and tags.counts:
        return None
    return profile_of(own, tags, channels)


def _shared(page: Pixels) -> Any:
    """A libvips image on the memory of the array."""
    return as_image(np.ascontiguousarray(page), page.shape, deep=page.dtype == np.uint16)


def _in_rgb(image: Any) -> Any:
    """Grey as three equal colours."""
    return image if image.bands > 2 else image.colourspace("srgb" if image.format == "uchar" else "rgb16")


def _in_8_bits(image: Any) -> Any:
    """16 bits to 8: value * 255 / 65535, rounded."""
    if image.format == "uchar":
        return image
    return image.linear(1 / 257, 0.5).cast("uchar").copy(interpretation=interpretation(image.bands, deep=False))


def _in_12_bits(image: Any) -> Any:
    """16 bits to 12, at the top of 16 as the encoder of AVIF takes them: value * 4095 / 65535, rounded."""
    return (image.linear(4095 / 65535, 0.5).cast("ushort") << 4).copy(interpretation=image.interpretation)


def _in_srgb(image: Any, icc: bytes) -> Any:
    image = image.copy()
    image.set_type(pyvips.GValue.blob_type, "icc-profile-data", icc)
    depth = 16 if image.format == "ushort" else 8
    image = image.icc_transform("srgb", embedded=True, input_profile="srgb", intent="relative", depth=depth).copy()
    image.remove("icc-profile-data")
    return image
