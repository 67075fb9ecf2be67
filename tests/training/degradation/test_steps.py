"""Draws keep to their ranges and probabilities; blur against SciPy and a loop, noise against statistics and Poisson."""

import math
from collections import Counter

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from elansr.training.degradation import DegradationRecipe
from elansr.training.degradation.steps import (
    BlurDraw,
    NoiseDraw,
    add_noise,
    draw_blur,
    draw_jpeg,
    draw_noise,
    draw_resize,
    draw_steps,
    gaussian_blur,
)

COUNT = 4000
RECIPE = DegradationRecipe(
    blur_probability=0.6,
    blur_sigma=(0.5, 2.0),
    anisotropic_probability=0.25,
    blur_angle=(-30.0, 90.0),
    noise_probability=0.7,
    shot_probability=0.4,
    noise_sigma=(2.0, 8.0),
    shot_sigma=(10.0, 20.0),
    grey_probability=0.3,
    jpeg_probability=0.9,
    jpeg_quality=(40, 44),
    chroma_420_probability=0.2,
    resize_probability=0.35,
    resize_side=(0.5, 1.5),
    resize_kinds=("area", "bicubic"),
    jpeg_last_probability=0.8,
)


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def assert_even(values: Tensor, low: float, high: float) -> None:
    """Within the range, and its mean and spread are those of an even draw."""
    assert low <= values.min()
    assert values.max() <= high
    assert values.mean() == pytest.approx((low + high) / 2, abs=0.05 * (high - low))
    assert values.std() == pytest.approx((high - low) / 12**0.5, rel=0.1)


def test_draws_of_blur() -> None:
    draw = draw_blur(RECIPE, COUNT, generator())
    on = draw.sigma[:, 0] > 0
    assert on.float().mean() == pytest.approx(0.6, abs=0.03)
    assert (draw.sigma[~on] == 0).all()
    sigma, angle = draw.sigma[on], draw.angle[on].rad2deg()
    assert_even(sigma[:, 0], 0.5, 2.0)
    assert_even(angle, -30.0, 90.0)
    two = sigma[:, 0] != sigma[:, 1]
    assert two.float().mean() == pytest.approx(0.25, abs=0.03)
    assert_even(sigma[two, 1], 0.5, 2.0)


def test_draws_of_noise() -> None:
    draw = draw_noise(RECIPE, COUNT, generator())
    gaussian, shot = draw.gaussian > 0, draw.shot > 0
    assert not (gaussian & shot).any()
    assert (gaussian | shot).float().mean() == pytest.approx(0.7, abs=0.03)
    assert shot.float().mean() == pytest.approx(0.7 * 0.4, abs=0.03)
    assert draw.grey.float().mean() == pytest.approx(0.3, abs=0.03)
    assert_even(draw.gaussian[gaussian], 2.0, 8.0)
    assert_even(draw.shot[shot], 10.0, 20.0)


def test_draws_of_jpeg() -> None:
    quality, _ = draw_jpeg(RECIPE, COUNT, generator())
    counts = Counter(quality.tolist())
    assert set(counts) == {0, 40, 41, 42, 43, 44}
    assert counts[0] / COUNT == pytest.approx(0.1, abs=0.02)
    assert all(counts[q] / COUNT == pytest.approx(0.18, abs=0.03) for q in range(40, 45))
    g = generator()
    assert sum(draw_jpeg(RECIPE, 1, g)[1] for _ in range(500)) / 500 == pytest.approx(0.2, abs=0.06)


def test_draws_of_resize() -> None:
    g = generator()
    draws = [draw_resize(RECIPE, g) for _ in range(1000)]
    sides = [side for side, _ in draws if side is not None]
    assert len(sides) / 1000 == pytest.approx(0.35, abs=0.06)
    assert_even(torch.tensor(sides), 0.5, 1.5)
    kinds = Counter(kind for _, kind in draws)
    assert set(kinds) == {"area", "bicubic"}
    assert kinds["area"] / 1000 == pytest.approx(0.5, abs=0.06)


def test_every_order_occurs_and_jpeg_is_often_last() -> None:
    g = generator()
    orders = [draw_steps(RECIPE, g) for _ in range(2000)]
    assert all(sorted(order) == ["blur", "jpeg", "noise", "resize", "to_lr"] for order in orders)
    last = [order for order in orders if order[-1] == "jpeg"]
    assert len(last) / 2000 == pytest.approx(0.8, abs=0.04)
    assert all(order[-2] == "to_lr" for order in last)
    assert len(set(last)) == 6
    assert len(set(orders) - set(last)) == 24


def test_two_rounds_compress_twice_and_bring_to_lr_once() -> None:
    g = generator()
    recipe = DegradationRecipe(rounds=2)
    orders = [draw_steps(recipe, g) for _ in range(200)]
    assert all(Counter(order) == {"blur": 2, "resize": 2, "noise": 2, "jpeg": 2, "to_lr": 1} for order in orders)
    assert {order.index("jpeg") for order in orders} >= {0, 1, 2, 3}
    assert all("to_lr" in order[-2:] for order in orders)


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
