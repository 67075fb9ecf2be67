"""Filling of transparent pixels, against closed forms and a search for the nearest visible pixel."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from elansr.images import Pixels, RollingRows, alpha, fill_transparent, filled_rows

RNG = np.random.default_rng(1)

KINDS = [(np.uint8, 255), (np.uint16, 65535)]


@pytest.mark.parametrize(("dtype", "top"), KINDS)
@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize("shape", [(1, 1), (1, 37), (37, 1), (33, 50), (64, 64)])
def test_one_visible_colour_goes_everywhere(shape, channels, dtype, top):
    pixels = np.random.default_rng(0).integers(0, top, (*shape, channels)).astype(dtype)
    pixels[..., -1] = 0
    pixels[shape[0] // 3, shape[1] // 2] = [top // (3 + i) for i in range(channels - 1)] + [top]
    filled = fill_transparent(pixels)
    assert filled.dtype == dtype
    for channel in range(channels - 1):
        assert (filled[..., channel] == top // (3 + channel)).all()
    assert (filled[..., -1] == pixels[..., -1]).all()


@given(
    arrays(
        np.uint8,
        st.tuples(st.integers(1, 20), st.integers(1, 20), st.sampled_from([2, 4])),
        elements=st.sampled_from([0, 1, 9, 128, 255]),
    )
)
def test_visible_pixels_and_alpha_stay_and_colours_are_not_invented(pixels):
    before = pixels.copy()
    filled = fill_transparent(pixels)
    visible = pixels[..., -1] > 0
    assert (pixels == before).all()
    assert filled.shape == pixels.shape
    assert filled.dtype == pixels.dtype
    assert (filled[visible] == pixels[visible]).all()
    assert (filled[..., -1] == pixels[..., -1]).all()
    if visible.any():
        for channel in range(pixels.shape[2] - 1):
            seen = pixels[..., channel][visible]
            assert filled[..., channel].min() >= seen.min()
            assert filled[..., channel].max() <= seen.max()


@pytest.mark.parametrize("alpha", [0, 255])
def test_nothing_or_everything_transparent_stays(alpha):
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 4)).astype(np.uint8)
    pixels[..., 3] = alpha
    assert (fill_transparent(pixels) == pixels).all()


def test_the_nearer_colour_wins_near_an_edge():
    """Between a red and a blue object every hidden pixel near one of them takes its colour."""
    pixels = np.zeros((40, 64, 4), np.uint8)
    pixels[:, :8] = (255, 0, 0, 255)
    pixels[:, -9:] = (0, 0, 255, 255)
    filled = fill_transparent(pixels)
    assert (filled[:, 8:12, :3] == (255, 0, 0)).all()
    assert (filled[:, -13:-9, :3] == (0, 0, 255)).all()
    assert (np.diff(filled[20, :, 0].astype(int)) <= 0).all()


def test_hidden_neighbours_take_the_mean_of_what_touches_them():
    """The closed form for a pixel beside a random edge: the mean of the visible pixels among its eight neighbours."""
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 256, (9, 9, 4)).astype(np.uint8)
    pixels[..., 3] = 255
    pixels[4, 4, 3] = 0
    around = np.delete(pixels[3:6, 3:6, :3].reshape(9, 3).astype(float), 4, axis=0)
    assert np.abs(fill_transparent(pixels)[4, 4, :3] - around.mean(axis=0)).max() <= 0.51


def test_weight_is_alpha():
    """A nearly transparent neighbour has hardly a say."""
    pixels = np.array([[[0, 0, 200, 1], [77, 77, 77, 0], [200, 0, 0, 255]]], np.uint8)
    assert np.abs(fill_transparent(pixels)[0, 1, :3].astype(int) - (199, 0, 1)).max() <= 1


def test_a_megapixel_is_fast():
    y, x = np.mgrid[:1000, :1000]
    pixels = np.random.default_rng(0).integers(0, 256, (1000, 1000, 4)).astype(np.uint8)
    pixels[..., 3] = ((x - 500) ** 2 + (y - 500) ** 2 < 300**2) * 255
    start = time.process_time()
    fill_transparent(pixels)
    assert time.process_time() - start < 1.0  # 0.15 s on a desktop core; the slack is for busy machines


# --- a few rows at a time ---


def holes(height: int, width: int, channels: int, dtype: type) -> Pixels:
    """A picture with holes of all sizes, one of them half of it."""
    picture = RNG.integers(0, np.iinfo(dtype).max, (height, width, channels), dtype, endpoint=True)
    picture[..., -1][RNG.random((height, width)) < 0.3] = 0
    picture[height // 5 : height * 3 // 4, width // 7 :, -1] = 0
    return picture


@pytest.mark.parametrize("held", [0, 2**24])
@pytest.mark.parametrize(
    ("size", "channels", "dtype"), [((150, 131), 4, np.uint8), ((101, 64), 2, np.uint16), ((1, 9), 4, np.uint8)]
)
def test_transparent_pixels_are_filled_as_in_the_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held: int, size: tuple[int, int], channels: int, dtype: type
) -> None:
    """With all levels of the pyramid but one pixel in files, and with all in memory."""
    monkeypatch.setattr(alpha, "_IN_MEMORY", max(held, 64))
    monkeypatch.setattr(alpha, "_BAND", 32)
    picture = holes(*size, channels, dtype)
    picture[0, 0, -1] = 9

    def start() -> Callable[[int, int], Pixels]:
        return RollingRows(lambda first, stop: picture[first:stop])

    rows = filled_rows(start, picture.shape, tmp_path)  # type: ignore[arg-type]
    bands = [rows(top, min(top + 40, size[0])) for top in range(0, size[0], 40)]
    assert np.array_equal(np.concatenate(bands), fill_transparent(picture)[..., :-1])
    assert bool(list(tmp_path.iterdir())) == (held == 0)
