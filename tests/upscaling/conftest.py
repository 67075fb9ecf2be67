"""What the tests of `elansr.upscaling` share."""

import pytest
import torch

from elansr.nn.config import ELANConfig
from elansr.nn.elan import ELAN


@pytest.fixture(scope="session")
def small() -> ELAN:
    """A network of x2 whose body counts: an untrained tail would hide it."""
    torch.manual_seed(0)
    network = ELAN(ELANConfig(scale=2, channels=6, blocks=2, n_share=1)).eval()
    with torch.no_grad():
        network.tail[0].weight.mul_(20)
    return network
