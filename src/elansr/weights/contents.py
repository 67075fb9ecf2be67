"""What a weights file holds, whoever wrote it: a config and the state of our network, as NumPy arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from numpy.typing import NDArray

from elansr.nn.config import ELANConfig
from elansr.weights.inference import InferenceForm, fold
from elansr.weights.provenance import Provenance

if TYPE_CHECKING:
    from elansr.nn.elan import ELAN

Layout = Literal["elansr", "official", "basicsr", "trainner"]
UNKNOWN = Provenance(created="", elansr_version="")


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
    state: dict[str, NDArray[Any]]
    provenance: Provenance = UNKNOWN

    def network(self) -> ELAN:
        """The network with these weights, in eval mode. Leaves torch's random numbers as they were."""
        import torch

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
