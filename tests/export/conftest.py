"""A tiny network with everything in it: shifted and unshifted windows, computed and shared attention."""

from pathlib import Path

import pytest
import torch

from elansr.nn.config import ELANConfig
from elansr.nn.elan import ELAN
from elansr.weights.provenance import Provenance
from elansr.weights.weights_file import save


def tiny(**changes: object) -> ELAN:
    """An ELAN in eval mode whose BatchNorm statistics are none of the defaults."""
    torch.manual_seed(1)
    values: dict[str, object] = {"scale": 2, "channels": 12, "blocks": 4, "n_share": 1} | changes
    network = ELAN(ELANConfig(**values))  # type: ignore[arg-type]
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean = torch.randn(module.num_features)
            module.running_var = 50 * (torch.rand(module.num_features) + 0.5)
    return network.eval()


@pytest.fixture(scope="session")
def network() -> ELAN:
    return tiny()


@pytest.fixture(scope="session")
def weights(network: ELAN, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its file."""
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save(network, path, Provenance(name="tiny", licence="CC0-1.0"))
    return path


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """These networks are too small to share; restored by the fixture of all tests."""
    torch.set_num_threads(1)
