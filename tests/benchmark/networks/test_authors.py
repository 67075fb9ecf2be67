"""The authors' way of computing ELAN gives our numbers, forward and backward."""

import dataclasses

import pytest
import torch

from elansr.benchmark.networks.authors import DenseShiftConv, authors_elan
from elansr.nn.config import PRESETS
from elansr.nn.elan import ELAN
from elansr.nn.ops import shift, to_picture, to_pixels


@pytest.mark.parametrize("n_share", [0, 1, 2])
def test_it_is_elan_forward_and_backward(n_share: int) -> None:
    config = dataclasses.replace(PRESETS["elan-light"], channels=12, blocks=2 * (n_share + 1), n_share=n_share)
    torch.manual_seed(0)
    ours = ELAN(config).double()
    theirs = authors_elan(config).double()
    theirs.load_state_dict(ours.state_dict())
    x = torch.rand(2, 3, 20, 17, dtype=torch.float64)
    outputs = [network(x) for network in (ours, theirs)]
    torch.testing.assert_close(*outputs, rtol=0, atol=1e-10)
    gradients = [
        torch.autograd.grad(out.square().mean(), list(network.parameters()))
        for out, network in zip(outputs, (ours, theirs), strict=True)
    ]
    for mine, other in zip(*gradients, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-8, atol=1e-12)


def test_the_depthwise_kernel_is_the_shift() -> None:
    layer = DenseShiftConv(7, 7)
    torch.nn.init.dirac_(layer.conv.weight)
    torch.nn.init.zeros_(layer.conv.bias)
    x = torch.rand(2, 7, 5, 4)
    assert torch.equal(layer(x), to_picture(shift(to_pixels(x))))
