"""SwinIR against the published parameter counts and names, and its attention against plain loops."""

import dataclasses

import numpy as np
import pytest
import torch

from elansr.benchmark.networks import swinir
from elansr.benchmark.networks.swinir import PRESETS, PresetName, SwinIR, SwinIRConfig, SwinTransformerLayer, seams_of
from elansr.errors import ConfigError
from tests.oracles.swinir_naive import (
    MEAN,
    attention_naive,
    classical_x4_naive,
    layer_norm_naive,
    light_naive,
    swinir_naive,
)

TINY = SwinIRConfig(channels=12, depths=(2, 2), heads=3, window=4, mlp_ratio=2, direct=True)
TINY_CLASSICAL = dataclasses.replace(TINY, direct=False)


@pytest.mark.parametrize(
    ("preset", "scale", "parameters"),
    [
        ("swinir-light", 2, 910_152),
        ("swinir-light", 3, 918_267),
        ("swinir-light", 4, 929_628),
        ("swinir", 2, 11_752_487),
        ("swinir", 4, 11_900_199),
    ],
)
def test_it_has_the_published_parameters(preset: PresetName, scale: int, parameters: int) -> None:
    with torch.device("meta"):
        network = SwinIR(scale, PRESETS[preset])
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters


@pytest.mark.parametrize(("scale", "thousands"), [(2, 878), (3, 886), (4, 897)])
def test_its_paper_leaves_the_position_biases_out(scale: int, thousands: int) -> None:
    with torch.device("meta"):
        named = list(SwinIR(scale).named_parameters())
    counted = sum(p.numel() for name, p in named if not name.endswith("relative_position_bias_table"))
    assert round(counted / 1000) == thousands


def test_the_names_are_the_published_ones() -> None:
    with torch.device("meta"):
        light, middle = (set(SwinIR(4, PRESETS[name]).state_dict()) for name in ("swinir-light", "swinir"))
    block = "layers.3.residual_group.blocks.5"
    parts = ("norm1", "attn.qkv", "attn.proj", "norm2", "mlp.fc1", "mlp.fc2")
    of_a_block = {f"{block}.{part}.{kind}" for part in parts for kind in ("weight", "bias")}
    assert {name for name in light if name.startswith(block)} == of_a_block | {
        f"{block}.attn.relative_position_bias_table"
    }
    around = ("conv_first", "patch_embed.norm", "norm", "conv_after_body", "upsample.0")
    outside = {f"{part}.{kind}" for part in around for kind in ("weight", "bias")}
    assert {name for name in light if not name.startswith("layers")} == outside
    wide = {
        f"{part}.{kind}"
        for part in ("conv_before_upsample.0", "upsample.2", "conv_last")
        for kind in ("weight", "bias")
    }
    assert {name for name in middle if not name.startswith("layers")} == outside | wide
    assert {name for name in light if name.startswith("layers.3.conv")} == {
        "layers.3.conv.weight",
        "layers.3.conv.bias",
    }


@pytest.mark.parametrize("config", [TINY, TINY_CLASSICAL])
@pytest.mark.parametrize(("scale", "height", "width"), [(2, 1, 1), (3, 4, 9), (4, 13, 8), (8, 3, 5)])
def test_any_size_becomes_scale_times_as_large(config: SwinIRConfig, scale: int, height: int, width: int) -> None:
    with torch.no_grad():
        sr = SwinIR(scale, config)(torch.rand(2, 3, height, width))
    assert sr.shape == (2, 3, height * scale, width * scale)
    assert torch.isfinite(sr).all()


def test_another_scale_is_refused() -> None:
    for config in TINY, TINY_CLASSICAL:
        with pytest.raises(ConfigError, match="scale=5: must be one of 2, 3, 4, 8"):
            SwinIR(5, config)


@pytest.mark.parametrize(("height", "width"), [(4, 4), (4, 12), (8, 8)])
@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.parametrize("spread", [1.0, 300.0])
def test_the_attention_is_that_of_plain_loops(height: int, width: int, shifted: bool, spread: float) -> None:
    """With a `spread` of 300 some logits outweigh the mask, which is 100 and not infinite."""
    torch.manual_seed(0)
    layer = SwinTransformerLayer(TINY, shifted).double()
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    with torch.no_grad():
        layer.attn.relative_position_bias_table *= spread
    torch.nn.init.zeros_(layer.mlp.fc2.weight)
    torch.nn.init.zeros_(layer.mlp.fc2.bias)
    x = torch.rand(2, height, width, 12, dtype=torch.float64)
    with torch.no_grad():
        found = layer(x, seams_of(2, height, width, 4, x.device, x.dtype)).numpy()
    state = {name: value.numpy() for name, value in layer.state_dict().items()}
    attention = {name.removeprefix("attn."): value for name, value in state.items() if name.startswith("attn.")}
    for picture, result in zip(x.numpy(), found, strict=True):
        normal = np.apply_along_axis(lambda pixel: layer_norm_naive(pixel, state, "norm1"), -1, picture)
        expected = picture + attention_naive(normal, attention, heads=3, window=4, shift=2 if shifted else 0)
        np.testing.assert_allclose(result, expected, atol=1e-10)


@pytest.mark.parametrize("config", [TINY, TINY_CLASSICAL])
def test_the_whole_network_is_that_of_plain_loops(config: SwinIRConfig) -> None:
    torch.manual_seed(0)
    network = SwinIR(4, config).double()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    network.mean = torch.from_numpy(MEAN).view(1, 3, 1, 1)  # all its digits, not those of float32
    x = torch.rand(1, 3, 8, 4, dtype=torch.float64)
    with torch.no_grad():
        found = network(x)[0].permute(1, 2, 0).numpy()
    state = {name: value.numpy() for name, value in network.state_dict().items()}
    features = swinir_naive(x[0].permute(1, 2, 0).numpy(), state, (2, 2), heads=3, window=4)
    expected = light_naive(features, state, 4) if config.direct else classical_x4_naive(features, state)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


def test_the_perceptron_is_a_gelu_of_the_error_function() -> None:
    layer = SwinTransformerLayer(TINY, shifted=False).double()
    for parameter in layer.attn.proj.parameters():
        torch.nn.init.zeros_(parameter)
    torch.nn.init.normal_(layer.mlp.fc1.weight)
    x = torch.rand(1, 4, 4, 12, dtype=torch.float64)
    with torch.no_grad():
        found = layer(x, seams_of(1, 4, 4, 4, x.device, x.dtype))
        hidden = layer.mlp.fc1(layer.norm2(x))
        gelu = hidden * (1 + torch.erf(hidden / 2**0.5)) / 2
        torch.testing.assert_close(found, x + layer.mlp.fc2(gelu), rtol=0, atol=1e-12)


def test_seams_are_the_last_row_and_column_of_windows() -> None:
    seams = seams_of(2, 12, 8, 4, torch.device("cpu"), torch.float32)
    assert seams.windows.tolist() == [1, 3, 4, 5, 7, 9, 10, 11]
    right, corner = seams.mask[0, 0], seams.mask[3, 0]
    assert right[0].tolist() == [0.0, 0.0, -100.0, -100.0] * 4
    assert corner[0].tolist() == [0.0, 0.0, -100.0, -100.0] * 2 + [-100.0] * 8
    assert torch.equal(seams.mask[4:], seams.mask[:4])


def test_seams_are_made_once_for_a_size(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def counted(*arguments: object) -> object:
        made.append(arguments[:3])
        return seams_of(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(swinir, "seams_of", counted)
    network = SwinIR(2, TINY)
    with torch.inference_mode():
        network(torch.rand(1, 3, 8, 8))
    for size in (8, 7, 12):
        network(torch.rand(1, 3, 8, size)).mean().backward()
    assert made == [(1, 8, 8), (1, 8, 12)]


def test_a_picture_of_another_size_or_type_gets_seams_of_its_own() -> None:
    network = SwinIR(2, TINY).eval()
    pictures = [torch.rand(1, 3, 8, 8), torch.rand(2, 3, 8, 8), torch.rand(1, 3, 16, 4)]
    with torch.no_grad():
        for x in pictures:
            fresh = SwinIR(2, TINY)
            fresh.load_state_dict(network.state_dict())
            torch.testing.assert_close(network(x), fresh(x), rtol=0, atol=0)
        exact = network.double()(pictures[0].double())
        torch.testing.assert_close(network.float()(pictures[0]).double(), exact, rtol=0, atol=1e-5)


def test_the_pictures_of_a_batch_do_not_see_each_other() -> None:
    network = SwinIR(2, TINY).double()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    x = torch.rand(3, 3, 8, 12, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(network(x), torch.cat([network(one) for one in x.split(1)]), rtol=0, atol=1e-12)


def test_a_picture_is_reflected_to_whole_windows() -> None:
    network = SwinIR(2, TINY)
    x = torch.rand(1, 3, 6, 7)
    with torch.no_grad():
        whole = network(torch.from_numpy(np.pad(x.numpy(), ((0, 0), (0, 0), (0, 2), (0, 1)), mode="reflect")))
        torch.testing.assert_close(network(x), whole[..., :12, :14], rtol=0, atol=0)


def test_every_parameter_learns() -> None:
    network = SwinIR(2, TINY_CLASSICAL)
    network(torch.rand(2, 3, 8, 8)).square().mean().backward()
    without = [name for name, parameter in network.named_parameters() if not parameter.grad.abs().any()]
    assert without == []
