"""The peak memory of a network: weights, features and work space, measured in a separate run.

On CUDA it is what PyTorch allocates. On a CPU it is the growth of a process of its own, from before the network is put
into the form that runs to the highest point of its first run; PyTorch itself, 0.3 GB, is not in it.
"""

import contextlib
import ctypes
import dataclasses
import gc
import json
import subprocess
import sys
from pathlib import Path

import torch

from elansr.benchmark.speed import wait_for
from elansr.benchmark.timed_models import BenchmarkModel, ModelSpec, Workload, benchmark_models, timed_forward
from elansr.engines.device import cpu_threads, set_cpu_threads
from elansr.errors import DeviceError
from elansr.memory import keep_freed_memory
from elansr.text import one_line

STATUS, HIGH_WATER = Path("/proc/self/status"), Path("/proc/self/clear_refs")
RESET_HIGH_WATER = "5"
"""What the kernel takes for this order."""
SMALL = 16
"""Side of a picture whose features take next to nothing, in pixels."""


def peak_memory(model: BenchmarkModel, workload: Workload) -> int | None:
    """Bytes on the workload's device; None where the system does not tell (a CPU without /proc, MPS).

    Raises:
        DeviceError: the model cannot run.
    """
    if workload.device.type == "cuda":
        return _on_gpu(model, workload)
    if workload.device.type != "cpu" or not STATUS.is_file():
        return None
    return _in_a_process(model, workload)


def _on_gpu(model: BenchmarkModel, workload: Workload) -> int:
    device = workload.device
    _run_small(model, workload)
    wait_for(device)
    torch.cuda.empty_cache()
    before = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    timed_forward(model, workload)()
    wait_for(device)
    return torch.cuda.max_memory_allocated(device) - before


def _in_a_process(model: BenchmarkModel, workload: Workload) -> int:
    order = {
        "name": model.name,
        "precision": model.precision,
        "scale": model.scale,
        "width": workload.width,
        "height": workload.height,
        "engine": workload.engine,
        "folder": str(workload.folder),
        "threads": cpu_threads(),
    }
    command = [sys.executable, "-m", "elansr.benchmark.peak_memory", json.dumps(order)]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    if process.returncode == 0:
        return int(process.stdout)
    said = process.stderr.strip().splitlines()
    why = said[-1] if said else f"its process ended with {process.returncode}, probably out of memory"
    raise DeviceError(f"{model.label}: failed while its memory was measured ({why}): use a smaller `size`")


def main() -> None:
    """The process that measures one network: its argument is the order as JSON, it writes bytes to stdout."""
    order = json.loads(sys.argv[1])
    set_cpu_threads(order["threads"])
    workload = Workload(torch.device("cpu"), order["width"], order["height"], order["engine"], Path(order["folder"]))
    spec = ModelSpec(order["name"], order["precision"])
    (model,) = benchmark_models([spec], order["scale"], workload.device, workload.engine)
    try:
        sys.stdout.write(str(_growth(model, workload)))
    except DeviceError as error:
        sys.exit(one_line(error))


def _growth(model: BenchmarkModel, workload: Workload) -> int:
    """Of this process, by a copy of the network and its run."""
    _run_small(model, workload)
    _give_back_freed_memory()
    keep_freed_memory()
    before = _status("VmRSS")
    _reset_high_water()
    timed_forward(model, workload)()
    return max(_status("VmHWM") - before, 0)


def _status(key: str) -> int:
    """A size of this process in bytes."""
    lines = STATUS.read_text().splitlines()
    (kilobytes,) = (line.split()[1] for line in lines if line.startswith(f"{key}:"))
    return int(kilobytes) * 1024


def _run_small(model: BenchmarkModel, workload: Workload) -> None:
    """Has PyTorch load and set aside what every model's first run needs."""
    timed_forward(model, dataclasses.replace(workload, width=SMALL, height=SMALL))()


def _give_back_freed_memory() -> None:
    """So that the run cannot use it unseen."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # no glibc
        ctypes.CDLL(None).malloc_trim(0)


def _reset_high_water() -> None:
    """Forgets what loading took; where that is not allowed, a peak then may count."""
    with contextlib.suppress(OSError):
        HIGH_WATER.write_text(RESET_HIGH_WATER)


if __name__ == "__main__":
    main()
