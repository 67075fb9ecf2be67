"""Which windows are shown: against plain loops, and with differences planted by hand."""

import itertools

import numpy as np
import pytest
from skimage.color import rgb2ycbcr

from elansr.errors import ConfigError
from elansr.evaluation import crops
from elansr.evaluation.crops import CropBox, most_different

RNG = np.random.default_rng(3)


def noise(height: int, width: int) -> np.ndarray:
    return RNG.integers(0, 256, (height, width, 3), np.uint8)


def block_score(a: np.ndarray, b: np.ndarray, gradients: tuple[np.ndarray, np.ndarray]) -> float:
    """Variance between two lumas times the coherence of the structure tensor, pixel by pixel."""
    tensor, spread = np.zeros((2, 2)), 0.0
    for y, x in np.ndindex(a.shape):
        g = np.array([gradients[0][y, x], gradients[1][y, x]])
        tensor += np.outer(g, g)
        spread += ((a[y, x] - b[y, x]) / 2) ** 2
    small, large = np.linalg.eigvalsh(tensor)
    return spread * ((large - small) / (large + small + 4.0 * a.size)) ** 2


def test_the_best_window_is_the_one_that_loops_find() -> None:
    sr, hr = noise(56, 72), noise(56, 72)
    a, b = rgb2ycbcr(sr)[..., 0], rgb2ycbcr(hr)[..., 0]
    gradients = np.gradient(b)
    scores = np.zeros((7, 9))
    for row, column in np.ndindex(scores.shape):
        block = slice(8 * row, 8 * row + 8), slice(8 * column, 8 * column + 8)
        scores[row, column] = block_score(a[block], b[block], (gradients[0][block], gradients[1][block]))
    windows = {(r, c): scores[r : r + 3, c : c + 3].sum() for r, c in itertools.product(range(5), range(7))}
    row, column = max(windows, key=lambda place: windows[place])
    assert most_different([sr, hr], hr, 24) == [CropBox(8 * column, 8 * row, 24, 24)]


def test_a_lost_line_counts_before_louder_noise() -> None:
    hr = np.full((96, 128, 3), 120, np.uint8)
    hr[8:40, 20] = 200
    hr[56:88, 80:112] = 80 + noise(32, 32) // 3
    sr = hr.copy()
    sr[8:40, 20] = 120
    sr[56:88, 80:112] = 80 + noise(32, 32) // 3
    errors = ((sr.astype(float) - hr) ** 2).sum(axis=2)
    assert errors[56:88, 80:112].sum() > 4 * errors[8:40, :40].sum()
    (box,) = most_different([sr, hr], hr, 32)
    assert (box.x <= 20 < box.x + box.width, box.y) == (True, 8)


def test_several_windows_do_not_touch_and_a_border_is_left_out() -> None:
    boxes = most_different([noise(90, 130), noise(90, 130), noise(90, 130)], noise(90, 130), 24, count=4, border=5)
    assert len(boxes) == 4
    for box in boxes:
        assert min(box.x, box.y) >= 5
        assert (box.x + box.width <= 125, box.y + box.height <= 85) == (True, True)
    for a, b in itertools.combinations(boxes, 2):
        assert abs(a.x - b.x) > 24 or abs(a.y - b.y) > 24


def test_equal_pictures_show_their_middle() -> None:
    picture = noise(50, 70)
    assert most_different([picture, picture], picture, 20, count=3) == [CropBox(25, 15, 20, 20)]


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 40), (3, 50), (9, 7), (20, 300)])
def test_small_pictures_have_a_window_too(height: int, width: int) -> None:
    a, b = noise(height, width), noise(height, width)
    for box in most_different([a, b], b, 96, count=2, border=4):
        box.require_inside(width, height)
        assert box.width >= 1


def test_a_large_picture_is_judged_in_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    a = np.full((200, 64, 3), 90, np.uint8)
    b = a.copy()
    b[170:190, 30:] = 160
    monkeypatch.setattr(crops, "STRIP", 32)
    (box,) = most_different([a, b], b, 32)
    assert 150 <= box.y <= 170


def test_a_box_is_written_as_it_is_read_and_cuts_what_it_says() -> None:
    box = CropBox.parse("3, 4,5,6")
    assert str(box) == "3,4,5,6"
    picture = noise(20, 20)
    np.testing.assert_array_equal(box.of(picture), picture[4:10, 3:8])


@pytest.mark.parametrize("text", ["", "1,2,3", "1,2,3,4,5", "a,2,3,4", "-1,2,3,4", "1,2,0,4", "1,2,3,-4", "1.5,2,3,4"])
def test_what_is_no_box_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=f"crop {text!r}"):
        CropBox.parse(text)


@pytest.mark.parametrize("box", [CropBox(5, 0, 6, 5), CropBox(0, 6, 5, 5)])
def test_a_box_beyond_the_picture_is_refused(box: CropBox) -> None:
    CropBox(5, 5, 5, 5).require_inside(10, 10)
    with pytest.raises(ConfigError, match=f"crop {box}: .*10x10"):
        box.require_inside(10, 10)
