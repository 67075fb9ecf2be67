"""Learning rate, crop sizes and the batches that are refused."""

from pathlib import Path

import pytest
import torch
from torch import nn

from elansr.errors import ConfigError
from elansr.training.recipe import Recipe, ScheduleRecipe, load_recipe
from elansr.training.schedule import check_batches, check_steps, crop_size, crop_sizes, freeze_norm, learning_rate
from tests.training.recipes import recipe_file


def recipe(folder: Path, **changes: object) -> Recipe:
    return load_recipe(recipe_file(folder, **changes))


def test_the_learning_rate_warms_up_and_falls_to_zero() -> None:
    plan = ScheduleRecipe(steps=110, batch=4, learning_rate=1.0, warmup=10)
    rates = [learning_rate(step, plan) for step in range(111)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[10] == max(rates) == 1.0
    assert rates[60] == pytest.approx(0.5)
    assert rates[110] == pytest.approx(0)


def test_a_constant_rate_falls_to_zero_at_the_end_only() -> None:
    plan = ScheduleRecipe(steps=100, batch=4, learning_rate=1.0, warmup=10, decay_for=20)
    rates = [learning_rate(step, plan) for step in range(101)]
    assert rates[10:81] == [1.0] * 71
    assert rates[85] == pytest.approx(0.5)  # a quarter of the way: 1 - sqrt(1 / 4)
    assert rates[100] == pytest.approx(0)
    assert rates[80:] == sorted(rates[80:], reverse=True)


def test_the_learning_rate_of_the_paper_halves_at_its_steps() -> None:
    halvings = [250_000, 400_000, 450_000, 475_000]
    plan = ScheduleRecipe(steps=500_000, batch=64, learning_rate=2e-4, warmup=0, halve_at=halvings)
    starts = (0, 249_999, 250_000, 400_000, 450_000, 475_000, 499_999)
    expected = (2e-4, 2e-4, 1e-4, 5e-5, 2.5e-5, 1.25e-5, 1.25e-5)
    assert [learning_rate(step, plan) for step in starts] == pytest.approx(expected)


def test_stages_take_over_at_their_steps(tmp_path: Path) -> None:
    stages = [{"from_step": 2, "patch": 32, "batch": 8}, {"from_step": 3, "patch": 48, "batch": 4}]
    sizes = crop_sizes(recipe(tmp_path, stages=stages))
    assert [crop_size(step, sizes) for step in range(5)] == [(16, 4), (16, 4), (32, 8), (48, 4), (48, 4)]


def test_stages_out_of_order_are_refused(tmp_path: Path) -> None:
    stages = [{"from_step": 3, "patch": 32, "batch": 8}, {"from_step": 3, "patch": 48, "batch": 4}]
    with pytest.raises(ConfigError, match="from_step=3"):
        crop_sizes(recipe(tmp_path, stages=stages))


@pytest.mark.parametrize(
    ("changes", "processes", "reason"),
    [
        ({"batch": 3}, 1, "batch=3: 3 "),
        ({"batch": 8, "accumulate": 4}, 1, "batch=8: 2 "),
        ({"batch": 6}, 2, "batch=6: 3 "),
        ({"batch": 9}, 2, "batch=9: .* 2 "),
        ({"batch": 8, "stages": [{"from_step": 1, "patch": 16, "batch": 2}]}, 1, "batch=2"),
    ],
)
def test_batches_too_small_for_batchnorm_are_refused(
    tmp_path: Path, changes: dict[str, object], processes: int, reason: str
) -> None:
    with pytest.raises(ConfigError, match=reason):
        check_batches(recipe(tmp_path, **changes), processes)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"warmup": 4}, "schedule.warmup=4: .*steps=4"),
        ({"freeze_norm_for": 4}, "schedule.freeze_norm_for=4: .*steps=4"),
        ({"freeze_norm_for": 5, "start_from": "elan-light-x2"}, "schedule.freeze_norm_for=5"),
        ({"halve_at": [3, 2]}, r"schedule.halve_at=\[3, 2\]: .*steps=4"),
        ({"halve_at": [2, 4]}, r"schedule.halve_at=\[2, 4\]: .*steps=4"),
        ({"decay_for": 3}, "schedule.decay_for=3: .* 2$"),
        ({"decay_for": 1, "halve_at": [2]}, r"halve_at=\[2\], decay_for=1"),
        ({"stages": [{"from_step": 4, "patch": 32, "batch": 4}]}, "from_step .*steps=4"),
    ],
)
def test_what_is_planned_for_a_step_that_never_comes_is_refused(
    tmp_path: Path, changes: dict[str, object], reason: str
) -> None:
    with pytest.raises(ConfigError, match=reason):
        check_steps(recipe(tmp_path, **changes))


def test_a_schedule_may_end_with_its_last_step(tmp_path: Path) -> None:
    check_steps(recipe(tmp_path, warmup=3, freeze_norm_for=4, start_from="elan-light-x2", halve_at=[2, 3]))


def test_small_batches_are_allowed_once_the_statistics_are_frozen(tmp_path: Path) -> None:
    check_batches(recipe(tmp_path, batch=2, freeze_norm_for=4), 2)
    check_batches(recipe(tmp_path, batch=4), 1)


def test_frozen_batchnorm_keeps_its_statistics() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)).train()
    freeze_norm(network)
    network(torch.randn(2, 3, 4, 4))
    norm = network[1]
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None
    assert norm.running_mean.abs().max() == 0
    assert norm.num_batches_tracked == 0
