"""EDSR against the papers' parameter counts and against a version in numpy, one pixel at a time."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from elansr.benchmark.networks.edsr import EDSR, PRESETS, EDSRConfig, PresetName, upsampler
from elansr.errors import ConfigError

Values = NDArray[np.float64]
MEAN = np.array([0.4488, 0.4371, 0.4040])


@pytest.mark.parametrize(
    ("preset", "scale", "parameters"),
    [
        ("edsr-baseline", 2, 1_369_859),
        ("edsr-baseline", 3, 1_554_499),
        ("edsr-baseline", 4, 1_517_571),
        ("edsr", 2, 40_729_603),
        ("edsr", 4, 43_089_923),
    ],
)
def test_it_has_the_published_parameters(preset: PresetName, scale: int, parameters: int) -> None:
    with torch.device("meta"):
        network = EDSR(scale, PRESETS[preset])
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters


@pytest.mark.parametrize(("height", "width"), [(1, 1), (5, 9)])
@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_any_size_becomes_scale_times_as_large(scale: int, height: int, width: int) -> None:
    with torch.no_grad():
        sr = EDSR(scale, EDSRConfig(8, 2, 1.0))(torch.rand(2, 3, height, width))
    assert sr.shape == (2, 3, height * scale, width * scale)


@pytest.mark.parametrize("scale", [1, 5, 6, 16])
def test_another_scale_is_refused(scale: int) -> None:
    with pytest.raises(ConfigError, match=f"scale={scale}: must be one of 2, 3, 4, 8"):
        EDSR(scale)


def test_the_names_are_basicsrs() -> None:
    names = {name.removesuffix(".weight").removesuffix(".bias") for name in EDSR(4).state_dict()}
    blocks = {f"body.{i}.conv{j}" for i in range(16) for j in (1, 2)}
    assert names == {"conv_first", "conv_after_body", "upsample.0", "upsample.2", "conv_last"} | blocks


def layer(state: dict[str, Values], name: str, x: Values) -> Values:
    """A convolution of a picture of one pixel: all but the middle of the kernel meets zeros."""
    return state[f"{name}.weight"][:, :, 1, 1] @ x + state[f"{name}.bias"]


def test_a_picture_of_one_pixel_equals_the_papers_figures_in_numpy() -> None:
    model = EDSR(3, EDSRConfig(8, 2, 0.1)).double()
    # The last convolution sees 3x3 pixels: let its middle alone count.
    with torch.no_grad():
        middle = torch.zeros(3, 3)
        middle[1, 1] = 1
        model.conv_last.weight *= middle
    state = {name: value.numpy() for name, value in model.state_dict().items()}
    pixel = np.array([0.9, 0.1, 0.4])
    first = x = layer(state, "conv_first", 255 * (pixel - MEAN))
    for i in range(2):
        x = x + 0.1 * layer(state, f"body.{i}.conv2", np.maximum(layer(state, f"body.{i}.conv1", x), 0))
    wide = layer(state, "upsample.0", first + layer(state, "conv_after_body", x)).reshape(8, 3, 3)
    with torch.no_grad():
        sr = model(torch.from_numpy(pixel).view(1, 3, 1, 1))[0].numpy()
    for row, column in np.ndindex(3, 3):
        expected = layer(state, "conv_last", wide[:, row, column]) / 255 + MEAN
        # The network keeps the mean in float32.
        np.testing.assert_allclose(sr[:, row, column], expected, atol=1e-7)


def test_a_block_without_its_second_convolution_changes_nothing() -> None:
    block = EDSR(2, EDSRConfig(8, 1, 1.0)).body[0]
    torch.nn.init.zeros_(block.conv2.weight)
    torch.nn.init.zeros_(block.conv2.bias)
    x = torch.rand(1, 8, 6, 5)
    torch.testing.assert_close(block(x), x)


def test_four_is_two_times_two() -> None:
    assert [tuple(conv.weight.shape) for conv in upsampler(4, 6)[::2]] == [(24, 6, 3, 3)] * 2
    assert [tuple(conv.weight.shape) for conv in upsampler(3, 6)[::2]] == [(54, 6, 3, 3)]
