"""Text in pictures: ASCII in the font that Pillow brings, the same on every machine; other scripts in the system's."""

import html

import numpy as np
import pyvips
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

LINE = 1.35
"""Height of a line, in font sizes."""
DOTS = "..."


def line_height(size: int) -> int:
    """Height in pixels of a line of text."""
    return round(LINE * size)


def lettering(text: str, size: int, width: int) -> NDArray[np.uint8]:
    """One line of text.

    Args:
        text: printable, one line.
        size: of the font, in pixels.
        width: the most pixels it may take; of a longer text the middle is left out.

    Returns:
        uint8, (`line_height`, at most `width`): how much ink covers every pixel, 0 to 255.
    """
    kept, drawn = len(text), _drawn(text, size)
    while drawn.shape[1] > width and kept > 1:
        kept = max(min(kept - 1, int(kept * width / drawn.shape[1])), 1)
        drawn = _drawn(_shortened(text, kept), size)
    return drawn[:, :width]


def _shortened(text: str, kept: int) -> str:
    """The beginning and the end of a text, `kept` characters in all."""
    return text[: kept - kept // 2] + DOTS + text[len(text) - kept // 2 :]


def _drawn(text: str, size: int) -> NDArray[np.uint8]:
    if not text.isascii():
        return _by_pango(text, size)
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
