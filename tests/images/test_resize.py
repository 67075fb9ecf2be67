"""Bicubic resizing against MATLAB's published files, closed forms and a loop written from the definition."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from elansr.images import crop_to_multiple, downscale, imresize, read


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_equals_the_published_matlab_files_in_every_pixel(data_dir: Path, scale: int) -> None:
    folder = data_dir / "benchmark" / "Set5"
    for hr_path in sorted((folder / "HR").glob("*.png")):
        published = read(folder / "LR_bicubic" / f"X{scale}" / f"{hr_path.stem}x{scale}.png").pixels
        ours = downscale(crop_to_multiple(read(hr_path).pixels, scale), scale)
        np.testing.assert_array_equal(ours, published, err_msg=hr_path.name)


def keys_kernel(x: float) -> float:
    """Keys 1981, equation 15 with a = -1/2."""
    x = abs(x)
    if x < 1:
        return 1.5 * x**3 - 2.5 * x**2 + 1
    return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x < 2 else 0.0


def resized_line(line: NDArray[np.float64], size: int) -> list[float]:
    """One line resized sample by sample; mirrored samples are found by walking back from the edge."""
    scale = size / len(line)
    stretch = min(scale, 1.0)
    result = []
    for i in range(size):
        centre = (i + 0.5) / scale - 0.5
        total = weights = 0.0
        for j in range(math.floor(centre - 2 / stretch) - 1, math.ceil(centre + 2 / stretch) + 2):
            weight = keys_kernel((centre - j) * stretch)
            k = j
            while not 0 <= k < len(line):
                k = -1 - k if k < 0 else 2 * len(line) - 1 - k
            total, weights = total + weight * line[k], weights + weight
        result.append(total / weights)
    return result


@given(st.integers(1, 40), st.integers(1, 60), st.integers(0, 2**31))
def test_equals_the_definition_sample_by_sample(in_size: int, out_size: int, seed: int) -> None:
    line = np.random.default_rng(seed).random(in_size)
    resized = imresize(line[:, None, None], out_size, 1)[:, 0, 0]
    np.testing.assert_allclose(resized, resized_line(line, out_size), atol=1e-12)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_integers_are_rounded_and_clipped_after_each_axis(dtype: type) -> None:
    peak = np.iinfo(dtype).max
    edge = np.zeros((16, 16, 1), dtype)
    edge[:, 8:] = peak
    enlarged = imresize(edge, 64, 64)
    assert enlarged.dtype == dtype
    assert enlarged.min() == 0
    assert enlarged.max() == peak
    floats = imresize(imresize(edge.astype(float), 64, 16).clip(0, peak), 64, 64)
    np.testing.assert_array_equal(enlarged, np.floor(floats + 0.5).clip(0, peak))


def test_a_flat_picture_stays_flat_and_a_same_size_picture_stays_itself() -> None:
    flat = np.full((17, 23, 3), 201, np.uint8)
    assert (imresize(flat, 40, 9) == 201).all()
    noise = np.random.default_rng(0).integers(0, 256, (17, 23, 3), np.uint8)
    np.testing.assert_array_equal(imresize(noise, 17, 23), noise)


def test_float32_stays_float32_and_close_to_float64() -> None:
    noise = np.random.default_rng(0).random((31, 20, 3))
    single = imresize(noise.astype(np.float32), 50, 7)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, imresize(noise, 50, 7), atol=1e-6)


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
def test_crop_to_multiple_drops_bottom_and_right_only(scale: int) -> None:
    picture = np.arange(11 * 13).reshape(11, 13, 1)
    cropped = crop_to_multiple(picture, scale)
    assert all(size % scale == 0 for size in cropped.shape[:2])
    np.testing.assert_array_equal(cropped, picture[: cropped.shape[0], : cropped.shape[1]])
