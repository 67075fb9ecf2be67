"""Attention of channel groups: every form against plain loops, cyclic and closed, forward and backward."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from elansr.engines.cpu.attention import takes
from elansr.errors import ConfigError
from elansr.nn.attention import AttentionForm, window_attention
from elansr.nn.group_attention import group_attention
from tests.oracles.elan_closed_naive import closed_maps_naive
from tests.oracles.elan_naive import apply_maps_naive, attention_map_naive, attention_maps_naive

CUT: tuple[AttentionForm, ...] = ("reference", "sdpa")
SIZES = {
    False: [(16, 16), (16, 48), (32, 16)],
    True: [(1, 1), (1, 20), (5, 9), (9, 5), (17, 33), (16, 16), (31, 2)],
}
"""Height and width, by whether borders are closed."""
WINDOWS = (4, 8, 16)

Maps = Callable[[np.ndarray, int, bool], list[tuple[list[tuple[int, int]], np.ndarray]]]


def projected(height: int, width: int, groups: int = 3, depth: int = 2) -> Tensor:
    """float64 (2, H, W, 2C)."""
    return torch.randn(2, height, width, 2 * groups * depth, dtype=torch.float64)


def by_loops(features: Tensor, values: Tensor | None, windows: tuple[int, ...], shifted: bool, closed: bool) -> Tensor:
    """(N, H, W, C) from (N, H, W, 2C) and, where they are others, values (N, H, W, C)."""
    find: Maps = closed_maps_naive if closed else attention_maps_naive
    pictures = []
    for n, picture in enumerate(features.movedim(-1, 1).numpy()):
        groups = [np.split(group, 2) for group in np.split(picture, len(windows))]
        given = [v for _, v in groups]
        if values is not None:
            given = np.split(values[n].movedim(-1, 0).numpy(), len(windows))
        parts = [
            apply_maps_naive(find(q, window, shifted), v)
            for (q, _), v, window in zip(groups, given, windows, strict=True)
        ]
        pictures.append(np.concatenate(parts))
    return torch.from_numpy(np.stack(pictures)).movedim(1, -1)


@pytest.mark.parametrize("form", CUT)
@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.parametrize("closed", [False, True], ids=["cyclic", "closed"])
def test_windows_cut_out_are_the_plain_loops(form: AttentionForm, shifted: bool, closed: bool) -> None:
    for height, width in SIZES[closed]:
        x, values = projected(height, width), torch.randn(2, height, width, 6, dtype=torch.float64)
        attention = group_attention(x, WINDOWS, shifted, form, closed)
        torch.testing.assert_close(attention.own(), by_loops(x, None, WINDOWS, shifted, closed), rtol=0, atol=1e-12)
        torch.testing.assert_close(attention(values), by_loops(x, values, WINDOWS, shifted, closed), rtol=0, atol=1e-12)


@pytest.mark.parametrize("windows", [(1, 3, 5), (2, 7, 32)], ids=str)
@pytest.mark.parametrize("form", CUT)
def test_closed_windows_of_any_side(form: AttentionForm, windows: tuple[int, ...]) -> None:
    for shifted in (False, True):
        x = projected(11, 13)
        out = group_attention(x, windows, shifted, form, True).own()
        torch.testing.assert_close(out, by_loops(x, None, windows, shifted, True), rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.parametrize("closed", [False, True], ids=["cyclic", "closed"])
def test_all_forms_agree(dtype: torch.dtype, shifted: bool, closed: bool) -> None:
    """Bfloat16 has 8 bits, which weights and results are rounded to."""
    most = 1e-6 if dtype == torch.float32 else 2.0**-7
    for height, width in SIZES[closed]:
        x = projected(height, width, depth=20).mul_(0.4).to(dtype)
        values = torch.randn(2, height, width, 60, dtype=torch.float64).to(dtype)
        truth = group_attention(x.double(), WINDOWS, shifted, "reference", closed)
        for form in (*CUT, "auto", *(["native"] if takes(x) else [])):
            attention = group_attention(x, WINDOWS, shifted, form, closed)
            for mine, theirs in [(attention.own(), truth.own()), (attention(values), truth(values.double()))]:
                assert mine.dtype == dtype
                assert (mine.double() - theirs).norm() < most * theirs.norm()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.parametrize("closed", [False, True], ids=["cyclic", "closed"])
def test_gradients_of_all_forms_agree(dtype: torch.dtype, shifted: bool, closed: bool) -> None:
    most = 1e-5 if dtype == torch.float32 else 2.0**-6
    height, width = (19, 21) if closed else (16, 32)
    x = projected(height, width, depth=8).mul_(0.6).to(dtype)
    values, upstream = (torch.randn(2, height, width, 24, dtype=torch.float64).to(dtype) for _ in range(2))

    def gradients(form: AttentionForm, kind: torch.dtype) -> tuple[Tensor, ...]:
        inputs = [t.to(kind).requires_grad_() for t in (x.clone(), values.clone())]
        attention = group_attention(inputs[0], WINDOWS, shifted, form, closed)
        out = attention.own() + attention(inputs[1])
        return torch.autograd.grad(out, inputs, upstream.to(kind))

    truth = gradients("reference", torch.float64)
    for form in (*CUT, *(["native"] if takes(x) else [])):
        for mine, theirs in zip(gradients(form, dtype), truth, strict=True):
            assert (mine.double() - theirs).norm() < most * theirs.norm(), form


@pytest.mark.parametrize("form", CUT)
@pytest.mark.parametrize("size", [(1, 1), (5, 7), (4, 8)], ids=str)
def test_closed_gradients_are_those_of_finite_differences(form: AttentionForm, size: tuple[int, int]) -> None:
    x = torch.randn(1, *size, 8, dtype=torch.float64).requires_grad_()
    values = torch.randn(1, *size, 4, dtype=torch.float64).requires_grad_()

    def output(x: Tensor, values: Tensor) -> Tensor:
        attention = group_attention(x, (2, 4), True, form, True)
        return attention.own() + attention(values)

    assert torch.autograd.gradcheck(output, (x, values), fast_mode=True)


@pytest.mark.parametrize("form", CUT)
def test_only_the_pixels_inside_are_attended_to(form: AttentionForm) -> None:
    """Whatever the others hold, be it no number, it neither comes out of those inside nor reaches their gradient."""
    inside = torch.rand(6, 9) < 0.5
    inside[:, 4] = True
    query, values = (torch.randn(6, 9, 3, dtype=torch.float64).requires_grad_() for _ in range(2))
    out = window_attention(query, form, inside)(values)
    for window in range(6):
        mine = inside[window]
        q, v = query[window, mine].detach(), values[window, mine].detach()
        expected = torch.from_numpy(attention_map_naive(q.numpy())) @ v
        torch.testing.assert_close(out[window, mine], expected, rtol=0, atol=1e-12)
    for gradient in torch.autograd.grad(out[inside].square().sum(), (query, values)):
        assert gradient[~inside].count_nonzero() == 0
        assert gradient[inside].count_nonzero() > 0
    assert torch.autograd.gradcheck(lambda q, v: window_attention(q, form, inside)(v), (query, values), fast_mode=True)


@pytest.mark.parametrize("form", CUT)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32], ids=str)
def test_large_logits_inside_and_zeros_outside(form: AttentionForm, dtype: torch.dtype) -> None:
    """Negative logits of hundreds beside the zeros of pixels outside: those must not win."""
    query = torch.tensor([[20.0], [-20.0], [0.0], [0.0]], dtype=dtype).expand(4, 2)[None]
    values = torch.tensor([[1.0], [2.0], [8.0], [8.0]], dtype=dtype)[None]
    inside = torch.tensor([[True, True, False, False]])
    out = window_attention(query, form, inside)(values)
    assert out[0, :2].flatten().tolist() == [1.0, 2.0]
    assert out.isfinite().all()


def test_what_is_not_a_number_stays_in_its_closed_window() -> None:
    for form in ("reference", "sdpa", "auto"):
        x = projected(9, 20, groups=1).float()
        x[0, 0, 0, 0] = torch.nan
        out = group_attention(x, (8,), True, form, True).own()
        assert out[0, :4, :4].isnan().all()
        out[0, :4, :4] = 0
        assert out.isfinite().all()


def test_an_unknown_form_is_refused() -> None:
    for closed in (False, True):
        with pytest.raises(ConfigError, match="attention form 'fast': must be"):
            group_attention(projected(16, 16), WINDOWS, False, "fast", closed)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="'native': not for torch.float64"):
        group_attention(projected(16, 16), WINDOWS, False, "native", True)
