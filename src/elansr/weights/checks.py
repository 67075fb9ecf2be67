"""What a file's arrays or tensors must be before a network is made from them; needs no PyTorch."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from elansr.errors import WeightsError
from elansr.nn.config import ELANConfig
from elansr.text import listed

KINDS = {
    "float32": ("float16", "bfloat16", "float32", "float64"),
    "int64": ("int64", "int32"),
}
"""Types that a file may have where the network has one of these."""


class Shaped(Protocol):
    """An array or a tensor, of which only the shape and the type are looked at."""

    @property
    def shape(self) -> Any:
        """Its sides."""

    @property
    def dtype(self) -> Any:
        """Its type: its text ends in "float32" or another name of `KINDS`."""


class Entry:
    """Shape and type of an entry of a network's state."""

    def __init__(self, *shape: int, dtype: str = "float32") -> None:
        self.shape, self.dtype = shape, dtype


def entries(config: ELANConfig) -> dict[str, Entry]:
    """Every entry of `ELAN(config).state_dict()`."""
    c, hidden, colors = config.channels, config.channels * config.expansion, config.colors
    found: dict[str, Entry] = {}

    def convolution(name: str, outputs: int, inputs: int, side: int = 1) -> None:
        found[f"{name}.weight"], found[f"{name}.bias"] = Entry(outputs, inputs, side, side), Entry(outputs)

    def attention(name: str, outputs: int) -> None:
        convolution(f"{name}.project.conv", outputs, c)
        for entry in ("weight", "bias", "running_mean", "running_var"):
            found[f"{name}.project.norm.{entry}"] = Entry(outputs)
        found[f"{name}.project.norm.num_batches_tracked"] = Entry(dtype="int64")
        convolution(f"{name}.merge", c, c)

    convolution("head", c, colors, 3)
    convolution("tail.0", colors * config.scale**2, c, 3)
    for elab in range(config.blocks // (config.n_share + 1)):
        for step in range(config.n_share + 1):
            convolution(f"body.{elab}.local.{step}.expand.conv", hidden, c)
            convolution(f"body.{elab}.local.{step}.reduce.conv", c, hidden)
            attention(f"body.{elab}.shared.{step - 1}" if step else f"body.{elab}.attention", c if step else 2 * c)
    return found


def require_room(config: ELANConfig, found: Mapping[str, Shaped]) -> None:
    """Refuses a config that promises more than the file holds, before anything of that size is made.

    Raises:
        WeightsError: more blocks than arrays, or one convolution larger than all arrays together.
    """
    elements = sum(int(np.prod(array.shape)) for array in found.values())
    if config.blocks > len(found) or config.channels**2 * config.expansion > elements:
        raise WeightsError(
            f"config channels={config.channels}, blocks={config.blocks}, expansion={config.expansion} is larger than "
            f"the {elements} numbers in the file: copy or download it again"
        )


def require_entries(found: Mapping[str, Shaped], expected: Mapping[str, Shaped]) -> None:
    """Refuses arrays that are not those of the network.

    Raises:
        WeightsError: a missing or unknown name, a wrong shape or kind.
    """
    if found.keys() != expected.keys():
        raise WeightsError(
            f"{listed(expected.keys() - found.keys())} missing and {listed(found.keys() - expected.keys())} unknown "
            "for an ELAN of this size: it is another network or a damaged file, use one that ELAN wrote"
        )
    for name, entry in expected.items():
        if tuple(found[name].shape) != tuple(entry.shape):
            raise WeightsError(
                f"{name} has the shape {list(found[name].shape)} where this network has {list(entry.shape)}: "
                "use the file of one network as it was written"
            )
        kind, wanted = type_name(found[name]), type_name(entry)
        if kind not in KINDS[wanted]:
            raise WeightsError(f"{name} is {kind}, not {wanted}: save the weights as they were trained")


def checked_state(found: Mapping[str, NDArray[Any]], config: ELANConfig) -> dict[str, NDArray[Any]]:
    """The arrays of a file as the network needs them: float32, and int64 where a counter is expected.

    Raises:
        WeightsError: see `require_entries`; NaN or infinity.
    """
    expected = entries(config)
    require_entries(found, expected)
    with np.errstate(over="ignore"):  # what float32 cannot hold is refused as infinite
        state = {name: found[name].astype(entry.dtype) for name, entry in expected.items()}
    for name, array in state.items():
        require_finite(name, array)
    return state


def require_finite(name: str, array: NDArray[Any]) -> None:
    """Refuses NaN and infinity.

    Raises:
        WeightsError: there is one.
    """
    if not np.isfinite(array).all():
        raise WeightsError(f"{name} has NaN or infinite values: training diverged, take an earlier checkpoint")


def type_name(array: Shaped) -> str:
    """The type of an array or a tensor, as in `KINDS`."""
    return str(array.dtype).removeprefix("torch.")
