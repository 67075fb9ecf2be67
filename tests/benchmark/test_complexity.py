"""Counts against the figures of the papers, which were made by others, and against counting by hand."""

import pytest
import torch
from torch import nn

from elansr.benchmark.complexity import complexity
from elansr.benchmark.networks.authors import authors_elan
from elansr.benchmark.networks.edsr import EDSR, EDSRConfig
from elansr.benchmark.networks.imdn import IMDN
from elansr.benchmark.networks.rrdb import RRDBNet
from elansr.benchmark.networks.swinir import PRESETS, SwinIR
from elansr.nn.config import ELANConfig
from elansr.nn.elan import ELAN, create_model

LR = {2: (640, 360), 3: (427, 240), 4: (320, 180)}
"""Whose SR is 1280x720, for which papers count."""


def light(scale: int) -> tuple[nn.Module, int, int]:
    with torch.device("meta"):
        return create_model("elan-light", scale), *LR[scale]


@pytest.mark.parametrize(("scale", "published"), [(2, 168.4), (3, 75.7), (4, 43.2)])
def test_elan_light_has_the_multiply_adds_of_its_paper(scale: int, published: float) -> None:
    found = complexity(*light(scale)).multiply_adds_in_the_paper
    assert found is not None
    assert round(found / 1e9, 1) == published


def test_every_multiply_add_of_elan_light_x4_is_47_9_g() -> None:
    found = complexity(*light(4))
    assert round(found.multiply_adds / 1e9, 1) == 47.9
    assert found.parameters == 601_488


@pytest.mark.parametrize(("scale", "published"), [(2, 158.8), (3, 71.5), (4, 40.9)])
def test_imdn_has_its_published_multiply_adds(scale: int, published: float) -> None:
    assert round(complexity(IMDN(scale), *LR[scale]).multiply_adds / 1e9, 1) == published


@pytest.mark.parametrize(("scale", "published"), [(2, 316.3), (3, 160.2), (4, 114.0)])
def test_edsr_baseline_has_its_published_multiply_adds(scale: int, published: float) -> None:
    """To 0.3 %: at x3 720p is no whole LR picture, and at x4 the published figure is 0.2 % below the count by hand."""
    assert complexity(EDSR(scale), *LR[scale]).multiply_adds / 1e9 == pytest.approx(published, rel=0.003)


@pytest.mark.parametrize(("scale", "published"), [(2, 195.6), (4, 49.6)])
def test_swinir_light_has_its_published_multiply_adds_but_for_how_they_were_counted(
    scale: int, published: float
) -> None:
    """The published program counts SR of 1024x720 in windows and one more, three of the nine taps of the convolution
    after the body, the channels of the upsampling once instead of scale^2 times, and norms, which we leave out."""
    channels, layers = 60, 24
    width, height = ((side // scale // 8 + 1) * 8 for side in (1024, 720))
    taps = (9 - 3) * channels**2
    upsampling = (scale**2 - 1) * channels * 3 * 9
    norms = (2 * layers + 1) * channels
    with torch.device("meta"):
        network = SwinIR(scale)
    ours = complexity(network, width, height).multiply_adds
    assert round((ours - width * height * (taps + upsampling - norms)) / 1e9, 1) == published


def test_the_shift_is_a_convolution_in_the_authors_form_alone() -> None:
    config = ELANConfig(scale=2, channels=12, blocks=4, n_share=1, expansion=2)
    ours, authors = (complexity(network, 32, 16) for network in (ELAN(config), authors_elan(config)))
    shifted = 4 * (12 + 24)  # of each block: before the expanding and the reducing convolution
    assert authors.multiply_adds - ours.multiply_adds == 32 * 16 * shifted * 9
    assert authors.activations - ours.activations == 32 * 16 * shifted
    assert authors.multiply_adds_in_the_paper == ours.multiply_adds_in_the_paper
    assert authors.parameters == ours.parameters


def test_elan_counted_by_hand() -> None:
    c, windows, pixels = 12, (4, 8, 16), 48 * 32
    network = ELAN(ELANConfig(scale=3, channels=c, blocks=2, n_share=1, expansion=2, windows=windows))
    found = complexity(network, 48, 32)
    convolutions = 3 * c * 9 + c * 27 * 9 + 2 * (c * 2 * c * 2) + c * 2 * c + c * c + 2 * c * c
    products = sum(window**2 * (c // 3) for window in windows)  # of each pixel with its window
    assert found.multiply_adds == pixels * (convolutions + 3 * products)
    assert found.multiply_adds_in_the_paper == pixels * (convolutions + 2 * products)
    assert found.activations == pixels * (c + 27 + 2 * (2 * c + c) + 2 * c + c + 2 * c)


def test_rrdbnet_counted_by_hand() -> None:
    found = complexity(RRDBNet(channels=4, blocks=2, growth=3), 5, 7)
    block = 3 * sum((4 + 3 * i) * (3 if i < 4 else 4) for i in range(5))
    at_lr, at_x2, at_x4 = 3 * 4 + 2 * block + 4 * 4, 4 * 4, 2 * 4 * 4 + 4 * 3
    assert found.multiply_adds == 9 * 35 * (at_lr + 4 * at_x2 + 16 * at_x4)


def test_edsr_counted_by_hand() -> None:
    found = complexity(EDSR(2, EDSRConfig(channels=4, blocks=1, residual_scale=1)), 5, 7)
    assert found.multiply_adds == 9 * 35 * (3 * 4 + 3 * 16 + 4 * 16 + 4 * 12)
    assert found.activations == 35 * (4 + 3 * 4 + 16 + 12)
    assert found.multiply_adds_in_the_paper is None


def test_padding_to_whole_windows_is_left_out() -> None:
    network = ELAN(ELANConfig(scale=2, channels=6, blocks=2, n_share=1))
    whole, half = complexity(network, 32, 32), complexity(network, 32, 16)
    assert complexity(network, 31, 17).multiply_adds == whole.multiply_adds * 31 * 17 // 32**2
    assert half.activations * 2 == whole.activations


def test_swinir_is_counted_without_the_windows_that_are_masked() -> None:
    """Attention is two products of 64 pixels by channels, at every pixel."""
    config = PRESETS["swinir-light"]
    network = SwinIR(2, config)
    layers = [m for m in network.modules() if isinstance(m, nn.Linear)]
    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    dense = sum(m.weight.numel() for m in [*layers, *convolutions])
    products = sum(config.depths) * 2 * 64 * config.channels
    assert complexity(network, 16, 24).multiply_adds == 16 * 24 * (dense + products)


def test_a_network_of_one_colour_takes_three_pictures() -> None:
    grey, rgb = (
        complexity(ELAN(ELANConfig(scale=2, channels=6, blocks=2, n_share=1, rgb_mean=mean)), 16, 16)
        for mean in ((0.4,), (0.4, 0.4, 0.4))
    )
    outer = 16 * 16 * 9 * 6 * (3 + 12)
    assert grey.multiply_adds == 3 * (rgb.multiply_adds - outer) + outer


def test_it_leaves_the_network_and_the_random_numbers_alone() -> None:
    network = create_model("elan-light", 4)
    before = torch.random.get_rng_state()
    complexity(network, 16, 16)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert network.training
    assert next(network.parameters()).device.type == "cpu"
