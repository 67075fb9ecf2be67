"""A network with native layers computes what the plain one does, forward and backward."""

import copy

import pytest
import torch
from torch import Tensor

from elansr.engines.cpu import bindings
from elansr.engines.cpu.training import accelerate
from elansr.engines.cpu.training.acceleration import NativeGroupwiseSelfAttention, NativeLocalFeatureExtraction
from elansr.nn.config import ELANConfig
from elansr.nn.elan import ELAN
from tests.nn.networks import TINY, config_of, random_picture, randomised

needs_native = pytest.mark.skipif(not bindings.available(), reason="the native library is not there")

LIGHT = ELANConfig(scale=2, channels=60, blocks=8, n_share=1)


def error(actual: Tensor, expected: Tensor) -> float:
    """Root of the mean square, in units of the expected one's deviation."""
    return ((actual.double() - expected.double()).square().mean().sqrt() / expected.double().std()).item()


def pair(config: ELANConfig) -> tuple[ELAN, ELAN]:
    """A network in float32, and a copy with native layers."""
    plain = randomised(config).float()
    return plain, accelerate(copy.deepcopy(plain))


def uses_native_layers(network: ELAN) -> bool:
    kinds = {type(module) for module in network.modules()}
    return {NativeLocalFeatureExtraction, NativeGroupwiseSelfAttention} <= kinds


@needs_native
@pytest.mark.parametrize("config", [LIGHT, config_of(elabs=3, n_share=2), config_of(2, 0, windows=(3, 5))], ids=str)
def test_output_and_gradients_are_those_of_the_plain_network(config: ELANConfig) -> None:
    plain, native = pair(config)
    x = random_picture(config, 19, 34, n=2).float()
    truth = copy.deepcopy(plain).double()
    for network in (plain, native, truth):
        network.train()(x.to(network.head.weight.dtype)).square().mean().backward()
    for (name, wanted), mine, theirs in zip(
        truth.named_parameters(), native.parameters(), plain.parameters(), strict=True
    ):
        assert mine.grad is not None
        assert theirs.grad is not None
        assert wanted.grad is not None
        scale = wanted.grad.norm() + 1e-9
        wrong, allowed = (((g.grad.double() - wanted.grad).norm() / scale).item() for g in (mine, theirs))
        assert wrong < max(5 * allowed, 1e-5), name
    with torch.no_grad():
        outputs = [network.eval()(x.to(network.head.weight.dtype)) for network in (plain, native, truth)]
    assert error(outputs[1], outputs[2]) < max(5 * error(outputs[0], outputs[2]), 1e-6)


@needs_native
def test_names_and_values_of_the_state_stay_and_parameters_are_the_same_objects() -> None:
    network = randomised(config_of(elabs=2, n_share=1)).float()
    before, parameters = copy.deepcopy(network.state_dict()), list(network.parameters())
    assert accelerate(network) is network
    assert uses_native_layers(network)
    after = network.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert all(a is b for a, b in zip(network.parameters(), parameters, strict=True))
    network.load_state_dict(before)


@needs_native
def test_copies_are_networks_of_their_own() -> None:
    _, network = pair(TINY)
    other, x = copy.deepcopy(network), random_picture(TINY, 16, 16).float()
    assert uses_native_layers(other)
    with torch.no_grad():
        expected = network(x)
        for parameter in other.parameters():
            parameter.zero_()
        assert torch.equal(network(x), expected)


@needs_native
def test_under_autocast_it_is_as_exact_as_the_plain_network() -> None:
    plain, native = pair(LIGHT)
    x = random_picture(LIGHT, 32, 16).float()
    with torch.no_grad():
        truth = copy.deepcopy(plain).double()(x.double())
        with torch.autocast("cpu", torch.bfloat16):
            assert error(native(x), truth) < 1.5 * error(plain(x), truth)


@pytest.mark.parametrize("there", [True, False])
def test_what_the_library_does_not_take_is_left_to_pytorch(monkeypatch: pytest.MonkeyPatch, there: bool) -> None:
    """Float64, to the bit; without the library the layers stay as they are."""
    if not there:
        monkeypatch.setattr(bindings, "available", lambda: False)
    plain = randomised(config_of(elabs=2, n_share=1))
    network = accelerate(copy.deepcopy(plain))
    assert uses_native_layers(network) == (there and bindings.available())
    x = random_picture(TINY, 9, 17)
    with torch.no_grad():
        assert torch.equal(network(x), plain(x))
