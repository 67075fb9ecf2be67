"""The network against plain loops written from the paper, against the paper's numbers and against closed forms."""

import dataclasses
import math
from typing import Any, get_args

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from elansr.errors import ConfigError, ElansrError
from elansr.nn.config import DIV2K_RGB_MEAN, PRESETS, ELANConfig, PresetName
from elansr.nn.elan import ELAN, create_model
from tests.nn.networks import TINY, config_of, random_picture, randomised
from tests.oracles.elan_naive import elan_naive

SIZES = [(1, 1), (1, 5), (3, 2), (7, 13), (16, 16), (17, 33)]


def by_loops(model: ELAN, x: Tensor) -> Tensor:
    state = {name: value.numpy() for name, value in model.state_dict().items()}
    return torch.from_numpy(np.stack([elan_naive(picture.numpy(), state, model.config) for picture in x]))


@torch.no_grad()
def assert_equals_loops(config: ELANConfig, height: int, width: int) -> None:
    x = random_picture(config, height, width)
    expected = by_loops(randomised(config), x)
    assert expected.shape == (1, config.colors, height * config.scale, width * config.scale)
    torch.testing.assert_close(randomised(config)(x), expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_equals_the_loops_at_every_size(height: int, width: int) -> None:
    assert_equals_loops(config_of(elabs=2, n_share=1), height, width)


@pytest.mark.parametrize("n_share", [0, 1, 2, 3])
@pytest.mark.parametrize("elabs", [1, 2, 3])
def test_equals_the_loops_for_every_sharing_unshifted_shifted_and_back(elabs: int, n_share: int) -> None:
    assert_equals_loops(config_of(elabs, n_share), 7, 18)


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
def test_equals_the_loops_at_every_scale(scale: int) -> None:
    assert_equals_loops(config_of(elabs=2, n_share=0, scale=scale), 5, 6)


@pytest.mark.parametrize(
    "changes",
    [
        {"channels": 9},  # shift groups of 1, 1, 1, 1, 5
        {"channels": 15, "expansion": 1},
        {"expansion": 3},
        {"rgb_mean": (0.4,)},
        {"rgb_mean": (0.2, 0.5, 0.9), "rgb_range": 1.0},
        {"windows": (6,), "channels": 5},
        {"windows": (3, 5), "channels": 6},
        {"windows": (8, 2, 4, 1)},
    ],
    ids=str,
)
def test_equals_the_loops_for_other_configurations(changes: dict[str, Any]) -> None:
    assert_equals_loops(config_of(elabs=2, n_share=1, **changes), 4, 9)


def test_double_of_a_float_model_is_close_to_the_loops() -> None:
    model, x = randomised(TINY), random_picture(TINY, 5, 6)
    plain = ELAN(TINY).double().eval()
    plain.load_state_dict(model.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(plain(x), by_loops(model, x), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("preset", "scale", "parameters"),
    [
        ("elan-light", 2, 582_012),
        ("elan-light", 3, 590_127),
        ("elan-light", 4, 601_488),
        ("elan", 2, 8_254_092),
        ("elan", 3, 8_278_407),
        ("elan", 4, 8_312_448),
    ],
)
def test_presets_have_the_parameters_of_the_paper(preset: PresetName, scale: int, parameters: int) -> None:
    with torch.device("meta"):
        model = create_model(preset, scale)
    assert sum(p.numel() for p in model.parameters() if p.requires_grad) == parameters


def test_presets_are_those_of_the_paper() -> None:
    light, full = PRESETS["elan-light"], PRESETS["elan"]
    assert set(PRESETS) == set(get_args(PresetName))
    assert (light.channels, light.blocks, light.n_share, light.expansion) == (60, 24, 1, 2)
    assert (full.channels, full.blocks, full.n_share, full.expansion) == (180, 36, 0, 2)
    for config in PRESETS.values():
        assert config.windows == (4, 8, 16)
        assert config.multiple == 16
        assert config.rgb_mean == DIV2K_RGB_MEAN == (0.4488, 0.4371, 0.4040)
        assert config.rgb_range == 255


@pytest.mark.parametrize("scale", range(1, 9))
@pytest.mark.parametrize("rgb_mean", [DIV2K_RGB_MEAN, (0.45,)], ids=["rgb", "grey"])
def test_every_scale_gives_the_right_shape(scale: int, rgb_mean: tuple[float, ...]) -> None:
    colors = len(rgb_mean)
    model = ELAN(dataclasses.replace(TINY, scale=scale, rgb_mean=rgb_mean)).eval()
    with torch.no_grad():
        out = model(torch.rand(2, colors, 5, 19))
    assert out.shape == (2, colors, 5 * scale, 19 * scale)
    assert out.dtype == torch.float32
    assert out.isfinite().all()


@pytest.mark.parametrize("preset", get_args(PresetName))
@pytest.mark.parametrize("scale", range(1, 9))
def test_every_preset_constructs_at_every_scale(preset: PresetName, scale: int) -> None:
    with torch.device("meta"):
        model = create_model(preset, scale)
    assert model.config == dataclasses.replace(PRESETS[preset], scale=scale)
    assert model.training


def test_light_upscales_a_single_pixel() -> None:
    model = create_model("elan-light", 4).eval()
    with torch.no_grad():
        assert model(torch.rand(1, 3, 1, 1)).shape == (1, 3, 4, 4)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("scale", 0),
        ("scale", 9),
        ("scale", -2),
        ("windows", ()),
        ("windows", (4, 0, 16)),
        ("windows", (4, -8, 16)),
        ("channels", 3),
        ("channels", 16),
        ("n_share", -1),
        ("blocks", 0),
        ("blocks", -2),
        ("blocks", 3),
        ("expansion", 0),
        ("rgb_mean", ()),
        ("rgb_mean", (0.5, 0.5)),
        ("rgb_range", 0.0),
        ("rgb_range", -255.0),
        ("rgb_range", math.nan),
    ],
)
def test_a_wrong_value_is_named(field: str, value: Any) -> None:
    right: dict[str, Any] = {"scale": 2, "channels": 12, "blocks": 4, "n_share": 1}
    ELANConfig(**right)
    with pytest.raises(ConfigError) as caught:
        ELANConfig(**(right | {field: value}))
    assert str(caught.value).startswith(f"{field}={value}: must ")
    assert isinstance(caught.value, ElansrError)


def test_four_channels_are_too_few_for_the_shift_although_a_window_divides_them() -> None:
    with pytest.raises(ConfigError, match=r"channels=4.*at least 5"):
        ELANConfig(scale=2, channels=4, blocks=2, n_share=0, windows=(4,))


@pytest.mark.parametrize(("blocks", "n_share"), [(1, 0), (3, 2), (8, 3), (24, 1)])
def test_blocks_that_n_share_divides_are_right(blocks: int, n_share: int) -> None:
    assert ELANConfig(scale=1, channels=60, blocks=blocks, n_share=n_share).blocks == blocks


def test_a_config_is_a_value() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        TINY.scale = 3  # type: ignore[misc]
    assert len({TINY, dataclasses.replace(TINY), dataclasses.replace(TINY, scale=3)}) == 2


def test_an_unknown_preset_is_named_with_the_choices() -> None:
    with pytest.raises(ConfigError, match=r"'elan-huge'.*elan-light, elan"):
        create_model("elan-huge", 2)  # type: ignore[arg-type]


def test_a_preset_at_a_wrong_scale_is_refused() -> None:
    with pytest.raises(ConfigError, match="scale=9"):
        create_model("elan-light", 9)


def test_initialisation_is_the_default_of_pytorch() -> None:
    torch.manual_seed(0)
    for layer in create_model("elan-light", 2).modules():
        if isinstance(layer, nn.Conv2d):
            assert layer.bias is not None
            bound = 1 / math.sqrt(layer.weight[0].numel())
            for parameter in (layer.weight, layer.bias):
                assert 0.5 * bound < parameter.abs().max() <= bound
        if isinstance(layer, nn.BatchNorm2d):
            assert (layer.eps, layer.momentum) == (1e-5, 0.1)
            assert layer.weight.eq(1).all()
            assert layer.bias.eq(0).all()


def changed_columns(config: ELANConfig) -> list[int]:
    """The output columns that change when columns 0 and 1 of a picture 96 pixels wide do."""
    model, x = randomised(config), random_picture(config, 16, 96)
    changed = x.clone()
    changed[..., :2] = 1 - x[..., :2]
    with torch.no_grad():
        difference = (model(x) - model(changed)).abs().amax((0, 1, 2))
    return [column for column, value in enumerate(difference.tolist()) if value != 0]


def test_the_cyclic_shift_leaks_from_the_left_border_to_the_right_15_columns_and_further() -> None:
    """Known and kept, as it is the paper's network: what tiles and margins have to cut away.

    The second ELAB's windows of 16, rolled by 8, join the columns 0..7 with the last 8. LFE carries the change 2
    columns further, into the window beside, which the shared attention fills: 8 + 16, and 1 by the tail.
    """
    changed = changed_columns(config_of(elabs=2, n_share=1, scale=1))
    assert set(range(96 - 15, 96)) <= set(changed)
    assert [column for column in changed if column >= 60] == list(range(96 - 25, 96))


def test_without_sharing_the_leak_ends_at_the_joined_window() -> None:
    changed = changed_columns(config_of(elabs=2, n_share=0, scale=1))
    assert [column for column in changed if column >= 48] == list(range(96 - 9, 96))


def test_the_first_elab_is_not_shifted_and_does_not_leak() -> None:
    """The window of 16, and 1 column by the tail; head and LFE reach 5, which is within."""
    assert changed_columns(config_of(elabs=1, n_share=0, scale=1)) == list(range(17))


@pytest.mark.parametrize("level", [1000.0, -1000.0])
def test_forward_does_not_clamp(level: float) -> None:
    model = randomised(TINY)
    with torch.no_grad():
        tail = model.tail[0]
        assert isinstance(tail, nn.Conv2d)
        assert tail.bias is not None
        tail.weight.zero_()
        tail.bias.fill_(level)
        out = model(random_picture(TINY, 3, 4))
    expected = torch.tensor(TINY.rgb_mean, dtype=torch.float64).view(1, 3, 1, 1) + level / 255
    torch.testing.assert_close(out, expected.expand(1, 3, 6, 8), rtol=0, atol=1e-12)


def test_pictures_of_a_batch_do_not_see_each_other_in_evaluation() -> None:
    model, x = randomised(config_of(elabs=2, n_share=1)), random_picture(TINY, 9, 17, n=3)
    with torch.no_grad():
        alone = torch.cat([model(picture[None]) for picture in x])
        torch.testing.assert_close(model(x), alone, rtol=0, atol=1e-12)


def test_channels_last_changes_nothing() -> None:
    model, x = randomised(config_of(elabs=2, n_share=1)), random_picture(TINY, 9, 17, n=2)
    with torch.no_grad():
        expected = model(x)
        out = model(x.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(out, expected, rtol=0, atol=1e-12)


def test_the_state_dict_has_no_constants_and_loads_strictly() -> None:
    """The mean belongs to the config: a file must not be able to contradict it."""
    model = randomised(config_of(elabs=2, n_share=1))
    state = model.state_dict()
    trained = {name for name, _ in model.named_parameters()}
    assert {name.rpartition(".")[2] for name in state.keys() - trained} == {
        "running_mean",
        "running_var",
        "num_batches_tracked",
    }
    ELAN(model.config).load_state_dict(state, strict=True)


@pytest.mark.parametrize("n_share", [0, 2])
def test_every_parameter_gets_a_gradient(n_share: int) -> None:
    model = randomised(config_of(elabs=2, n_share=n_share))
    model(random_picture(TINY, 16, 16)).square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.ne(0).any(), name


@pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])
def test_gradients_are_those_of_finite_differences(training: bool) -> None:
    config = ELANConfig(1, channels=6, blocks=4, n_share=1, expansion=1, windows=(2, 4), rgb_mean=(0.4,), rgb_range=2.0)
    model = randomised(config).train(training)
    names, parameters = zip(*model.named_parameters(), strict=True)
    x = random_picture(config, 3, 5, n=2).requires_grad_()

    def output(x: Tensor, *values: Tensor) -> Tensor:
        out = torch.func.functional_call(model, dict(zip(names, values, strict=True)), (x,))
        assert isinstance(out, Tensor)
        return out

    assert torch.autograd.gradcheck(output, (x, *parameters), fast_mode=True)
