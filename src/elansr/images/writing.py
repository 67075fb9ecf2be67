"""Picture -> file, written beside its place and moved there whole."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import pyvips

from elansr.errors import OutputExistsError, PictureError
from elansr.images.encoding import DEFAULT_QUALITY, encode
from elansr.images.formats import FORMATS, FormatName, format_named, format_of_suffix
from elansr.images.picture import Picture
from elansr.images.reading import reason
from elansr.text import shown


def write(
    picture: Picture,
    path: str | os.PathLike[str],
    *,
    format: str | None = None,  # noqa: A002 - the word the command line and Pillow use
    quality: int | None = None,
    overwrite: bool = False,
    pyramid: bool = False,
    stored: Any = None,
) -> None:
    """Writes a picture; the file appears whole or not at all.

    Args:
        picture: What to write, with its profile, EXIF, XMP and resolution.
        path: The file; its suffix decides the format unless `format` does.
        format: A name such as "jpeg" or "tif".
        quality: 1-100 for JPEG (default 95, no chroma subsampling), WebP (95) and AVIF (90); 100 is lossless in WebP
            and AVIF. PNG, TIFF, BMP and GIF have no such setting and ignore it.
        overwrite: Whether to replace a file that is already there.
        pyramid: Whether a TIFF gets tiles and smaller copies, so that a viewer opens any part of it at once.
        stored: The pixels as a libvips image, see `encode`.

    Raises:
        OutputExistsError: The file is there and `overwrite` is off.
        PictureError: The format is unknown or cannot hold the picture, or the file cannot be written.
    """
    pages = picture.pages
    height, width = pages[0].shape[:2]
    size = width, height
    name = check_output(path, format=format, size=size, pages=len(pages), overwrite=overwrite, pyramid=pyramid)
    if quality is not None and not 1 <= quality <= 100:
        raise PictureError(f"quality {quality} is outside 1-100; 95 is visually lossless, 100 the most a format can do")
    with _complaints(path), placed(Path(path), overwrite) as file:
        encode(picture, name, quality or DEFAULT_QUALITY.get(name, 100), file, pyramid, stored)


def check_output(
    path: str | os.PathLike[str],
    *,
    format: str | None = None,  # noqa: A002
    size: tuple[int, int] | None = None,
    pages: int = 1,
    overwrite: bool = False,
    pyramid: bool = False,
) -> FormatName:
    """Checks before the work what `write` would refuse after it.

    Args:
        path: The file to be written.
        format: As in `write`.
        size: Width and height in pixels, if known.
        pages: How many pages or frames there will be.
        overwrite: As in `write`.
        pyramid: As in `write`.

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
    if pyramid and (name != "tiff" or pages > 1):
        what = f"{pages} pages" if name == "tiff" else name.upper()
        raise PictureError(f"{shown(path)}: {what}, where a pyramid is a TIFF of one page; leave --pyramid out")
    if size and max(size) > row.longest:
        text = f"{size[0]} x {size[1]} pixels do not fit into {name.upper()}, whose sides end at {row.longest}"
        raise PictureError(f"{shown(path)}: {text}; write .png or .tif")
    with _complaints(path):
        check_place(place, overwrite)
    return name


def check_place(path: Path, overwrite: bool) -> None:
    """Refuses a path that is a folder, lies in none, or is taken, with a PictureError."""
    if path.is_dir():
        raise PictureError(f"{shown(path)}: is a folder; name a file in it")
    if not path.parent.is_dir():
        raise PictureError(f"{shown(path)}: the folder {shown(path.parent)} does not exist; create it first")
    if not overwrite and os.path.lexists(path):
        raise _exists(path)


def _exists(path: Path) -> OutputExistsError:
    return OutputExistsError(f"{shown(path)}: the file is already there; give another name or --overwrite")


@contextmanager
def _complaints(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turns every failure into one line that starts with the path."""
    try:
        yield
    except PermissionError as error:
        raise PictureError(f"{shown(path)}: no permission to write there; choose another folder") from error
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise PictureError(f"{shown(path)}: cannot be written ({why}); free space or choose another folder") from error
    except pyvips.Error as error:
        raise PictureError(f"{shown(path)}: cannot be written ({reason(error)}); check the disk") from error


@contextmanager
def placed(path: Path, overwrite: bool) -> Iterator[BinaryIO]:
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
