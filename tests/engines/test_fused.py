"""The inference form against plain loops, with the paper's borders and closed ones, natively and with PyTorch."""

import copy
import dataclasses
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import Tensor

from elansr.engines import fused as fused_module
from elansr.engines.cpu import bindings
from elansr.engines.cpu.engine import runs_natively
from elansr.engines.fused import FusedELAN, PixelLinear, inference_form
from elansr.errors import PictureError
from elansr.nn.config import ELANConfig
from elansr.nn.elan import ELAN
from elansr.weights.inference import Convolution
from tests.nn.networks import TINY, config_of, random_picture, randomised
from tests.oracles.elan_closed_naive import elan_closed_naive
from tests.oracles.elan_naive import elan_naive

SIZES = [(1, 1), (1, 9), (5, 9), (17, 33)]
NATIVE_DTYPES = [torch.float32, torch.bfloat16]
LIGHT = ELANConfig(scale=2, channels=60, blocks=4, n_share=1)

needs_native = pytest.mark.skipif(not bindings.available(), reason="the native library is not there")


def by_loops(model: ELAN, x: Tensor, closed: bool) -> Tensor:
    state = {name: value.numpy() for name, value in model.state_dict().items()}
    loops = elan_closed_naive if closed else elan_naive
    return torch.from_numpy(np.stack([loops(picture.numpy(), state, model.config) for picture in x]))


@torch.no_grad()
def run(model: ELAN, x: Tensor, dtype: torch.dtype, closed: bool) -> Tensor:
    return FusedELAN(inference_form(model), dtype, closed)(x)


def run_in_pytorch(model: ELAN, x: Tensor, dtype: torch.dtype, closed: bool) -> Tensor:
    """Without the native library."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fused_module, "takes", lambda x: False)
        return run(model, x, dtype, closed)


def is_native(model: ELAN, dtype: torch.dtype, closed: bool = True) -> bool:
    """Whether the inference form runs in the native library."""
    fused = FusedELAN(inference_form(model), dtype, closed)
    with torch.no_grad():
        fused(torch.rand(1, model.config.colors, 3, 3))
    return bool(fused._native)


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


@needs_native
@pytest.mark.parametrize("closed", [False, True], ids=["cyclic", "closed"])
def test_natively_it_is_what_pytorch_makes_of_it(closed: bool) -> None:
    model = randomised(LIGHT).float()
    assert is_native(model, torch.float32, closed)
    for height, width in [*SIZES, (40, 70)]:
        x = random_picture(LIGHT, height, width, n=2).float()
        truth = run(model, x.double(), torch.float64, closed)
        assert error(run(model, x, torch.float32, closed), truth) < 1e-5
        assert error(run_in_pytorch(model, x, torch.float32, closed), truth) < 1e-5


@needs_native
@pytest.mark.parametrize("closed", [False, True], ids=["cyclic", "closed"])
def test_bfloat16_in_the_native_library_is_no_worse_than_with_pytorch(closed: bool) -> None:
    """Both round every layer's result to 8 bits, natively a few of them less often."""
    model = randomised(LIGHT).float()
    assert is_native(model, torch.bfloat16, closed) == runs_natively(LIGHT, "bf16")
    for height, width in [(1, 1), (17, 33), (40, 70)]:
        x = random_picture(LIGHT, height, width, n=2).float()
        truth = run(model, x.double(), torch.float64, closed)
        natively, by_torch = (error(way(model, x, torch.bfloat16, closed), truth) for way in (run, run_in_pytorch))
        assert natively < max(1.2 * by_torch, 0.01)


@needs_native
@pytest.mark.parametrize(
    ("changes", "dtype"),
    [
        ({"channels": 15}, torch.bfloat16),
        ({"channels": 24, "windows": (4, 8)}, torch.bfloat16),
        ({"channels": 30, "windows": (4, 8), "expansion": 1}, torch.bfloat16),
        ({"channels": 12}, torch.float16),
        ({"channels": 15}, torch.float32),
        ({"channels": 22, "windows": (4, 5)}, torch.float32),
        ({"channels": 20, "windows": (3,)}, torch.bfloat16),
    ],
    ids=str,
)
@pytest.mark.parametrize("closed", [False, True], ids=["cyclic", "closed"])
def test_a_body_that_the_library_does_not_run_goes_another_way(
    changes: dict[str, object], dtype: torch.dtype, closed: bool
) -> None:
    model = randomised(config_of(elabs=2, n_share=1, **changes)).float()
    config = model.config
    suited = runs_natively(config, fused_module.NATIVE.get(dtype, ""))
    assert is_native(model, dtype, closed) == suited
    x = random_picture(model.config, 19, 21).float()
    truth = run(model, x.double(), torch.float64, closed)
    assert error(run(model, x, dtype, closed), truth) < {torch.float32: 1e-5, torch.float16: 0.01}.get(dtype, 0.08)


WITHOUT_NATIVE = """
import sys, torch
from elansr.engines.fused import FusedELAN, inference_form
model, x, closed = torch.load(sys.argv[1], weights_only=False)
with torch.no_grad():
    fused = FusedELAN(inference_form(model), closed=closed)
    result = fused(x)
assert not fused._native
torch.save(result, sys.argv[1])
"""


@needs_native
def test_without_the_native_library(tmp_path: object) -> None:
    model, x, file = randomised(LIGHT).float(), random_picture(LIGHT, 21, 35).float(), f"{tmp_path}/model.pt"
    torch.save((model, x, True), file)
    environment = {**os.environ, bindings.ENVIRONMENT: "off"}
    command = [sys.executable, "-c", WITHOUT_NATIVE, file]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert not done.returncode, done.stderr
    assert error(run(model, x, torch.float32, True), torch.load(file)) < 1e-5


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


@pytest.mark.parametrize("dtype", [torch.float64, *NATIVE_DTYPES], ids=str)
def test_closed_pictures_of_a_batch_do_not_see_each_other(dtype: torch.dtype) -> None:
    model = randomised(config_of(elabs=2, n_share=1))
    x = random_picture(TINY, 9, 17, n=3).to(torch.promote_types(dtype, torch.float32))
    alone = torch.cat([run(model, picture[None], dtype, True) for picture in x])
    assert error(run(model, x, dtype, True), alone) < 1e-4


@needs_native
@pytest.mark.parametrize("dtype", NATIVE_DTYPES, ids=str)
def test_a_picture_in_another_order_in_memory(dtype: torch.dtype) -> None:
    model, x = randomised(LIGHT).float(), random_picture(LIGHT, 9, 17, n=2).float()
    fused = FusedELAN(inference_form(model), dtype, closed=True)
    with torch.no_grad():
        expected, kept = fused(x), x.clone()
        for other in (x.to(memory_format=torch.channels_last), x.movedim(1, -1).contiguous().movedim(-1, 1)):
            assert error(fused(other), expected) < 0.01
    assert torch.equal(x, kept)


@needs_native
@pytest.mark.parametrize("closed", [False, True], ids=["cyclic", "closed"])
def test_the_gradient_by_the_picture_is_that_of_pytorch(closed: bool) -> None:
    """The library has none: it must not be silently that of another function."""
    model = randomised(LIGHT).float()
    gradients = []
    for dtype in (torch.float32, torch.float64):
        x = random_picture(LIGHT, 16, 17).float().requires_grad_()
        fused = FusedELAN(inference_form(model), dtype, closed=closed)
        (gradient,) = torch.autograd.grad(fused(x).square().sum(), x)
        gradients.append(gradient)
    assert error(*gradients) < 1e-4


@needs_native
def test_two_networks_and_copies_do_not_disturb_each_other() -> None:
    first = FusedELAN(inference_form(randomised(LIGHT)), closed=True)
    second = FusedELAN(inference_form(randomised(dataclasses.replace(LIGHT, blocks=2))), closed=False)
    xs = [random_picture(LIGHT, *size).float() for size in ((9, 17), (30, 5), (9, 17))]
    with torch.no_grad():
        expected = [first(x) for x in xs]
        for x in xs:
            second(x)
        again = [copy.deepcopy(first)(x) for x in xs]
    assert all(torch.equal(a, b) for a, b in zip(expected, again, strict=True))


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
        with pytest.raises(PictureError, match="a batch of shape"):
            fused(torch.zeros(shape))


def test_a_float16_layer_on_a_cpu_is_wrong_by_one_rounding_only() -> None:
    weight, bias = np.random.default_rng(0).normal(size=(7, 60)) / 8, np.random.default_rng(1).normal(size=7)
    layer = PixelLinear(Convolution(weight, bias), torch.float16)
    x = torch.randn(1, 5, 9, 60).half()
    exact = x.double() @ layer.weight.double().T + layer.bias.double()
    half_a_step = torch.finfo(torch.float16).eps / 2
    wrong = (layer(x).double() - exact).abs()
    assert (wrong <= exact.abs() * half_a_step * 1.01 + 2**-25).all()
