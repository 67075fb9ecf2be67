"""The Triton kernels in Triton's interpreter, against plain loops in float64."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.engines.cuda.interpreter import interpreter  # noqa: F401
from tests.oracles.elan_closed_naive import closed_maps_naive
from tests.oracles.elan_naive import apply_maps_naive, attention_maps_naive, conv1x1_naive, local_features_naive

pytestmark = pytest.mark.usefixtures("interpreter")

TOLERANCES = {torch.float32: 1e-5, torch.float16: 2e-3, torch.bfloat16: 1e-2}
FACTOR = math.sqrt(math.log2(math.e))


class Room:
    """A tensor full of NaN between two guards."""

    def __init__(self, *shape: int, dtype: torch.dtype) -> None:
        self._all = torch.full((math.prod(shape) + 128,), torch.nan, dtype=dtype)
        self._all[:64] = self._all[-64:] = 7
        self.inside = self._all[64:-64].view(shape)

    def checked(self) -> Tensor:
        """What was written, float64; nothing beside it."""
        assert (self._all[:64] == 7).all()
        assert (self._all[-64:] == 7).all()
        return self.inside.double()


def error(actual: Tensor, expected: Tensor) -> float:
    return ((actual.double() - expected).norm() / expected.norm()).item()


def attended_naive(queries: Tensor, values: Tensor, windows: tuple[int, ...], shifted: bool, closed: bool) -> Tensor:
    """Both float64 (groups, N, H, W, D), and so is the result."""
    loops = closed_maps_naive if closed else attention_maps_naive
    result = np.empty(values.shape)
    for group, window in enumerate(windows):
        for n in range(values.shape[1]):
            q, v = (x[group, n].permute(2, 0, 1).numpy() for x in (queries, values))
            result[group, n] = np.moveaxis(apply_maps_naive(loops(q, window, shifted), v), 0, -1)
    return torch.from_numpy(result)


@pytest.mark.parametrize("dtype", TOLERANCES, ids=str)
@pytest.mark.parametrize(
    ("size", "windows", "depth", "shifted", "closed"),
    [
        ((1, 17, 3), (4, 8, 16), 20, True, True),
        ((2, 5, 9), (8, 2), 12, True, True),
        ((1, 1, 1), (16, 1), 7, False, True),
        ((2, 8, 8), (4, 8), 20, True, False),
        ((1, 4, 12), (2, 4), 33, False, False),
    ],
    ids=str,
)
def test_attention(
    size: tuple[int, int, int],
    windows: tuple[int, ...],
    depth: int,
    shifted: bool,
    closed: bool,
    dtype: torch.dtype,
) -> None:
    from elansr.engines.cuda.launches import attention

    shape = (len(windows), *size, depth)
    queries, values = (torch.randn(shape) * FACTOR / depth**0.25).to(dtype), torch.randn(shape).to(dtype)
    room = Room(*shape, dtype=dtype)
    attention(queries, values, room.inside, windows, shifted, closed)
    expected = attended_naive(queries.double() / FACTOR, values.double(), windows, shifted, closed)
    assert error(room.checked(), expected) < TOLERANCES[dtype]


def test_attention_of_large_logits() -> None:
    """In the hundreds, which float16 neither adds nor exponentiates."""
    from elansr.engines.cuda.launches import attention

    queries, values = torch.randn(1, 1, 16, 16, 20).mul(6).half(), torch.randn(1, 1, 16, 16, 20).half()
    room = Room(*queries.shape, dtype=torch.float16)
    attention(queries, values, room.inside, (16,), False, True)
    expected = attended_naive(queries.double() / FACTOR, values.double(), (16,), False, True)
    assert error(room.checked(), expected) < 2e-3


@pytest.mark.parametrize("dtype", TOLERANCES, ids=str)
@pytest.mark.parametrize(
    ("size", "channels", "hidden", "groups", "own"),
    [
        ((1, 9, 17), 60, 120, 3, True),
        ((2, 1, 1), 60, 120, 3, False),
        ((2, 3, 4), 7, 14, 1, True),
        ((1, 4, 18), 36, 180, 2, True),
    ],
    ids=str,
)
def test_local_features_and_projections(
    size: tuple[int, int, int], channels: int, hidden: int, groups: int, own: bool, dtype: torch.dtype
) -> None:
    from elansr.engines.cuda.launches import Linear, TritonLocalFeatures

    def linear(inputs: int, outputs: int) -> Linear:
        return Linear((torch.randn(outputs, inputs) / inputs**0.5).to(dtype), torch.randn(outputs).to(dtype))

    expand, reduce = linear(channels, hidden), linear(hidden, channels)
    projections = [linear(channels, channels) for _ in range(2)]
    depth, x = channels // groups, torch.randn(*size, channels).to(dtype)
    out = Room(*x.shape, dtype=dtype)
    projected = [Room(groups, *size, depth, dtype=dtype) for _ in range(2)]
    layer = TritonLocalFeatures(expand, reduce, projections[1], projections[0] if own else None, depth, dtype)
    layer(x, out.inside, *(room.inside for room in projected))

    names = {"lfe.expand.conv": expand, "lfe.reduce.conv": reduce}
    state = {f"{name}.weight": part.weight.double()[..., None, None].numpy() for name, part in names.items()}
    state |= {f"{name}.bias": part.bias.double().numpy() for name, part in names.items()}
    pictures = x.double().permute(0, 3, 1, 2).numpy()
    features = np.stack([picture + local_features_naive(picture, state, "lfe") for picture in pictures])
    assert error(out.checked().permute(0, 3, 1, 2), torch.from_numpy(features)) < TOLERANCES[dtype]
    for room, projection, made in zip(projected, projections, (own, True), strict=True):
        if not made:
            assert room.checked().isnan().all()
            continue
        weight, bias = projection.weight.double()[..., None, None].numpy(), projection.bias.double().numpy()
        expected = torch.from_numpy(np.stack([conv1x1_naive(picture, weight, bias) for picture in features]))
        assert error(room.checked(), expected.unflatten(1, (groups, depth)).permute(1, 0, 3, 4, 2)) < TOLERANCES[dtype]


@pytest.mark.parametrize("dtype", TOLERANCES, ids=str)
@pytest.mark.parametrize(("size", "channels", "groups"), [((1, 7, 23), 60, 3), ((2, 1, 1), 5, 1)], ids=str)
def test_merge(size: tuple[int, int, int], channels: int, groups: int, dtype: torch.dtype) -> None:
    from elansr.engines.cuda.launches import Linear, TritonMerge

    weight, bias = (torch.randn(channels, channels) / channels**0.5).to(dtype), torch.randn(channels).to(dtype)
    attended = torch.randn(groups, *size, channels // groups).to(dtype)
    room, before = Room(*size, channels, dtype=dtype), torch.randn(*size, channels).to(dtype)
    room.inside.copy_(before)
    TritonMerge(Linear(weight, bias), channels // groups, dtype)(room.inside, attended)
    by_pixel = attended.double().movedim(0, 3).flatten(3)
    expected = before.double() + by_pixel @ weight.double().T + bias.double()
    assert error(room.checked(), expected) < TOLERANCES[dtype]


def test_what_there_are_kernels_for() -> None:
    from elansr.engines.cuda.launches import supports

    assert supports(60, (4, 8, 16), torch.float16)
    assert not supports(180, (4, 8, 16), torch.float16)
    assert not supports(60, (4, 8, 12), torch.float16)
    assert not supports(60, (32,), torch.float16)
    assert not supports(60, (4, 8, 16), torch.float64)
