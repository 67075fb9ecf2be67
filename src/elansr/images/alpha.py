"""Colour for transparent pixels, so that what lies hidden under them does not bleed into the edges when upscaled."""

import numpy as np
from numpy.typing import NDArray

from elansr.images.picture import Pixels

STEPS = 4
"""How many pixels colour spreads at full resolution, and at each halving, before a coarser level fills the rest."""

_AROUND = [(y, x) for y in (0, 1, 2) for x in (0, 1, 2) if (y, x) != (1, 1)]


def fill_transparent(pixels: Pixels) -> Pixels:
    """Gives every wholly transparent pixel the colour of the visible pixels nearest to it.

    Colours, weighted by alpha, are spread to their neighbours; what is still empty then comes from the same at half
    the resolution, and so on: the push-pull pyramid of Gortler et al., "The Lumigraph", SIGGRAPH 1996.

    Args:
        pixels: uint8 or uint16, (H, W, 2) grey and alpha or (H, W, 4) RGB and alpha, not multiplied.

    Returns:
        The same shape and dtype. Alpha, and colour where alpha is above 0, are those given; a picture with nothing or
        everything transparent is returned as it is.
    """
    hidden = pixels[..., -1] == 0
    if not hidden.any() or hidden.all():
        return pixels
    known = pixels.astype(np.float32)
    known[..., -1] /= np.iinfo(pixels.dtype).max
    known[..., :-1] *= known[..., -1:]
    filled = pixels.copy()
    filled[hidden, :-1] = np.rint(spread(known)[hidden])
    return filled


def spread(known: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns a colour for every pixel of a level.

    Args:
        known: float32, (H, W, C + 1), the colour times its weight, then the weight, 0 where no colour is known.

    Returns:
        float32, (H, W, C), the colour.
    """
    height, width = known.shape[:2]
    framed = np.pad(known, ((1, 1), (1, 1), (0, 0)))
    for _ in range(STEPS):
        grow(framed)
    known = framed[1:-1, 1:-1]
    weight = known[..., -1:]
    colour = np.divide(known[..., :-1], np.where(weight > 0, weight, 1), dtype=np.float32)
    if weight.all():
        return colour
    coarse = spread(halved(known)).repeat(2, axis=0).repeat(2, axis=1)
    np.copyto(colour, coarse[:height, :width], where=weight == 0)
    return colour


def grow(framed: NDArray[np.float32]) -> None:
    """Fills, in place, the empty pixels that touch a known one with the mean of the eight around them.

    Args:
        framed: (H + 2, W + 2, C + 1), with an empty frame that stays empty.
    """
    height, width = framed.shape[0] - 2, framed.shape[1] - 2
    known = framed[..., -1] > 0
    touched = np.zeros((height, width), dtype=bool)
    for y, x in _AROUND:
        touched |= known[y : y + height, x : x + width]
    rows, columns = np.nonzero(touched & ~known[1:-1, 1:-1])
    total = np.zeros((len(rows), framed.shape[2]), dtype=np.float32)
    for y, x in _AROUND:
        total += framed[rows + y, columns + x]
    framed[rows + 1, columns + 1] = total / np.float32(len(_AROUND))


def halved(known: NDArray[np.float32]) -> NDArray[np.float32]:
    """Means of 2 x 2 pixels, empty ones beyond the edge: (H, W, C + 1) -> (ceil(H / 2), ceil(W / 2), C + 1)."""
    even = np.pad(known, ((0, known.shape[0] % 2), (0, known.shape[1] % 2), (0, 0)))
    return (even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / np.float32(4)
