"""Landmarks lie on corners, at every size, and look the same after rescaling."""

import numpy as np
import pytest

from elansr.training.check.landmarks import FEWEST, LENGTH, PIXELS_EACH, STEP, Landmarks, landmarks_of
from elansr.training.check.measures import luma
from tests.training.photos import city, resized


def test_the_strongest_landmark_of_a_square_is_a_corner() -> None:
    picture = np.full((120, 120), 50, np.float32)
    picture[40:80, 30:70] = 200
    found = landmarks_of(picture)
    finest = found.place[found.place[:, 2] == 1]
    corners = np.array([(39.5, 29.5), (39.5, 69.5), (79.5, 29.5), (79.5, 69.5)])
    assert len(finest) == 4
    for corner in corners:
        assert np.abs(finest[:, :2] - corner).max(1).min() <= 2


def test_levels_are_a_third_of_an_octave_apart_and_hold_a_limited_number() -> None:
    found = landmarks_of(luma(city()))
    sizes = np.unique(found.place[:, 2].round(3))
    np.testing.assert_allclose(sizes[1:] / sizes[:-1], STEP, rtol=0.03)
    assert len(sizes) == 8
    assert (found.place[:, 2] == 1).sum() <= FEWEST + 240 * 320 // PIXELS_EACH
    assert found.description.shape == (len(found.place), LENGTH)
    np.testing.assert_allclose(np.linalg.norm(found.description, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(found.description.mean(1), 0, atol=1e-6)


@pytest.mark.parametrize("factor", [0.5, 0.8, 1.6])
def test_a_rescaled_photo_has_the_same_landmarks_at_rescaled_places(factor: float) -> None:
    one, other = landmarks_of(luma(city())), landmarks_of(luma(resized(city(), factor)))
    likeness = other.description @ one.description.T
    match = likeness.argmax(1)
    sure = likeness.max(1) > 0.93
    assert sure.sum() >= 10
    expected = (one.place[match, :2] + 0.5) * factor - 0.5
    off = np.abs(other.place[:, :2] - expected).max(1) / other.place[:, 2]
    assert (off[sure] < 4).mean() > 0.8


def test_a_flat_and_a_small_picture_have_none() -> None:
    for picture in (np.full((200, 200), 128, np.float32), np.random.default_rng(0).random((39, 300), np.float32) * 255):
        assert landmarks_of(picture).description.shape == (0, LENGTH)
    assert Landmarks.joined([]).place.shape == (0, 3)
