"""A network that stays right wherever it is cast: the body follows, head, tail and mean do not."""

import copy
from types import ModuleType
from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor, nn

from elansr.engines.cpu import bindings
from elansr.engines.cpu.native_engine import NativeEngine, runs_natively
from elansr.engines.pytorch import FusedELAN, inference_form
from elansr.nn.config import ELANConfig
from tests.nn.networks import config_of, randomised

if TYPE_CHECKING:
    from elansr.engines.spandrel import CastableELAN

LIGHT = ELANConfig(scale=2, channels=60, blocks=4, n_share=1)

needs_native = pytest.mark.skipif(not bindings.available(), reason="the native library is not there")


@pytest.fixture
def castable(spandrel: ModuleType) -> "CastableELAN":
    from elansr.engines.spandrel import CastableELAN

    return CastableELAN(inference_form(randomised(config_of(2, 1))), closed=True)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_the_body_follows_and_the_rest_stays(castable: "CastableELAN", dtype: torch.dtype) -> None:
    castable.to(dtype)
    assert next(castable.parameters()).dtype == dtype
    assert {parameter.dtype for parameter in castable.body.parameters()} == {dtype}
    assert {tensor.dtype for tensor in (castable.mean, *castable.head.parameters(), *castable.tail.parameters())} == {
        torch.float32
    }


@torch.no_grad()
def test_cast_is_as_made_in_that_dtype(castable: "CastableELAN") -> None:
    """Twice, so that nothing packed before a cast is used after it."""
    picture, dtype = torch.rand(1, 3, 20, 33), torch.float16
    single = castable(picture)
    made = FusedELAN(inference_form(randomised(config_of(2, 1))), dtype, closed=True)(picture)
    cast = castable.to(dtype)(picture)
    # Casting from float64 by way of float32 may round one weight in thousands the other way.
    torch.testing.assert_close(cast, made, atol=0.2 * float((made - single).abs().max()), rtol=0)
    assert not torch.equal(cast, single)
    assert castable(picture.to(dtype)).dtype == dtype


@torch.no_grad()
def test_in_float32_it_is_the_fused_network(castable: "CastableELAN") -> None:
    picture = torch.rand(1, 3, 20, 33)
    fused = FusedELAN(inference_form(randomised(config_of(2, 1))), closed=True)
    assert error(castable(picture), fused(picture)) < 1e-5


def test_it_moves_as_a_whole(castable: "CastableELAN") -> None:
    """To "meta", which every machine has; copies are networks of their own."""
    moved = copy.deepcopy(castable).to("meta", torch.float16)
    assert {tensor.device.type for tensor in (moved.mean, *moved.parameters())} == {"meta"}
    assert {tensor.device.type for tensor in (castable.mean, *castable.parameters())} == {"cpu"}
    assert (moved.dtype, castable.dtype) == (torch.float16, torch.float32)


def test_as_a_part_of_another_module(castable: "CastableELAN") -> None:
    whole = nn.Sequential(castable).half()
    assert castable.dtype == torch.float16
    assert whole(torch.rand(1, 3, 16, 16).half()).dtype == torch.float16


def error(actual: Tensor, expected: Tensor) -> float:
    """Root of the mean square, in units of the expected one's deviation."""
    return ((actual.double() - expected.double()).square().mean().sqrt() / expected.double().std()).item()


@needs_native
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_on_a_cpu_it_is_the_native_engine(castable: "CastableELAN", dtype: torch.dtype) -> None:
    """For pictures in any order in memory, which stay as they are."""
    network = type(castable)(inference_form(randomised(LIGHT)), closed=True).to(dtype)
    precision = {torch.float32: "fp32", torch.bfloat16: "bf16"}[dtype]
    assert runs_natively(LIGHT, precision) == (precision == "fp32" or bindings.level() == "avx512bf16")
    if not runs_natively(LIGHT, precision):
        pytest.skip(f"no kernels for {precision} at this level")
    x = torch.rand(2, 3, 9, 17)
    kept, engine = x.clone(), NativeEngine(network.form, precision, True)
    expected = torch.from_numpy(engine(x.numpy().reshape(1, 6, 9, 17))).reshape(2, 3, 18, 34)
    with torch.no_grad():
        for other in (x, x.to(memory_format=torch.channels_last), x.movedim(1, -1).contiguous().movedim(-1, 1)):
            assert torch.equal(network(other), expected)
    assert torch.equal(x, kept)


@needs_native
def test_the_gradient_by_the_picture_is_that_of_pytorch(castable: "CastableELAN") -> None:
    """The library has none: it must not be silently that of another function."""
    gradients = []
    for network in (castable, FusedELAN(castable.form, torch.float64, closed=True)):
        x = torch.rand(1, 3, 16, 17, generator=torch.Generator().manual_seed(0)).requires_grad_()
        (gradient,) = torch.autograd.grad(network(x).square().sum(), x)
        gradients.append(gradient)
    assert error(*gradients) < 1e-4


@torch.no_grad()
def test_two_networks_and_copies_do_not_disturb_each_other(castable: "CastableELAN") -> None:
    second = type(castable)(inference_form(randomised(LIGHT)), closed=False)
    xs = [torch.rand(1, 3, *size) for size in ((9, 17), (30, 5), (9, 17))]
    expected = [castable(x) for x in xs]
    for x in xs:
        second(x)
    again = [copy.deepcopy(castable)(x) for x in xs]
    assert all(torch.equal(a, b) for a, b in zip(expected, again, strict=True))
