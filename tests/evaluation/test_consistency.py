"""Consistency against its definition, written out."""

import math

import numpy as np
import pytest

from elansr.errors import DataError
from elansr.evaluation.consistency import consistency
from elansr.images import downscale

RNG = np.random.default_rng(0)
SR = RNG.integers(0, 256, (24, 36, 3), np.uint8)


def test_sr_that_shrinks_to_lr_is_infinitely_consistent() -> None:
    assert consistency(SR, downscale(SR, 3), 3) == math.inf


def test_every_pixel_and_channel_counts_the_same() -> None:
    lr = downscale(SR, 2)
    assert lr.shape == (12, 18, 3)
    lr[0, 0, 2] ^= 8  # a corner, blue: neither border nor luma
    assert consistency(SR, lr, 2) == pytest.approx(10 * math.log10(255**2 * lr.size / 64))


def test_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(DataError):
        consistency(SR, SR, 2)
