"""Long skip, last convolution and PixelShuffle over rows, against PyTorch's in float64."""

import dataclasses

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from elansr.engines.cpu import loader
from elansr.engines.cpu.rows import PackedLayer, from_picture, pack
from elansr.engines.cpu.rows_tail import pack_tail, tail
from elansr.errors import ConfigError
from tests.engines.cpu.conftest import RowKernels
from tests.engines.cpu.pixels import relative_error

if not loader.available():
    pytest.skip(f"no native library: {loader.reason()}", allow_module_level=True)

SIZES = [(1, 1), (2, 15), (1, 17), (9, 32), (17, 33), (40, 3)]


def packed(weight: Tensor, bias: Tensor, kernels: RowKernels) -> PackedLayer:
    """As `pack_tail`, for any level."""
    return pack(weight.movedim(1, -1).flatten(1), bias, torch.float32, level=kernels.level)


def run(
    kernels: RowKernels, head: Tensor, body: Tensor, weight: Tensor, bias: Tensor, scale: int
) -> tuple[Tensor, Tensor]:
    """What the library says, and what PyTorch does."""
    rows = from_picture(body, kernels.dtype, level=kernels.level)
    out = tail(head, rows, packed(weight, bias, kernels), scale)
    features = head.double() + body.to(kernels.dtype).double()
    return out, F.pixel_shuffle(F.conv2d(features, weight.double(), bias.double(), padding=1), scale)


def whole_numbers(*shape: int) -> Tensor:
    """Products of so few and small whole numbers sum up without any rounding."""
    return torch.randint(-3, 4, shape).float()


@pytest.mark.parametrize("scale", [1, 2, 3, 4, 5, 8])
def test_whole_numbers_come_out_exactly(kernels: RowKernels, scale: int) -> None:
    for colors, channels in [(3, 12), (1, 6)]:
        weight, bias = whole_numbers(colors * scale**2, channels, 3, 3), whole_numbers(colors * scale**2)
        for size in SIZES:
            head, body = (whole_numbers(2, channels, *size) for _ in range(2))
            out, expected = run(kernels, head, body, weight, bias, scale)
            assert torch.equal(out.double(), expected)


def test_other_numbers(kernels: RowKernels) -> None:
    """In float32 whatever the body's type."""
    weight, bias = torch.randn(12, 60, 3, 3), torch.randn(12)
    head, body = (torch.randn(1, 60, 19, 35) for _ in range(2))
    assert relative_error(*run(kernels, head, body, weight, bias, 2)) < 1e-6


@pytest.mark.parametrize("height", [1, 9, 40, 67])
def test_the_number_of_threads_changes_no_bit(kernels: RowKernels, height: int) -> None:
    weight, bias = torch.randn(12, 20, 3, 3), torch.randn(12)
    head, body = (torch.randn(2, 20, height, 21) for _ in range(2))
    results = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        results.append(run(kernels, head, body, weight, bias, 2)[0])
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0], results[2])


def test_packing_for_this_machine() -> None:
    weight, bias = torch.randn(27, 20, 3, 3), torch.randn(27)
    level = loader.level()
    assert level is not None
    expected = packed(weight, bias, RowKernels(level, torch.float32))
    assert torch.equal(pack_tail(weight, bias).weights, expected.weights)
    assert (expected.inputs, expected.outputs, expected.level) == (180, 27, level)


HEAD = torch.zeros(1, 6, 4, 5)


@pytest.mark.parametrize(
    ("head", "outputs", "inputs", "scale", "complaint"),
    [
        (HEAD[:, :5], 12, 6, 2, r"features \(1, 5, 4, 5\), torch.float32, on cpu: must be \(1, 6, 4, 5\), float32"),
        (HEAD.mT, 12, 6, 2, r"must be \(1, 6, 4, 5\), float32"),
        (HEAD.double(), 12, 6, 2, "torch.float64, on cpu: must be"),
        (HEAD.to("meta"), 12, 6, 2, "on meta: must be"),
        (HEAD, 12, 5, 2, "tail of 45 to 12 at x2: must be 9 x 6 to whole colours"),
        (HEAD, 13, 6, 2, "tail of 54 to 13 at x2"),
        (HEAD, 12, 6, 0, "at x0"),
    ],
)
def test_what_does_not_go_together_is_refused_in_one_line(
    head: Tensor, outputs: int, inputs: int, scale: int, complaint: str
) -> None:
    layer = pack_tail(torch.zeros(outputs, inputs, 3, 3), torch.zeros(outputs))
    with pytest.raises(ConfigError, match=complaint) as caught:
        tail(head, from_picture(HEAD, torch.float32), layer, scale)
    assert "\n" not in str(caught.value)


def test_a_tail_packed_for_another_type_is_refused() -> None:
    layer = dataclasses.replace(pack_tail(torch.zeros(12, 6, 3, 3), torch.zeros(12)), dtype=torch.bfloat16)
    with pytest.raises(ConfigError, match="tail packed for torch.bfloat16: must be float32"):
        tail(HEAD, from_picture(HEAD, torch.float32), layer, 2)
