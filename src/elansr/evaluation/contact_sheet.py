"""A comparison as one picture: the whole with marked crops, and the enlarged crops of every picture beside it."""

import html
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyvips
from numpy.typing import NDArray

from elansr.evaluation.comparison import ComparedPicture, Comparison
from elansr.evaluation.crops import CropBox
from elansr.evaluation.datasets import RGB
from elansr.images import Picture, check_output, rounded, to_float, write
from elansr.upscaling import fit

Color = tuple[int, int, int]

TILE = 288
"""A crop is shown in whole squares a pixel, as large as fits into this side; a larger one pixel for pixel."""
LEAST_TILE = 200
"""Width of a column, so that its label can be read."""
WHOLE_WIDTH, WHOLE_HEIGHT = 1280, 400
"""The widest and the least high that the whole picture is shown, in pixels."""
GAP, FRAME = 16, 4
PAPER: Color = (255, 255, 255)
INK: Color = (26, 31, 38)
SOFT: Color = (91, 102, 115)
TITLE, LABEL, NOTE = 22, 18, 15
"""Font sizes in pixels."""
LINE = 1.35
"""Height of a line, in font sizes."""
ELLIPSIS = "..."
FRAMES: tuple[Color, ...] = ((214, 39, 40), (31, 119, 220), (240, 150, 0), (34, 150, 70), (150, 70, 190))
"""Red, blue, orange, green, violet: one for each crop, then again from the first."""


def write_sheet(comparison: Comparison, path: Path, crops: Sequence[CropBox] = (), overwrite: bool = False) -> None:
    """Writes the contact sheet, whole or not at all.

    Args:
        comparison: what to show; the whole picture is the last one.
        path: the file; its suffix decides the format.
        crops: what to show enlarged; none chooses up to three where the pictures differ most, see
            `elansr.evaluation.crops`.

    Raises:
        OutputExistsError: the file is there and `overwrite` is off.
        PictureError: the file cannot be written.
        ConfigError: a crop that reaches beyond the pictures.
    """
    check_output(path, overwrite=overwrite)
    for crop in crops:
        crop.require_inside(*comparison.size)
    pictures, icc = _in_one_space(comparison.pictures)
    chosen = list(crops) or replace(comparison, pictures=tuple(pictures)).crops()
    write(Picture((sheet(comparison.title, pictures, chosen),), icc=icc), path, overwrite=overwrite)


def sheet(title: str, pictures: Sequence[ComparedPicture], crops: Sequence[CropBox]) -> RGB:
    """Draws the contact sheet: uint8, (H, W, 3).

    Args:
        pictures: of one size; the whole picture is the last.
        crops: inside the pictures, at least one.
    """
    notes = [_about(picture) for picture in pictures]
    if not any(notes):
        notes = []
    columns = [_column(picture, crops, notes[n : n + 1], n == 0) for n, picture in enumerate(pictures)]
    grid = beside(columns)
    heading = [
        text_line(pictures[-1].label, LABEL, INK, WHOLE_WIDTH),
        paper(GAP // 2 + bool(notes) * line_height(NOTE), 1),
    ]
    height = grid.shape[0] - sum(part.shape[0] for part in heading) - line_height(NOTE) - GAP // 2
    whole = _marked(pictures[-1].pixels, crops, max(height, WHOLE_HEIGHT))
    body = beside([below([*heading, whole]), grid])
    return framed(below([text_line(title, TITLE, INK, body.shape[1]), paper(GAP // 2, 1), body]), PAPER, GAP)


def _about(picture: ComparedPicture) -> str:
    psnr = "" if picture.psnr is None else f"{picture.psnr:.2f} dB"
    return ", ".join(text for text in (psnr, picture.note) if text)


def _column(picture: ComparedPicture, crops: Sequence[CropBox], notes: Sequence[str], first: bool) -> RGB:
    """A picture's label, its note and its crops, one below the other; the first says place and zoom of each crop."""
    width = max(LEAST_TILE, *(crop.width * _zoom(crop) + 2 * FRAME for crop in crops))
    parts = [text_line(picture.label, LABEL, INK, width), *(text_line(note, NOTE, SOFT, width) for note in notes)]
    for crop, color in zip(crops, _colors(crops), strict=True):
        zoom = _zoom(crop)
        tile = crop.of(picture.pixels).repeat(zoom, axis=0).repeat(zoom, axis=1)
        caption = f"{crop} at {zoom}x" if first else ""
        parts += [paper(GAP // 2, 1), framed(tile, color, FRAME), text_line(caption, NOTE, SOFT, width)]
    return below(parts)


def _zoom(crop: CropBox) -> int:
    return max(1, TILE // max(crop.width, crop.height))


def _colors(crops: Sequence[CropBox]) -> list[Color]:
    return [FRAMES[n % len(FRAMES)] for n in range(len(crops))]


def _marked(picture: RGB, crops: Sequence[CropBox], height: int) -> RGB:
    """The whole picture at about `height` pixels, with a frame around every crop."""
    factor = min(height / picture.shape[0], WHOLE_WIDTH / picture.shape[1])
    size = [max(1, round(side * factor)) for side in (picture.shape[1], picture.shape[0])]
    whole = fit(picture, *size).astype(np.uint8)
    for crop, color in zip(crops, _colors(crops), strict=True):
        left, top = round(crop.x * factor), round(crop.y * factor)
        right, bottom = round((crop.x + crop.width) * factor), round((crop.y + crop.height) * factor)
        _outline(whole, slice(top, bottom), slice(left, right), color)
    return whole


def _outline(picture: RGB, rows: slice, columns: slice, color: Color) -> None:
    """Draws a frame just outside of a rectangle, as far as the picture reaches, with a thin white line around it."""
    for reach, ink in ((FRAME, PAPER), (FRAME - 1, color)):
        outer = (
            slice(max(rows.start - reach, 0), rows.stop + reach),
            slice(max(columns.start - reach, 0), columns.stop + reach),
        )
        kept = picture[rows, columns].copy()
        picture[outer] = ink
        picture[rows, columns] = kept


def text_line(text: str, size: int, ink: Color, width: int) -> RGB:
    """A line of text on paper."""
    cover = to_float(draw_text(text, size, width)[..., None])
    return rounded(cover * np.array(ink) + (1 - cover) * np.array(PAPER), np.uint8)


def paper(height: int, width: int) -> RGB:
    """Nothing but paper."""
    return np.full((height, width, 3), PAPER, np.uint8)


def framed(picture: RGB, color: Color, width: int) -> RGB:
    """With a frame of `width` pixels around it."""
    height, across = picture.shape[:2]
    result = np.full((height + 2 * width, across + 2 * width, 3), color, np.uint8)
    result[width:-width, width:-width] = picture
    return result


def below(parts: Sequence[RGB]) -> RGB:
    """One below the other, flush left."""
    width = max(part.shape[1] for part in parts)
    return np.concatenate([_padded(part, part.shape[0], width) for part in parts], axis=0)


def beside(parts: Sequence[RGB]) -> RGB:
    """One beside the other with a gap, flush at the top."""
    height = max(part.shape[0] for part in parts)
    spaced = [_padded(part, height, part.shape[1] + GAP) for part in parts[:-1]]
    return np.concatenate([*spaced, _padded(parts[-1], height, parts[-1].shape[1])], axis=1)


def _padded(part: RGB, height: int, width: int) -> RGB:
    missing = ((0, height - part.shape[0]), (0, width - part.shape[1]), (0, 0))
    return np.pad(part, missing, constant_values=PAPER[0])


def _in_one_space(pictures: Sequence[ComparedPicture]) -> tuple[Sequence[ComparedPicture], bytes | None]:
    """The pictures and the colour profile that all have; where they have several, they are converted to sRGB."""
    profiles = {picture.icc for picture in pictures}
    if len(profiles) == 1:
        return pictures, profiles.pop()
    return [replace(picture, pixels=_in_srgb(picture.pixels, picture.icc), icc=None) for picture in pictures], None


def _in_srgb(pixels: RGB, icc: bytes | None) -> RGB:
    if icc is None:
        return pixels
    image = pyvips.Image.new_from_array(np.ascontiguousarray(pixels), interpretation="srgb")
    image.set_type(pyvips.GValue.blob_type, "icc-profile-data", icc)
    return image.icc_transform("srgb", embedded=True, intent="relative").numpy()


def line_height(size: int) -> int:
    """Height in pixels of a line of text."""
    return round(LINE * size)


def draw_text(text: str, size: int, width: int) -> NDArray[np.uint8]:
    """Draws one line of text: ASCII in the font that Pillow brings, the same on every machine; else the system's fonts.

    Args:
        text: printable, one line.
        size: of the font, in pixels.
        width: the most pixels it may take; of a longer text the middle is left out.

    Returns:
        uint8, (`line_height`, at most `width`): how much ink covers every pixel, 0 to 255.
    """
    kept, drawn = len(text), _draw_line(text, size)
    while drawn.shape[1] > width and kept > 1:
        kept = max(min(kept - 1, int(kept * width / drawn.shape[1])), 1)
        drawn = _draw_line(_shortened(text, kept), size)
    return drawn[:, :width]


def _shortened(text: str, kept: int) -> str:
    """The beginning and the end of a text, `kept` characters in all."""
    return text[: kept - kept // 2] + ELLIPSIS + text[len(text) - kept // 2 :]


def _draw_line(text: str, size: int) -> NDArray[np.uint8]:
    if not text.isascii():
        return _by_pango(text, size)
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(size)
    image = Image.new("L", (max(1, round(font.getlength(text)) + 1), line_height(size)))
    ImageDraw.Draw(image).text((0, line_height(size) // 2), text, fill=255, font=font, anchor="lm")
    return np.asarray(image)


def _by_pango(text: str, size: int) -> NDArray[np.uint8]:
    """The text in the system's fonts, in the middle of the line; without fonts, boxes."""
    mask = pyvips.Image.text(html.escape(text, quote=False), font=f"sans {size}px", dpi=72).numpy()
    line = np.zeros((line_height(size), mask.shape[1]), np.uint8)
    mask = mask[: line.shape[0]]
    top = (line.shape[0] - mask.shape[0]) // 2
    line[top : top + mask.shape[0]] = mask
    return line
