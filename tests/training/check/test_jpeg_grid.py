"""JPEG's grid: on photos through Pillow's JPEG, and the votes against a loop over SciPy's DCT."""

import math

import numpy as np
import pytest
from scipy.fft import dctn
from scipy.special import logsumexp
from scipy.stats import binom

from elansr.training.check.jpeg_grid import WINDOW, _evidence, _votes, _zeros, jpeg_grid
from elansr.training.check.picture_faults import grey
from tests.training.photos import city, otter, resized, through_jpeg


@pytest.mark.parametrize("quality", [30, 50, 75, 90, 95])
@pytest.mark.parametrize("subsampling", [0, 2])
@pytest.mark.parametrize(("left", "top"), [(0, 0), (3, 5)])
def test_a_jpeg_in_a_lossless_file_is_found_with_its_corner_and_quality(
    quality: int, subsampling: int, left: int, top: int
) -> None:
    grid = jpeg_grid(grey(through_jpeg(city(), quality, subsampling)[top:, left:]))
    assert grid is not None
    assert grid.found
    assert grid.origin == (-left % 8, -top % 8)
    assert grid.quality == pytest.approx(quality, abs=1)


def test_the_otter_is_a_jpeg_and_the_city_none() -> None:
    found, none = jpeg_grid(grey(otter())), jpeg_grid(grey(city()))
    assert (found.found, found.origin, found.quality) == (True, (0, 0), 95)
    assert (none.found, none.quality) == (False, None)


def test_resizing_takes_the_grid_away() -> None:
    """What no measure of this kind can find."""
    assert not jpeg_grid(grey(resized(through_jpeg(city(), 60), 0.7))).found


def test_no_grid_where_there_is_nothing() -> None:
    assert not jpeg_grid(np.full((100, 100), 128, np.float32)).found
    assert not jpeg_grid(np.random.default_rng(0).integers(0, 256, (100, 100)).astype(np.float32)).found
    assert jpeg_grid(np.zeros((15, 40), np.float32)) is None


def test_a_large_picture_is_looked_at_where_there_is_most_to_see() -> None:
    """And the corner of the grid is still that of the whole picture."""
    canvas = np.full((2 * WINDOW + 30, WINDOW + 50), 90, np.float32)
    busy = grey(through_jpeg(np.tile(city(), (2, 1, 1))[:WINDOW], 70))
    canvas[WINDOW + 27 : WINDOW + 27 + len(busy), 61 : 61 + busy.shape[1]] = busy
    grid = jpeg_grid(canvas)
    assert grid.found
    assert grid.origin == (61 % 8, (WINDOW + 27) % 8)


def test_votes_pixel_by_pixel() -> None:
    picture = grey(through_jpeg(city(), 80))[40:66, 50:79]
    height, width = picture.shape
    zeros = {
        (y, x): int((np.abs(dctn(picture[y : y + 8, x : x + 8], norm="ortho")) < 0.5).sum())
        for y in range(height - 7)
        for x in range(width - 7)
    }
    assert {(y, x): int(n) for (y, x), n in np.ndenumerate(_zeros(picture))} == zeros
    expected = [0] * 64
    for y in range(7, height - 7):
        for x in range(7, width - 7):
            around = [(zeros[v, u], v % 8 * 8 + u % 8) for v in range(y - 7, y + 1) for u in range(x - 7, x + 1)]
            most = max(n for n, _ in around)
            origins = [origin for n, origin in around if n == most]
            if len(origins) == 1:
                expected[origins[0]] += 1
    votes, voters = _votes(_zeros(picture))
    assert votes.tolist() == expected
    assert voters == sum(expected)


@pytest.mark.parametrize(("votes", "voters"), [(64 * 40, 64 * 500), (64 * 300, 64 * 500), (64 * 500, 64 * 500)])
def test_evidence_never_exceeds_the_exact_improbability(votes: int, voters: int) -> None:
    """Chernoff's bound is above the tail of the binomial, and near it on a log scale."""
    tail = logsumexp(binom.logpmf(np.arange(votes // 64, voters // 64 + 1), voters // 64, 1 / 64))
    exact = -math.log10(64) - tail / math.log(10)
    assert exact - 3 <= _evidence(votes, voters) <= exact + 1e-6


def test_fewer_votes_than_by_chance_are_no_evidence() -> None:
    assert _evidence(10, 6400) < 0
    assert _evidence(0, 0) < 0
