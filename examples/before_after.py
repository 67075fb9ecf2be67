"""Shows what upscaling did: the input enlarged by bicubic on the left, the result on the right, a detail of both below.

elansr upscale photo.jpg -s 4 -o photo_x4.png
python before_after.py photo.jpg photo_x4.png before_after.png
"""

import argparse
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from elansr.images import Picture, imresize, read, write

Array: TypeAlias = NDArray[Any]

PANEL = 800  # widest panel, in pixels
ZOOM = 4  # of the detail: one pixel of the result becomes a square of 4 x 4
BAR = 4  # width of the white lines between the panels


def rgb(picture: Picture) -> Array:
    """The first page as uint8 (H, W, 3): 16 bits rounded to 8, grey as three equal channels, alpha on white."""
    pixels = picture.pages[0]
    values = pixels / np.iinfo(pixels.dtype).max
    if pixels.shape[2] in (2, 4):
        values = values[..., :-1] * values[..., -1:] + 1 - values[..., -1:]
    return np.round(255 * np.broadcast_to(values, (*values.shape[:2], 3))).astype(np.uint8)


def busiest(before: Array, after: Array, height: int, width: int) -> tuple[slice, slice]:
    """Rows and columns of the `height` x `width` pixels where the two pictures differ most."""
    difference = np.abs(before.astype(np.float32) - after).mean(axis=2)
    rows = range(0, after.shape[0] - height + 1, height)
    columns = range(0, after.shape[1] - width + 1, width)
    corners = [(difference[y : y + height, x : x + width].mean(), y, x) for y in rows for x in columns]
    _, y, x = max(corners)
    return slice(y, y + height), slice(x, x + width)


def panels(before: Array, after: Array) -> Array:
    """The whole picture twice and below it the detail twice; both inputs uint8 (H, W, 3), of one size."""
    height, width = after.shape[:2]
    shown = min(width, PANEL) // ZOOM * ZOOM or width
    scaled = max(1, round(height * shown / width))
    detail = busiest(before, after, min(height, max(1, shown // (2 * ZOOM))), max(1, shown // ZOOM))

    def column(picture: Array) -> Array:
        whole = imresize(picture, scaled, shown)
        zoomed = picture[detail].repeat(ZOOM, axis=0).repeat(ZOOM, axis=1)[:, :shown]
        return np.vstack([whole, np.full((BAR, shown, 3), 255, np.uint8), zoomed])

    left, right = column(before), column(after)
    return np.hstack([left, np.full((len(left), BAR, 3), 255, np.uint8), right])


def main() -> None:
    """Reads the command line and writes the comparison."""
    parser = argparse.ArgumentParser(description="Put a picture before and after upscaling side by side.")
    parser.add_argument("input", help="the picture before upscaling")
    parser.add_argument("output", help="the picture after upscaling")
    parser.add_argument("picture", help="the comparison to write, for instance before_after.png")
    arguments = parser.parse_args()
    result = read(arguments.output)
    after = rgb(result)
    before = imresize(rgb(read(arguments.input)), *after.shape[:2])
    write(Picture((panels(before, after),), icc=result.icc), arguments.picture, overwrite=True)


if __name__ == "__main__":
    main()
