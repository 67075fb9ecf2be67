"""The inference form without PyTorch holds what PyTorch's own folding gives, bit for bit."""

import copy

import numpy as np
import pytest
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from elansr.nn.config import ELANConfig
from elansr.nn.elan import ELAN
from elansr.weights.inference import STREAM_SCALE, Convolution, InferenceForm, fold
from elansr.weights.load import load_network, read_weights
from elansr.weights.released import RELEASED


def same(found: Convolution, conv: nn.Module, weight: float, bias: float) -> bool:
    assert isinstance(conv, nn.Conv2d)
    assert conv.bias is not None
    expected = (conv.weight * weight).detach().numpy(), (conv.bias * bias).detach().numpy()
    assert found.weight.dtype == found.bias.dtype == np.float64
    return np.array_equal(found.weight, expected[0].reshape(found.weight.shape)) and np.array_equal(
        found.bias, expected[1]
    )


def is_form_of(form: InferenceForm, network: ELAN) -> bool:
    network = copy.deepcopy(network).eval().requires_grad_(False).double()
    s = STREAM_SCALE
    results = [same(form.head, network.head, s, s), same(form.tail, network.tail[0], 1 / s, 1)]
    blocks = iter(form.blocks)
    for i, elab in enumerate(network.body):
        steps = [elab.attention, *elab.shared]
        for j, (lfe, step) in enumerate(zip(elab.local, steps, strict=True)):
            block = next(blocks)
            assert (block.shares, block.shifted) == (j > 0, i % 2 == 1)
            results += [
                same(block.expand, lfe.expand.conv, 1, s),
                same(block.reduce, lfe.reduce.conv, 1, s),
                same(block.project, fuse_conv_bn_eval(step.project.conv, step.project.norm), 1 / s, 1),
                same(block.merge, step.merge, s, s),
            ]
    return all(results) and next(blocks, None) is None and np.array_equal(form.mean, network.mean.flatten().numpy())


@pytest.mark.parametrize("name", RELEASED)
def test_released_weights_are_folded_as_pytorch_folds_them(name: str) -> None:
    form = read_weights(name).inference_form()
    assert form.config.scale == RELEASED[name].scale
    assert is_form_of(form, load_network(name))


@pytest.mark.parametrize("n_share", [0, 2])
def test_other_networks_are_folded_as_well(n_share: int) -> None:
    network = ELAN(ELANConfig(scale=2, channels=6, blocks=6, n_share=n_share, expansion=3, windows=(2, 4)))
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_var, 0.1, 3)
            nn.init.normal_(module.running_mean)
            nn.init.normal_(module.weight)
    state = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    assert is_form_of(fold(network.config, state), network)
