"""Which device and which precision a name stands for on this machine."""

from typing import Literal

import torch

from elansr.engines.cpu import loader as native
from elansr.errors import DeviceError

PrecisionName = Literal["auto", "fp32", "bf16", "fp16"]

DTYPES: dict[str, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def pick_device(name: str = "auto") -> torch.device:
    """The device that "auto", "cpu", "cuda", "cuda:N" or "mps" stands for.

    "auto" is CUDA where there is one, else Apple's MPS, else the CPU.

    Raises:
        DeviceError: an unknown name, or a device that this machine lacks.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    kind, _, index = name.partition(":")
    if kind not in ("cpu", "cuda", "mps") or (index and not (kind == "cuda" and index.isdecimal())):
        raise DeviceError(f"unknown device {name!r}: use auto, cpu, cuda, cuda:N or mps")
    if kind == "cuda" and not torch.cuda.is_available():
        raise DeviceError(f"device {name!r}: this PyTorch sees no CUDA GPU; use --device cpu")
    if kind == "cuda" and index and int(index) >= torch.cuda.device_count():
        raise DeviceError(f"device {name!r}: this machine has {torch.cuda.device_count()} GPU(s), counted from 0")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise DeviceError("device 'mps': this machine has no Apple GPU; use --device cpu")
    return torch.device(name)


def pick_precision(name: str, device: torch.device) -> str:
    """The precision, "fp32", "bf16" or "fp16", that a name stands for on a device.

    "auto" is fp16 on CUDA, whose tensor cores all have it; bf16 on a CPU that multiplies it, if the native library is
    there to make use of that; and fp32 elsewhere. The difference is below 0.001 dB (docs/performance.md).

    Raises:
        DeviceError: an unknown name.
    """
    if name == "auto":
        if device.type == "cuda":
            return "fp16"
        return "bf16" if device.type == "cpu" and native.level() == "avx512bf16" else "fp32"
    if name not in DTYPES:
        raise DeviceError(f"unknown precision {name!r}: use auto, {', '.join(DTYPES)}")
    return name


def free_memory(device: torch.device) -> int:
    """Bytes free on a device for tensors."""
    from elansr.memory import available_memory

    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else available_memory()
