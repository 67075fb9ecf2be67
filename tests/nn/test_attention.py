"""Window attention against plain loops, and its precision where the logits are large."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from elansr.nn.attention import Attention, attention_by_maps, attention_by_sdpa, group_attention, window_attention
from tests.oracles.elan_naive import apply_maps_naive, attention_map_naive, attention_maps_naive

MakeQueries = Callable[[torch.Generator, float], Tensor]
MakeAttention = Callable[[Tensor], Attention]

DTYPES = (torch.float16, torch.bfloat16, torch.float32)
WAYS: tuple[MakeAttention, ...] = (attention_by_maps, attention_by_sdpa)
WINDOWS = (4, 8, 16)
DEVICES = ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",)


def attended_naive(query: Tensor, values: Tensor) -> Tensor:
    """The truth for the numbers as they are stored, in float64: query and values (B, L, D)."""
    windows = zip(query.double().cpu().numpy(), values.double().cpu().numpy(), strict=True)
    return torch.from_numpy(np.stack([attention_map_naive(q) @ v for q, v in windows]))


def crowded_queries(generator: torch.Generator, logit: float) -> Tensor:
    """Queries close to each other far from the origin: logits near `logit` whose small differences decide."""
    centre = torch.randn(20, generator=generator, dtype=torch.float64)
    centre *= logit**0.5 / centre.norm()
    return centre + 0.1 * torch.randn(3, 64, 20, generator=generator, dtype=torch.float64)


def scattered_queries(generator: torch.Generator, logit: float) -> Tensor:
    """Queries in all directions: logits from about -`logit` to `logit`, every pixel attends to itself."""
    directions = torch.randn(3, 64, 20, generator=generator, dtype=torch.float64)
    return directions * (logit / 20) ** 0.5


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 9, 2), (3, 16, 4), (1, 64, 20), (2, 256, 60)])
def test_both_ways_are_the_plain_loop(way: MakeAttention, shape: tuple[int, int, int]) -> None:
    generator = torch.Generator().manual_seed(1)
    query, values = (torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(2))
    torch.testing.assert_close(way(query)(values), attended_naive(query, values), rtol=0, atol=1e-12)


@pytest.mark.parametrize("way", WAYS)
def test_one_attention_serves_several_values(way: MakeAttention) -> None:
    generator = torch.Generator().manual_seed(2)
    query, first, second = (torch.randn(2, 16, 4, generator=generator, dtype=torch.float64) for _ in range(3))
    attend = way(query)
    for values in (first, second, first):
        torch.testing.assert_close(attend(values), attended_naive(query, values), rtol=0, atol=1e-12)


@pytest.mark.parametrize("way", WAYS)
def test_equal_queries_give_every_pixel_the_mean(way: MakeAttention) -> None:
    values = torch.randn(2, 16, 4, dtype=torch.float64)
    query = torch.full((2, 16, 4), 3.0, dtype=torch.float64)
    expected = values.mean(1, keepdim=True).expand_as(values)
    torch.testing.assert_close(way(query)(values), expected)


@pytest.mark.parametrize("way", WAYS)
def test_gradients_are_those_of_finite_differences(way: MakeAttention) -> None:
    generator = torch.Generator().manual_seed(3)
    query, values = (torch.randn(2, 4, 3, generator=generator, dtype=torch.float64).requires_grad_() for _ in range(2))
    assert torch.autograd.gradcheck(lambda q, v: way(q)(v), (query, values))


def assert_no_worse_than_rounding(out: Tensor, query: Tensor, values: Tensor) -> None:
    """Weights and result are rounded to the dtype; logits to float32, which the exponential makes relative."""
    assert out.dtype == query.dtype
    assert out.isfinite().all()
    largest_logit = query.double().square().sum(-1).max().item()
    relative = 2 * torch.finfo(query.dtype).eps + 4 * largest_logit * torch.finfo(torch.float32).eps
    error = (out.double().cpu() - attended_naive(query, values)).abs().max().item()
    assert error <= relative * values.double().abs().max().item()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("queries", [crowded_queries, scattered_queries])
@pytest.mark.parametrize("logit", [100.0, 400.0, 900.0])
def test_large_logits_cost_no_more_than_the_rounding_of_the_dtype(
    device: str, way: MakeAttention, dtype: torch.dtype, queries: MakeQueries, logit: float
) -> None:
    generator = torch.Generator().manual_seed(4)
    query = queries(generator, logit).to(device, dtype)
    values = torch.randn(3, 64, 20, generator=generator, dtype=torch.float64).to(device, dtype)
    with torch.no_grad():
        out = way(query)(values)
    assert_no_worse_than_rounding(out, query, values)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("way", WAYS)
def test_autocast_does_not_round_the_logits(device: str, way: MakeAttention) -> None:
    generator = torch.Generator().manual_seed(6)
    query = crowded_queries(generator, 400.0).to(device, torch.bfloat16).requires_grad_()
    values = torch.randn(3, 64, 20, generator=generator).to(device, torch.bfloat16)
    with torch.autocast(device, dtype=torch.bfloat16):
        out = way(query)(values)
    assert_no_worse_than_rounding(out.detach(), query.detach(), values)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_logits_beyond_the_range_of_half_precision_are_no_infinity(
    device: str, way: MakeAttention, dtype: torch.dtype
) -> None:
    query = 300 * torch.eye(16, device=device, dtype=dtype).expand(2, 16, 16)  # logits 90000: each sees itself alone
    values = torch.randn(2, 16, 16, generator=torch.Generator().manual_seed(5)).to(device, dtype)
    with torch.no_grad():
        assert torch.equal(way(query)(values), values)


class RecordShapes(TorchDispatchMode):
    """Keeps the shape of every tensor that an operation makes."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.shapes: set[torch.Size] = set()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        self.shapes |= {t.shape for t in (out if isinstance(out, (tuple, list)) else [out]) if isinstance(t, Tensor)}
        return out


def writes_maps(query: Tensor, way: MakeAttention) -> bool:
    """Whether the attention maps (B, L, L) of a query (B, L, D) exist at some time."""
    b, length, _ = query.shape
    with RecordShapes() as record:
        way(query)(torch.zeros_like(query))
    return any(shape[-2:] == (length, length) and shape.numel() == b * length**2 for shape in record.shapes)


def test_only_one_way_writes_the_maps() -> None:
    query = torch.randn(3, 16, 4)
    assert writes_maps(query, attention_by_maps)
    assert not writes_maps(query, attention_by_sdpa)


def test_the_maps_are_written_when_training_on_a_cpu() -> None:
    assert writes_maps(torch.randn(3, 16, 4, requires_grad=True), window_attention)


@pytest.mark.parametrize("grad_mode", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("requires_grad", [True, False])
def test_the_maps_are_not_written_without_gradients(grad_mode: Callable[[], Any], requires_grad: bool) -> None:
    query = torch.randn(3, 16, 4, requires_grad=requires_grad)
    with grad_mode():
        assert not writes_maps(query, window_attention)


def test_the_maps_are_not_written_for_a_query_that_needs_no_gradient() -> None:
    assert not writes_maps(torch.randn(3, 16, 4), window_attention)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_maps_are_not_written_on_a_gpu_even_in_training() -> None:
    assert not writes_maps(torch.randn(3, 16, 4, device="cuda", requires_grad=True), window_attention)


# Groups of channels, each in windows of its own.


def projected(height: int, width: int, groups: int = 3, depth: int = 2) -> Tensor:
    """float64 (2, H, W, 2C)."""
    return torch.randn(2, height, width, 2 * groups * depth, dtype=torch.float64)


def by_loops(features: Tensor, values: Tensor | None, windows: tuple[int, ...], shifted: bool) -> Tensor:
    """(N, H, W, C) from (N, H, W, 2C) and, where they are others, values (N, H, W, C)."""
    pictures = []
    for n, picture in enumerate(features.movedim(-1, 1).numpy()):
        groups = [np.split(group, 2) for group in np.split(picture, len(windows))]
        given = [v for _, v in groups]
        if values is not None:
            given = np.split(values[n].movedim(-1, 0).numpy(), len(windows))
        parts = [
            apply_maps_naive(attention_maps_naive(q, window, shifted), v)
            for (q, _), v, window in zip(groups, given, windows, strict=True)
        ]
        pictures.append(np.concatenate(parts))
    return torch.from_numpy(np.stack(pictures)).movedim(1, -1)


@pytest.mark.parametrize("trains", [False, True])
@pytest.mark.parametrize("shifted", [False, True])
def test_groups_are_the_plain_loops(trains: bool, shifted: bool) -> None:
    for height, width in [(16, 16), (16, 48), (32, 16)]:
        x, values = projected(height, width), torch.randn(2, height, width, 6, dtype=torch.float64)
        attended, attention = group_attention(x.requires_grad_(trains), WINDOWS, shifted)
        x = x.detach()
        torch.testing.assert_close(attended.detach(), by_loops(x, None, WINDOWS, shifted), rtol=0, atol=1e-12)
        found = attention(values).detach()
        torch.testing.assert_close(found, by_loops(x, values, WINDOWS, shifted), rtol=0, atol=1e-12)


def test_group_gradients_are_those_of_finite_differences() -> None:
    x, values = (torch.randn(1, 4, 8, c, dtype=torch.float64).requires_grad_() for c in (8, 4))

    def output(x: Tensor, values: Tensor) -> Tensor:
        attended, attention = group_attention(x, (2, 4), True)
        return attended + attention(values)

    assert torch.autograd.gradcheck(output, (x, values), fast_mode=True)
