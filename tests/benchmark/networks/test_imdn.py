"""IMDN against the paper's parameter counts and against a version in numpy, one pixel at a time."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from elansr.benchmark.networks.imdn import IMDB, IMDN, ContrastAwareAttention

Values = NDArray[np.float64]


@pytest.mark.parametrize(("scale", "parameters"), [(2, 694_404), (3, 703_059), (4, 715_176)])
def test_it_has_the_papers_694_703_and_715_thousand_parameters(scale: int, parameters: int) -> None:
    assert sum(parameter.numel() for parameter in IMDN(scale).parameters()) == parameters


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 9), (12, 7)])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_any_size_becomes_scale_times_as_large(scale: int, height: int, width: int) -> None:
    with torch.no_grad():
        sr = IMDN(scale)(torch.rand(2, 3, height, width))
    assert sr.shape == (2, 3, height * scale, width * scale)
    assert torch.isfinite(sr).all()


def leaky(x: Values) -> Values:
    return np.where(x > 0, x, 0.05 * x)


def layer(state: dict[str, Values], name: str, x: Values) -> Values:
    """A convolution of a picture of one pixel: all but the middle of the kernel meets zeros."""
    weight = state[f"{name}.weight"]
    middle = weight.shape[-1] // 2
    return weight[:, :, middle, middle] @ x + state[f"{name}.bias"]


def block(state: dict[str, Values], name: str, x: Values) -> Values:
    """Figure 3 of the paper; the standard deviation of one pixel is 0."""
    first = leaky(layer(state, f"{name}.c1", x))
    second = leaky(layer(state, f"{name}.c2", first[16:]))
    third = leaky(layer(state, f"{name}.c3", second[16:]))
    kept = np.concatenate([first[:16], second[:16], third[:16], layer(state, f"{name}.c4", third[16:])])
    hidden = np.maximum(layer(state, f"{name}.cca.conv_du.0", kept), 0)
    gate = 1 / (1 + np.exp(-layer(state, f"{name}.cca.conv_du.2", hidden)))
    return x + layer(state, f"{name}.c5", kept * gate)


def test_a_picture_of_one_pixel_equals_the_papers_figures_in_numpy() -> None:
    model = IMDN(3).double()
    state = {name: value.numpy() for name, value in model.state_dict().items()}
    pixel = np.array([0.9, 0.1, 0.4])
    features = layer(state, "fea_conv", pixel)
    outputs = [features]
    for i in range(1, 7):
        outputs.append(block(state, f"IMDB{i}", outputs[-1]))
    fused = layer(state, "LR_conv", leaky(layer(state, "c.0", np.concatenate(outputs[1:]))))
    expected = layer(state, "upsampler.0", features + fused).reshape(3, 3, 3)
    with torch.no_grad():
        sr = model(torch.from_numpy(pixel).view(1, 3, 1, 1))
    np.testing.assert_allclose(sr[0].numpy(), expected, atol=1e-12)


def test_contrast_is_the_standard_deviation_over_all_pixels_plus_the_mean() -> None:
    attention = ContrastAwareAttention().double()
    x = np.random.default_rng(0).normal(1, 2, (2, 64, 5, 7))
    state = {name: value.numpy() for name, value in attention.state_dict().items()}
    with torch.no_grad():
        found = attention(torch.from_numpy(x)).numpy()
    for picture, result in zip(x, found, strict=True):
        planes = picture.reshape(64, -1)
        contrast = np.sqrt(((planes - planes.mean(1, keepdims=True)) ** 2).mean(1)) + planes.mean(1)
        hidden = np.maximum(layer(state, "conv_du.0", contrast), 0)
        gate = 1 / (1 + np.exp(-layer(state, "conv_du.2", hidden)))
        np.testing.assert_allclose(result, picture * gate[:, None, None], atol=1e-12)


def test_a_block_is_a_residual() -> None:
    module = IMDB()
    torch.nn.init.zeros_(module.c5.weight)
    torch.nn.init.zeros_(module.c5.bias)
    x = torch.rand(1, 64, 6, 5)
    torch.testing.assert_close(module(x), x)
