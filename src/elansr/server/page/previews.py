"""Previews for the browser: smaller copies, the bicubic enlargement to compare with, and crops.

Browsers show no TIFF and no picture of hundreds of megapixels; everything here becomes a JPEG or a part of one.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyvips

from elansr.images import LARGEST, FormatName, Picture, Pixels, open_picture, read, rounded, to_float, write
from elansr.server.processing import LIBVIPS

SHOWN_PIXELS = 8_000_000
"""The most pixels that the slider shows: more only costs a phone its memory."""
THUMBNAIL = 640
"""The longest side of what is shown of a picture that was sent."""
_SQUARE, _LIGHT, _DARK = 16, 255, 225


@dataclass(frozen=True)
class PictureFacts:
    """What a picture file is.

    Attributes:
        quality: of a JPEG, 1 to 100; None if it is not known.
        bits: of a sample, 8 or 16.
    """

    width: int
    height: int
    format: FormatName
    quality: int | None
    bits: int
    pages: int

    @property
    def pixels(self) -> int:
        """Of all pages."""
        return self.width * self.height * self.pages


class CutOut(NamedTuple):
    """A cut-out, in pixels of the result."""

    left: int
    top: int
    width: int
    height: int


def opened(path: Path, max_pixels: int, name: str | None = None) -> Picture:
    """Reads a picture file.

    Raises:
        PictureError: it is none that can be read, or too large.
    """
    with LIBVIPS:
        return read(path, name=name, max_pixels=max_pixels)


def about(picture: Picture) -> PictureFacts:
    """What can be said of a picture in a line."""
    page = picture.pages[0]
    height, width = page.shape[:2]
    bits = 8 * page.dtype.itemsize
    return PictureFacts(width, height, picture.format, picture.quality, bits, len(picture.pages))


def thumbnail(picture: Picture, path: Path) -> None:
    """Writes a small JPEG of the first page."""
    page = picture.pages[0]
    factor = min(1.0, THUMBNAIL / max(page.shape[:2]))
    height, width = (max(1, round(side * factor)) for side in page.shape[:2])
    _write(resized(page, width, height), picture, path)


def comparison(source: Path, result: Path, folder: Path, max_pixels: int) -> tuple[Path, Path]:
    """Writes the input, enlarged with bicubic, and the result as JPEG files of one size, unless they are there already.

    Args:
        source: the picture file that was sent.
        result: the picture file that was made of it.
        max_pixels: of a picture file, over all pages.

    Returns:
        The two files, of at most `SHOWN_PIXELS`.
    """
    files = folder / "before.jpg", folder / "after.jpg"
    if all(file.is_file() for file in files):
        return files
    after = opened(result, max_pixels)
    height, width = after.pages[0].shape[:2]
    width, height = shown_size((width, height))
    _write(resized(after.pages[0], width, height), after, files[1])
    del after  # before the other one is read
    before = opened(source, max_pixels)
    _write(resized(before.pages[0], width, height), before, files[0])
    return files


def shown_size(size: tuple[int, int]) -> tuple[int, int]:
    """Width and height of what the slider shows of a result of that width and height."""
    factor = min(1.0, math.sqrt(SHOWN_PIXELS / (size[0] * size[1])))
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def detail(
    source: Path, result: Path, folder: Path, box: CutOut, size: tuple[int, int], max_pixels: int
) -> tuple[Path, Path]:
    """Writes the same cut-out of the enlarged input and of the result, pixel for pixel.

    Args:
        size: width and height of the result.
    """
    files = folder / "before.jpg", folder / "after.jpg"
    after, cut = _cut(result, box, max_pixels)
    _write(cut, after, files[1])
    before = opened(source, max_pixels)
    part = _lazily_resized(before.pages[0], *size).crop(*box)
    _write(_on_ground(_pixels(part), before.pages[0].shape[2]), before, files[0])
    return files


def box_around(size: tuple[int, int], across: float, down: float, width: int, height: int) -> CutOut:
    """The cut-out whose middle is nearest to a point.

    Args:
        size: width and height of the picture.
        across, down: the point, from 0 (left, top) to 1.
        width, height: of the cut-out; it is smaller where the picture is.
    """
    width, height = min(width, size[0]), min(height, size[1])
    left, top = round(across * size[0] - width / 2), round(down * size[1] - height / 2)
    return CutOut(min(max(left, 0), size[0] - width), min(max(top, 0), size[1] - height), width, height)


def resized(page: Pixels, width: int, height: int) -> Pixels:
    """A page of another size, without alpha: bicubic, what can be seen through lies on a chequered ground."""
    return _on_ground(_pixels(_lazily_resized(page, width, height)), page.shape[2])


def _lazily_resized(page: Pixels, width: int, height: int) -> Any:
    """The page in a new size as a libvips image, of which only the parts that are asked for are computed."""
    image = pyvips.Image.new_from_array(np.ascontiguousarray(page))
    if page.shape[:2] == (height, width):
        return image
    see_through = page.shape[2] in (2, 4)
    most = LARGEST[page.dtype.name]
    if see_through:
        image = image.premultiply(max_alpha=most)
    image = _scaled(image, width, height)
    if see_through:
        image = image.unpremultiply(max_alpha=most).rint().cast("ushort" if page.dtype == np.uint16 else "uchar")
    return image


def _scaled(image: Any, width: int, height: int) -> Any:
    """Bicubic, within 3 of 255 levels of `imresize`, for a fraction of its time.

    libvips' own `resize` shifts what it enlarges by a part of a pixel, and the slider would show that.
    """
    across, down = width / image.width, height / image.height
    if across < 1 or down < 1:
        return image.resize(across, vscale=down, kernel="cubic")
    return image.affine(
        [across, 0, 0, down],
        interpolate=pyvips.Interpolate.new("bicubic"),
        odx=(across - 1) / 2,
        ody=(down - 1) / 2,
        oarea=[0, 0, width, height],
        extend="mirror",
    )


def _cut(path: Path, box: CutOut, max_pixels: int) -> tuple[Picture, Pixels]:
    """The cut-out of a file, of which no more is decoded than its format needs."""
    with LIBVIPS:
        file = open_picture(path)
        if not file.obstacle:
            with file.rows() as rows:
                picture, page = file.picture, rows(box.top, box.top + box.height)
        else:
            picture = file.read(max_pixels=max_pixels)
            page = picture.pages[0][box.top : box.top + box.height]
    page = page[:, box.left : box.left + box.width]
    return picture, _on_ground(page, page.shape[2])


def _on_ground(page: Pixels, channels: int) -> Pixels:
    """The page as one sees it, with 1 or 3 channels; a chequered ground shows where it can be seen through."""
    if channels in (1, 3):
        return page
    white = LARGEST[page.dtype.name]
    height, width = page.shape[:2]
    odd = (np.arange(height)[:, None] // _SQUARE + np.arange(width) // _SQUARE) % 2
    ground = np.where(odd, _DARK, _LIGHT)[..., None].astype(np.float32) * np.float32(white / 255)
    alpha = to_float(page[..., -1:])
    return rounded(page[..., :-1] * alpha + ground * (1 - alpha), page.dtype)


def _pixels(image: Any) -> Pixels:
    pixels: Pixels = image.numpy().reshape(image.height, image.width, image.bands)
    return pixels


def _write(page: Pixels, picture: Picture, path: Path) -> None:
    """Writes pixels as a JPEG with the profile of the picture and nothing else that its file said."""
    with LIBVIPS:
        write(Picture((page,), icc=picture.icc), path)
