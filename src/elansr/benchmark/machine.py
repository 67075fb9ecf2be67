"""The machine that figures were measured on."""

import os
import platform
from dataclasses import dataclass
from pathlib import Path

import torch

from elansr import __version__
from elansr.engines.cpu import bindings as native
from elansr.engines.device import cpu_threads


@dataclass(frozen=True)
class Machine:
    """The machine and the software.

    Attributes:
        cpu: its model, as the system names it.
        usable_cores: those of the machine's that this process may use.
        device: name of what runs the networks, the CPU's or the GPU's.
        native: level of elansr's native library; None where there is none.
        torch, cuda, python, elansr: versions; cuda is None without a GPU.
    """

    cpu: str
    logical_cores: int
    usable_cores: int
    threads: int
    device: str
    native: str | None
    torch: str
    cuda: str | None
    python: str
    elansr: str
    system: str


def machine(device: torch.device) -> Machine:
    """This one."""
    on_gpu = device.type == "cuda"
    return Machine(
        cpu=_cpu(),
        logical_cores=os.cpu_count() or 1,
        usable_cores=_usable_cores(),
        threads=cpu_threads(),
        device=torch.cuda.get_device_name(device) if on_gpu else _cpu() if device.type == "cpu" else device.type,
        native=native.level(),
        torch=torch.__version__,
        cuda=torch.version.cuda if on_gpu else None,
        python=platform.python_version(),
        elansr=__version__,
        system=f"{platform.system()} {platform.machine()}",
    )


def _cpu() -> str:
    """The model's name; on Linux platform.processor() has only the architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def _usable_cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        return os.cpu_count() or 1
