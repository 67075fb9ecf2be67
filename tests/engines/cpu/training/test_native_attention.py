import os
import subprocess
import sys
import threading
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from elansr.engines.cpu import bindings
from elansr.engines.cpu.bindings import MOST_GROUPS, Level
from elansr.engines.cpu.training import native_attention
from elansr.engines.cpu.training.native_attention import attend
from elansr.errors import ConfigError, DeviceError
from tests.oracles.elan_naive import apply_maps_naive, attention_maps_naive, window_pixels_naive

if not bindings.available():
    pytest.skip(f"no native library: {bindings.reason()}", allow_module_level=True)

ROUNDING = {torch.float32: 1e-5, torch.bfloat16: 2.0**-7}
"""Largest error of a tensor relative to its norm. A bfloat16 has 8 bits, and sums of roundings grow a little."""


@pytest.fixture(params=[torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
def dtype(request: pytest.FixtureRequest) -> torch.dtype:
    return request.param


def attention_float64(q: Tensor, v: Tensor, windows: Sequence[int], shifted: bool) -> Tensor:
    """Window by window in float64, from the oracle's list of pixels; autograd gives its gradient."""
    depth = q.shape[-1] // (2 * len(windows))
    q, values = q.double(), v.double()
    out = torch.zeros(*q.shape[:3], depth * len(windows), dtype=torch.float64)
    for group, window in enumerate(windows):
        first = depth * (2 * group + 1 if v.shape[-1] == q.shape[-1] else group)
        for pixels in window_pixels_naive(q.shape[1], q.shape[2], window, shifted):
            rows, columns = torch.tensor(pixels).T
            query = q[:, rows, columns, 2 * depth * group : 2 * depth * group + depth]
            attended = torch.softmax(query @ query.mT, dim=-1) @ values[:, rows, columns, first : first + depth]
            out[:, rows, columns, group * depth : (group + 1) * depth] = attended
    return out


def relative_error(actual: Tensor, expected: Tensor) -> float:
    return ((actual.double() - expected).norm() / expected.norm()).item()


CASES = [  # depth, windows, height, width
    (20, (4, 8, 16), 16, 32),
    (60, (4, 8), 8, 16),
    (1, (4,), 8, 4),
    (4, (3, 5), 15, 30),
    (7, (5, 3), 30, 15),
    (6, (16, 2), 16, 16),
    (3, (1, 6), 6, 12),
]


@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.parametrize(("depth", "windows", "height", "width"), CASES)
def test_output_and_gradient_equal_float64(
    level: Level, dtype: torch.dtype, shifted: bool, depth: int, windows: tuple[int, ...], height: int, width: int
) -> None:
    x = torch.randn(2, height, width, 2 * depth * len(windows)).to(dtype).requires_grad_()
    out = attend(x, x, windows, shifted)
    reference = x.detach().double().requires_grad_()
    expected = attention_float64(reference, reference, windows, shifted)
    assert out.dtype == dtype
    assert relative_error(out, expected) < ROUNDING[dtype]

    gradient = torch.randn(out.shape).to(dtype)
    (actual,) = torch.autograd.grad(out, x, gradient)
    (wanted,) = torch.autograd.grad(expected, reference, gradient.double())
    assert relative_error(actual, wanted) < 2 * ROUNDING[dtype]


@pytest.mark.parametrize("shifted", [False, True])
def test_output_equals_plain_loops(level: Level, shifted: bool) -> None:
    depth, windows = 5, (2, 4)
    x = torch.randn(1, 8, 12, 2 * depth * len(windows))
    queries = [2 * depth * group for group in range(len(windows))]
    picture = x[0].movedim(-1, 0).double().numpy()
    expected = [
        apply_maps_naive(attention_maps_naive(picture[q : q + depth], w, shifted), picture[q + depth : q + 2 * depth])
        for q, w in zip(queries, windows, strict=True)
    ]
    out = attend(x, x, windows, shifted)
    np.testing.assert_allclose(out[0].movedim(-1, 0).numpy(), np.concatenate(expected), rtol=1e-5, atol=1e-5)


def test_values_of_another_tensor(level: Level, dtype: torch.dtype) -> None:
    """As in a block that shares attention: queries of one tensor, values of another."""
    depth, windows = 8, (4, 8)
    q = torch.randn(2, 8, 16, 4 * depth).to(dtype).requires_grad_()
    v = torch.randn(2, 8, 16, 2 * depth).to(dtype).requires_grad_()
    out = attend(q, v, windows, True)
    wide = [x.detach().double().requires_grad_() for x in (q, v)]
    expected = attention_float64(*wide, windows, True)
    assert relative_error(out, expected) < ROUNDING[dtype]
    gradient = torch.randn(out.shape).to(dtype)
    actual = torch.autograd.grad(out, (q, v), gradient)
    wanted = torch.autograd.grad(expected, wide, gradient.double())
    for mine, theirs in zip(actual, wanted, strict=True):
        assert relative_error(mine, theirs) < 2 * ROUNDING[dtype]


@pytest.mark.parametrize("largest", [300.0, 2000.0, 1e6])
def test_large_logits(level: Level, dtype: torch.dtype, largest: float) -> None:
    """The softmax of such logits picks one pixel or few; theirs must come out, and nothing that is not finite.

    A logit of 300 in float32 is uncertain by 1e-5, hence the tolerance; from 2000 on the weights are 0 and 1.
    """
    x = torch.randn(1, 16, 16, 40)
    x[..., :20] *= (largest / x[..., :20].square().sum(-1).max()) ** 0.5
    x = x.to(dtype).requires_grad_()
    out = attend(x, x, [16], False)
    expected = attention_float64(x.detach(), x.detach(), [16], False)
    assert relative_error(out, expected) < max(ROUNDING[dtype], 1e-4)
    (gradient,) = torch.autograd.grad(out.sum(), x)
    assert gradient.isfinite().all()


def test_constant_values_stay(level: Level) -> None:
    """Weights sum to one, however wide the logits are spread."""
    x = torch.cat(
        [torch.randn(1, 16, 16, 20) * torch.linspace(0.1, 4, 16).view(1, 16, 1, 1), torch.ones(1, 16, 16, 20)], -1
    )
    out = attend(x, x, [16], True)
    assert (out - 1).abs().max() < 1e-5


def test_what_is_not_a_number_stays_in_its_window(level: Level, dtype: torch.dtype) -> None:
    x = torch.randn(1, 8, 8, 8).to(dtype)
    x[0, 5, 1, 2] = torch.nan
    out = attend(x, x, [4], False)
    assert out[0, 4:, :4].isnan().all()
    out[0, 4:, :4] = 0
    assert out.isfinite().all()


def run_all(threads: int, dtype: torch.dtype, height: int = 48, width: int = 32) -> list[Tensor]:
    torch.set_num_threads(threads)
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(2, height, width, 120, generator=generator).to(dtype).requires_grad_()
    out = attend(x, x, (4, 8, 16), True)
    return [out.detach(), *torch.autograd.grad(out.square().sum(), x)]


@pytest.mark.parametrize("threads", [2, 3])
def test_the_number_of_threads_changes_no_bit(dtype: torch.dtype, threads: int) -> None:
    for one, several in zip(run_all(1, dtype), run_all(threads, dtype), strict=True):
        assert torch.equal(one, several)


def test_two_python_threads_at_once() -> None:
    expected = run_all(2, torch.float32)
    results: list[list[Tensor]] = []
    runners = [threading.Thread(target=lambda: results.append(run_all(2, torch.float32))) for _ in range(4)]
    for runner in runners:
        runner.start()
    for runner in runners:
        runner.join()
    assert len(results) == 4
    assert all(torch.equal(a, b) for result in results for a, b in zip(result, expected, strict=True))


FORKED = """
import os, torch
from elansr.engines.cpu.training.native_attention import attend
torch.set_num_threads(2)
x = torch.randn(1, 32, 32, 8)
before = attend(x, x, [4], False).numpy().tobytes()
child = os.fork()
if not child:
    os._exit(0 if attend(x, x, [4], False).numpy().tobytes() == before else 3)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_has_threads_of_its_own() -> None:
    run = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, timeout=60, check=False)
    assert run.stdout.strip() == "0", run.stderr


def test_features_in_another_order_in_memory(level: Level) -> None:
    picture = torch.randn(2, 8, 8, 8).requires_grad_()
    contiguous = picture.detach().movedim(1, -1).contiguous().requires_grad_()
    view = picture.movedim(1, -1)
    assert not view.is_contiguous()
    outs = [attend(x, x, [4], True) for x in (view, contiguous)]
    assert torch.equal(*outs)
    gradient = torch.randn(2, 4, 8, 8).movedim(1, -1)
    (through_view,) = torch.autograd.grad(outs[0], picture, gradient)
    (direct,) = torch.autograd.grad(outs[1], contiguous, gradient)
    assert torch.equal(through_view.movedim(1, -1), direct)


def test_nothing_to_attend_to() -> None:
    x = torch.randn(0, 8, 8, 8)
    assert attend(x, x, [4], False).shape == (0, 8, 8, 4)


def test_a_second_derivative_is_refused() -> None:
    x = torch.randn(1, 4, 4, 8).requires_grad_()
    squares = attend(x, x, [4], False).square()
    (gradient,) = torch.autograd.grad(squares.sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


X = torch.zeros(1, 8, 8, 8)


@pytest.mark.parametrize("windows", [(3,), (4, 16), (1,) * (MOST_GROUPS + 1)])
def test_windows_that_the_library_must_not_get_are_refused(windows: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match="8 x 8") as caught:
        attend(X, X, windows, False)
    assert str(windows) in str(caught.value)


def test_takes() -> None:
    assert native_attention.takes(X)
    assert native_attention.takes(X.bfloat16())
    assert not native_attention.takes(X.double())
    assert not native_attention.takes(X.to("meta"))


def test_without_a_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bindings, "_chosen", lambda: "_native.so was not built")
    assert not native_attention.takes(X)
    with pytest.raises(DeviceError, match=r"_native\.so was not built"):
        attend(X, X, [4], False)
