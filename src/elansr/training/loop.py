"""The training loop: one function, in the order in which things happen."""

import copy
import dataclasses
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
from lightning.fabric import Fabric
from torch import Tensor, nn

from elansr.errors import ConfigError
from elansr.evaluation.metrics import psnr_y
from elansr.memory import keep_freed_memory
from elansr.nn.elan import ELAN, create_model
from elansr.training.checkpoint import TrainState, update_ema
from elansr.training.config import Recipe
from elansr.training.data import RGB, PairPool, find_pictures, load_pairs
from elansr.weights import load_network
from elansr.weights.files import Provenance, save

CHECKPOINT, WEIGHTS, LOG = "last.ckpt", "best.safetensors", "log.jsonl"


def train(recipe: Recipe, resume: bool = True) -> Path:
    """Trains a network as the recipe says.

    Args:
        recipe: see `elansr.training.config`.
        resume: take up the checkpoint in the run's folder if there is one.

    Returns:
        The weights file of the best validation (PSNR-Y of the EMA weights).
    """
    keep_freed_memory()
    if recipe.run.threads:
        torch.set_num_threads(recipe.run.threads)
    torch.manual_seed(recipe.run.seed)
    folder = Path(recipe.run.folder)
    folder.mkdir(parents=True, exist_ok=True)
    fabric = Fabric(accelerator=recipe.run.accelerator, devices=1, precision=recipe.run.precision)
    plan, scale = recipe.schedule, recipe.network.scale

    pool = PairPool(load_pairs(find_pictures(recipe.data.train), scale), scale, recipe.data.patch, fabric.device)
    val_paths = _spread(find_pictures(recipe.data.val), recipe.data.val_pictures)
    val = load_pairs(val_paths, scale)
    model = starting_network(recipe)
    ema = copy.deepcopy(model).eval().to(fabric.device)
    network, optimizer = fabric.setup(model, torch.optim.AdamW(
        model.parameters(), lr=plan.learning_rate, weight_decay=plan.weight_decay, betas=(0.9, 0.99)
    ))
    state = TrainState(model, ema, optimizer, torch.Generator().manual_seed(recipe.run.seed))
    if resume and (folder / CHECKPOINT).exists():
        state.restore(folder / CHECKPOINT)

    started, first, losses = time.monotonic(), state.step, []
    while state.step < plan.steps:
        model.train()
        if state.step >= plan.steps - plan.freeze_norm_for:
            freeze_norm(model)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(state.step, plan.learning_rate, plan.warmup, plan.steps)
        lr, hr = pool.sample(plan.batch, state.generator)
        loss = (network(lr) - hr).abs().mean()
        fabric.backward(loss)
        norm = fabric.clip_gradients(network, optimizer, max_norm=plan.clip_norm, error_if_nonfinite=False)
        if norm is not None and bool(torch.isfinite(norm)):
            optimizer.step()
        optimizer.zero_grad()
        state.step += 1
        update_ema(ema, model, plan.ema, state.step)
        losses.append(loss.detach())

        if state.step % recipe.run.validate_every == 0 or state.step == plan.steps:
            score = validate(ema, val, scale, fabric.device)
            seconds = (time.monotonic() - started) / (state.step - first)
            mean_loss = float(torch.stack(losses).mean())
            record = {"step": state.step, "loss": mean_loss, "val_psnr_y": score, "seconds_per_step": seconds}
            with (folder / LOG).open("a") as log:
                log.write(json.dumps(record) + "\n")
            fabric.print(json.dumps(record), flush=True)
            losses.clear()
            if score > state.best:
                state.best = score
                save(ema, folder / WEIGHTS, provenance(recipe, state), overwrite=True)
        if state.step % recipe.run.checkpoint_every == 0 or state.step == plan.steps:
            state.save(folder / CHECKPOINT)
    return folder / WEIGHTS


def learning_rate(step: int, peak: float, warmup: int, steps: int) -> float:
    """Linear from 0 to `peak` over `warmup` steps, then a cosine to zero at `steps`."""
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(steps - warmup, 1)))


def starting_network(recipe: Recipe) -> ELAN:
    """An untrained network, or one that goes on from other weights, whose tail is resampled from another scale.

    Raises:
        ConfigError: the other weights are of another preset.
    """
    model = create_model(recipe.network.preset, recipe.network.scale)
    if recipe.network.start_from is None:
        return model
    source = load_network(recipe.network.start_from)
    if dataclasses.replace(source.config, scale=model.config.scale) != model.config:
        raise ConfigError(f"start_from={recipe.network.start_from!r}: not a network of preset {recipe.network.preset!r}")
    tail = {name: resample_tail(value, source.config.scale, model.config.scale)
            for name, value in source.state_dict().items() if name.startswith("tail.")}
    model.load_state_dict(source.state_dict() | tail)
    return model


def resample_tail(parameter: Tensor, scale: int, new_scale: int) -> Tensor:
    """The tail's weight or bias (colors * scale**2, ...) for another scale: each sub-pixel takes the nearest one's."""
    grid = parameter.unflatten(0, (-1, scale, scale))
    nearest = (torch.arange(new_scale) * 2 + 1) * scale // (2 * new_scale)
    return grid[:, nearest][:, :, nearest].flatten(0, 2)


def freeze_norm(network: nn.Module) -> None:
    """BatchNorm uses its running statistics from now on and leaves them as they are."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()


@torch.no_grad()
def validate(network: ELAN, pairs: list[tuple[RGB, RGB]], scale: int, device: torch.device) -> float:
    """Mean PSNR-Y in dB over uint8 (LR, HR) pairs, in float32, under the protocol of the literature."""
    return float(np.mean([psnr_y(_super_resolve(network, lr, device), hr, scale) for lr, hr in pairs]))


def _super_resolve(network: ELAN, lr: RGB, device: torch.device) -> RGB:
    x: Tensor = torch.from_numpy(lr).to(device).permute(2, 0, 1).unsqueeze(0).float() / 255
    y = network(x).squeeze(0).clamp(0, 1).mul(255).round().to(torch.uint8)
    return np.asarray(y.permute(1, 2, 0).cpu().numpy(), dtype=np.uint8)


def provenance(recipe: Recipe, state: TrainState) -> Provenance:
    """What the weights file says about how it came to be."""
    return Provenance(
        name=f"{recipe.network.preset}-x{recipe.network.scale}",
        steps=state.step,
        started_from=recipe.network.start_from or "",
        metrics={"val PSNR-Y": round(state.best, 3)},
    )


def _spread(paths: list[Path], count: int) -> list[Path]:
    """At most `count` of the paths, evenly spread."""
    return [paths[i * len(paths) // min(count, len(paths))] for i in range(min(count, len(paths)))]
