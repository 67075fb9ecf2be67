"""The layers between two window attentions, against PyTorch's linear layers and shift in float64."""

import dataclasses

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from elansr.engines.cpu import loader
from elansr.engines.cpu.loader import Level
from elansr.engines.cpu.rows import PackedLayer, Rows, from_picture, pack, supports
from elansr.engines.cpu.rows_layers import LocalFeatures, layers
from elansr.errors import ConfigError
from elansr.nn.ops import shift
from tests.engines.cpu.conftest import RowKernels
from tests.engines.cpu.pixels import decoded, relative_error, used_room

if not loader.available():
    pytest.skip(f"no native library: {loader.reason()}", allow_module_level=True)

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

    def run(self, stage: str, x: Tensor, attended: Tensor, kernels: RowKernels) -> tuple[Tensor, Tensor | None]:
        """What comes out, and what is projected, (N, C, H, W), by the native library."""
        rows, attended_rows = (from_picture(t, kernels.dtype, level=kernels.level) for t in (x, attended))
        out, projected = used_room(rows.like(rows.channels)), used_room(rows.like(self.project[0].shape[0]))
        merge, *local = (
            pack(*conv, kernels.dtype, level=kernels.level)
            for conv in (self.merge, self.expand, self.reduce, self.project)
        )
        if stage == "last":
            layers(rows, merge, attended_rows, None, out, None)
            return decoded(out), None
        given = (None, None) if stage == "first" else (merge, attended_rows)
        layers(rows, *given, LocalFeatures(*local), out, projected)
        return decoded(out), decoded(projected)

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


def assert_exact(kernels: RowKernels, stage: str, n: int, height: int, width: int, body: Body) -> None:
    channels = body.merge[0].shape[0]
    x, attended = (whole_numbers(n, channels, height, width) for _ in range(2))
    actual = body.run(stage, x, attended, kernels)
    for mine, theirs in zip(actual, body.in_float64(stage, x, attended, kernels.dtype), strict=True):
        if mine is None or theirs is None:
            assert mine is theirs
            continue
        assert theirs.abs().max() < 2**24
        assert torch.equal(mine, theirs)


@pytest.mark.parametrize("stage", STAGES)
def test_whole_numbers_come_out_exactly_at_every_size(kernels: RowKernels, stage: str) -> None:
    """Bit for bit: the order of summing does not matter to them, and rounding to bfloat16 has one answer."""
    body = Body.of(whole_numbers, 60, 120, 120)
    for height, width in SIZES:
        assert_exact(kernels, stage, 2, height, width, body)


@pytest.mark.parametrize("sizes", [(180, 360, 360), (60, 120, 60), (10, 20, 20), (22, 44, 2), (12, 60, 14)], ids=str)
def test_other_numbers_of_channels(kernels: RowKernels, sizes: tuple[int, int, int]) -> None:
    body = Body.of(whole_numbers, *sizes)
    for stage in STAGES:
        assert_exact(kernels, stage, 1, 9, 35, body)


@pytest.mark.parametrize("sizes", [(5, 5, 1), (7, 13, 5), (9, 11, 25), (11, 6, 7), (13, 26, 13)], ids=str)
def test_odd_numbers_of_channels(level: Level, sizes: tuple[int, int, int]) -> None:
    body = Body.of(whole_numbers, *sizes)
    for stage in STAGES:
        assert_exact(RowKernels(level, torch.float32), stage, 2, 6, 35, body)


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("channels", [60, 180])
def test_other_numbers_are_as_close_as_the_type_allows(kernels: RowKernels, stage: str, channels: int) -> None:
    """The oracle rounds to bfloat16 where the library does, so that they differ where float32 sums fall on either side
    of a half, which is rare: less than half of the last bit, 2^-9, altogether.
    """
    body = Body.of(lambda *size: torch.randn(size) * size[-1] ** -0.5, channels, 2 * channels, 2 * channels)
    x, attended = (torch.randn(1, channels, 17, 37) for _ in range(2))
    actual = body.run(stage, x, attended, kernels)
    most = 1e-6 if kernels.dtype == torch.float32 else 2.0**-9
    for mine, theirs in zip(actual, body.in_float64(stage, x, attended, kernels.dtype), strict=True):
        if mine is not None and theirs is not None:
            assert relative_error(mine, theirs) < most


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("height", [1, 8, 9, 17, 31, 67])
def test_the_number_of_threads_changes_no_bit(kernels: RowKernels, stage: str, height: int) -> None:
    """Nor where the rows are cut into strips, whose edges are computed twice."""
    body = Body.of(lambda *size: torch.randn(size), 20, 40, 20)
    x, attended = (torch.randn(2, 20, height, 21) for _ in range(2))
    results = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        results.append(body.run(stage, x, attended, kernels))
    for several in results[1:]:
        for mine, theirs in zip(several, results[0], strict=True):
            assert (mine is None and theirs is None) or torch.equal(mine, theirs)  # type: ignore[arg-type]


def test_strips_of_several_threads_are_exact(kernels: RowKernels) -> None:
    torch.set_num_threads(3)
    body = Body.of(whole_numbers, 20, 40, 20)
    for height in (9, 16, 26, 41):
        assert_exact(kernels, "middle", 3, height, 5, body)


def test_the_result_may_be_the_next_call_s_features(kernels: RowKernels) -> None:
    """Rows come out with the zeros beside the picture that the shift needs."""
    body = Body.of(whole_numbers, 20, 40, 20)
    x, attended = (whole_numbers(1, 20, 6, 19) for _ in range(2))
    merge, *local = (pack(*conv, kernels.dtype, level=kernels.level) for conv in dataclasses.astuple(body))
    rows, attended_rows = (from_picture(t, kernels.dtype, level=kernels.level) for t in (x, attended))
    spare, projected = used_room(rows.like(20)), used_room(rows.like(20))
    layers(rows, merge, attended_rows, None, spare, None)
    layers(spare, None, None, LocalFeatures(*local), used_room(rows), projected)
    between, _ = body.in_float64("last", x, attended, kernels.dtype)
    expected, expected_projected = body.in_float64("first", between, attended, kernels.dtype)
    assert torch.equal(decoded(rows), expected)
    assert expected_projected is not None
    assert torch.equal(decoded(projected), expected_projected)


def test_the_relu_lets_what_is_not_a_number_through(kernels: RowKernels) -> None:
    """It reaches the neighbours that the two shifts connect, and no pixel further."""
    body = Body.of(lambda *size: torch.ones(size), 20, 40, 20)
    x = torch.zeros(1, 20, 9, 40)
    x[:, :, 4, 20] = torch.nan
    out, _ = body.run("first", x, x, kernels)
    y, column = torch.meshgrid(torch.arange(9), torch.arange(40), indexing="ij")
    near = (y - 4).abs() + (column - 20).abs() <= 2
    assert torch.equal(out.isnan().all(1)[0], near)
    assert torch.equal(out.isnan().any(1)[0], near)


def test_no_pictures(kernels: RowKernels) -> None:
    body = Body.of(whole_numbers, 20, 40, 20)
    for shape in [(0, 20, 3, 3), (1, 20, 0, 3), (1, 20, 3, 0)]:
        out, projected = body.run("middle", torch.zeros(shape), torch.zeros(shape), kernels)
        assert projected is not None
        assert out.shape == projected.shape == shape


def packed(outputs: int, inputs: int, dtype: torch.dtype = torch.float32, level: Level | None = None) -> PackedLayer:
    return pack(torch.zeros(outputs, inputs), torch.zeros(outputs), dtype, level=level)


LOCAL = LocalFeatures(packed(12, 6), packed(6, 12), packed(12, 6))
PAIRED = Rows.room(1, 4, 4, 6, torch.bfloat16)
CALL = {
    "x": Rows.room(1, 4, 4, 6, torch.float32),
    "merge": packed(6, 6),
    "attended": Rows.room(1, 4, 4, 6, torch.float32),
    "local": LOCAL,
    "out": Rows.room(1, 4, 4, 6, torch.float32),
    "projected": Rows.room(1, 4, 4, 12, torch.float32),
}
HALF = Rows.room(1, 2, 4, 6, torch.float32)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"merge": None}, "merge and attended: must be given together"),
        ({"attended": None}, "merge and attended: must be given together"),
        ({"projected": None}, "local and projected: must be given together"),
        ({"local": None}, "local and projected: must be given together"),
        ({"merge": None, "attended": None, "local": None, "projected": None}, "nothing to do"),
        ({"x": PAIRED}, "must be packed for the features' type and for one level"),
        ({"merge": packed(6, 6, level="portable")}, "must be packed for .* one level"),
        ({"merge": packed(6, 7)}, "inputs: must be 6"),
        ({"merge": packed(7, 6)}, "outputs of merge: must be 6"),
        ({"merge": packed(7, 6), "local": None, "projected": None}, "outputs of merge: must be 6"),
        ({"local": dataclasses.replace(LOCAL, project=packed(12, 5))}, "inputs: must be 6"),
        ({"local": dataclasses.replace(LOCAL, expand=packed(12, 5))}, "inputs: must be 6"),
        ({"local": dataclasses.replace(LOCAL, reduce=packed(6, 11))}, "6 to 12 and 11 to 6 channels: must go there"),
        ({"local": dataclasses.replace(LOCAL, reduce=packed(5, 12))}, "6 to 12 and 12 to 5 channels: must go there"),
        ({"local": LocalFeatures(packed(4, 6), packed(6, 4), packed(12, 6))}, "6 to 4 and 4 to 6 channels"),
        ({"attended": HALF}, "x and attended: must be alike"),
        ({"attended": PAIRED}, "x and attended: must be alike"),
        ({"attended": CALL["projected"]}, "x and attended: must be alike"),
        ({"out": HALF}, "x and out: must be alike"),
        ({"out": CALL["projected"]}, "x and out: must be alike"),
        ({"out": CALL["x"]}, "must be different rows"),
        ({"out": CALL["attended"]}, "must be different rows"),
        ({"projected": CALL["out"]}, "projected: of other channels"),
        ({"projected": CALL["x"], "local": dataclasses.replace(LOCAL, project=packed(6, 6))}, "different rows"),
        ({"projected": Rows.room(1, 4, 5, 12, torch.float32)}, "projected: of other channels"),
    ],
)
def test_what_does_not_go_together_is_refused_in_one_line(changes: dict[str, object], complaint: str) -> None:
    layers(**CALL)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=complaint) as caught:
        layers(**(CALL | changes))  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_words_must_not_straddle_shift_groups() -> None:
    if not supports(60, 20, 2, torch.bfloat16):
        pytest.skip("no row kernels for bfloat16")
    local = LocalFeatures(*(packed(*size, torch.bfloat16) for size in [(12, 6), (6, 12), (6, 6)]))
    room = PAIRED.like(6), PAIRED.like(6)
    with pytest.raises(ConfigError, match=r"shift groups of \(1, 2\): must hold whole words"):
        layers(PAIRED, None, None, local, *room)
