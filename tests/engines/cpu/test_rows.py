"""Pictures to rows, packing, and what is refused."""

import pytest
import torch

from elansr.engines.cpu import loader
from elansr.engines.cpu.rows import MARGIN, Rows, from_picture, pack, pair, same, supports
from elansr.errors import ConfigError, DeviceError
from tests.engines.cpu.conftest import RowKernels
from tests.engines.cpu.pixels import decoded

if not loader.available():
    pytest.skip(f"no native library: {loader.reason()}", allow_module_level=True)

SIZES = [(1, 2, 1, 1), (2, 6, 3, 5), (1, 4, 2, 15), (1, 2, 1, 16), (2, 4, 2, 17), (1, 60, 3, 33), (1, 2, 5, 100)]
SPECIAL = [0.0, -0.0, 1e-45, 1e-40, 3.4e38, -3.4e38, torch.inf, -torch.inf, 1 + 2**-8, 1 + 3 * 2**-8, -1 - 2**-8]
"""Denormal, rounded to infinity in bfloat16, and halfway between two bfloat16: to the even one."""


@pytest.mark.parametrize("shape", SIZES, ids=str)
def test_rows_hold_the_picture_rounded_as_torch_rounds(kernels: RowKernels, shape: tuple[int, ...]) -> None:
    picture = torch.randn(shape)
    picture.view(-1)[: len(SPECIAL)] = torch.tensor(SPECIAL)[: picture.numel()]
    rows = from_picture(picture, kernels.dtype, level=kernels.level)
    expected = picture.to(kernels.dtype)
    if kernels.dtype == torch.bfloat16:
        expected[expected.float().abs() < torch.finfo(torch.float32).tiny] = 0  # as the instruction rounds
    assert torch.equal(decoded(rows), expected.double())


def test_what_is_not_a_number_stays_so(kernels: RowKernels) -> None:
    picture = torch.full((1, 2, 1, 3), torch.nan)
    assert decoded(from_picture(picture, kernels.dtype, level=kernels.level)).isnan().all()


@pytest.mark.parametrize("width", [1, 15, 16, 17, 32, 33])
def test_beside_the_picture_are_the_zeros_that_the_shift_finds(kernels: RowKernels, width: int) -> None:
    words = from_picture(torch.ones(2, 6, 3, width), kernels.dtype, level=kernels.level).words
    assert words[..., MARGIN - 1].count_nonzero() == 0
    assert words[..., MARGIN + width].count_nonzero() == 0


def test_a_picture_in_another_order_in_memory(kernels: RowKernels) -> None:
    picture = torch.randn(2, 4, 5, 7)
    last = picture.to(memory_format=torch.channels_last)
    rows = [from_picture(x, kernels.dtype, level=kernels.level) for x in (picture, last)]
    assert torch.equal(decoded(rows[0]), decoded(rows[1]))


@pytest.mark.parametrize("shape", [(0, 4, 3, 3), (1, 4, 0, 3), (1, 4, 3, 0)], ids=str)
def test_empty_pictures(kernels: RowKernels, shape: tuple[int, ...]) -> None:
    rows = from_picture(torch.zeros(shape), kernels.dtype, level=kernels.level)
    assert decoded(rows).shape == shape


@pytest.mark.parametrize("outputs", [1, 2, 6, 7, 12, 13, 60])
def test_packing_leaves_no_weight_out(kernels: RowKernels, outputs: int) -> None:
    whole = pair(kernels.dtype)
    weight = torch.arange(1.0, outputs * whole * 4 * whole + 1).view(outputs * whole, 4 * whole).fmod(200).add(1)
    layer = pack(weight, torch.ones(outputs * whole), kernels.dtype, level=kernels.level)
    words = layer.weights.view(kernels.dtype)
    assert sorted(words[words != 0].tolist()) == sorted(weight.flatten().tolist())
    assert layer.bias.sum() == outputs * whole
    four_axes = pack(weight[..., None, None].double(), torch.ones(outputs * whole), kernels.dtype, level=kernels.level)
    assert torch.equal(four_axes.weights, layer.weights)


def test_supports_says_whether_groups_are_whole_words() -> None:
    assert supports(5, 1, 1, torch.float32)
    assert not supports(60, 20, 2, torch.float64)
    assert not supports(60, 20, 2, torch.float16)
    with_pairs = loader.level() == "avx512bf16"
    assert supports(60, 20, 2, torch.bfloat16) == with_pairs
    assert supports(22, 2, 2, torch.bfloat16) == with_pairs
    for odd in [(60, 15, 2), (26, 2, 2), (14, 2, 2), (5, 2, 2)]:
        assert not supports(*odd, torch.bfloat16)


def test_rows_of_other_pictures_are_not_the_same() -> None:
    rows = Rows.room(1, 4, 5, 6, torch.float32)
    assert same(rows, rows.like(12))
    for other in [(2, 4, 5, torch.float32), (1, 3, 5, torch.float32), (1, 4, 6, torch.float32)]:
        assert not same(rows, Rows.room(*other[:3], 6, other[3]))


X = torch.zeros(1, 6, 4, 4)
WEIGHT, BIAS = torch.zeros(6, 6), torch.zeros(6)


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        (
            lambda: from_picture(X[0], torch.float32),
            r"\(6, 4, 4\), torch.float32: must be float32 \(N, C, H, W\)",
        ),
        (lambda: from_picture(X[:, :5], torch.bfloat16), r"\(1, 5, 4, 4\), torch.float32: must be .* words of 2"),
        (lambda: from_picture(X.double(), torch.float32), "torch.float64: must be float32"),
        (lambda: from_picture(X, torch.float64), "torch.float64 at level .*: has no kernels"),
        (lambda: from_picture(X, torch.bfloat16, level="portable"), "torch.bfloat16 at level portable: has no"),
        (lambda: from_picture(X, torch.float32, level="sse9"), "native level 'sse9'"),  # type: ignore[arg-type]
        (lambda: from_picture(X.to("meta"), torch.float32), "a tensor on meta: must be on the CPU"),
        (lambda: pack(WEIGHT[0], BIAS, torch.float32), r"weight \(6,\) and bias \(6,\)"),
        (lambda: pack(WEIGHT[:0], BIAS[:0], torch.float32), r"weight \(0, 6\) and bias \(0,\)"),
        (lambda: pack(torch.zeros(6, 6, 3, 3), BIAS, torch.float32), r"weight \(6, 6, 3, 3\)"),
        (lambda: pack(WEIGHT, BIAS[:5], torch.float32), r"bias \(5,\)"),
        (lambda: pack(WEIGHT, BIAS, torch.float16), "torch.float16 at level .*: has no kernels"),
        (lambda: pack(WEIGHT, BIAS, torch.bfloat16, level="portable"), "at level portable: has no kernels"),
        (lambda: pack(WEIGHT.to("meta"), BIAS, torch.float32), "a tensor on meta"),
    ],
)
def test_what_does_not_go_together_is_refused_in_one_line(call: object, complaint: str) -> None:
    assert callable(call)
    with pytest.raises(ConfigError, match=complaint) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_odd_channels_of_pairs_are_refused() -> None:
    if not supports(60, 20, 2, torch.bfloat16):
        pytest.skip("no row kernels for bfloat16")
    for rows, columns in [(5, 6), (6, 5)]:
        with pytest.raises(ConfigError, match="multiples of 2"):
            pack(torch.zeros(rows, columns), torch.zeros(rows), torch.bfloat16)


def test_without_a_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "_chosen", lambda: "_kernels.so was not built")
    assert not supports(60, 20, 2, torch.float32)
    for call in (lambda: from_picture(X, torch.float32), lambda: pack(WEIGHT, BIAS, torch.float32)):
        with pytest.raises(DeviceError, match=r"native rows are not available: _kernels\.so was not built"):
            call()
