"""What the browser is shown lies where it belongs: against `imresize`, and against the whole picture."""

from pathlib import Path

import numpy as np
import pytest

from elansr.images import Picture, imresize, read, write
from elansr.server.page import previews
from elansr.server.page.previews import CutOut

SMOOTH = imresize(np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8), 45, 60)


@pytest.mark.parametrize("size", [(120, 90), (180, 135), (240, 180), (70, 53), (20, 15)])
def test_the_input_is_enlarged_as_imresize_does(size: tuple[int, int]) -> None:
    width, height = size
    ours = previews.resized(SMOOTH, width, height).astype(int)
    inner = np.s_[8:-8, 8:-8] if width > 60 else np.s_[2:-2, 2:-2]
    assert np.abs(ours - imresize(SMOOTH, height, width))[inner].max() <= 3


def test_a_detail_is_a_part_of_the_comparison(tmp_path: Path) -> None:
    source, result = tmp_path / "source.png", tmp_path / "result.png"
    write(Picture((SMOOTH,)), source)
    write(Picture((imresize(SMOOTH, 180, 240),)), result)
    whole = previews.comparison(source, result, tmp_path, 10**6)
    before, after = (read(file).pixels.astype(int) for file in whole)
    box = previews.box_around((240, 180), 0.9, 0.5, 100, 80)
    assert box == CutOut(140, 50, 100, 80)
    place = tmp_path / "detail"
    place.mkdir()
    files = previews.detail(source, result, place, box, (240, 180), 10**6)
    for file, of in zip(files, (before, after), strict=True):
        assert np.abs(read(file).pixels - of[50:130, 140:240]).mean() < 2  # both were through JPEG


def test_what_can_be_seen_through_lies_on_a_chequered_ground() -> None:
    page = np.zeros((40, 40, 4), np.uint8)
    page[:, 20:] = (10, 20, 30, 255)
    seen = previews.resized(page, 40, 40)
    assert seen[0, 0].tolist() == [255, 255, 255]
    assert seen[0, 30].tolist() == [10, 20, 30]
    assert (seen[0, 17] == 225).all()


def test_a_large_result_is_shown_smaller() -> None:
    width, height = previews.shown_size((20_000, 10_000))
    assert width * height <= previews.SHOWN_PIXELS * 1.001
    assert width == 2 * height
    assert previews.shown_size((300, 200)) == (300, 200)
