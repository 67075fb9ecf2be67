"""Window attention over rows, against every window by itself in float64."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from elansr.engines.cpu import loader
from elansr.engines.cpu.loader import Level
from elansr.engines.cpu.rows import MARGIN, Rows, from_picture, supports
from elansr.engines.cpu.rows_attention import QUERY_FACTOR, attention
from elansr.errors import ConfigError, DeviceError
from tests.engines.cpu.conftest import RowKernels
from tests.engines.cpu.pixels import decoded, relative_error, used_room
from tests.oracles.elan_closed_naive import closed_window_pixels_naive
from tests.oracles.elan_naive import window_pixels_naive

if not loader.available():
    pytest.skip(f"no native library: {loader.reason()}", allow_module_level=True)

ROUNDING = {torch.float32: 2e-6, torch.bfloat16: 2.0**-7}
"""Largest error relative to the norm: weights and results of bfloat16 have 8 bits."""


def expected(q: Tensor, v: Tensor | None, windows: Sequence[int], shifted: bool, closed: bool) -> Tensor:
    """(N, C, H, W) in float64; q (N, 2C, H, W) holds queries and values group after group, v (N, C, H, W) values."""
    find = closed_window_pixels_naive if closed else window_pixels_naive
    parts = []
    for group, (one, window) in enumerate(zip(q.double().chunk(len(windows), 1), windows, strict=True)):
        queries, own = one.chunk(2, 1)
        values = own if v is None else v.double().chunk(len(windows), 1)[group]
        out = torch.full_like(queries, torch.nan)
        for pixels in find(*q.shape[2:], window, shifted):
            y, x = torch.tensor(pixels).T
            logits = queries[:, :, y, x].mT @ queries[:, :, y, x] / QUERY_FACTOR**2
            out[:, :, y, x] = values[:, :, y, x] @ torch.softmax(logits, dim=-1).mT
        parts.append(out)
    return torch.cat(parts, 1)


def attended(
    kernels: RowKernels, q: Tensor, v: Tensor | None, windows: Sequence[int], shifted: bool, closed: bool
) -> Tensor:
    """What the library makes of features in float32."""
    q_rows = from_picture(q, kernels.dtype, level=kernels.level)
    v_rows = q_rows if v is None else from_picture(v, kernels.dtype, level=kernels.level)
    out = used_room(q_rows.like(q.shape[1] // 2))
    attention(q_rows, v_rows, out, windows, shifted, closed, level=kernels.level)
    return decoded(out)


def features(dtype: torch.dtype, n: int, height: int, width: int, groups: int, depth: int) -> tuple[Tensor, Tensor]:
    """Queries with values, (N, 2C, H, W), and other values; logits of some units, so that every pixel counts."""
    q = torch.randn(n, groups, 2, depth, height, width)
    q[:, :, 0] *= (2.0 / depth) ** 0.5
    v = torch.randn(n, groups * depth, height, width)
    return q.flatten(1, 3).to(dtype).float(), v.to(dtype).float()


CYCLIC = [  # depth, windows, height, width
    (20, (4, 8, 16), 16, 48),
    (60, (4, 8, 16), 16, 16),
    (2, (4, 8), 8, 40),
    (4, (3, 5), 15, 30),
    (6, (1, 2, 3), 6, 18),
    (8, (9,), 18, 27),
]
CLOSED = [
    *CYCLIC,
    (20, (4, 8, 16), 1, 1),
    (20, (4, 8, 16), 17, 33),
    (60, (4, 8, 16), 9, 23),
    (4, (1, 3, 5), 7, 11),
    (2, (16,), 5, 7),
    (8, (16, 4), 1, 40),
    (8, (16, 4), 40, 1),
    (6, (7, 32), 20, 37),
]


@pytest.mark.parametrize("own", [True, False], ids=["own", "shared"])
@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.parametrize("closed", [False, True], ids=["cyclic", "closed"])
def test_it_is_the_attention_of_each_window_by_itself(
    kernels: RowKernels, own: bool, shifted: bool, closed: bool
) -> None:
    for depth, windows, height, width in CLOSED if closed else CYCLIC:
        q, v = features(kernels.dtype, 2, height, width, len(windows), depth)
        values = None if own else v
        out = attended(kernels, q, values, windows, shifted, closed)
        wanted = expected(q, values, windows, shifted, closed)
        assert relative_error(out, wanted) < ROUNDING[kernels.dtype], (depth, windows, height, width)


@pytest.mark.parametrize("shifted", [False, True])
def test_a_window_far_larger_than_the_picture_is_the_picture(kernels: RowKernels, shifted: bool) -> None:
    q, _ = features(kernels.dtype, 2, 5, 9, 2, 4)
    out = attended(kernels, q, None, (10**12, 19), shifted, True)
    assert relative_error(out, expected(q, None, (18, 18), shifted, True)) < ROUNDING[kernels.dtype]


@pytest.mark.parametrize("depth", [1, 3, 5, 7, 13, 21])
def test_odd_depths(level: Level, depth: int) -> None:
    q, _ = features(torch.float32, 1, 11, 19, 2, depth)
    out = attended(RowKernels(level, torch.float32), q, None, (5, 8), True, True)
    assert relative_error(out, expected(q, None, (5, 8), True, True)) < ROUNDING[torch.float32]


@pytest.mark.parametrize("largest", [300.0, 2000.0, 1e6])
def test_large_logits(kernels: RowKernels, largest: float) -> None:
    """A logit of 300 in float32 is uncertain by 2e-5, hence the tolerance; from 2000 on the weights are 0 and 1."""
    q, _ = features(kernels.dtype, 1, 17, 19, 1, 20)
    q[:, :20] *= (largest / q[:, :20].square().sum(1).max()) ** 0.5
    q = q.to(kernels.dtype).float()
    for closed in (False, True):
        q = q if closed else q[..., :16, :16].contiguous()
        out = attended(kernels, q, None, (16,), True, closed)
        assert relative_error(out, expected(q, None, (16,), True, closed)) < max(ROUNDING[kernels.dtype], 1e-4)
        assert out.isfinite().all()


@pytest.mark.parametrize("query", [0.0, 0.25, 16.0])
def test_equal_queries_give_the_mean_of_the_window(kernels: RowKernels, query: float) -> None:
    """Whole numbers add up without rounding; the mean is rounded once."""
    q, _ = features(kernels.dtype, 1, 10, 21, 1, 8)
    q[:, :8], q[:, 8:] = query, torch.randint(-4, 5, (8, 10, 21)).float()
    out = attended(kernels, q, None, (4,), True, True)
    for pixels in closed_window_pixels_naive(10, 21, 4, True):
        y, x = torch.tensor(pixels).T
        mean = q[:, 8:, y, x].double().mean(-1, keepdim=True).expand(-1, -1, len(pixels))
        torch.testing.assert_close(out[:, :, y, x], mean, rtol=ROUNDING[kernels.dtype], atol=1e-6)


def test_weights_sum_to_one(kernels: RowKernels) -> None:
    """However wide the logits are spread: equal values stay as they are."""
    q, _ = features(kernels.dtype, 1, 23, 37, 2, 20)
    q.unflatten(1, (2, 2, 20))[:, :, 0] *= torch.linspace(0, 4, 37)
    q.unflatten(1, (2, 2, 20))[:, :, 1] = 3.0
    out = attended(kernels, q, None, (8, 16), True, True)
    assert (out - 3).abs().max() < 3 * ROUNDING[kernels.dtype]


@pytest.mark.parametrize("closed", [False, True], ids=["cyclic", "closed"])
@pytest.mark.parametrize("channel", [1, 6], ids=["query", "value"])
def test_what_is_not_a_number_stays_in_its_window(kernels: RowKernels, closed: bool, channel: int) -> None:
    q, _ = features(kernels.dtype, 1, 16, 32, 1, 4)
    q[0, channel, 6, 18] = torch.nan
    out = attended(kernels, q, None, (8,), True, closed)[0]
    spoiled = torch.zeros(16, 32, dtype=torch.bool)
    spoiled[4:12, 12:20] = True
    if channel == 1:
        assert torch.equal(out.isnan().all(0), spoiled)
        assert torch.equal(out.isnan().any(0), spoiled)
    else:
        assert torch.equal(out[2].isnan(), spoiled)
        assert out[[0, 1, 3]].isfinite().all()


def test_nothing_beside_the_pixels_is_written(kernels: RowKernels) -> None:
    q, _ = features(kernels.dtype, 1, 9, 21, 1, 8)
    rows = from_picture(q, kernels.dtype, level=kernels.level)
    out, before = used_room(rows.like(8)), rows.words.view(torch.int32).clone()
    attention(rows, rows, out, (16,), True, True, level=kernels.level)
    assert torch.equal(rows.words.view(torch.int32), before)
    written = ~out.words.isnan()
    assert written[..., MARGIN : MARGIN + 21].all()
    assert written.sum() == out.words.shape[:3].numel() * 21


@pytest.mark.parametrize("size", [(3, 16, 32), (1, 37, 21), (2, 1, 50)], ids=str)
def test_the_number_of_threads_changes_no_bit(kernels: RowKernels, size: tuple[int, int, int]) -> None:
    q, v = features(kernels.dtype, *size, 3, 4)
    results = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        results.append(attended(kernels, q, v, (4, 8, 16), True, True))
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0], results[2])


@pytest.mark.parametrize("shape", [(0, 8, 3, 3), (1, 8, 0, 3), (1, 8, 3, 0)], ids=str)
def test_no_pixels(kernels: RowKernels, shape: tuple[int, ...]) -> None:
    assert attended(kernels, torch.zeros(shape), None, (4,), True, True).shape == (shape[0], 4, *shape[2:])


def room(channels: int, height: int = 8, width: int = 12, dtype: torch.dtype = torch.float32) -> Rows:
    return Rows.room(1, height, width, channels, dtype)


CALL = {"q": room(16), "v": room(8), "out": room(8), "windows": (2, 4), "shifted": True, "closed": False}


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"windows": ()}, r"windows \(\): must be from 1 to 64 whole numbers of at least 1"),
        ({"windows": (1,) * 65, "q": room(130), "v": room(65), "out": room(65)}, "must be from 1 to 64"),
        ({"windows": (0, 4), "closed": True}, r"windows \(0, 4\): must be"),
        ({"windows": (-4, 4)}, r"windows \(-4, 4\): must be"),
        ({"windows": (2.0, 4.0)}, "must be from 1 to 64 whole numbers"),
        ({"windows": (5, 4)}, r"8 x 12 pixels: must be multiples of the windows \(5, 4\) unless borders are closed"),
        ({"windows": (2, 8)}, "8 x 12 pixels: must be multiples"),
        ({"windows": (2, 4, 4)}, "q of 16 and v of 8 channels for 3 windows"),
        ({"q": room(15)}, "q of 15 and v of 8 channels"),
        ({"v": room(16)}, "q of 16 and v of 16 channels"),
        ({"v": room(8, width=8)}, "q of 16 and v of 8 channels"),
        ({"v": room(8, dtype=torch.bfloat16)}, "q of 16 and v of 8 channels"),
        ({"out": room(16)}, "out: must have 8 channels"),
        ({"out": room(8, height=9)}, "out: must have 8 channels"),
        ({"level": "sse9"}, "native level 'sse9'"),
    ],
)
def test_what_does_not_go_together_is_refused_in_one_line(changes: dict[str, object], complaint: str) -> None:
    attention(**CALL)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=complaint) as caught:
        attention(**(CALL | changes))  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_pairs() -> None:
    q, v, out = (room(channels, dtype=torch.bfloat16) for channels in (16, 8, 8))
    with pytest.raises(ConfigError, match=r"torch.bfloat16 at level portable: has no kernels"):
        attention(q, v, out, (4,), False, True, level="portable")
    if supports(60, 20, 2, torch.bfloat16):
        with pytest.raises(ConfigError, match="whole words a group"):
            attention(room(4, dtype=torch.bfloat16), room(2, dtype=torch.bfloat16), out, (4, 4), False, True)


def test_without_a_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "_chosen", lambda: "_kernels.so was not built")
    with pytest.raises(DeviceError, match="native rows are not available"):
        attention(**CALL)  # type: ignore[arg-type]
