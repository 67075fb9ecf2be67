"""The grades that the thresholds of `-n auto` were measured on."""

import numpy as np

from tools.graded import GRADES, blur, noise


def test_noise_and_blur_do_what_their_names_say() -> None:
    grey = np.full((64, 64, 3), 128, np.uint8)
    rng = np.random.default_rng(0)
    assert abs(noise(6)(grey, rng).std() - 6) < 0.3
    edge = np.zeros((64, 64, 3), np.uint8)
    edge[:, 32:] = 255
    profile = blur(2)(edge, rng)[32, :, 0].astype(float)
    assert np.sum(np.diff(profile) > 1) > 6
    assert next(iter(GRADES)) == "as it is"
