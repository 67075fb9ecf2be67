"""Attention whose windows end at the border, against plain loops."""

import numpy as np
import pytest
import torch
from torch import Tensor

from elansr.engines.closed_attention import closed_group_attention
from tests.oracles.elan_closed_naive import closed_maps_naive
from tests.oracles.elan_naive import apply_maps_naive

SIZES = [(1, 1), (1, 20), (5, 9), (9, 5), (17, 33), (16, 16), (31, 2)]
WINDOWS = (4, 8, 16)


def projected(height: int, width: int, groups: int = 3, depth: int = 2) -> Tensor:
    """float64 (2, H, W, 2C)."""
    return torch.randn(2, height, width, 2 * groups * depth, dtype=torch.float64)


def by_loops(features: Tensor, values: Tensor | None, windows: tuple[int, ...], shifted: bool) -> Tensor:
    """(N, H, W, C) from (N, H, W, 2C) and, where they are others, values (N, H, W, C)."""
    pictures = []
    for n, picture in enumerate(features.movedim(-1, 1).double().numpy()):
        groups = [np.split(group, 2) for group in np.split(picture, len(windows))]
        given = [v for _, v in groups]
        if values is not None:
            given = np.split(values[n].movedim(-1, 0).double().numpy(), len(windows))
        parts = [
            apply_maps_naive(closed_maps_naive(q, window, shifted), v)
            for (q, _), v, window in zip(groups, given, windows, strict=True)
        ]
        pictures.append(np.concatenate(parts))
    return torch.from_numpy(np.stack(pictures)).movedim(1, -1)


@pytest.mark.parametrize("shifted", [False, True])
def test_it_is_the_plain_loops(shifted: bool) -> None:
    for height, width in SIZES:
        x, values = projected(height, width), torch.randn(2, height, width, 6, dtype=torch.float64)
        attended, attention = closed_group_attention(x, WINDOWS, shifted)
        torch.testing.assert_close(attended, by_loops(x, None, WINDOWS, shifted), rtol=0, atol=1e-12)
        torch.testing.assert_close(attention(values), by_loops(x, values, WINDOWS, shifted), rtol=0, atol=1e-12)


@pytest.mark.parametrize("windows", [(1, 3, 5), (2, 7, 32)], ids=str)
def test_windows_of_any_side(windows: tuple[int, ...]) -> None:
    for shifted in (False, True):
        x = projected(11, 13)
        attended, _ = closed_group_attention(x, windows, shifted)
        torch.testing.assert_close(attended, by_loops(x, None, windows, shifted), rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32], ids=str)
def test_large_negative_logits_at_the_border(dtype: torch.dtype) -> None:
    """Logits of -400 between the two pixels of a picture: the zeros of pixels outside must not win."""
    x = torch.tensor([[20.0, 1.0], [-20.0, 2.0]]).to(dtype)[None, None]  # (1, 1, 2, [q, v])
    attended, _ = closed_group_attention(x, (8,), True)
    assert attended.flatten().tolist() == [1.0, 2.0]


def test_what_is_not_a_number_stays_in_its_window() -> None:
    x = projected(9, 20, groups=1).float()
    x[0, 0, 0, 0] = torch.nan
    attended, _ = closed_group_attention(x, (8,), True)
    assert attended[0, :4, :4].isnan().all()
    attended[0, :4, :4] = 0
    assert attended.isfinite().all()


@pytest.mark.parametrize("size", [(1, 1), (5, 7), (4, 8)], ids=str)
def test_gradients_are_those_of_finite_differences(size: tuple[int, int]) -> None:
    x, values = (torch.randn(1, *size, channels, dtype=torch.float64).requires_grad_() for channels in (8, 4))

    def output(x: Tensor, values: Tensor) -> Tensor:
        attended, attention = closed_group_attention(x, (2, 4), True)
        return attended + attention(values)

    assert torch.autograd.gradcheck(output, (x, values), fast_mode=True)
