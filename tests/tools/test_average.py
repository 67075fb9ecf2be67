"""The mean of weights, against arithmetic on the parameters."""

import pytest
import torch

from elansr.errors import WeightsError
from elansr.nn.config import ELANConfig
from elansr.nn.elan import ELAN
from tools.average import average


def network(blocks: int = 1) -> ELAN:
    return ELAN(ELANConfig(scale=2, channels=6, blocks=blocks, n_share=0))


def test_the_mean_is_that_of_every_parameter_and_statistic() -> None:
    first, second = network(), network()
    for norm in (m for m in second.modules() if isinstance(m, torch.nn.BatchNorm2d)):
        norm.running_mean = torch.full((12,), 4.0)
        norm.num_batches_tracked = torch.tensor(7)
    mean, a, b = (n.state_dict() for n in (average([first, second]), first, second))
    for name, value in mean.items():
        expected = (a[name] + b[name]) / 2 if value.is_floating_point() else b[name]
        torch.testing.assert_close(value, expected, rtol=1e-6, atol=1e-6)
    assert mean["body.0.attention.project.norm.running_mean"].tolist() == [2.0] * 12


def test_networks_that_differ_are_refused() -> None:
    with pytest.raises(WeightsError, match="have no mean"):
        average([network(1), network(2)])
