"""RRDBNet against the published parameter count and against a version in numpy, one output pixel at a time."""

import numpy as np
import torch
from numpy.typing import NDArray

from elansr.benchmark.networks.rrdb import RRDB, RRDBNet

Values = NDArray[np.float64]


def test_it_has_the_published_parameters_and_names() -> None:
    with torch.device("meta"):
        network = RRDBNet()
    assert sum(parameter.numel() for parameter in network.parameters()) == 16_697_987
    names = {name.rpartition(".")[0] for name in network.state_dict()}
    blocks = {f"body.{i}.rdb{j}.conv{k}" for i in range(23) for j in (1, 2, 3) for k in range(1, 6)}
    assert names == {"conv_first", "conv_body", "conv_up1", "conv_up2", "conv_hr", "conv_last"} | blocks


def conv(state: dict[str, Values], name: str, x: Values) -> Values:
    """A 3x3 convolution of (C, H, W), zeros outside."""
    weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    result = np.empty((len(bias), *x.shape[1:]))
    for row, column in np.ndindex(*x.shape[1:]):
        window = padded[:, row : row + 3, column : column + 3]
        for channel in range(len(bias)):
            result[channel, row, column] = (weight[channel] * window).sum() + bias[channel]
    return result


def leaky(x: Values) -> Values:
    return np.where(x < 0, 0.2 * x, x)


def dense_block(state: dict[str, Values], name: str, x: Values) -> Values:
    seen = [x]
    for i in range(1, 5):
        seen.append(leaky(conv(state, f"{name}.conv{i}", np.concatenate(seen))))
    return x + 0.2 * conv(state, f"{name}.conv5", np.concatenate(seen))


def twice(x: Values) -> Values:
    return x.repeat(2, axis=1).repeat(2, axis=2)


def test_a_small_network_equals_the_papers_figures_in_numpy() -> None:
    model = RRDBNet(channels=4, blocks=2, growth=3).double()
    state = {name: value.numpy() for name, value in model.state_dict().items()}
    picture = np.random.default_rng(0).random((3, 3, 2))
    first = x = conv(state, "conv_first", picture)
    for block in ("body.0", "body.1"):
        before = x
        for part in ("rdb1", "rdb2", "rdb3"):
            x = dense_block(state, f"{block}.{part}", x)
        x = before + 0.2 * x
    features = first + conv(state, "conv_body", x)
    for name in ("conv_up1", "conv_up2"):
        features = leaky(conv(state, name, twice(features)))
    expected = conv(state, "conv_last", leaky(conv(state, "conv_hr", features)))
    with torch.no_grad():
        sr = model(torch.from_numpy(picture)[None])[0].numpy()
    assert sr.shape == (3, 12, 8)
    np.testing.assert_allclose(sr, expected, atol=1e-12)


def test_a_block_adds_a_fifth_of_its_dense_blocks() -> None:
    """With their last convolutions at 0, the dense blocks give back what they get."""
    block = RRDB(channels=4, growth=3)
    for part in (block.rdb1, block.rdb2, block.rdb3):
        torch.nn.init.zeros_(part.conv5.weight)
        torch.nn.init.zeros_(part.conv5.bias)
    x = torch.rand(1, 4, 6, 5)
    torch.testing.assert_close(block(x), 1.2 * x)
