"""Window attention against plain loops, and its precision where the logits are large."""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from elansr.nn.attention import AttentionForm, window_attention
from tests.oracles.elan_naive import attention_map_naive

MakeQueries = Callable[[torch.Generator, float], Tensor]

DTYPES = (torch.float16, torch.bfloat16, torch.float32)
FORMS: tuple[Literal["reference", "sdpa"], ...] = ("reference", "sdpa")
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


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 9, 2), (3, 16, 4), (1, 64, 20), (2, 256, 60)])
def test_both_forms_are_the_plain_loop(form: AttentionForm, shape: tuple[int, int, int]) -> None:
    generator = torch.Generator().manual_seed(1)
    query, values = (torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(2))
    torch.testing.assert_close(window_attention(query, form)(values), attended_naive(query, values), rtol=0, atol=1e-12)


@pytest.mark.parametrize("form", FORMS)
def test_one_attention_serves_several_values(form: AttentionForm) -> None:
    generator = torch.Generator().manual_seed(2)
    query, first, second = (torch.randn(2, 16, 4, generator=generator, dtype=torch.float64) for _ in range(3))
    attend = window_attention(query, form)
    for values in (first, second, first):
        torch.testing.assert_close(attend(values), attended_naive(query, values), rtol=0, atol=1e-12)


@pytest.mark.parametrize("form", FORMS)
def test_equal_queries_give_every_pixel_the_mean(form: AttentionForm) -> None:
    values = torch.randn(2, 16, 4, dtype=torch.float64)
    query = torch.full((2, 16, 4), 3.0, dtype=torch.float64)
    expected = values.mean(1, keepdim=True).expand_as(values)
    torch.testing.assert_close(window_attention(query, form)(values), expected)


@pytest.mark.parametrize("form", FORMS)
def test_gradients_are_those_of_finite_differences(form: AttentionForm) -> None:
    generator = torch.Generator().manual_seed(3)
    query, values = (torch.randn(2, 4, 3, generator=generator, dtype=torch.float64).requires_grad_() for _ in range(2))
    assert torch.autograd.gradcheck(lambda q, v: window_attention(q, form)(v), (query, values))


def assert_no_worse_than_rounding(out: Tensor, query: Tensor, values: Tensor) -> None:
    """Weights and result are rounded to the dtype; logits to float32, which the exponential makes relative."""
    assert out.dtype == query.dtype
    assert out.isfinite().all()
    largest_logit = query.double().square().sum(-1).max().item()
    relative = 2 * torch.finfo(query.dtype).eps + 4 * largest_logit * torch.finfo(torch.float32).eps
    error = (out.double().cpu() - attended_naive(query, values)).abs().max().item()
    assert error <= relative * values.double().abs().max().item()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("queries", [crowded_queries, scattered_queries])
@pytest.mark.parametrize("logit", [100.0, 400.0, 900.0])
def test_large_logits_cost_no_more_than_the_rounding_of_the_dtype(
    device: str, form: AttentionForm, dtype: torch.dtype, queries: MakeQueries, logit: float
) -> None:
    generator = torch.Generator().manual_seed(4)
    query = queries(generator, logit).to(device, dtype)
    values = torch.randn(3, 64, 20, generator=generator, dtype=torch.float64).to(device, dtype)
    with torch.no_grad():
        out = window_attention(query, form)(values)
    assert_no_worse_than_rounding(out, query, values)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("form", FORMS)
def test_autocast_does_not_round_the_logits(device: str, form: AttentionForm) -> None:
    generator = torch.Generator().manual_seed(6)
    query = crowded_queries(generator, 400.0).to(device, torch.bfloat16).requires_grad_()
    values = torch.randn(3, 64, 20, generator=generator).to(device, torch.bfloat16)
    with torch.autocast(device, dtype=torch.bfloat16):
        out = window_attention(query, form)(values)
    assert_no_worse_than_rounding(out.detach(), query.detach(), values)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_logits_beyond_the_range_of_half_precision_are_no_infinity(
    device: str, form: AttentionForm, dtype: torch.dtype
) -> None:
    query = 300 * torch.eye(16, device=device, dtype=dtype).expand(2, 16, 16)  # logits 90000: each sees itself alone
    values = torch.randn(2, 16, 16, generator=torch.Generator().manual_seed(5)).to(device, dtype)
    with torch.no_grad():
        assert torch.equal(window_attention(query, form)(values), values)


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


def writes_maps(query: Tensor, form: AttentionForm) -> bool:
    """Whether the attention maps (B, L, L) of a query (B, L, D) exist at some time."""
    b, length, _ = query.shape
    with RecordShapes() as record:
        window_attention(query, form)(torch.zeros_like(query))
    return any(shape[-2:] == (length, length) and shape.numel() == b * length**2 for shape in record.shapes)


def test_only_the_reference_form_writes_the_maps() -> None:
    query = torch.randn(3, 16, 4)
    assert writes_maps(query, "reference")
    assert not writes_maps(query, "sdpa")


def test_auto_writes_the_maps_when_training_on_a_cpu() -> None:
    assert writes_maps(torch.randn(3, 16, 4, requires_grad=True), "auto")


@pytest.mark.parametrize("grad_mode", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("requires_grad", [True, False])
def test_auto_does_not_write_the_maps_without_gradients(grad_mode: Callable[[], Any], requires_grad: bool) -> None:
    query = torch.randn(3, 16, 4, requires_grad=requires_grad)
    with grad_mode():
        assert not writes_maps(query, "auto")


def test_auto_does_not_write_the_maps_of_a_query_that_needs_no_gradient() -> None:
    assert not writes_maps(torch.randn(3, 16, 4), "auto")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_auto_does_not_write_the_maps_on_a_gpu_even_in_training() -> None:
    assert not writes_maps(torch.randn(3, 16, 4, device="cuda", requires_grad=True), "auto")
