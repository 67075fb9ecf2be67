"""What is drawn stays in its range, fills it, and is as probable as the recipe says."""

from collections import Counter

import pytest
import torch
from torch import Tensor

from elansr.training.degradation import DegradationRecipe
from elansr.training.degradation.steps import draw_blur, draw_jpeg, draw_noise, draw_resize, draw_steps

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


def test_blur() -> None:
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


def test_noise() -> None:
    draw = draw_noise(RECIPE, COUNT, generator())
    gaussian, shot = draw.gaussian > 0, draw.shot > 0
    assert not (gaussian & shot).any()
    assert (gaussian | shot).float().mean() == pytest.approx(0.7, abs=0.03)
    assert shot.float().mean() == pytest.approx(0.7 * 0.4, abs=0.03)
    assert draw.grey.float().mean() == pytest.approx(0.3, abs=0.03)
    assert_even(draw.gaussian[gaussian], 2.0, 8.0)
    assert_even(draw.shot[shot], 10.0, 20.0)


def test_jpeg() -> None:
    draw = draw_jpeg(RECIPE, COUNT, generator())
    counts = Counter(draw.quality.tolist())
    assert set(counts) == {0, 40, 41, 42, 43, 44}
    assert counts[0] / COUNT == pytest.approx(0.1, abs=0.02)
    assert all(counts[q] / COUNT == pytest.approx(0.18, abs=0.03) for q in range(40, 45))
    g = generator()
    assert sum(draw_jpeg(RECIPE, 1, g).chroma_420 for _ in range(500)) / 500 == pytest.approx(0.2, abs=0.06)


def test_resize() -> None:
    g = generator()
    draws = [draw_resize(RECIPE, g) for _ in range(1000)]
    sides = [draw.side for draw in draws if draw.side is not None]
    assert len(sides) / 1000 == pytest.approx(0.35, abs=0.06)
    assert_even(torch.tensor(sides), 0.5, 1.5)
    kinds = Counter(draw.kind for draw in draws)
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
