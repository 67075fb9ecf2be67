"""The tensors of files of other projects, checked like our arrays, and turned into them."""

from collections.abc import Mapping
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from elansr.nn.config import ELANConfig
from elansr.weights.checks import entries, require_entries, require_finite


def check_tensors(found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a file as the network needs them, or a refusal.

    Args:
        found: tensors by name, floats of any precision.
        expected: the same names with the right shapes and kinds; only those are looked at (meta tensors do).

    Returns:
        Copies on the CPU: float32, and int64 where a counter is expected.

    Raises:
        WeightsError: a missing or unknown name, a wrong shape or kind, NaN or infinity.
    """
    require_entries(found, expected)
    checked = {}
    for name, entry in expected.items():
        value = found[name].detach().to("cpu", entry.dtype, copy=True, memory_format=torch.contiguous_format)
        require_finite(name, value.numpy())
        checked[name] = value
    return checked


def skeleton(config: ELANConfig) -> dict[str, Tensor]:
    """The entries of a network's state without memory for the values (meta tensors)."""
    return {
        name: torch.empty(entry.shape, dtype=getattr(torch, entry.dtype), device="meta")
        for name, entry in entries(config).items()
    }


def arrays(tensors: Mapping[str, Tensor]) -> dict[str, NDArray[Any]]:
    """Tensors on the CPU as arrays, of the same memory."""
    return {name: tensor.numpy() for name, tensor in tensors.items()}
