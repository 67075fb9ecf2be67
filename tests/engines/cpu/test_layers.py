"""The layers between two window attentions, against PyTorch's linear layers and shift in float64."""

import dataclasses

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from elansr.engines.cpu import bindings
from elansr.engines.cpu.bindings import Level
from elansr.engines.cpu.native_calls import Run, first_layers, last_layers, middle_layers
from elansr.nn.ops import shift
from tests.engines.cpu.pixels import decoded, dtype_of, encoded, packed, relative_error, room

if not bindings.available():
    pytest.skip(f"no native library: {bindings.reason()}", allow_module_level=True)

SIZES = [(1, 1), (2, 15), (3, 16), (5, 17), (17, 31), (40, 32), (1, 33), (5, 47), (2, 100), (3, 1), (40, 2)]
STAGES = ["first", "middle", "last"]

Convolution = tuple[Tensor, Tensor]
"""Weight (outputs, inputs) and bias (outputs,)."""


def whole_numbers(*shape: int) -> Tensor:
    """Products of so few and small whole numbers sum up without any rounding."""
    return torch.randint(-1, 2, shape).float()


@dataclasses.dataclass
class Body:
    """Merging, local feature extraction and projection."""

    merge: Convolution
    expand: Convolution
    reduce: Convolution
    project: Convolution

    @staticmethod
    def of(make: type[Tensor] | object, channels: int, hidden: int, projected: int) -> "Body":
        assert callable(make)
        sizes = [(channels, channels), (hidden, channels), (channels, hidden), (projected, channels)]
        return Body(*((make(*size), make(size[0])) for size in sizes))

    def run(self, stage: str, x: Tensor, attended: Tensor, run: Run) -> tuple[Tensor, Tensor | None]:
        """What comes out, and what is projected, (N, C, H, W), by the native library."""
        features, attended_features = encoded(x, run), encoded(attended, run)
        out, projected = room(run, features, x.shape[1]), room(run, features, self.project[0].shape[0])
        merge, expand, reduce, project = (packed(*conv, run) for conv in dataclasses.astuple(self))
        local = (expand, reduce, project)
        if stage == "last":
            last_layers(run, features, attended_features, merge, out)
            return decoded(out, run), None
        if stage == "first":
            first_layers(run, features, local, out, projected)
        else:
            middle_layers(run, features, attended_features, merge, local, out, projected)
        return decoded(out, run), decoded(projected, run)

    def in_float64(self, stage: str, x: Tensor, attended: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor | None]:
        """The same from the formula, rounded to `dtype` where the library stores something."""

        def rounded(t: Tensor) -> Tensor:
            return t.float().to(dtype).double()

        def linear(t: Tensor, conv: Convolution) -> Tensor:
            return F.linear(t, rounded(conv[0]), conv[1].double())

        y, attended = (rounded(t).movedim(1, -1) for t in (x, attended))
        if stage != "first":
            y = rounded(y + linear(attended, self.merge))
        if stage == "last":
            return y.movedim(-1, 1), None
        hidden = rounded(linear(shift(y), self.expand).relu())
        out = rounded(y + linear(shift(hidden), self.reduce))
        return out.movedim(-1, 1), rounded(linear(out, self.project)).movedim(-1, 1)


def assert_exact(run: Run, stage: str, n: int, height: int, width: int, body: Body) -> None:
    channels = body.merge[0].shape[0]
    x, attended = (whole_numbers(n, channels, height, width) for _ in range(2))
    actual = body.run(stage, x, attended, run)
    for mine, theirs in zip(actual, body.in_float64(stage, x, attended, dtype_of(run)), strict=True):
        if mine is None or theirs is None:
            assert mine is theirs
            continue
        assert theirs.abs().max() < 2**24
        assert torch.equal(mine, theirs)


@pytest.mark.parametrize("stage", STAGES)
def test_whole_numbers_come_out_exactly_at_every_size(run: Run, stage: str) -> None:
    """Bit for bit: the order of summing does not matter to them, and rounding to bfloat16 has one answer."""
    body = Body.of(whole_numbers, 60, 120, 120)
    for height, width in SIZES:
        assert_exact(run, stage, 2, height, width, body)


@pytest.mark.parametrize("sizes", [(180, 360, 360), (60, 120, 60), (10, 20, 20), (22, 44, 2), (12, 60, 14)], ids=str)
def test_other_numbers_of_channels(run: Run, sizes: tuple[int, int, int]) -> None:
    body = Body.of(whole_numbers, *sizes)
    for stage in STAGES:
        assert_exact(run, stage, 1, 9, 35, body)


@pytest.mark.parametrize("sizes", [(5, 5, 1), (7, 13, 5), (9, 11, 25), (11, 6, 7), (13, 26, 13)], ids=str)
def test_odd_numbers_of_channels(level: Level, sizes: tuple[int, int, int]) -> None:
    body = Body.of(whole_numbers, *sizes)
    for stage in STAGES:
        assert_exact(Run("fp32", level, threads=2), stage, 2, 6, 35, body)


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("channels", [60, 180])
def test_other_numbers_are_as_close_as_the_type_allows(run: Run, stage: str, channels: int) -> None:
    """The oracle rounds to bfloat16 where the library does, so that they differ where float32 sums fall on either side
    of a half, which is rare: less than half of the last bit, 2^-9, altogether.
    """
    body = Body.of(lambda *size: torch.randn(size) * size[-1] ** -0.5, channels, 2 * channels, 2 * channels)
    x, attended = (torch.randn(1, channels, 17, 37) for _ in range(2))
    actual = body.run(stage, x, attended, run)
    most = 1e-6 if dtype_of(run) == torch.float32 else 2.0**-9
    for mine, theirs in zip(actual, body.in_float64(stage, x, attended, dtype_of(run)), strict=True):
        if mine is not None and theirs is not None:
            assert relative_error(mine, theirs) < most


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("height", [1, 8, 9, 17, 31, 67])
def test_the_number_of_threads_changes_no_bit(run: Run, stage: str, height: int) -> None:
    """Nor where the rows are cut into strips, whose edges are computed twice."""
    body = Body.of(lambda *size: torch.randn(size), 20, 40, 20)
    x, attended = (torch.randn(2, 20, height, 21) for _ in range(2))
    results = []
    for threads in (1, 2, 3):
        results.append(body.run(stage, x, attended, dataclasses.replace(run, threads=threads)))
    for several in results[1:]:
        for mine, theirs in zip(several, results[0], strict=True):
            assert (mine is None and theirs is None) or torch.equal(mine, theirs)  # type: ignore[arg-type]


def test_strips_of_several_threads_are_exact(run: Run) -> None:
    run = dataclasses.replace(run, threads=3)
    body = Body.of(whole_numbers, 20, 40, 20)
    for height in (9, 16, 26, 41):
        assert_exact(run, "middle", 3, height, 5, body)


def test_the_result_may_be_the_next_call_s_features(run: Run) -> None:
    """Rows come out with the zeros beside the picture that the shift needs."""
    body = Body.of(whole_numbers, 20, 40, 20)
    x, attended = (whole_numbers(1, 20, 6, 19) for _ in range(2))
    merge, expand, reduce, project = (packed(*conv, run) for conv in dataclasses.astuple(body))
    features, attended_features = encoded(x, run), encoded(attended, run)
    spare, projected, out = (room(run, features, 20) for _ in range(3))
    last_layers(run, features, attended_features, merge, spare)
    first_layers(run, spare, (expand, reduce, project), out, projected)
    between, _ = body.in_float64("last", x, attended, dtype_of(run))
    expected, expected_projected = body.in_float64("first", between, attended, dtype_of(run))
    assert torch.equal(decoded(out, run), expected)
    assert expected_projected is not None
    assert torch.equal(decoded(projected, run), expected_projected)


def test_the_relu_lets_what_is_not_a_number_through(run: Run) -> None:
    """It reaches the neighbours that the two shifts connect, and no pixel further."""
    body = Body.of(lambda *size: torch.ones(size), 20, 40, 20)
    x = torch.zeros(1, 20, 9, 40)
    x[:, :, 4, 20] = torch.nan
    out, _ = body.run("first", x, x, run)
    y, column = torch.meshgrid(torch.arange(9), torch.arange(40), indexing="ij")
    near = (y - 4).abs() + (column - 20).abs() <= 2
    assert torch.equal(out.isnan().all(1)[0], near)
    assert torch.equal(out.isnan().any(1)[0], near)
