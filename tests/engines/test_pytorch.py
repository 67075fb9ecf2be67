"""The inference form with PyTorch against plain loops, with the paper's borders and closed ones."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from elansr.engines.pytorch import DTYPES, FusedELAN, PixelLinear, TorchEngine, inference_form
from elansr.errors import PictureError
from elansr.nn.config import ELANConfig
from elansr.nn.elan import ELAN
from elansr.weights.inference import Convolution
from tests.nn.networks import TINY, config_of, random_picture, randomised
from tests.oracles.elan_closed_naive import elan_closed_naive
from tests.oracles.elan_naive import elan_naive

SIZES = [(1, 1), (1, 9), (5, 9), (17, 33)]
LIMITS = {"fp32": 1e-5, "fp16": 0.01, "bf16": 0.08}
"""Root of the mean square error in units of the result's deviation; weights of `randomised` are large."""
LIGHT = ELANConfig(scale=2, channels=60, blocks=4, n_share=1)


def by_loops(model: ELAN, x: Tensor, closed: bool) -> Tensor:
    state = {name: value.numpy() for name, value in model.state_dict().items()}
    loops = elan_closed_naive if closed else elan_naive
    return torch.from_numpy(np.stack([loops(picture.numpy(), state, model.config) for picture in x]))


@torch.no_grad()
def run(model: ELAN, x: Tensor, dtype: torch.dtype, closed: bool) -> Tensor:
    return FusedELAN(inference_form(model), dtype, closed)(x)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("closed", [False, True], ids=["cyclic", "closed"])
def test_in_float64_it_is_the_plain_loops(size: tuple[int, int], closed: bool) -> None:
    model = randomised(config_of(elabs=2, n_share=1))
    x = random_picture(TINY, *size, n=2)
    expected = by_loops(model, x, closed)
    # The mean of `randomised` is exact, that of the inference form is made in float32.
    torch.testing.assert_close(run(model, x, torch.float64, closed), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "changes",
    [{"channels": 9}, {"expansion": 3}, {"windows": (3, 5)}, {"windows": (6,), "channels": 5}, {"rgb_mean": (0.4,)}],
    ids=str,
)
def test_closed_borders_of_other_networks(changes: dict[str, object]) -> None:
    model = randomised(config_of(elabs=3, n_share=0, **changes))
    x = random_picture(model.config, 7, 10)
    expected = by_loops(model, x, closed=True)
    torch.testing.assert_close(run(model, x, torch.float64, True), expected, rtol=0, atol=1e-6)
    torch.testing.assert_close(run(model, x.float(), torch.float32, True).double(), expected, rtol=0, atol=1e-4)


def error(actual: Tensor, expected: Tensor) -> float:
    """Root of the mean square, in units of the expected one's deviation."""
    return ((actual.double() - expected.double()).square().mean().sqrt() / expected.double().std()).item()


@pytest.mark.parametrize("closed", [False, True], ids=["cyclic", "closed"])
@pytest.mark.parametrize("precision", LIMITS)
def test_every_precision_is_near_float64(precision: str, closed: bool) -> None:
    model = randomised(LIGHT).float()
    for height, width in [*SIZES, (40, 70)]:
        x = random_picture(LIGHT, height, width, n=2).float()
        truth = run(model, x.double(), torch.float64, closed)
        assert error(run(model, x, DTYPES[precision], closed), truth) < LIMITS[precision]


def test_the_gradient_by_the_picture_is_that_of_float64() -> None:
    model = randomised(LIGHT).float()
    gradients = []
    for dtype in (torch.float32, torch.float64):
        x = random_picture(LIGHT, 16, 17).float().requires_grad_()
        fused = FusedELAN(inference_form(model), dtype, closed=True)
        (gradient,) = torch.autograd.grad(fused(x).square().sum(), x)
        gradients.append(gradient)
    assert error(*gradients) < 1e-4


@pytest.mark.parametrize("mean", [(0.4, 0.5, 0.6), (0.4,)], ids=["rgb", "grey"])
def test_the_engine_takes_and_gives_arrays(mean: tuple[float, ...]) -> None:
    """Of several pictures at once; a network of one colour gets the colours one by one."""
    model = randomised(config_of(elabs=2, n_share=1, rgb_mean=mean)).float()
    engine = TorchEngine(inference_form(model), "cpu", "fp32", True)
    assert (engine.device, engine.precision, engine.size, engine.config) == ("cpu", "fp32", None, model.config)
    tile = np.random.default_rng(0).random((1, 6, 9, 20), np.float32)
    kept, result = tile.copy(), engine(tile)
    assert (type(result), result.dtype, result.shape) == (np.ndarray, np.float32, (1, 6, 18, 40))
    assert np.array_equal(tile, kept)
    pictures = torch.from_numpy(tile).reshape(-1, model.config.colors, 9, 20)
    expected = run(model, pictures, torch.float32, True).reshape(1, 6, 18, 40)
    np.testing.assert_allclose(result, expected.numpy(), atol=1e-6)


def test_the_engine_reports_memory_that_runs_out() -> None:
    engine = TorchEngine(inference_form(randomised(TINY).float()), "cpu", "fp32", True)
    for text in ("CUDA out of memory", "DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes"):
        engine.run = raising(RuntimeError(text))
        with pytest.raises(MemoryError):
            engine(np.zeros((1, 3, 8, 8), np.float32))
    engine.run = raising(RuntimeError("something else"))
    with pytest.raises(RuntimeError, match="something else"):
        engine(np.zeros((1, 3, 8, 8), np.float32))


def raising(error: Exception) -> Callable[[Tensor], Tensor]:
    def run(x: Tensor) -> Tensor:
        raise error

    return run


def test_the_digest_is_that_of_the_weights() -> None:
    forms = [inference_form(randomised(config)) for config in (TINY, TINY, dataclasses.replace(TINY, rgb_range=1.0))]
    digests = [TorchEngine(form, "cpu", "fp32", True).digest() for form in forms]
    assert digests[0] == digests[1] != digests[2]


def changed_columns(config: ELANConfig, dtype: torch.dtype, closed: bool) -> list[int]:
    """The output columns that change when columns 0 and 1 of a picture 64 pixels wide do."""
    model, x = randomised(config).float(), random_picture(config, 20, 64).float()
    changed = x.clone()
    changed[..., :2] = 1 - x[..., :2]
    difference = (run(model, x, dtype, closed) - run(model, changed, dtype, closed)).abs().amax((0, 1, 2))
    return [column for column, value in enumerate(difference.tolist()) if value > 0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=str)
def test_closed_borders_do_not_leak_to_the_opposite_one(dtype: torch.dtype) -> None:
    """Closed, windows of 16 carry it to column 15, shifted ones to 23, and the tail one column further."""
    config = config_of(elabs=2, n_share=0, scale=1)
    assert max(changed_columns(config, dtype, closed=True)) == 24
    assert max(changed_columns(config, dtype, closed=False)) == 63


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
def test_closed_pictures_of_a_batch_do_not_see_each_other(dtype: torch.dtype) -> None:
    model = randomised(config_of(elabs=2, n_share=1))
    x = random_picture(TINY, 9, 17, n=3).to(torch.promote_types(dtype, torch.float32))
    alone = torch.cat([run(model, picture[None], dtype, True) for picture in x])
    assert error(run(model, x, dtype, True), alone) < 1e-4


def test_the_network_it_is_made_from_stays_as_it_is() -> None:
    model = randomised(TINY).float()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    x = random_picture(TINY, 9, 17).float()
    with torch.no_grad():
        expected = model(x)
        FusedELAN(inference_form(model), closed=True)(x)
        assert torch.equal(model(x), expected)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_what_is_no_batch_is_refused() -> None:
    fused = FusedELAN(inference_form(randomised(TINY)), closed=True)
    for shape in [(3, 8, 8), (1, 1, 8, 8), (1, 3, 0, 8), (0, 3, 8, 8)]:
        with pytest.raises(PictureError, match="shape"):
            fused(torch.zeros(shape))


def test_a_float16_layer_on_a_cpu_is_wrong_by_one_rounding_only() -> None:
    weight, bias = np.random.default_rng(0).normal(size=(7, 60)) / 8, np.random.default_rng(1).normal(size=7)
    layer = PixelLinear(Convolution(weight, bias), torch.float16)
    x = torch.randn(1, 5, 9, 60).half()
    exact = x.double() @ layer.weight.double().T + layer.bias.double()
    half_a_step = torch.finfo(torch.float16).eps / 2
    wrong = (layer(x).double() - exact).abs()
    assert (wrong <= exact.abs() * half_a_step * 1.01 + 2**-25).all()
