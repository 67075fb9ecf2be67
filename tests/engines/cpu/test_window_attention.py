"""Window attention over rows, against every window by itself in float64."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from elansr.engines.cpu import bindings
from elansr.engines.cpu.bindings import Level
from elansr.engines.cpu.native_calls import MARGIN, QUERY_FACTOR, Run, attention
from tests.engines.cpu.pixels import decoded, dtype_of, encoded, relative_error, room
from tests.oracles.elan_closed_naive import closed_window_pixels_naive
from tests.oracles.elan_naive import window_pixels_naive

if not bindings.available():
    pytest.skip(f"no native library: {bindings.reason()}", allow_module_level=True)

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


def attended(run: Run, q: Tensor, v: Tensor | None, windows: Sequence[int], shifted: bool, closed: bool) -> Tensor:
    """What the library makes of features in float32."""
    queries = encoded(q, run)
    values = queries if v is None else encoded(v, run)
    out = room(run, queries, q.shape[1] // 2)
    attention(run, queries, values, out, tuple(windows), shifted, closed)
    return decoded(out, run)


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
def test_it_is_the_attention_of_each_window_by_itself(run: Run, own: bool, shifted: bool, closed: bool) -> None:
    for depth, windows, height, width in CLOSED if closed else CYCLIC:
        q, v = features(dtype_of(run), 2, height, width, len(windows), depth)
        values = None if own else v
        out = attended(run, q, values, windows, shifted, closed)
        wanted = expected(q, values, windows, shifted, closed)
        assert relative_error(out, wanted) < ROUNDING[dtype_of(run)], (depth, windows, height, width)


@pytest.mark.parametrize("shifted", [False, True])
def test_a_window_far_larger_than_the_picture_is_the_picture(run: Run, shifted: bool) -> None:
    q, _ = features(dtype_of(run), 2, 5, 9, 2, 4)
    out = attended(run, q, None, (10**12, 19), shifted, True)
    assert relative_error(out, expected(q, None, (18, 18), shifted, True)) < ROUNDING[dtype_of(run)]


@pytest.mark.parametrize("depth", [1, 3, 5, 7, 13, 21])
def test_odd_depths(level: Level, depth: int) -> None:
    q, _ = features(torch.float32, 1, 11, 19, 2, depth)
    out = attended(Run("fp32", level, threads=2), q, None, (5, 8), True, True)
    assert relative_error(out, expected(q, None, (5, 8), True, True)) < ROUNDING[torch.float32]


@pytest.mark.parametrize("largest", [300.0, 2000.0, 1e6])
def test_large_logits(run: Run, largest: float) -> None:
    """A logit of 300 in float32 is uncertain by 2e-5, hence the tolerance; from 2000 on the weights are 0 and 1."""
    q, _ = features(dtype_of(run), 1, 17, 19, 1, 20)
    q[:, :20] *= (largest / q[:, :20].square().sum(1).max()) ** 0.5
    q = q.to(dtype_of(run)).float()
    for closed in (False, True):
        q = q if closed else q[..., :16, :16].contiguous()
        out = attended(run, q, None, (16,), True, closed)
        assert relative_error(out, expected(q, None, (16,), True, closed)) < max(ROUNDING[dtype_of(run)], 1e-4)
        assert out.isfinite().all()


@pytest.mark.parametrize("query", [0.0, 0.25, 16.0])
def test_equal_queries_give_the_mean_of_the_window(run: Run, query: float) -> None:
    """Whole numbers add up without rounding; the mean is rounded once."""
    q, _ = features(dtype_of(run), 1, 10, 21, 1, 8)
    q[:, :8], q[:, 8:] = query, torch.randint(-4, 5, (8, 10, 21)).float()
    out = attended(run, q, None, (4,), True, True)
    for pixels in closed_window_pixels_naive(10, 21, 4, True):
        y, x = torch.tensor(pixels).T
        mean = q[:, 8:, y, x].double().mean(-1, keepdim=True).expand(-1, -1, len(pixels))
        torch.testing.assert_close(out[:, :, y, x], mean, rtol=ROUNDING[dtype_of(run)], atol=1e-6)


def test_weights_sum_to_one(run: Run) -> None:
    """However wide the logits are spread: equal values stay as they are."""
    q, _ = features(dtype_of(run), 1, 23, 37, 2, 20)
    q.unflatten(1, (2, 2, 20))[:, :, 0] *= torch.linspace(0, 4, 37)
    q.unflatten(1, (2, 2, 20))[:, :, 1] = 3.0
    out = attended(run, q, None, (8, 16), True, True)
    assert (out - 3).abs().max() < 3 * ROUNDING[dtype_of(run)]


@pytest.mark.parametrize("closed", [False, True], ids=["cyclic", "closed"])
@pytest.mark.parametrize("channel", [1, 6], ids=["query", "value"])
def test_what_is_not_a_number_stays_in_its_window(run: Run, closed: bool, channel: int) -> None:
    q, _ = features(dtype_of(run), 1, 16, 32, 1, 4)
    q[0, channel, 6, 18] = torch.nan
    out = attended(run, q, None, (8,), True, closed)[0]
    spoiled = torch.zeros(16, 32, dtype=torch.bool)
    spoiled[4:12, 12:20] = True
    if channel == 1:
        assert torch.equal(out.isnan().all(0), spoiled)
        assert torch.equal(out.isnan().any(0), spoiled)
    else:
        assert torch.equal(out[2].isnan(), spoiled)
        assert out[[0, 1, 3]].isfinite().all()


def test_nothing_beside_the_pixels_is_written(run: Run) -> None:
    q, _ = features(dtype_of(run), 1, 9, 21, 1, 8)
    given, out = encoded(q, run), room(run, encoded(q, run), 8)
    before = given.words.view(np.uint32).copy()
    attention(run, given, given, out, (16,), True, True)
    assert np.array_equal(given.words.view(np.uint32), before)
    written = ~np.isnan(out.words)
    assert written[..., MARGIN : MARGIN + 21].all()
    assert written.sum() == out.words[..., 0].size * 21


@pytest.mark.parametrize("size", [(3, 16, 32), (1, 37, 21), (2, 1, 50)], ids=str)
def test_the_number_of_threads_changes_no_bit(run: Run, size: tuple[int, int, int]) -> None:
    q, v = features(dtype_of(run), *size, 3, 4)
    results = []
    for threads in (1, 2, 3):
        results.append(attended(dataclasses.replace(run, threads=threads), q, v, (4, 8, 16), True, True))
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0], results[2])
