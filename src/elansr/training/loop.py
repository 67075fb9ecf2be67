"""The training loop: `train`, one function, in the order in which things happen."""

import copy
import math
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import cast

import torch
from lightning.fabric import Fabric
from lightning.fabric.wrappers import _FabricModule
from torch import Tensor
from torch.optim import Optimizer

from elansr.errors import TrainingError
from elansr.memory import keep_freed_memory
from elansr.training.adversarial import Adversary
from elansr.training.batches import Batches
from elansr.training.checkpoint import Checkpoints, TrainState
from elansr.training.data import digests
from elansr.training.distributed import start_fabric, synchronise_norm
from elansr.training.loss import l1
from elansr.training.optimizer import build_optimizer, update_ema
from elansr.training.recipe import Recipe, ScheduleRecipe
from elansr.training.run_folder import WEIGHTS, LogEntry, RunFolder
from elansr.training.run_log import RunLog, StepResult
from elansr.training.schedule import check_batches, check_steps, crop_size, crop_sizes, freeze_norm, learning_rate
from elansr.training.start import starting_network
from elansr.training.validation import validate, validation_pairs

MAX_BAD_STEPS = 10
"""So many steps in a row whose loss or gradient is not finite end the run."""


def train(  # noqa: C901 - one visible function, in the order in which things happen
    recipe: Recipe,
    progress: Callable[[int, int], None] = lambda step, steps: None,
    report: Callable[[LogEntry], None] = lambda entry: None,
    resume: Path | None = None,
) -> Path:
    """Trains a network from a recipe; continues an interrupted run of the same recipe.

    Args:
        recipe: see `elansr.training.recipe`.
        progress: called with the steps done and in all.
        report: called with every line of the log.
        resume: a checkpoint to continue from; by default the newest of the run's folder, if there is one.

    Returns:
        The weights file of the best validation (PSNR-Y of the EMA weights), or of the last in an adversarial stage.

    Raises:
        ConfigError: a batch that cannot be trained with, the run's folder holds the run of another recipe, or
            `start_from` is another network.
        DataError: a folder without pictures, a picture smaller than a crop, pictures other than those that the run
            began with, a damaged checkpoint.
        DeviceError: the recipe asks for a GPU and there is none.
        MissingExtraError: the recipe names a project of wandb, which is not installed.
        TrainingError: loss or gradient was not finite for `MAX_BAD_STEPS` steps in a row, or no checkpoint can be
            written.
    """
    keep_freed_memory()
    plan, sizes = recipe.schedule, crop_sizes(recipe)
    check_steps(recipe)
    fabric = start_fabric(recipe.run)
    check_batches(recipe, fabric.world_size)
    with fabric.rank_zero_first():
        folder = RunFolder.of(recipe)
    torch.manual_seed(recipe.run.seed)
    network = starting_network(recipe)
    ema = copy.deepcopy(network).eval().requires_grad_(False)
    fabric.to_device(ema)
    batches = Batches(recipe, fabric.device, fabric.global_rank, fabric.world_size)
    validation = validation_pairs(recipe)

    synchronise_norm(network, fabric)
    optimizer = build_optimizer(network, plan)
    if recipe.run.compile:
        network.compile()
    trained, optimizer = fabric.setup(network, optimizer)
    loss_scale = fabric.strategy.precision if recipe.run.precision == "16-mixed" else None
    crops = torch.Generator().manual_seed(recipe.run.seed)
    adversary = Adversary(recipe.adversarial, fabric) if recipe.adversarial else None
    state = TrainState(network, ema, optimizer, crops, loss_scale, config=asdict(ema.config), adversary=adversary)
    checkpoints = Checkpoints(folder.path, recipe.run.keep_checkpoints)
    folder.require_same_pictures(digests(recipe.data, recipe.network.scale), bool(checkpoints.newest_first()))
    checkpoints.resume(state, resume)
    log = RunLog(folder, state.step, report, recipe.run.wandb) if fabric.is_global_zero else None

    progress(state.step, plan.steps)
    if log and state.step == 0:  # what the run begins with: a fine-tuning shows whether it helps
        log.write_validation(0, lambda: validate(ema, validation, recipe.network.scale))
    bad_steps = 0
    while state.step < plan.steps:
        network.train()
        if state.step >= plan.steps - plan.freeze_norm_for:
            freeze_norm(network)
        rate = learning_rate(state.step, plan)
        for group in optimizer.param_groups:
            group["lr"] = rate

        started = time.monotonic()
        lr, hr = batches.draw(crop_size(state.step, sizes), state.generator)
        waited = time.monotonic() - started
        loss = backward(fabric, trained, lr, hr, plan, adversary)
        norm = clip(fabric, trained, optimizer, plan)
        finite = bool(torch.isfinite(loss)) and bool(torch.isfinite(norm))
        if finite or loss_scale:  # the loss scaler leaves a bad step out by itself, and lowers its scale
            optimizer.step()
        optimizer.zero_grad()
        state.step += 1
        if finite:
            update_ema(ema, network, plan.ema, state.step)
        bad_steps = 0 if finite else bad_steps + 1
        if bad_steps == MAX_BAD_STEPS:
            raise TrainingError(
                f"step {state.step}: loss or gradient was not finite {bad_steps} times in a row; lower "
                "schedule.learning_rate, or train in another run.precision"
            )

        last = state.step == plan.steps
        if log:
            log.add(StepResult(float(loss), float(norm), rate, time.monotonic() - started, waited))
            if state.step % recipe.run.log_every == 0 or last:
                log.write(state.step)
            if state.step % recipe.run.validate_every == 0 or last:
                result = log.write_validation(state.step, lambda: validate(ema, validation, recipe.network.scale))
                if adversary or result.val_psnr_y > state.best:
                    state.best = result.val_psnr_y
                    folder.save_weights(ema, recipe, result)
            if state.step % recipe.run.checkpoint_every == 0 or last:
                checkpoints.save(state)
        progress(state.step, plan.steps)
    if log:
        log.close()
    fabric.barrier()
    return folder.path / WEIGHTS


def clip(fabric: Fabric, network: _FabricModule, optimizer: Optimizer, plan: ScheduleRecipe) -> Tensor:
    """Scales the gradient down to the recipe's norm; returns the norm that it had."""
    limit = plan.clip_norm or math.inf
    return cast(Tensor, fabric.clip_gradients(network, optimizer, max_norm=limit, error_if_nonfinite=False))


def backward(
    fabric: Fabric, network: _FabricModule, lr: Tensor, hr: Tensor, plan: ScheduleRecipe, adversary: Adversary | None
) -> Tensor:
    """Adds up the gradient of the batch, in `plan.accumulate` parts; returns its mean loss over all processes.

    An adversary learns from each part before it judges it.
    """
    parts = list(zip(lr.chunk(plan.accumulate), hr.chunk(plan.accumulate), strict=True))
    losses = []
    for i, (lr_part, hr_part) in enumerate(parts, start=1):
        with fabric.no_backward_sync(network, enabled=i < len(parts)):
            sr = network(lr_part)
            loss = l1(sr, hr_part, plan.fft_weight) / len(parts)
            if adversary:
                adversary.learn(sr.detach(), hr_part, lr_part)
                loss = loss + adversary.loss(sr, hr_part, lr_part) / len(parts)
            fabric.backward(loss)
        losses.append(loss.detach())
    total = torch.stack(losses).sum()
    return cast(Tensor, fabric.all_reduce(total, reduce_op="mean")) if fabric.world_size > 1 else total
