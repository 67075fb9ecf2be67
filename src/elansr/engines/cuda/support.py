"""Whether Triton kernels run here, and if not, why.

The environment variable ELANSR_TRITON decides, once per process: "auto" (the default) takes the kernels where they can
run, "off" leaves everything to PyTorch. PyTorch's builds for CUDA bring Triton with them.
"""

import functools
import importlib.util
import os
import warnings
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor

from elansr.errors import ConfigError

ENVIRONMENT = "ELANSR_TRITON"
TYPES = (torch.float16, torch.bfloat16, torch.float32)
LEAST_CAPABILITY = (8, 0)
"""Ampere: what is older multiplies no bfloat16, and today's Triton no longer supports it."""

T = TypeVar("T")


@functools.cache
def reason() -> str | None:
    """One sentence on why no GPU of this machine can run the kernels; None where some may.

    Raises:
        ConfigError: ELANSR_TRITON is neither "auto" nor "off".
    """
    setting = os.environ.get(ENVIRONMENT, "auto")
    if setting not in ("auto", "off"):
        raise ConfigError(f"{ENVIRONMENT}={setting!r}: must be auto or off")
    if setting == "off":
        return f"{ENVIRONMENT}=off"
    if torch.version.cuda is None or not torch.cuda.is_available():
        return "PyTorch sees no CUDA GPU"
    if importlib.util.find_spec("triton") is None:
        return "Triton is not installed: pip install triton"
    return None


def takes(x: Tensor) -> bool:
    """Whether kernels can work on features like `x`: on a GPU that Triton supports, of a type that they know.

    Not while torch.compile or torch.export traces the network: export cannot write them down.
    """
    if torch.compiler.is_compiling() or x.device.type != "cuda" or x.dtype not in TYPES:
        return False
    return reason() is None and torch.cuda.get_device_capability(x.device) >= LEAST_CAPABILITY


def attempt(make: Callable[[], T]) -> T | None:
    """What `make` returns; if it fails, None and a warning: PyTorch then does the work.

    Triton compiles on the user's machine, with its C compiler, driver and folder for compiled kernels. What is missing
    there it reports as an exception of almost any kind. Memory that runs out is no reason to give up.
    """
    try:
        return make()
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # noqa: BLE001
        said = str(error).strip().splitlines()
        why = f"{type(error).__name__}: {said[0]}" if said else type(error).__name__
        hint = f"{ENVIRONMENT}=off silences this"
        warnings.warn(f"Triton does not work, using slower PyTorch ({why}); {hint}", RuntimeWarning, stacklevel=2)
        return None
