"""Picture -> bytes of a file. libvips encodes every format but BMP, which Pillow does.

What a format cannot hold is settled here: alpha is laid on white in JPEG and BMP; 16 bits are rounded to 8 in JPEG,
WebP, GIF and BMP, to 12 in AVIF; where a colour profile cannot go with the pixels (GIF, BMP, grey in WebP and AVIF)
they are converted to sRGB; GIF and BMP lose EXIF and XMP; a TIFF loses the durations of an animation.
"""

import io
import struct
import zlib
from typing import Any, BinaryIO

import numpy as np
import pyvips

from elansr.images import exif
from elansr.images.formats import FORMATS, FormatName
from elansr.images.picture import Picture, Pixels

DEFAULT_QUALITY: dict[FormatName, int] = {"jpeg": 95, "webp": 95, "avif": 90}

_BIG_TIFF = 3_500_000_000  # bytes of samples, of all levels of a pyramid; a plain TIFF ends at 4 GiB
_TILED_TIFF = 2**30  # bytes of samples from which on programs will want to open a part of it
_TILES = {"tile": True, "tile_width": 256, "tile_height": 256}
_WEBP_LOSSLESS = {"lossless": True, "exact": True, "effort": 2}
_KEEP_ALL, _KEEP_EXIF = 31, 1  # libvips' VipsForeignKeep
_MOVED = 2**24  # bytes of a file that are moved at a time
_STILL_FRAME = 100  # milliseconds that pages without durations show in an animation


def encode(
    picture: Picture, name: FormatName, quality: int, file: BinaryIO, pyramid: bool = False, stored: Any = None
) -> None:
    """Writes a picture into an open file.

    Args:
        picture: Of as many pages and such a size as the format holds.
        name: The format.
        quality: 1-100, see `write`.
        file: Empty, open for reading and writing.
        pyramid: Whether a TIFF holds smaller copies too.
        stored: The pixels as a libvips image, where those of `picture` only stand in for them.

    Raises:
        OSError, ValueError, pyvips.Error: The file cannot be written, or not in this format.
    """
    pyvips.vips_lib.vips_error_clear()
    image = _adapted(_joined(picture) if stored is None else stored, picture.icc, name)
    if name == "bmp":
        from PIL import Image

        pixels = image.numpy().reshape(image.height, image.width, image.bands)
        Image.fromarray(pixels if image.bands == 3 else pixels[..., 0]).save(file, "BMP", dpi=picture.dpi)
        return
    height, width = picture.pages[0].shape[:2]
    block = exif.for_pixels(picture.exif, width, height) if picture.exif else None
    target = pyvips.Target.new_to_descriptor(file.fileno())
    saver, options = _saver(name, quality, image, pyramid)
    keep = _KEEP_ALL if block or _needs_exif(picture, name) else _KEEP_ALL & ~_KEEP_EXIF
    pyvips.Operation.call(saver, _described(image, picture, name, block), target, keep=keep, **options)
    if name == "tiff" and block:
        exif.into_tiff(file, block)
    if name == "png" and picture.xmp:
        _insert_xmp(file, picture.xmp)


def _needs_exif(picture: Picture, name: FormatName) -> bool:
    """Says whether only EXIF can hold the resolution; elsewhere libvips is kept from inventing an EXIF block."""
    return name in ("jpeg", "webp", "avif") and picture.dpi != (72.0, 72.0)


def _insert_xmp(file: BinaryIO, xmp: bytes) -> None:
    """Puts XMP behind a PNG's header as the UTF-8 text chunk that XMP demands; libvips would write Latin-1 text."""
    data = b"iTXt" + b"XML:com.adobe.xmp" + bytes(5) + xmp
    _insert(file, 33, struct.pack(">I", len(data) - 4) + data + struct.pack(">I", zlib.crc32(data)))


def _insert(file: BinaryIO, at: int, data: bytes) -> None:
    """Moves what stands in a file from `at` on, the last of it first, and puts `data` there."""
    end = file.seek(0, io.SEEK_END)
    while end > at:
        start = max(end - _MOVED, at)
        file.seek(start)
        moved = file.read(end - start)
        file.seek(start + len(data))
        file.write(moved)
        end = start
    file.seek(at)
    file.write(data)


def _saver(name: FormatName, quality: int, image: Any, pyramid: bool) -> tuple[str, dict[str, Any]]:
    """The operation of libvips that writes a format, and its options; the comments say what was measured."""
    lossless, deep = quality == 100, image.format == "ushort"
    savers: dict[FormatName, tuple[str, dict[str, Any]]] = {
        "jpeg": ("jpegsave_target", {"Q": quality, "subsample_mode": "off"}),
        # against libvips' defaults: photos 40 % smaller in the same time
        "png": ("pngsave_target", {"filter": "all", "compression": 4}),
        "webp": ("webpsave_target", _WEBP_LOSSLESS if lossless else {"Q": quality, "smart_subsample": True}),
        "tiff": ("tiffsave_target", _tiff(image, pyramid)),
        "gif": ("gifsave_target", {"keep_duplicate_frames": True, "effort": 4}),
        "avif": ("heifsave_target", _avif(quality, lossless, deep)),
    }
    return savers[name]


def _tiff(image: Any, pyramid: bool) -> dict[str, Any]:
    size = image.width * image.height * image.bands * (2 if image.format == "ushort" else 1)
    tiles = _TILES if pyramid or size > _TILED_TIFF else {}
    big = size * 4 // 3 > _BIG_TIFF if pyramid else size > _BIG_TIFF
    return {"compression": "deflate", "predictor": "horizontal", "bigtiff": big, "pyramid": pyramid, **tiles}


def _avif(quality: int, lossless: bool, deep: bool) -> dict[str, Any]:
    """Options for AVIF. At effort 4, libvips' default, the encoder takes 10 times as long for the same size."""
    loss = {"lossless": True} if lossless else {"Q": quality, "subsample_mode": "off"}
    return {"compression": "av1", "effort": 3, "bitdepth": 12 if deep else 8, **loss}


def _joined(picture: Picture) -> Any:
    """The pages, one below the other, as a libvips image."""
    images = [_shared(page) for page in picture.pages]
    return pyvips.Image.arrayjoin(images, across=1) if len(images) > 1 else images[0]


def _adapted(image: Any, icc: bytes | None, name: FormatName) -> Any:
    """The image with the channels and depth that the format holds."""
    row = FORMATS[name]
    if row.bits == 8 and image.format == "ushort":
        image = _in_8_bits(image)
    if _fits(icc, image.bands) and not (row.metadata and (row.grey or image.bands > 2)):
        image = _in_srgb(image, icc)  # the profile cannot go with the pixels
    if image.bands < 3 and not row.grey:
        image = image.colourspace("srgb" if image.format == "uchar" else "rgb16")
    if not row.alpha and image.hasalpha():
        image = image.flatten(background=255 if image.format == "uchar" else 65535)
    return _in_12_bits(image) if row.bits == 12 and image.format == "ushort" else image


def _shared(page: Pixels) -> Any:
    """A libvips image on the memory of the array."""
    return as_image(np.ascontiguousarray(page), page.shape, deep=page.dtype == np.uint16)


def as_image(samples: Any, shape: tuple[int, ...], deep: bool) -> Any:
    """A libvips image on memory that holds the samples of (H, W, C), of 16 bits if `deep`."""
    height, width, channels = shape
    image = pyvips.Image.new_from_memory(samples, width, height, channels, "ushort" if deep else "uchar")
    return image.copy(interpretation=interpretation(channels, deep))


def interpretation(channels: int, deep: bool) -> str:
    """What libvips calls grey or RGB, with or without alpha."""
    grey, colour = ("grey16", "rgb16") if deep else ("b-w", "srgb")
    return grey if channels < 3 else colour


def _in_8_bits(image: Any) -> Any:
    """16 bits to 8: value * 255 / 65535, rounded."""
    return image.linear(1 / 257, 0.5).cast("uchar").copy(interpretation="srgb" if image.bands > 2 else "b-w")


def _in_12_bits(image: Any) -> Any:
    """16 bits to 12, at the top of 16 as the encoder of AVIF takes them: value * 4095 / 65535, rounded."""
    return (image.linear(4095 / 65535, 0.5).cast("ushort") << 4).copy(interpretation=image.interpretation)


def _in_srgb(image: Any, icc: bytes | None) -> Any:
    image = image.copy()
    image.set_type(pyvips.GValue.blob_type, "icc-profile-data", icc)
    depth = 16 if image.format == "ushort" else 8
    image = image.icc_transform("srgb", embedded=True, input_profile="srgb", intent="relative", depth=depth).copy()
    image.remove("icc-profile-data")
    return image


def _fits(icc: bytes | None, bands: int) -> bool:
    """Says whether a profile is there and its colour space is that of the pixels, as the formats demand."""
    return icc is not None and icc[16:20] == (b"GRAY" if bands < 3 else b"RGB ")


def _described(image: Any, picture: Picture, name: FormatName, block: bytes | None) -> Any:
    """The image with the picture's metadata and nothing else."""
    image = image.copy(xres=picture.dpi[0] / 25.4, yres=picture.dpi[1] / 25.4)
    if len(picture.pages) > 1:
        durations = picture.durations or (_STILL_FRAME,) * len(picture.pages)
        image.set_type(pyvips.GValue.gint_type, "page-height", picture.pages[0].shape[0])
        image.set_type(pyvips.GValue.array_int_type, "delay", list(durations))
        image.set_type(pyvips.GValue.gint_type, "loop", picture.loops)
    blobs = {
        "icc-profile-data": picture.icc if _fits(picture.icc, image.bands) else None,
        "exif-data": block,
        "xmp-data": picture.xmp if name != "png" else None,
    }
    for field, blob in blobs.items():
        if blob and FORMATS[name].metadata:
            image.set_type(pyvips.GValue.blob_type, field, blob)
    return image
