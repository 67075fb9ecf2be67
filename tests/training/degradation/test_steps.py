"""Blur against SciPy and a loop, noise against its statistics and numpy's Poisson."""

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import ndimage

from elansr.training.degradation.steps import BlurDraw, NoiseDraw, add_noise, gaussian_blur


def noise_picture(height: int, width: int) -> NDArray[np.float64]:
    return np.random.default_rng(0).random((height, width))


def blurred(picture: NDArray[np.float64], sigma: tuple[float, float], degrees: float, unit: float = 1.0):
    x = torch.from_numpy(picture)[None, None].expand(1, 3, -1, -1)
    draw = BlurDraw(torch.tensor([sigma], dtype=torch.float64), torch.tensor([math.radians(degrees)]))
    y = gaussian_blur(x, draw, unit)
    assert y.shape == x.shape
    return y[0, 0].numpy()


@pytest.mark.parametrize(("height", "width"), [(31, 50), (7, 5), (1, 9)])
@pytest.mark.parametrize("sigma", [1.0, 2.5])
def test_one_sigma_is_scipys_gaussian(sigma: float, height: int, width: int) -> None:
    """Up to the frequencies above the grid's, which SciPy's sampled kernel folds back and ours leaves out."""
    picture = noise_picture(height, width)
    expected = ndimage.gaussian_filter(picture, sigma, mode="nearest", truncate=6)
    np.testing.assert_allclose(blurred(picture, (sigma, sigma), 20), expected, atol=2e-3)
    np.testing.assert_allclose(blurred(picture, (sigma / 2, sigma / 2), 70, unit=2.0), expected, atol=2e-3)


def test_sigmas_lie_along_and_across_the_angle() -> None:
    """Rows run downwards: at 0 degrees the blur runs along a row, at 90 along a column."""
    picture = noise_picture(24, 30)
    for degrees, sigmas in ((0, (1, 3)), (90, (3, 1)), (180, (1, 3))):
        expected = ndimage.gaussian_filter(picture, sigmas, mode="nearest", truncate=6)
        np.testing.assert_allclose(blurred(picture, (3, 1), degrees), expected, atol=1e-3)


def test_a_turned_kernel_point_by_point() -> None:
    sigma, degrees, radius = (2.2, 1.1), 35.0, 12
    picture = noise_picture(9, 11)
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    kernel = {}
    for y in range(-radius, radius + 1):
        for x in range(-radius, radius + 1):
            along, across = x * cos + y * sin, y * cos - x * sin
            kernel[y, x] = math.exp(-0.5 * ((along / sigma[0]) ** 2 + (across / sigma[1]) ** 2))
    total = sum(kernel.values())
    result = blurred(picture, sigma, degrees)
    for i in range(9):
        for j in range(11):
            expected = sum(w * picture[min(max(i - y, 0), 8), min(max(j - x, 0), 10)] for (y, x), w in kernel.items())
            assert result[i, j] == pytest.approx(expected / total, abs=1e-3)


def test_a_tiny_sigma_changes_little_and_each_picture_has_its_own() -> None:
    picture = noise_picture(20, 20)
    np.testing.assert_allclose(blurred(picture, (0.01, 0.01), 0), picture, atol=1e-3)
    x = torch.from_numpy(picture)[None, None].repeat(2, 3, 1, 1)
    draw = BlurDraw(torch.tensor([[0.8, 2.0], [1.5, 1.5]], dtype=torch.float64), torch.tensor([0.3, 0.0]))
    both = gaussian_blur(x, draw, 1.0)
    for i, (sigma, angle) in enumerate(zip(draw.sigma.tolist(), draw.angle.tolist(), strict=True)):
        np.testing.assert_allclose(both[i, 0], blurred(picture, tuple(sigma), math.degrees(angle)), atol=1e-5)


def noisy(value: float, gaussian: float, shot: float, grey: bool) -> NDArray[np.float64]:
    """A flat picture with noise, in levels."""
    x = torch.full((1, 3, 200, 200), value)
    field = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    noise = NoiseDraw(torch.tensor([gaussian]), torch.tensor([shot]), torch.tensor([grey]))
    return add_noise(x, noise, field)[0].double().numpy() * 255


def test_gaussian_noise_has_its_sigma_at_every_brightness() -> None:
    for value in (0.2, 0.7):
        result = noisy(value, 7.0, 0.0, grey=False)
        assert result.mean() == pytest.approx(value * 255, abs=0.1)
        assert result.std() == pytest.approx(7.0, rel=0.02)
        assert abs(np.corrcoef(result.reshape(3, -1))[0, 1]) < 0.02


def test_shot_noise_is_poisson() -> None:
    """A sigma of 15 levels at white is that of 289 photons."""
    photons = (255 / 15.0) ** 2
    for value in (0.1, 0.4, 0.8):
        result = noisy(value, 0.0, 15.0, grey=False)
        counted = np.random.default_rng(0).poisson(value * photons, (3, 200, 200)) / photons * 255
        assert result.mean() == pytest.approx(counted.mean(), abs=0.2)
        assert result.std() == pytest.approx(counted.std(), rel=0.02)


@pytest.mark.parametrize(("gaussian", "shot"), [(5.0, 0.0), (0.0, 9.0)])
def test_grey_noise_is_the_same_in_all_channels(gaussian: float, shot: float) -> None:
    result = noisy(0.5, gaussian, shot, grey=True)
    np.testing.assert_allclose(result[0], result[1], atol=1e-4)
    np.testing.assert_allclose(result[0], result[2], atol=1e-4)


def test_noise_is_clipped() -> None:
    result = noisy(0.99, 30.0, 0.0, grey=False)
    assert result.max() == 255
    assert noisy(0.01, 30.0, 0.0, grey=False).min() == 0
