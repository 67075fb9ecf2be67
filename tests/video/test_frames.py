"""Turning pixels, against the definition of a display matrix."""

from itertools import product

import numpy as np
import pytest

from elansr.video.frames import Orientation, orientation_of

ONE = 1 << 16


@pytest.mark.parametrize(("swaps", "x", "y"), list(product([False, True], [ONE, -ONE], [ONE, -ONE])))
def test_every_pixel_goes_where_the_matrix_says(swaps: bool, x: int, y: int) -> None:
    """x' = m0 x + m3 y, y' = m1 x + m4 y; then moved so that the smallest is 0."""
    matrix = (0, y, 0, x, 0, 0, 0, 0, 1 << 30) if swaps else (x, 0, 0, 0, y, 0, 0, 0, 1 << 30)
    pixels = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    places = {}
    for row, column in product(range(2), range(3)):
        to = matrix[0] * column + matrix[3] * row, matrix[1] * column + matrix[4] * row
        places[to[0] // ONE, to[1] // ONE] = pixels[row, column]
    left, top = min(place[0] for place in places), min(place[1] for place in places)
    turned = orientation_of(matrix)(pixels)
    assert turned.shape[:2] == ((3, 2) if swaps else (2, 3))
    assert orientation_of(matrix).size(3, 2) == turned.shape[1::-1]
    for (across, down), value in places.items():
        assert np.array_equal(turned[down - top, across - left], value)


def test_no_turn_is_the_default() -> None:
    assert orientation_of((ONE, 0, 0, 0, ONE, 0, 0, 0, 1 << 30)) == Orientation()
