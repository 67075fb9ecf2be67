"""Times a training step against the authors' way of computing the network."""

from functools import partial

import torch
from lightning.fabric.wrappers import _FabricModule
from torch.optim import Optimizer

from elansr.benchmark.networks.authors import authors_elan
from elansr.benchmark.speed import Stopwatch, Timing, timings
from elansr.training.distributed import start_fabric
from elansr.training.loop import backward
from elansr.training.optimizer import build_optimizer
from elansr.training.recipe import Recipe
from elansr.training.start import starting_network


def time_steps(recipe: Recipe, steps: int) -> tuple[Timing, Timing]:
    """Times whole steps (forward, backward, optimiser) of the recipe on random crops, the ways taking turns.

    Args:
        recipe: its network, patch, batch, optimiser, precision and device.
        steps: timed for each way, after a warm-up.

    Returns:
        Ours, then the authors' (`elansr.benchmark.networks.authors`), of the same weights.
    """
    fabric, ours = start_fabric(recipe.run), starting_network(recipe)
    authors = authors_elan(ours.config)
    authors.load_state_dict(ours.state_dict())
    plan, patch, scale = recipe.schedule, recipe.data.patch, recipe.network.scale
    lr = torch.rand(plan.batch, 3, patch, patch, device=fabric.device)
    hr = torch.rand(plan.batch, 3, patch * scale, patch * scale, device=fabric.device)

    def step(network: _FabricModule, optimizer: Optimizer) -> None:
        backward(fabric, network, lr, hr, plan, None)
        optimizer.step()
        optimizer.zero_grad()

    ways = [partial(step, *fabric.setup(network, build_optimizer(network, plan))) for network in (ours, authors)]
    first, second = timings(list(Stopwatch(ways, fabric.device).rounds(steps)))
    return first, second
