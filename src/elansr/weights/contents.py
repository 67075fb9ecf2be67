"""The contents of a weights file in any layout, checked: the config and the state as NumPy arrays."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from elansr.arguments import wrong
from elansr.errors import MissingExtraError, WeightsError
from elansr.nn.config import ELANConfig
from elansr.text import listed
from elansr.weights.inference import InferenceForm, fold
from elansr.weights.provenance import Provenance

if TYPE_CHECKING:
    from elansr.nn.elan import ELAN

Layout = Literal["elansr", "official", "basicsr", "trainner"]
State = dict[str, NDArray[Any]]
UNKNOWN = Provenance(created="", elansr_version="")
TYPES = {
    "float32": ("float16", "float32", "float64"),
    "int64": ("int64", "int32"),
}
"""Types that a file may have where the network has one of these; bfloat16 was read as float32."""


@dataclass(frozen=True)
class Contents:
    """The contents of a weights file.

    Attributes:
        layout: whose format the file has.
        config: the network that the weights are for.
        state: every entry of `ELAN(config).state_dict()`, float32 and int64, finite.
        provenance: where they come from, `UNKNOWN` where the layout does not say.
    """

    layout: Layout
    config: ELANConfig
    state: State
    provenance: Provenance = UNKNOWN

    @classmethod
    def of(cls, network: ELAN, provenance: Provenance = UNKNOWN) -> Contents:
        """The contents of the file of a network, which is on any device and of any float type.

        Raises:
            ConfigError: not an ELAN.
            WeightsError: NaN or infinite weights.
        """
        require_network(network, "must be an elansr ELAN")
        state = {}
        for name, tensor in network.state_dict().items():
            value = tensor.detach().cpu()
            state[name] = (value.float() if value.is_floating_point() else value.long()).numpy()
            _require_finite(name, state[name])
        return cls("elansr", network.config, state, provenance)

    def network(self) -> ELAN:
        """The network with these weights: float32, on the CPU, in eval mode. Leaves torch's random numbers alone.

        Raises:
            MissingExtraError: PyTorch is not installed.
        """
        try:
            import torch
        except ModuleNotFoundError as error:
            raise MissingExtraError.torch("a network as a PyTorch module") from error
        from elansr.nn.elan import ELAN

        with torch.random.fork_rng(devices=[]):
            network = ELAN(self.config)
        network.load_state_dict({name: torch.from_numpy(array) for name, array in self.state.items()})
        return network.eval()

    def inference_form(self) -> InferenceForm:
        """What engines and exporters are made from."""
        return fold(self.config, self.state)

    def parameters(self) -> int:
        """How many numbers training adjusts."""
        statistics = ("running_mean", "running_var", "num_batches_tracked")
        return sum(array.size for name, array in self.state.items() if not name.endswith(statistics))

    def require_scale(self, scale: int | None, name: object) -> None:
        """Refuses weights of another scale than the caller wants, with a WeightsError that starts with `name`."""
        if scale not in (None, self.config.scale):
            raise WeightsError(
                f"{name}: weights for x{self.config.scale}, not x{scale}: omit the scale, or choose other weights"
            )


def require_network(value: object, rule: str) -> None:
    """Refuses, with a ConfigError that says the rule, what is not an ELAN; PyTorch is loaded where there is one."""
    module = sys.modules.get("elansr.nn.elan")
    if module is None or not isinstance(value, module.ELAN):
        raise wrong("network", value, rule)


def blank_state(config: ELANConfig) -> State:
    """Every entry of `ELAN(config).state_dict()`, in its order: zeros that take no memory."""
    c, hidden, colors = config.channels, config.channels * config.expansion, config.colors
    state: State = {}

    def convolution(name: str, outputs: int, inputs: int, side: int = 1) -> None:
        state[f"{name}.weight"], state[f"{name}.bias"] = _blank(outputs, inputs, side, side), _blank(outputs)

    def attention(name: str, outputs: int) -> None:
        convolution(f"{name}.project.conv", outputs, c)
        for entry in ("weight", "bias", "running_mean", "running_var"):
            state[f"{name}.project.norm.{entry}"] = _blank(outputs)
        state[f"{name}.project.norm.num_batches_tracked"] = np.zeros((), np.int64)
        convolution(f"{name}.merge", c, c)

    convolution("head", c, colors, 3)
    for elab in range(config.blocks // (config.n_share + 1)):
        for step in range(config.n_share + 1):
            convolution(f"body.{elab}.local.{step}.expand.conv", hidden, c)
            convolution(f"body.{elab}.local.{step}.reduce.conv", c, hidden)
        attention(f"body.{elab}.attention", 2 * c)
        for step in range(config.n_share):
            attention(f"body.{elab}.shared.{step}", c)
    convolution("tail.0", colors * config.scale**2, c, 3)
    return state


def _blank(*shape: int) -> NDArray[Any]:
    return np.broadcast_to(np.float32(0), shape)


def require_room(config: ELANConfig, found: Mapping[str, NDArray[Any]]) -> None:
    """Refuses a config that promises more than the file holds, before anything of that size is made.

    Raises:
        WeightsError: more blocks than arrays, or one convolution larger than all arrays together.
    """
    elements = sum(int(np.prod(array.shape)) for array in found.values())
    if config.blocks > len(found) or config.channels**2 * config.expansion > elements:
        raise WeightsError(
            f"config channels={config.channels}, blocks={config.blocks}, expansion={config.expansion} needs more than "
            f"the {elements} numbers in the file: copy or download it again"
        )


def checked(
    found: Mapping[str, NDArray[Any]], expected: Mapping[str, NDArray[Any]], network: str = "an ELAN of this size"
) -> State:
    """Copies of a file's arrays in the types of the network: float32, and int64 where a counter is expected.

    Args:
        found: arrays by name.
        expected: arrays of the right shapes and types under the same names.
        network: what errors call it.

    Raises:
        WeightsError: a missing or unknown name, a wrong shape or type, NaN or infinity.
    """
    if found.keys() != expected.keys():
        raise WeightsError(
            f"{listed(expected.keys() - found.keys())} missing and {listed(found.keys() - expected.keys())} unknown "
            f"for {network}: another network or a damaged file; use the file as its program wrote it"
        )
    state = {}
    for name, entry in expected.items():
        if found[name].shape != entry.shape:
            raise WeightsError(
                f"{name} has the shape {list(found[name].shape)} where this network has {list(entry.shape)}: "
                "use the file as its program wrote it"
            )
        kind, wanted = str(found[name].dtype), str(entry.dtype)
        if kind not in TYPES[wanted]:
            raise WeightsError(f"{name} is {kind}, not {wanted}: save the weights as they were trained")
        with np.errstate(over="ignore"):  # what float32 cannot hold is refused as infinite
            state[name] = found[name].astype(wanted)
        _require_finite(name, state[name])
    return state


def _require_finite(name: str, array: NDArray[Any]) -> None:
    if not np.isfinite(array).all():
        raise WeightsError(f"{name} has NaN or infinite values: training diverged; use an earlier checkpoint")
