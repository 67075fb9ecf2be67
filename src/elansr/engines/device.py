"""Chooses device, precision and CPU threads; asks PyTorch only if there may be a GPU."""

import ctypes
import os
import platform
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal

from elansr.engines.cpu import bindings as native
from elansr.errors import ConfigError, DeviceError
from elansr.memory import available_memory

if TYPE_CHECKING:
    from types import ModuleType

PrecisionName = Literal["auto", "fp32", "bf16", "fp16"]
PRECISIONS = ("fp32", "bf16", "fp16")
INSTALL_TORCH = "pip install '.[torch]' in elansr's folder"

MOST_THREADS = 1024
"""More than the largest machines have cores; tens of thousands end a process without a word."""

_threads = 0


def pick_device(name: str = "auto") -> str:
    """The device that "auto", "cpu", "cuda", "cuda:N" or "mps" stands for.

    "auto" is CUDA where there is one, else Apple's MPS, else the CPU.

    Raises:
        DeviceError: an unknown name, a device that this machine lacks, or a GPU without PyTorch.
    """
    if name == "auto":
        return _gpu() or "cpu"
    if not isinstance(name, str):
        raise DeviceError(f"unknown device {name!r}: must be auto, cpu, cuda, cuda:N or mps")
    kind, _, index = name.partition(":")
    if kind not in ("cpu", "cuda", "mps") or (index and not (kind == "cuda" and index.isdecimal())):
        raise DeviceError(f"unknown device {name!r}: must be auto, cpu, cuda, cuda:N or mps")
    if kind == "cpu":
        return name
    torch = require_torch(f"device {name!r}")
    if kind == "cuda" and not torch.cuda.is_available():
        raise DeviceError(f"device {name!r}: this PyTorch sees no CUDA GPU; use `device=cpu`")
    if kind == "cuda" and index and int(index) >= torch.cuda.device_count():
        raise DeviceError(f"device {name!r}: this machine has {torch.cuda.device_count()} GPU(s), counted from 0")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise DeviceError("device 'mps': this machine has no Apple GPU; use `device=cpu`")
    return name


def pick_precision(name: str, device: str) -> str:
    """The precision, "fp32", "bf16" or "fp16", that a name stands for on a device.

    "auto" is fp16 on CUDA, whose tensor cores all have it; bf16 on a CPU that multiplies it, if the native library is
    there to make use of that; and fp32 elsewhere. The difference is below 0.001 dB (docs/performance.md).

    Raises:
        DeviceError: an unknown name.
    """
    if name == "auto":
        if is_cuda(device):
            return "fp16"
        return "bf16" if device == "cpu" and native.level() == "avx512bf16" else "fp32"
    if name not in PRECISIONS:
        raise DeviceError(f"unknown precision {name!r}: must be auto, {', '.join(PRECISIONS)}")
    return name


def is_cuda(device: str) -> bool:
    """Whether a device is a CUDA GPU."""
    return device.partition(":")[0] == "cuda"


def free_memory(device: str) -> int:
    """Bytes free on a device for features."""
    if not is_cuda(device):
        return available_memory()
    import torch

    return torch.cuda.mem_get_info(device)[0]


def cpu_threads() -> int:
    """CPU threads that an engine uses: as `set_cpu_threads` says, else OMP_NUM_THREADS, else one a core."""
    if _threads:
        return _threads
    wanted = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if wanted.isdecimal() and int(wanted):
        return min(int(wanted), MOST_THREADS)
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        return os.cpu_count() or 1


def require_threads(threads: int) -> None:
    """Refuses, with a ConfigError, fewer than 0 and more than `MOST_THREADS` CPU threads; 0 is one per core."""
    if not 0 <= threads <= MOST_THREADS:
        raise ConfigError(f"threads {threads}: must be 1 to {MOST_THREADS}, or 0 for one per core")


def set_cpu_threads(threads: int) -> None:
    """Has every engine of this process use so many CPU threads, PyTorch's included; at least 1.

    Raises:
        ConfigError: see `require_threads`.
    """
    require_threads(threads)
    global _threads
    _threads = threads
    os.environ["OMP_NUM_THREADS"] = str(threads)  # for a PyTorch that is loaded later
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)


def require_torch(purpose: str) -> "ModuleType":
    """PyTorch, which `purpose` needs.

    Raises:
        DeviceError: it is not installed.
    """
    if find_spec("torch") is None:
        raise DeviceError(f"{purpose}: needs PyTorch: {INSTALL_TORCH}")
    import torch

    return torch


def torchvision_remedy(error: Exception, extra: str) -> str:
    """What to do about a library that could not be imported and that needs torchvision, itself built for one torch.

    Args:
        error: that importing it ended in.
        extra: that brings it.
    """
    if isinstance(error, ModuleNotFoundError):
        return f"pip install '.[{extra}]' in elansr's folder, with the torchvision that matches your torch"
    found = f" {sys.modules['torch'].__version__}" if "torch" in sys.modules else ""
    return (
        f"torchvision does not match your torch{found}: uninstall torchvision, then install both together with the "
        "command from PyTorch's website"
    )


def _gpu() -> str | None:
    """The kind of GPU that PyTorch has; importing it takes a second, so only where there may be one."""
    if "torch" not in sys.modules and not (_has_driver() and find_spec("torch")):
        return None
    import torch

    return "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else None


def _has_driver() -> bool:
    """Whether a driver for GPUs is installed that PyTorch can use."""
    if sys.platform == "darwin":
        return platform.machine() == "arm64"
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return os.path.exists("/dev/kfd")  # AMD's
    return True
