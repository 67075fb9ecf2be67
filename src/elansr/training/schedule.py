"""What depends on the step: learning rate, crop and batch size, frozen BatchNorm."""

import math
from itertools import pairwise
from typing import NamedTuple

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from elansr.errors import ConfigError
from elansr.training.recipe import Recipe, ScheduleRecipe

MIN_BATCH = 4
"""Over fewer crops at a time, BatchNorm's statistics are too noisy to train with."""


def learning_rate(step: int, plan: ScheduleRecipe) -> float:
    """Linear up to the peak over `warmup` steps; then a cosine to zero at `steps`, halvings at `halve_at`, or constant.

    A constant rate ends in a fall of `decay_for` steps, by one minus the square root of the way (Haegele et al. 2024,
    arXiv 2405.18392), so that a run can end well at any step.
    """
    peak, warmup = plan.learning_rate, plan.warmup
    if step < warmup:
        return peak * (step + 1) / warmup
    if plan.halve_at:
        return float(peak * 0.5 ** sum(step >= at for at in plan.halve_at))
    if plan.decay_for:
        return peak * (1 - math.sqrt(max(step - (plan.steps - plan.decay_for), 0) / plan.decay_for))
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(plan.steps - warmup, 1)))


class CropSize(NamedTuple):
    """Side of an LR crop in pixels, and crops a step."""

    patch: int
    batch: int


def crop_sizes(recipe: Recipe) -> dict[int, CropSize]:
    """Patch and batch size by the step from which they hold, in the order of the steps.

    Raises:
        ConfigError: the stages are not in the order of their steps.
    """
    stages = recipe.schedule.stages
    sizes = {0: CropSize(recipe.data.patch, recipe.schedule.batch)}
    for stage in stages:
        if stage.from_step <= max(sizes):
            raise ConfigError(f"schedule.stages: from_step={stage.from_step} must be later than {max(sizes)}")
        sizes[stage.from_step] = CropSize(stage.patch, stage.batch)
    return sizes


def crop_size(step: int, sizes: dict[int, CropSize]) -> CropSize:
    """Patch and batch size that hold at `step`."""
    return sizes[max(start for start in sizes if start <= step)]


def check_steps(recipe: Recipe) -> None:
    """Nothing in the schedule may be planned for a step that the run does not have.

    Raises:
        ConfigError: names the key.
    """
    plan = recipe.schedule
    rules = (
        (plan.warmup < plan.steps, f"schedule.warmup={plan.warmup}: must be less than steps={plan.steps}"),
        (
            plan.freeze_norm_for < plan.steps or (plan.freeze_norm_for == plan.steps and recipe.network.start_from),
            f"schedule.freeze_norm_for={plan.freeze_norm_for}: must be less than steps={plan.steps}, or equal when "
            "starting from weights",
        ),
        (
            all(a < b for a, b in pairwise([*plan.halve_at, plan.steps])),
            f"schedule.halve_at={plan.halve_at}: must rise and stay below steps={plan.steps}",
        ),
        (
            plan.decay_for <= plan.steps - plan.warmup,
            f"schedule.decay_for={plan.decay_for}: must be at most steps - warmup = {plan.steps - plan.warmup}",
        ),
        (
            not (plan.halve_at and plan.decay_for),
            f"schedule.halve_at={plan.halve_at}, decay_for={plan.decay_for}: use one of them",
        ),
        (
            all(stage.from_step < plan.steps for stage in plan.stages),
            f"schedule.stages: every from_step must be less than steps={plan.steps}",
        ),
    )
    for holds, rule in rules:
        if not holds:
            raise ConfigError(rule)


def check_batches(recipe: Recipe, processes: int) -> None:
    """Every batch must split into equal parts, none too small for BatchNorm while its statistics are learnt.

    Raises:
        ConfigError: a batch that does not split, or whose parts are smaller than `MIN_BATCH`.
    """
    plan, sizes = recipe.schedule, crop_sizes(recipe)
    parts = processes * plan.accumulate
    learns_until = plan.steps - plan.freeze_norm_for
    for start, (_, batch) in sizes.items():
        if batch % parts:
            raise ConfigError(
                f"schedule.batch={batch}: must be divisible by {parts} = {processes} processes x accumulate"
            )
        if start < learns_until and batch // parts < MIN_BATCH:
            raise ConfigError(
                f"schedule.batch={batch}: {batch // parts} crops at a time are too few for BatchNorm, which needs "
                f"{MIN_BATCH}; raise batch, or freeze the statistics (freeze_norm_for) when starting from weights"
            )


def freeze_norm(network: nn.Module) -> None:
    """BatchNorm uses its running statistics from now on and leaves them as they are."""
    for module in network.modules():
        if isinstance(module, _BatchNorm):
            module.eval()
