"""The training loop: `train`, one function, in the order in which things happen."""

import copy
import math
import time
from collections.abc import Callable
from pathlib import Path

import torch
from lightning.fabric import Fabric
from torch import nn

from elansr.errors import TrainingError
from elansr.memory import keep_freed_memory
from elansr.training.checkpoint import TrainState, update_ema
from elansr.training.config import Recipe
from elansr.training.data import PairPool, find_pictures, load_pairs
from elansr.training.record import CHECKPOINT, WEIGHTS, Record, RunFolder, provenance
from elansr.training.start import starting_network
from elansr.training.validation import spread, validate

MAX_BAD_STEPS = 10
"""So many steps in a row whose gradient is not finite end the run."""


def train(  # noqa: C901 - one visible function, in the order in which things happen
    recipe: Recipe,
    progress: Callable[[int, int], None] = lambda step, steps: None,
    report: Callable[[Record], None] = lambda record: None,
) -> Path:
    """Trains a network as the recipe says; goes on where an interrupted run of the same recipe was.

    Args:
        recipe: see `elansr.training.config`.
        progress: told the steps done and in all.
        report: told the result of every validation.

    Returns:
        The weights file of the best validation (PSNR-Y of the EMA weights).

    Raises:
        ConfigError: the run's folder holds the run of another recipe, or `start_from` is another network.
        DataError: a folder without pictures, a picture smaller than a crop, a damaged checkpoint.
        TrainingError: the gradient was not finite for `MAX_BAD_STEPS` steps in a row.
    """
    keep_freed_memory()
    if recipe.run.threads:
        torch.set_num_threads(recipe.run.threads)
    torch.manual_seed(recipe.run.seed)
    plan, scale, folder = recipe.schedule, recipe.network.scale, RunFolder.of(recipe)
    fabric = Fabric(accelerator=recipe.run.accelerator, devices=1, precision=recipe.run.precision)

    pool = PairPool(load_pairs(find_pictures(recipe.data.train), scale), scale, recipe.data.patch, fabric.device)
    validation = load_pairs(spread(find_pictures(recipe.data.val), recipe.data.val_pictures), scale)
    network = starting_network(recipe)
    adamw = torch.optim.AdamW(network.parameters(), plan.learning_rate, (0.9, 0.99), weight_decay=plan.weight_decay)
    trained, optimizer = fabric.setup(network, adamw)
    ema = copy.deepcopy(network).eval().requires_grad_(False)
    state = TrainState(network, ema, optimizer, torch.Generator().manual_seed(recipe.run.seed))
    if (folder.path / CHECKPOINT).exists():
        state.restore(folder.path / CHECKPOINT)

    progress(state.step, plan.steps)
    losses: list[float] = []
    since, bad_steps = time.monotonic(), 0
    while state.step < plan.steps:
        network.train()
        if state.step >= plan.steps - plan.freeze_norm_for:
            freeze_norm(network)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(state.step, plan.learning_rate, plan.warmup, plan.steps)

        lr, hr = pool.sample(plan.batch, state.generator)
        loss = (trained(lr) - hr).abs().mean()
        fabric.backward(loss)
        norm = fabric.clip_gradients(trained, optimizer, max_norm=plan.clip_norm, error_if_nonfinite=False)
        finite = bool(torch.isfinite(loss)) and norm is not None and bool(torch.isfinite(norm))
        if finite:
            optimizer.step()
        optimizer.zero_grad()
        state.step += 1
        if finite:
            update_ema(ema, network, plan.ema, state.step)
        bad_steps = 0 if finite else bad_steps + 1
        if bad_steps == MAX_BAD_STEPS:
            raise TrainingError(
                f"step {state.step}: {bad_steps} gradients in a row are not finite; lower learning_rate"
            )
        losses.append(loss.item())
        progress(state.step, plan.steps)

        if state.step % recipe.run.validate_every == 0 or state.step == plan.steps:
            seconds = (time.monotonic() - since) / len(losses)
            record = Record(state.step, sum(losses) / len(losses), validate(ema, validation, scale), seconds)
            folder.log(record)
            report(record)
            if record.val_psnr_y > state.best:
                state.best = record.val_psnr_y
                folder.save_weights(ema, provenance(recipe, record))
            losses, since = [], time.monotonic()
        if state.step % recipe.run.checkpoint_every == 0 or state.step == plan.steps:
            state.save(folder.path / CHECKPOINT)
    return folder.path / WEIGHTS


def learning_rate(step: int, peak: float, warmup: int, steps: int) -> float:
    """Linear up to `peak` over `warmup` steps, then a cosine to zero at `steps`."""
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(steps - warmup, 1)))


def freeze_norm(network: nn.Module) -> None:
    """BatchNorm uses its running statistics from now on and leaves them as they are."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
