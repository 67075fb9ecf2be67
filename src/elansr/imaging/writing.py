"""Picture -> file, written beside its place and moved there whole. libvips encodes every format but BMP (Pillow).

What a format cannot hold is settled here: alpha is laid on white in JPEG and BMP; 16 bits are rounded to 8 in JPEG,
WebP, GIF and BMP, to 12 in AVIF; where a colour profile cannot go with the pixels (GIF, BMP, grey in WebP and AVIF)
they are converted to sRGB; GIF and BMP lose EXIF and XMP; a TIFF loses the durations of an animation. Several pages
for a format of one are an error.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyvips
from PIL import Image

from elansr.errors import OutputExistsError, PictureError
from elansr.imaging import exif
from elansr.imaging.formats import FORMATS, FormatName, format_named, format_of_suffix, shown
from elansr.imaging.picture import Picture
from elansr.imaging.reading import reason

_DEFAULT_QUALITY: dict[FormatName, int] = {"jpeg": 95, "webp": 95, "avif": 90}
_BIG_TIFF = 3_500_000_000  # bytes of samples; a plain TIFF ends at 4 GiB
_WEBP_LOSSLESS = {"lossless": True, "exact": True, "effort": 2}
_KEEP_ALL, _KEEP_EXIF = 31, 1  # libvips' VipsForeignKeep
_STILL_FRAME = 100  # milliseconds that pages without durations show in an animation


def write(
    picture: Picture,
    path: str | os.PathLike[str],
    *,
    format: str | None = None,  # noqa: A002 - the word the command line and Pillow use
    quality: int | None = None,
    overwrite: bool = False,
) -> None:
    """Writes a picture; the file appears whole or not at all.

    Args:
        picture: What to write, with its profile, EXIF, XMP and resolution.
        path: The file; its suffix decides the format unless `format` does.
        format: A name such as "jpeg" or "tif".
        quality: 1-100 for JPEG (default 95, no chroma subsampling), WebP (95) and AVIF (90); 100 is lossless in WebP
            and AVIF. PNG, TIFF, BMP and GIF have no such setting and ignore it.
        overwrite: Whether to replace a file that is already there.

    Raises:
        OutputExistsError: The file is there and `overwrite` is off.
        PictureError: The format is unknown or cannot hold the picture, or the file cannot be written.
    """
    pages = picture.pages
    height, width = pages[0].shape[:2]
    name = check_output(path, format=format, size=(width, height), pages=len(pages), overwrite=overwrite)
    if quality is not None and not 1 <= quality <= 100:
        raise PictureError(f"quality {quality} is outside 1-100; 95 is visually lossless, 100 the most a format can do")
    with _complaints(path), _placed(Path(path), overwrite) as file:
        _encode(picture, name, quality or _DEFAULT_QUALITY.get(name, 100), file)


def check_output(
    path: str | os.PathLike[str],
    *,
    format: str | None = None,  # noqa: A002
    size: tuple[int, int] | None = None,
    pages: int = 1,
    overwrite: bool = False,
) -> FormatName:
    """Checks before the work what `write` would refuse after it.

    Args:
        path: The file to be written.
        format: As in `write`.
        size: Width and height in pixels, if known.
        pages: How many pages or frames there will be.
        overwrite: As in `write`.

    Returns:
        The format that the file will have.

    Raises:
        OutputExistsError: The file is there and `overwrite` is off.
        PictureError: The format is unknown or cannot hold such a picture, or the folder is not there.
    """
    name = format_named(format) if format else format_of_suffix(path)
    row, place = FORMATS[name], Path(path)
    if pages > 1 and not row.many:
        raise PictureError(f"{shown(path)}: {pages} pages do not fit into {name.upper()}; write .gif, .webp or .tif")
    if size and max(size) > row.longest:
        text = f"{size[0]} x {size[1]} pixels do not fit into {name.upper()}, whose sides end at {row.longest}"
        raise PictureError(f"{shown(path)}: {text}; write .png or .tif")
    if place.is_dir():
        raise PictureError(f"{shown(path)}: is a folder; name a file in it")
    if not place.parent.is_dir():
        raise PictureError(f"{shown(path)}: the folder {shown(place.parent)} does not exist; create it first")
    if not overwrite and os.path.lexists(place):
        raise _exists(place)
    return name


def _exists(path: Path) -> OutputExistsError:
    return OutputExistsError(f"{shown(path)}: the file is already there; give another name or --overwrite")


@contextmanager
def _complaints(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turns every failure into one line that starts with the path."""
    try:
        yield
    except PermissionError as error:
        raise PictureError(f"{shown(path)}: no permission to write there; choose another folder") from error
    except OSError as error:
        why = error.strerror or str(error)
        raise PictureError(f"{shown(path)}: cannot be written ({why}); free space or choose another folder") from error
    except pyvips.Error as error:
        raise PictureError(f"{shown(path)}: cannot be written ({reason(error)}); check the disk") from error


@contextmanager
def _placed(path: Path, overwrite: bool) -> Iterator[BinaryIO]:
    """Opens a hidden file in the same folder, which takes the place of `path` if all goes well and else vanishes."""
    beside = path.with_name(f".elansr-{secrets.token_hex(8)}.part")
    try:
        with open(beside, "x+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _publish(beside, path, overwrite)
    finally:
        with suppress(FileNotFoundError):
            beside.unlink()


def _publish(beside: Path, path: Path, overwrite: bool) -> None:
    """Moves the finished file; without `overwrite`, a file that came up meanwhile stays."""
    if overwrite:
        beside.replace(path)
        return
    try:
        os.link(beside, path)
    except FileExistsError as error:
        raise _exists(path) from error
    except OSError:  # a file system without hard links
        _claim(path)
        beside.replace(path)


def _claim(path: Path) -> None:
    """Creates the file empty, or fails if it is there."""
    try:
        path.touch(exist_ok=False)
    except FileExistsError as error:
        raise _exists(path) from error


def _encode(picture: Picture, name: FormatName, quality: int, file: BinaryIO) -> None:
    pyvips.vips_lib.vips_error_clear()
    image = _adapted(picture, name)
    if name == "bmp":
        pixels = image.numpy().reshape(image.height, image.width, image.bands)
        Image.fromarray(pixels if image.bands == 3 else pixels[..., 0]).save(file, "BMP", dpi=picture.dpi)
        return
    image = _described(image, picture, name)
    saver, options = _saver(name, quality, image)
    target = pyvips.Target.new_to_descriptor(file.fileno())
    pyvips.Operation.call(saver, image, target, keep=_kept(picture, name), **options)
    if name == "tiff" and picture.exif:
        exif.into_tiff(file, exif.sized(picture.exif, picture.pages[0].shape[1], picture.pages[0].shape[0]))


def _saver(name: FormatName, quality: int, image: Any) -> tuple[str, dict[str, Any]]:
    """The operation of libvips that writes a format, and its options; the comments say what was measured."""
    lossless, deep = quality == 100, image.format == "ushort"
    big = image.width * image.height * image.bands * (1 + deep) > _BIG_TIFF
    savers: dict[FormatName, tuple[str, dict[str, Any]]] = {
        "jpeg": ("jpegsave_target", {"Q": quality, "subsample_mode": "off"}),
        # against libvips' defaults: photos 40 % smaller in the same time
        "png": ("pngsave_target", {"filter": "all", "compression": 4}),
        "webp": ("webpsave_target", _WEBP_LOSSLESS if lossless else {"Q": quality, "smart_subsample": True}),
        "tiff": ("tiffsave_target", {"compression": "deflate", "predictor": "horizontal", "bigtiff": big}),
        "gif": ("gifsave_target", {"keep_duplicate_frames": True, "effort": 4}),
        "avif": ("heifsave_target", _avif(quality, lossless, deep)),
    }
    return savers[name]


def _avif(quality: int, lossless: bool, deep: bool) -> dict[str, Any]:
    """Options for AVIF. At effort 4, libvips' default, the encoder takes 10 times as long for the same size."""
    loss = {"lossless": True} if lossless else {"Q": quality, "subsample_mode": "off"}
    return {"compression": "av1", "effort": 3, "bitdepth": 12 if deep else 8, **loss}


def _kept(picture: Picture, name: FormatName) -> int:
    """Which metadata libvips writes: EXIF only where the picture has it, or where the resolution needs it."""
    needs_exif = name in ("jpeg", "webp", "avif") and picture.dpi != (72.0, 72.0)
    return _KEEP_ALL if picture.exif or needs_exif else _KEEP_ALL & ~_KEEP_EXIF


def _adapted(picture: Picture, name: FormatName) -> Any:
    """The pages, one below the other, as a libvips image with the channels and depth that the format holds."""
    row = FORMATS[name]
    images = [_shared(page) for page in picture.pages]
    image = pyvips.Image.arrayjoin(images, across=1) if len(images) > 1 else images[0]
    if _fits(picture.icc, image.bands) and not (row.metadata and (row.grey or image.bands > 2)):
        image = _in_srgb(image, picture.icc)  # the profile cannot go with the pixels
    if image.bands < 3 and not row.grey:
        image = image.colourspace("srgb" if image.format == "uchar" else "rgb16")
    if not row.alpha and image.hasalpha():
        image = image.flatten(background=255 if image.format == "uchar" else 65535)
    if image.format == "ushort" and row.bits < 16:
        image = _rounded(image, row.bits)
    return image


def _shared(page: Any) -> Any:
    """A libvips image on the memory of the array."""
    height, width, channels = page.shape
    deep = page.dtype == np.uint16
    image = pyvips.Image.new_from_memory(
        np.ascontiguousarray(page), width, height, channels, "ushort" if deep else "uchar"
    )
    grey, colour = ("grey16", "rgb16") if deep else ("b-w", "srgb")
    return image.copy(interpretation=grey if channels < 3 else colour)


def _rounded(image: Any, bits: int) -> Any:
    """16 bits to 8, or to 12 at the top of 16 as AVIF takes them: value * largest / 65535, rounded."""
    if bits == 8:
        narrow = image.linear(1 / 257, 0.5).cast("uchar")
        return narrow.copy(interpretation="srgb" if image.bands > 2 else "b-w")
    return (image.linear((2**bits - 1) / 65535, 0.5).cast("ushort") << (16 - bits)).copy(
        interpretation=image.interpretation
    )


def _in_srgb(image: Any, icc: bytes | None) -> Any:
    image = image.copy()
    image.set_type(pyvips.GValue.blob_type, "icc-profile-data", icc)
    deep = image.format == "ushort"
    return image.icc_transform("srgb", embedded=True, intent="relative", depth=16 if deep else 8)


def _fits(icc: bytes | None, bands: int) -> bool:
    """Says whether a profile is there and its colour space is that of the pixels, as the formats demand."""
    return icc is not None and icc[16:20] == (b"GRAY" if bands < 3 else b"RGB ")


def _described(image: Any, picture: Picture, name: FormatName) -> Any:
    """The image with the picture's metadata and nothing else."""
    height, width = picture.pages[0].shape[:2]
    image = image.copy(xres=picture.dpi[0] / 25.4, yres=picture.dpi[1] / 25.4)
    if len(picture.pages) > 1:
        durations = picture.durations or (_STILL_FRAME,) * len(picture.pages)
        image.set_type(pyvips.GValue.gint_type, "page-height", height)
        image.set_type(pyvips.GValue.array_int_type, "delay", list(durations))
        image.set_type(pyvips.GValue.gint_type, "loop", picture.loops)
    blobs = {
        "icc-profile-data": picture.icc if _fits(picture.icc, image.bands) else None,
        "exif-data": exif.sized(picture.exif, width, height) if picture.exif else None,
        "xmp-data": picture.xmp,
    }
    for field, blob in blobs.items():
        if blob and FORMATS[name].metadata:
            image.set_type(pyvips.GValue.blob_type, field, blob)
    return image
