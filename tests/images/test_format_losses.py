"""What a format cannot hold is named, and nothing else."""

import numpy as np
import pytest

from elansr.images import FORMATS, Picture, blank, encode, losses, read

RGBA = blank((4, 6), 4, deep=False)
DEEP = blank((4, 6), 3, deep=True)


@pytest.mark.parametrize("kind", FORMATS)
def test_nothing_is_lost_of_a_plain_picture_of_the_same_format(kind):
    assert losses(Picture((np.zeros((4, 6, 3), np.uint8),), format=kind), kind) == ()


@pytest.mark.parametrize(
    ("picture", "kind", "count"),
    [
        (Picture((RGBA,), exif=b"Exif\0\0", xmp=b"<x/>"), "png", 0),
        (Picture((RGBA,), exif=b"Exif\0\0", xmp=b"<x/>"), "bmp", 3),
        (Picture((RGBA,)), "jpeg", 1),
        (Picture((RGBA,)), "gif", 2),
        (Picture((DEEP,)), "tiff", 0),
        (Picture((DEEP,)), "webp", 1),
        (Picture((DEEP,)), "avif", 1),
        (Picture((DEEP,), format="avif"), "avif", 0),
        (Picture((RGBA, RGBA), format="gif", durations=(100, 50)), "webp", 0),
        (Picture((RGBA, RGBA), format="gif", durations=(100, 50)), "tiff", 1),
    ],
)
def test_what_is_lost_is_counted_by_kind(picture, kind, count):
    assert len(losses(picture, kind)) == count


@pytest.mark.parametrize("kind", ["jpeg", "png", "gif"])
@pytest.mark.parametrize(("behind", "count"), [(b"", 0), (bytes(100), 0), (b"another file", 1)])
def test_what_lies_behind_a_picture_is_named_unless_it_is_padding(kind, behind, count):
    assert len(read(encode(Picture((np.zeros((4, 6, 3), np.uint8),)), kind) + behind).notes) == count
