"""How long a training step takes, beside the authors' way of computing the network, in one run."""

import time
from dataclasses import dataclass
from statistics import median

import torch
from lightning.fabric import Fabric
from lightning.fabric.wrappers import _FabricModule
from torch.optim import Optimizer

from elansr.benchmark.networks.authors import authors_elan
from elansr.benchmark.speed import wait_for
from elansr.memory import keep_freed_memory
from elansr.training.distributed import start_fabric
from elansr.training.loop import backward
from elansr.training.optimizer import build_optimizer
from elansr.training.recipe import Recipe
from elansr.training.start import starting_network

OURS, AUTHORS = "elansr", "authors' way"
WARM_UP = 2


@dataclass(frozen=True)
class StepTimes:
    """Seconds of every timed step of one way of computing the network."""

    name: str
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Seconds a step."""
        return median(self.seconds)


def time_steps(recipe: Recipe, steps: int) -> list[StepTimes]:
    """Times whole steps (forward, backward, optimiser) of the recipe on random crops, the ways taking turns.

    Args:
        recipe: its network, patch, batch, optimiser, precision and device.
        steps: timed for each way, after a warm-up.

    Returns:
        Ours, then the authors' (`elansr.benchmark.networks.authors`), of the same weights.
    """
    keep_freed_memory()
    fabric, ours = start_fabric(recipe.run), starting_network(recipe)
    authors = authors_elan(ours.config)
    authors.load_state_dict(ours.state_dict())
    ways = {
        name: fabric.setup(network, build_optimizer(network, recipe.schedule))
        for name, network in ((OURS, ours), (AUTHORS, authors))
    }
    rounds = [{name: _step(recipe, fabric, *way) for name, way in ways.items()} for _ in range(WARM_UP + steps)]
    return [StepTimes(name, tuple(r[name] for r in rounds[WARM_UP:])) for name in ways]


def _step(recipe: Recipe, fabric: Fabric, network: _FabricModule, optimizer: Optimizer) -> float:
    plan, patch, scale = recipe.schedule, recipe.data.patch, recipe.network.scale
    lr = torch.rand(plan.batch, 3, patch, patch, device=fabric.device)
    hr = torch.rand(plan.batch, 3, patch * scale, patch * scale, device=fabric.device)
    network.train()
    wait_for(fabric.device)
    started = time.perf_counter()
    backward(fabric, network, lr, hr, plan, None)
    optimizer.step()
    optimizer.zero_grad()
    wait_for(fabric.device)
    return time.perf_counter() - started
