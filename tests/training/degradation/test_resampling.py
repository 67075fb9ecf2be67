"""Resizing matrices against loops from the definitions, exact means and the 8-bit bicubic of the house."""

import math

import numpy as np
import pytest
import torch

from elansr.images import imresize
from elansr.training.degradation.ranges import ResizeKind
from elansr.training.degradation.resampling import resize, resize_matrix

KINDS: tuple[ResizeKind, ...] = ("area", "bilinear", "bicubic")
SIZES = [(40, 10), (40, 20), (36, 17), (10, 23), (7, 7), (3, 1), (1, 5), (29, 28)]


def triangle(x: float) -> float:
    return max(0.0, 1 - abs(x))


def keys(x: float) -> float:
    x = abs(x)
    if x < 1:
        return 1.5 * x**3 - 2.5 * x**2 + 1
    return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x < 2 else 0.0


@pytest.mark.parametrize(("size", "new"), SIZES)
def test_area_is_the_mean_over_the_footprint(size: int, new: int) -> None:
    """Every pixel repeated `new` times, then means of `size`: no fraction is left."""
    line = np.random.default_rng(0).random(size)
    expected = line.repeat(new).reshape(new, size).mean(1)
    np.testing.assert_allclose(resize_matrix(size, new, "area").numpy() @ line, expected, atol=1e-12)


@pytest.mark.parametrize(("size", "new"), SIZES)
@pytest.mark.parametrize(("kind", "kernel", "radius"), [("bilinear", triangle, 1), ("bicubic", keys, 2)])
def test_kernels_sample_by_sample(kind: ResizeKind, kernel, radius: int, size: int, new: int) -> None:
    line = np.random.default_rng(0).random(size)
    mirrored = np.concatenate([line, line[::-1]])
    stretch = max(size / new, 1.0)
    result = resize_matrix(size, new, kind).numpy() @ line
    for i in range(new):
        centre = (i + 0.5) * size / new - 0.5
        around = range(math.floor(centre - radius * stretch), math.ceil(centre + radius * stretch) + 1)
        weights = [kernel((j - centre) / stretch) for j in around]
        expected = sum(w * mirrored[j % (2 * size)] for w, j in zip(weights, around, strict=True)) / sum(weights)
        assert result[i] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("height", "width"), [(13, 40), (50, 9)])
def test_bicubic_is_that_of_the_house(height: int, width: int) -> None:
    picture = np.random.default_rng(0).random((26, 31, 3))
    ours = resize(torch.from_numpy(picture).permute(2, 0, 1)[None], height, width, "bicubic")[0].permute(1, 2, 0)
    np.testing.assert_allclose(ours.numpy(), imresize(picture, height, width), atol=1e-12)


@pytest.mark.parametrize(("size", "new"), SIZES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_flat_line_stays_flat_and_a_mirrored_one_mirrored(size: int, new: int, kind: ResizeKind) -> None:
    matrix = resize_matrix(size, new, kind)
    torch.testing.assert_close(matrix.sum(1), torch.ones(new, dtype=torch.float64))
    torch.testing.assert_close(matrix.flip(0, 1), matrix)
