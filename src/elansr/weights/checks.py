"""What a file's tensors must be before a network is made from them."""

from collections.abc import Mapping

import torch
from torch import Tensor

from elansr.errors import WeightsError
from elansr.nn.config import ELANConfig
from elansr.text import listed

FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
COUNTERS = (torch.int64, torch.int32)


def require_room(config: ELANConfig, tensors: Mapping[str, Tensor]) -> None:
    """Refuses a config that promises more than the file holds, before anything of that size is made.

    Raises:
        WeightsError: more blocks than tensors, or one convolution larger than all tensors together.
    """
    elements = sum(tensor.numel() for tensor in tensors.values())
    if config.blocks > len(tensors) or config.channels**2 * config.expansion > elements:
        raise WeightsError(
            f"config channels={config.channels}, blocks={config.blocks}, expansion={config.expansion} is larger than "
            f"the {elements} numbers in the file: copy or download it again"
        )


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
    if found.keys() != expected.keys():
        raise WeightsError(
            f"{listed(expected.keys() - found.keys())} missing and {listed(found.keys() - expected.keys())} unknown "
            "for an ELAN of this size: it is another network or a damaged file, use one that ELAN wrote"
        )
    return {name: _checked(name, found[name], tensor) for name, tensor in expected.items()}


def _checked(name: str, found: Tensor, expected: Tensor) -> Tensor:
    if found.shape != expected.shape:
        raise WeightsError(
            f"{name} has the shape {list(found.shape)} where this network has {list(expected.shape)}: "
            "use the file of one network as it was written"
        )
    if found.dtype not in (FLOATS if expected.dtype.is_floating_point else COUNTERS):
        raise WeightsError(f"{name} is {found.dtype}, not {expected.dtype}: save the weights as they were trained")
    value = found.detach().to("cpu", expected.dtype, copy=True, memory_format=torch.contiguous_format)
    require_finite(name, value)
    return value


def require_finite(name: str, value: Tensor) -> None:
    """Refuses NaN and infinity.

    Raises:
        WeightsError: there is one.
    """
    if not torch.isfinite(value).all():
        raise WeightsError(f"{name} has NaN or infinite values: training diverged, take an earlier checkpoint")
