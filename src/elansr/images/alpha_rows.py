"""`fill_transparent` for pictures larger than memory: the same numbers, a few rows at a time.

The push-pull pyramid is built once, level by level, in files; colours are then pulled from it for the rows that are
asked for. Growing colour reaches `STEPS` rows up and down, so that many are read around them at each level.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elansr.images.alpha import STEPS, grow, halved, spread
from elansr.images.picture import Pixels, Rolling

_IN_MEMORY = 2**24
"""Bytes of a level that is held in memory, with all that are coarser."""
_BAND = 256
"""Rows that are worked on at a time; even."""

Known = NDArray[np.float32]
"""(h, W, C + 1): colours times their weights, then the weights, 0 where no colour is known; see `alpha`."""


def fill_levels_size(height: int, width: int, channels: int) -> int:
    """The most bytes that `filled_rows` writes for a picture of `channels`, alpha included."""
    return height * width * channels * 4 // 3 + 2**20


def filled_rows(
    rows: Callable[[], Callable[[int, int], Pixels]],
    shape: tuple[int, int, int],
    dtype: np.dtype[Any],
    folder: Path,
) -> Callable[[int, int], Pixels]:
    """Rows of what `fill_transparent` makes of a picture, of which some pixel is transparent and some is not.

    Args:
        rows: starts a pass over the picture: (start, stop) -> (stop - start, W, C), from top to bottom.
        shape: (H, W, 2 or 4).
        dtype: uint8 or uint16.
        folder: for the files of the pyramid.

    Returns:
        The same for the filled picture, without alpha: (stop - start, W, 1 or 3), from top to bottom.
    """
    height, width, channels = shape
    white = np.iinfo(dtype).max

    def known(pixels: Pixels) -> Known:
        result = pixels.astype(np.float32)
        result[..., -1] /= white
        result[..., :-1] *= result[..., -1:]
        return result

    first = rows()
    finest = _Level(lambda start, stop: known(first(start, stop)), height, width, channels)
    finest.build(folder, 1)
    again = rows()
    finest.read = lambda start, stop: known(again(start, stop))

    def filled(start: int, stop: int) -> Pixels:
        colour = finest.colour(start, stop)
        pixels = again(*finest.around(start, stop))[start - finest.around(start, stop)[0] :][: stop - start]
        result = pixels[..., :-1].copy()
        hidden = pixels[..., -1] == 0
        result[hidden] = np.rint(colour[hidden])
        return result

    return Rolling(filled)


class _Level:
    """One level of the pyramid: its rows, and the levels that are coarser.

    Args:
        read: gives rows of what is known, from top to bottom.
        height, width, channels: of the level, weights included.
    """

    def __init__(self, read: Callable[[int, int], Known], height: int, width: int, channels: int) -> None:
        self.read, self.height, self.width, self.channels = read, height, width, channels
        self._coarse: Callable[[int, int], Known]

    def build(self, folder: Path, number: int) -> None:
        """Makes the coarser levels: the next one from all rows of this one, and so on."""
        height, width = -(-self.height // 2), -(-self.width // 2)
        bands = (self._halved(top) for top in range(0, self.height, _BAND))
        if height * width * self.channels * 4 <= _IN_MEMORY:
            colours = spread(np.concatenate(list(bands)))
            self._coarse = lambda start, stop: colours[start:stop]
            return
        path = folder / f"fill-{number}.raw"
        with open(path, "wb") as file:
            for band in bands:
                file.write(band.tobytes())
        level = _Level(_stored(path, width, self.channels), height, width, self.channels)
        level.build(folder, number + 1)
        self._coarse = level.colour

    def around(self, start: int, stop: int) -> tuple[int, int]:
        """The rows from which colour may grow into rows `start` to `stop`."""
        return max(start - STEPS, 0), min(stop + STEPS, self.height)

    def colour(self, start: int, stop: int) -> Known:
        """(stop - start, W, C): a colour for every pixel of these rows."""
        grown = self._grown(start, stop)
        weight = grown[..., -1:]
        colour = np.divide(grown[..., :-1], np.where(weight > 0, weight, 1), dtype=np.float32)
        if not weight.all():
            coarse = self._coarse(start // 2, -(-stop // 2)).repeat(2, axis=0).repeat(2, axis=1)
            np.copyto(colour, coarse[start % 2 :][: stop - start, : self.width], where=weight == 0)
        return colour

    def _halved(self, top: int) -> Known:
        return halved(self._grown(top, min(top + _BAND, self.height)))

    def _grown(self, start: int, stop: int) -> Known:
        above, below = self.around(start, stop)
        framed = np.pad(self.read(above, below), ((1, 1), (1, 1), (0, 0)))
        for _ in range(STEPS):
            grow(framed)
        return framed[1 + start - above : 1 + stop - above, 1:-1]


def _stored(path: Path, width: int, channels: int) -> Callable[[int, int], Known]:
    """Reads rows of a level from its file: mapped into memory, they would all count as this process's."""

    def read(start: int, stop: int) -> Known:
        row = width * channels
        values = np.fromfile(path, np.float32, (stop - start) * row, offset=start * row * 4)
        return values.reshape(stop - start, width, channels)

    return read
