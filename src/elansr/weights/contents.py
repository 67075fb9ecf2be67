"""What a weights file holds, whoever wrote it: a config and the state of our network."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from elansr.nn.config import ELANConfig
from elansr.nn.elan import ELAN
from elansr.weights.inference import InferenceForm, fold
from elansr.weights.provenance import Provenance

Layout = Literal["elansr", "official", "basicsr", "trainner"]
UNKNOWN = Provenance(created="", elansr_version="")


@dataclass(frozen=True)
class Contents:
    """The contents of a weights file.

    Attributes:
        layout: whose format the file has.
        config: the network that the weights are for.
        state: every entry of `ELAN(config).state_dict()`, float32 and int64, finite, on the CPU.
        provenance: where they come from, `UNKNOWN` where the layout does not say.
    """

    layout: Layout
    config: ELANConfig
    state: dict[str, Tensor]
    provenance: Provenance = UNKNOWN

    def network(self) -> ELAN:
        """The network with these weights, in eval mode. Leaves torch's random numbers as they were."""
        with torch.random.fork_rng(devices=[]):
            network = ELAN(self.config)
        network.load_state_dict(self.state)
        return network.eval()

    def inference_form(self) -> InferenceForm:
        """What engines and exporters are made from."""
        return fold(self.config, {name: tensor.numpy() for name, tensor in self.state.items()})


def skeleton(config: ELANConfig) -> dict[str, Tensor]:
    """Names, shapes and kinds of a network's state, without memory for the values (meta tensors)."""
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        return ELAN(config).state_dict()
