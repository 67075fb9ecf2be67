"""One process or many: Fabric set up for what launched the run.

`torchrun --nproc-per-node 4 -m elansr train RECIPE.toml` starts one process a GPU, on one machine or on many; without
it the run is a single process. Every process draws the whole batch's crops from the same generator and computes its
share of them, so the number of processes changes the speed, not the data.
"""

import os

import torch
from lightning.fabric import Fabric
from lightning.fabric.strategies.ddp import DDPStrategy
from torch import nn

from elansr.errors import DeviceError
from elansr.training.recipe import RunRecipe


def start_fabric(run: RunRecipe) -> Fabric:
    """Fabric over the processes that torchrun started, or over this one.

    Raises:
        DeviceError: the recipe asks for a GPU and there is none.
    """
    if run.accelerator == "cuda" and not torch.cuda.is_available():
        raise DeviceError("run.accelerator='cuda': this machine has no CUDA GPU that PyTorch can use; use 'auto'")
    if run.threads:
        torch.set_num_threads(run.threads)
    processes, local = (int(os.environ.get(name, 1)) for name in ("WORLD_SIZE", "LOCAL_WORLD_SIZE"))
    fabric = Fabric(
        accelerator=run.accelerator,
        devices=local,
        num_nodes=processes // local,
        strategy="auto" if processes == 1 else DDPStrategy(gradient_as_bucket_view=True),
        precision=run.precision,
    )
    fabric.launch()
    return fabric


def is_first_process() -> bool:
    """Whether this process is the one that speaks: the only one, or torchrun's number 0."""
    return os.environ.get("RANK", "0") == "0"


def synchronise_norm(network: nn.Module, fabric: Fabric) -> None:
    """BatchNorm over all processes' crops, where there are several and they have GPUs (the CPU has no such layer)."""
    if fabric.world_size > 1 and fabric.device.type == "cuda":
        nn.SyncBatchNorm.convert_sync_batchnorm(network)  # in place, as no BatchNorm is the network itself
