"""The first convolution; the long skip, the last convolution and PixelShuffle: against PyTorch's in float64."""

import dataclasses

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from elansr.engines.cpu import bindings
from elansr.engines.cpu.native_calls import MARGIN, SMALL, Run, head, sums_by_color, tail
from tests.engines.cpu.pixels import decoded, dtype_of, encoded, packed, relative_error

if not bindings.available():
    pytest.skip(f"no native library: {bindings.reason()}", allow_module_level=True)

SIZES = [(1, 1), (2, 15), (1, 17), (9, 32), (17, 33), (40, 3), (88, 90)]

Convolution = tuple[Tensor, Tensor]
"""Weight (outputs, inputs, 3, 3) and bias (outputs,)."""


def whole_numbers(*shape: int) -> Tensor:
    """Products of so few and small whole numbers sum up without any rounding."""
    return torch.randint(-3, 4, shape).float()


def whole_convolution(outputs: int, inputs: int) -> Convolution:
    return whole_numbers(outputs, inputs, 3, 3), whole_numbers(outputs)


def convolved(x: Tensor, convolution: Convolution) -> Tensor:
    weight, bias = convolution
    return F.conv2d(x.double(), weight.double(), bias.double(), padding=1)


def run_tail(run: Run, picture: Tensor, body: Tensor, first: Convolution, last: Convolution, scale: int) -> Tensor:
    by_color = sums_by_color(picture.numpy())
    layers = packed(*first, run, by_color), packed(*last, run)
    return torch.from_numpy(tail(run, picture.numpy(), encoded(body, run), *layers, scale))


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize("colors", [1, 3])
def test_the_head_of_whole_numbers(run: Run, n: int, colors: int) -> None:
    first = whole_convolution(20, colors)
    for size in SIZES:
        picture = whole_numbers(n, colors, *size)
        features = head(run, picture.numpy(), packed(*first, run, sums_by_color(picture.numpy())))
        expected = convolved(picture, first)
        assert torch.equal(decoded(features, run), expected.to(dtype_of(run)).double())
        assert not features.words[..., MARGIN - 1].any()
        assert not features.words[..., MARGIN + size[1]].any()


def test_small_pictures_are_summed_up_in_another_order() -> None:
    assert sums_by_color(torch.zeros(1, 1, 1, SMALL).numpy())
    assert not sums_by_color(torch.zeros(1, 1, 1, SMALL + 1).numpy())
    assert not sums_by_color(torch.zeros(2, 3, 4, 4).numpy())


@pytest.mark.parametrize("scale", [1, 2, 3, 4, 5, 8])
def test_the_tail_of_whole_numbers(run: Run, scale: int) -> None:
    for colors, channels in [(3, 12), (1, 6)]:
        first, last = whole_convolution(channels, colors), whole_convolution(colors * scale**2, channels)
        for size in SIZES[:-1]:
            picture, body = whole_numbers(2, colors, *size), whole_numbers(2, channels, *size)
            expected = F.pixel_shuffle(convolved(convolved(picture, first) + body.double(), last), scale)
            assert torch.equal(run_tail(run, picture, body, first, last, scale).double(), expected)


def test_other_numbers(run: Run) -> None:
    """In float32 whatever the precision of the body."""
    first, last = (torch.randn(60, 3, 3, 3), torch.randn(60)), (torch.randn(12, 60, 3, 3), torch.randn(12))
    picture, body = torch.randn(1, 3, 19, 35), torch.randn(1, 60, 19, 35)
    skip = convolved(picture, first) + body.to(dtype_of(run)).double()
    expected = F.pixel_shuffle(convolved(skip, last), 2)
    assert relative_error(run_tail(run, picture, body, first, last, 2), expected) < 1e-6


@pytest.mark.parametrize("height", [1, 9, 40, 67])
def test_the_number_of_threads_changes_no_bit(run: Run, height: int) -> None:
    first, last = (torch.randn(20, 3, 3, 3), torch.randn(20)), (torch.randn(12, 20, 3, 3), torch.randn(12))
    picture, body = torch.randn(2, 3, height, 21), torch.randn(2, 20, height, 21)
    runs = [dataclasses.replace(run, threads=threads) for threads in (1, 2, 3)]
    tails = [run_tail(each, picture, body, first, last, 2) for each in runs]
    heads = [decoded(head(each, picture.numpy(), packed(*first, each)), each) for each in runs]
    assert torch.equal(tails[0], tails[1])
    assert torch.equal(tails[0], tails[2])
    assert torch.equal(heads[0], heads[1])
    assert torch.equal(heads[0], heads[2])
