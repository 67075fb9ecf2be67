"""The native shift against PyTorch's, forward and backward."""

import itertools

import pytest
import torch
from torch import Tensor

from elansr.engines.cpu import bindings
from elansr.engines.cpu.training.shift import shift
from tests.oracles.elan_naive import shift_naive

pytestmark = pytest.mark.skipif(not bindings.available(), reason="the native library is not there")


def features(n: int, height: int, width: int, channels: int, dtype: torch.dtype) -> Tensor:
    """Small whole numbers, exact in every type, a quarter of them zero."""
    generator = torch.Generator().manual_seed(height * 100 + width)
    return torch.randint(-2, 2, (n, height, width, channels), generator=generator).to(dtype)


def expected(x: Tensor) -> Tensor:
    loops = [torch.from_numpy(shift_naive(picture.double().movedim(-1, 0).numpy())).movedim(0, -1) for picture in x]
    return torch.stack(loops).to(x.dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("channels", [5, 12, 60])
@pytest.mark.parametrize("rectified", [False, True])
def test_it_is_the_plain_loop(dtype: torch.dtype, channels: int, rectified: bool) -> None:
    for height, width in itertools.product((1, 2, 5), repeat=2):
        x = features(2, height, width, channels, dtype)
        assert torch.equal(shift(x, rectified), expected(torch.relu(x) if rectified else x))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("rectified", [False, True])
def test_the_gradient_is_the_adjoint(dtype: torch.dtype, rectified: bool) -> None:
    """<shift(x), g> = <x, shift'(g)> for a linear map; behind a ReLU only where x is positive."""
    x = features(2, 4, 3, 12, dtype).requires_grad_()
    gradient = features(2, 4, 3, 12, dtype).flip(1)
    out = shift(x, rectified)
    (back,) = torch.autograd.grad(out, x, gradient)
    assert (out.double() * gradient.double()).sum() == (x.double() * back.double()).sum()
    assert gradient.abs().sum() > 0
    if rectified:
        assert back[x <= 0].abs().max() == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_the_relu_lets_nan_through_and_stops_minus_infinity(dtype: torch.dtype) -> None:
    x = torch.tensor([float("nan"), -float("nan"), -float("inf"), -0.0, float("inf")], dtype=dtype).view(1, 1, 1, 5)
    out = shift(torch.cat([x] * 5, dim=-1), rectified=True)[0, 0, 0, 20:]
    assert out.isnan().tolist() == [True, True, False, False, False]
    assert out[2:].tolist() == [0, 0, float("inf")]


def test_the_result_does_not_depend_on_the_threads() -> None:
    x = torch.randn(3, 17, 9, 60)
    before = torch.get_num_threads()
    try:
        results = []
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            results.append(shift(x, rectified=True))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0], results[2])
