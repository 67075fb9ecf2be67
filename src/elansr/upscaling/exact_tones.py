"""What needs no network: flat areas stay exactly flat, and a tile without colour comes out without colour.

A network is off by a fraction of a level on white paper and tints grey a little. Both answers are known beforehand, so
they are put in place of the network's, and a tile of one colour does not pass the network at all.
"""

import numpy as np
from numpy.typing import NDArray

from elansr.upscaling.tiling import Network, Samples

REACH = 2
"""A pixel is flat if all pixels up to this distance equal it: what bicubic interpolation reads (4x4) lies within."""


class ExactTones:
    """A network whose flat areas and neutral tiles are exact.

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
            if flat[i].any():
                np.copyto(colours, enlarged[i], where=self._enlarge(flat[i]))
        return result

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
