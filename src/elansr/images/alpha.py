"""Fills transparent pixels with nearby colour, so that hidden colours do not bleed into edges when upscaled.

Colours, weighted by alpha, spread to their neighbours; what is still empty then comes from the same at half the
resolution, and so on: the push-pull pyramid of Gortler et al., "The Lumigraph", SIGGRAPH 1996. A picture in memory has
its pyramid there; one that is larger keeps the finer levels in files and is filled a few rows at a time, with the same
numbers.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from elansr.images.picture import Pixels, RollingRows
from elansr.images.samples import LARGEST, rounded, to_float

_STEPS = 4
"""How many pixels colour spreads at full resolution, and at each halving, before a coarser level fills the rest."""
_IN_MEMORY = 2**24
"""Bytes of a level that is held in memory, with all that are coarser."""
_BAND = 256
"""Rows that are worked on at a time; even."""
_AROUND = [(y, x) for y in (0, 1, 2) for x in (0, 1, 2) if (y, x) != (1, 1)]

Known = NDArray[np.float32]
"""(h, W, C + 1): colours times their weights, then the weights, 0 where no colour is known."""
Colours = Callable[[int, int], NDArray[np.float32]]
"""Rows `start` to `stop` (exclusive) of a level, (stop - start, W, C): a colour for every pixel."""


def fill_transparent(pixels: Pixels) -> Pixels:
    """Gives every wholly transparent pixel the colour of the visible pixels nearest to it.

    Args:
        pixels: uint8 or uint16, (H, W, 2) grey and alpha or (H, W, 4) RGB and alpha, not multiplied.

    Returns:
        The same shape and dtype. Alpha, and colour where alpha is above 0, are those given; a picture with nothing or
        everything transparent is returned as it is.
    """
    hidden = pixels[..., -1] == 0
    if not hidden.any() or hidden.all():
        return pixels
    filled = pixels.copy()
    filled[hidden, :-1] = rounded(_in_memory(_known(pixels))(0, len(pixels))[hidden], pixels.dtype)
    return filled


def not_multiplied(pixels: Pixels) -> Pixels:
    """Divides colours that were multiplied by their alpha by it; those under alpha 0 become 0.

    Args:
        pixels: uint8 or uint16, (H, W, C); without alpha it is returned as it is.
    """
    if pixels.shape[2] in (1, 3):
        return pixels
    largest = LARGEST[pixels.dtype.name]
    factors = np.divide(largest, pixels[..., -1:], where=pixels[..., -1:] > 0, out=np.zeros((*pixels.shape[:2], 1)))
    return np.concatenate([rounded(pixels[..., :-1] * factors, pixels.dtype), pixels[..., -1:]], axis=2)


def filled_rows(
    rows: Callable[[], Callable[[int, int], Pixels]],
    shape: tuple[int, int, int],
    folder: Path,
) -> Callable[[int, int], Pixels]:
    """Rows of what `fill_transparent` makes of a picture, of which some pixel is transparent and some is not.

    Args:
        rows: Starts a pass over the picture: (start, stop) -> (stop - start, W, C), from top to bottom.
        shape: (H, W, 2 or 4).
        folder: For the files of the pyramid.

    Returns:
        The same for the filled picture, without alpha: (stop - start, W, 1 or 3), from top to bottom.
    """
    first = rows()
    coarse = _coarser(lambda start, stop: _known(first(start, stop)), shape, folder, 1)
    again = rows()

    def filled(start: int, stop: int) -> Pixels:
        above, below = _reach(start, stop, shape[0])
        pixels = again(above, below)
        colour = _coloured(_grown(_known(pixels))[start - above : stop - above], coarse, start)
        pixels = pixels[start - above : stop - above]
        result, hidden = pixels[..., :-1].copy(), pixels[..., -1] == 0
        result[hidden] = rounded(colour[hidden], pixels.dtype)
        return result

    return RollingRows(filled)


def fill_levels_size(height: int, width: int, channels: int) -> int:
    """The most bytes that `filled_rows` writes for a picture of `channels`, alpha included."""
    return height * width * channels * 4 // 3 + 2**20


def _known(pixels: Pixels) -> Known:
    known = pixels.astype(np.float32)
    known[..., -1] = to_float(pixels[..., -1])
    known[..., :-1] *= known[..., -1:]
    return known


def _in_memory(known: Known) -> Colours:
    """The colours of a level that is held in memory, with all that are coarser."""
    grown = _grown(known)
    coarse = cache(lambda: _in_memory(_halved(grown)))
    return lambda start, stop: _coloured(grown[start:stop], lambda top, bottom: coarse()(top, bottom), start)


def _coarser(read: Callable[[int, int], Known], shape: tuple[int, int, int], folder: Path, number: int) -> Colours:
    """Makes the coarser levels of one that is read from top to bottom, and gives the colours of the next one."""
    height, width, channels = shape
    bands = (_halved(_grown_rows(read, top, min(top + _BAND, height), height)) for top in range(0, height, _BAND))
    rows, columns = -(-height // 2), -(-width // 2)
    if rows * columns * channels * 4 <= _IN_MEMORY:
        return _in_memory(np.concatenate(list(bands)))
    path = folder / f"fill-{number}.raw"
    with open(path, "wb") as file:
        for band in bands:
            file.write(band.tobytes())
    stored = _stored(path, columns, channels)
    coarse = _coarser(stored, (rows, columns, channels), folder, number + 1)
    return lambda start, stop: _coloured(_grown_rows(stored, start, stop, rows), coarse, start)


def _stored(path: Path, width: int, channels: int) -> Callable[[int, int], Known]:
    """Reads rows of a level from its file: mapped into memory, they would all count as this process's."""

    def read(start: int, stop: int) -> Known:
        row = width * channels
        values = np.fromfile(path, np.float32, (stop - start) * row, offset=start * row * 4)
        return values.reshape(stop - start, width, channels)

    return read


def _coloured(grown: Known, coarse: Colours, start: int) -> NDArray[np.float32]:
    """A colour for every pixel of some rows, from `start` on; what is empty takes it from the coarser level."""
    weight = grown[..., -1:]
    colour = np.divide(grown[..., :-1], np.where(weight > 0, weight, 1), dtype=np.float32)
    if not weight.all():
        height, width = grown.shape[:2]
        finer = coarse(start // 2, -(-(start + height) // 2)).repeat(2, axis=0).repeat(2, axis=1)
        np.copyto(colour, finer[start % 2 :][:height, :width], where=weight == 0)
    return colour


def _reach(start: int, stop: int, height: int) -> tuple[int, int]:
    """The rows from which colour may grow into rows `start` to `stop`."""
    return max(start - _STEPS, 0), min(stop + _STEPS, height)


def _grown_rows(read: Callable[[int, int], Known], start: int, stop: int, height: int) -> Known:
    above, below = _reach(start, stop, height)
    return _grown(read(above, below))[start - above : stop - above]


def _grown(known: Known) -> Known:
    """Spreads colours `_STEPS` pixels far: an empty pixel takes the mean of the eight around it, if one is known."""
    height, width = known.shape[:2]
    framed = np.pad(known, ((1, 1), (1, 1), (0, 0)))
    for _ in range(_STEPS):
        filled = framed[..., -1] > 0
        touched = np.zeros((height, width), dtype=bool)
        for y, x in _AROUND:
            touched |= filled[y : y + height, x : x + width]
        rows, columns = np.nonzero(touched & ~filled[1:-1, 1:-1])
        total = np.zeros((len(rows), framed.shape[2]), dtype=np.float32)
        for y, x in _AROUND:
            total += framed[rows + y, columns + x]
        framed[rows + 1, columns + 1] = total / np.float32(len(_AROUND))
    return framed[1:-1, 1:-1]


def _halved(known: Known) -> Known:
    """Means of 2 x 2 pixels, empty ones beyond the edge: (H, W, C + 1) -> (ceil(H / 2), ceil(W / 2), C + 1)."""
    even = np.pad(known, ((0, known.shape[0] % 2), (0, known.shape[1] % 2), (0, 0)))
    return (even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / np.float32(4)
