"""Keeps flat areas exactly flat, and tiles without colour colourless.

A network is off by a fraction of a level on white paper and tints grey a little. Both answers are known beforehand, so
they are put in place of the network's, and a tile of one colour does not pass the network at all.

Around letters, where paper is not flat, its answer rings by some levels. But a pixel that is pure white stands for
`scale` by `scale` pixels none of which is whiter: an answer that is nearly white there is white, and so for black.
"""

import numpy as np
from numpy.typing import NDArray

from elansr.upscaling.tiling import Network, Samples

REACH = 2
"""A pixel is flat if all pixels up to this distance equal it: what bicubic interpolation reads (4x4) lies within."""

NEARLY = 8 / 255
"""How far from white or black an answer is taken for it; up to twice as far it moves there gradually, for no step."""


class ExactTones:
    """A network whose flat areas, clear whites and blacks, and neutral tiles are exact.

    Args:
        network: see `Network`.
        scale: its super-resolution factor.
    """

    def __init__(self, network: Network, scale: int) -> None:
        self._network, self._scale = network, scale

    def __call__(self, tile: Samples) -> Samples:
        """See `Network`."""
        pictures = tile.reshape(-1, 3, *tile.shape[-2:])
        flat = [flat_pixels(picture) for picture in pictures]
        enlarged = [self._enlarge(picture) for picture in pictures] if any(map(np.any, flat)) else []
        if all(map(np.all, flat)):
            return np.concatenate(enlarged)[None]
        result = self._network(tile)
        for i, picture in enumerate(pictures):
            colours = result[0, 3 * i : 3 * i + 3]
            if np.array_equal(picture[0], picture[1]) and np.array_equal(picture[0], picture[2]):
                colours[:] = colours.mean(axis=0)
            self._clear(picture, flat[i], colours)
            if flat[i].any():
                np.copyto(colours, enlarged[i], where=self._enlarge(flat[i]))
        return result

    def _clear(self, picture: Samples, flat: NDArray[np.bool_], colours: Samples) -> None:
        """Clears, in place, what is nearly white where the picture (3, h, w) is white, and nearly black likewise."""
        scale, (_, height, width) = self._scale, picture.shape
        blocks = colours.reshape(3, height, scale, width, scale)
        for tone in (0.0, 1.0):
            pure = (picture == tone).all(axis=0)
            rows, columns = np.nonzero(pure & ~flat)
            if not len(rows):
                continue
            inside = self._inside(pure, rows, columns)
            answers = blocks[:, rows, :, columns]
            share = inside[:, None] * _share(np.abs(answers - tone))
            blocks[:, rows, :, columns] = answers + (tone - answers) * share

    def _inside(self, pure: NDArray[np.bool_], rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Samples:
        """For some pure pixels, how far inside the pure area their `scale` by `scale` pixels lie: (n, scale, scale).

        0 on its edge and 1 from a sixth of a pixel on, by linear interpolation: no step lies on the grid of pixels.
        """
        around = np.pad(pure, 1, constant_values=True)
        near = np.stack([around[rows + y, columns + x] for y in range(3) for x in range(3)], axis=-1)
        offset = (np.arange(self._scale) + 0.5) / self._scale - 0.5
        weights = np.stack([np.maximum(-offset, 0), 1 - np.abs(offset), np.maximum(offset, 0)], axis=1)
        linear = np.einsum("pi,nij,qj->npq", weights, near.reshape(-1, 3, 3), weights, optimize=True)
        return np.clip(6 * linear - 3, 0, 1).astype(np.float32)

    def _enlarge(self, x: NDArray[np.generic]) -> NDArray[np.generic]:
        """Every pixel repeated to `scale` by `scale`."""
        return x.repeat(self._scale, axis=-2).repeat(self._scale, axis=-1)


def flat_pixels(picture: Samples) -> NDArray[np.bool_]:
    """Which pixels of (C, h, w) are equal to all others up to `REACH` away; beyond the border all are: bool (h, w)."""
    across = _runs((picture[:, :, 1:] == picture[:, :, :-1]).all(axis=0), 1)
    if not across.any():
        return across
    down = _runs((picture[:, 1:] == picture[:, :-1]).all(axis=0), 0)
    around = np.pad(across, ((REACH, REACH), (0, 0)), constant_values=True)
    height = len(across)
    for row in range(2 * REACH + 1):
        down &= around[row : row + height]
    return down


def _runs(equal: NDArray[np.bool_], axis: int) -> NDArray[np.bool_]:
    """Which pixels have `REACH` equal steps on both sides along an axis; `equal` has one pixel less there."""
    size = equal.shape[axis] + 1
    pad = [(0, 0), (0, 0)]
    pad[axis] = (REACH, REACH)
    steps = np.pad(equal, pad, constant_values=True)
    return np.logical_and.reduce([steps.take(range(i, i + size), axis=axis) for i in range(2 * REACH)])


def _share(away: Samples) -> Samples:
    """How much of the way to white or black is gone: all of it up to `NEARLY`, none from twice that on."""
    return np.minimum(1, np.maximum(0, 2 * NEARLY - away) / np.maximum(away, NEARLY), dtype=np.float32)
