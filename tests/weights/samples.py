"""A network of ours with every number different from its initial value, and its provenance."""

import json
from typing import Any

import torch

from elansr.nn.config import ELANConfig
from elansr.nn.elan import ELAN
from elansr.weights.provenance import Provenance
from tests.weights.by_hand import TINY

PROVENANCE = Provenance(
    name="tiny",
    recipe="steps = 3\n[data]\nbatch = 2\n",
    data="two photos, CC0",
    steps=3,
    started_from="",
    metrics={"val PSNR-Y": 30.12, "Set5 x2": {"PSNR-Y": 37, "protocol": "Y, border 2"}},
    licence="Apache-2.0",
    created="2026-03-01",
    elansr_version="0.1.0",
)


@torch.no_grad()
def random_network(config: ELANConfig = TINY) -> ELAN:
    torch.manual_seed(1)
    network = ELAN(config)
    for tensor in network.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(torch.randn(tensor.shape).abs() + 0.1)
        else:
            tensor.fill_(7)
    return network


def header_of(data: bytes) -> dict[str, Any]:
    """A safetensors file: 8 bytes little endian, as many bytes JSON, the numbers."""
    return json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
