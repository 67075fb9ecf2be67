"""A network that stays right wherever it is cast: the body follows, head, tail and mean do not."""

import copy

import pytest
import torch
from torch import nn

from elansr.engines.castable import CastableELAN
from elansr.engines.fused import FusedELAN, inference_form
from tests.nn.networks import config_of, randomised


@pytest.fixture
def castable() -> CastableELAN:
    return CastableELAN(inference_form(randomised(config_of(2, 1))), closed=True)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_the_body_follows_and_the_rest_stays(castable: CastableELAN, dtype: torch.dtype) -> None:
    castable.to(dtype)
    assert next(castable.parameters()).dtype == dtype
    assert {parameter.dtype for parameter in castable.body.parameters()} == {dtype}
    assert {tensor.dtype for tensor in (castable.mean, *castable.head.parameters(), *castable.tail.parameters())} == {
        torch.float32
    }


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@torch.no_grad()
def test_cast_is_as_made_in_that_dtype(castable: CastableELAN, dtype: torch.dtype) -> None:
    """Twice, so that nothing packed before a cast is used after it."""
    picture = torch.rand(1, 3, 20, 33)
    single = castable(picture)
    made = FusedELAN(inference_form(randomised(config_of(2, 1))), dtype, closed=True)(picture)
    cast = castable.to(dtype)(picture)
    # Casting from float64 by way of float32 may round one weight in thousands the other way.
    torch.testing.assert_close(cast, made, atol=0.2 * float((made - single).abs().max()), rtol=0)
    assert not torch.equal(cast, single)
    assert castable(picture.to(dtype)).dtype == dtype


@torch.no_grad()
def test_in_float32_it_is_the_fused_network(castable: CastableELAN) -> None:
    picture = torch.rand(1, 3, 20, 33)
    assert torch.equal(castable(picture), FusedELAN(inference_form(randomised(config_of(2, 1))), closed=True)(picture))


def test_it_moves_as_a_whole(castable: CastableELAN) -> None:
    """To "meta", which every machine has; copies are networks of their own."""
    moved = copy.deepcopy(castable).to("meta", torch.float16)
    assert {tensor.device.type for tensor in (moved.mean, *moved.parameters())} == {"meta"}
    assert {tensor.device.type for tensor in (castable.mean, *castable.parameters())} == {"cpu"}
    assert (moved.dtype, castable.dtype) == (torch.float16, torch.float32)


def test_as_a_part_of_another_module(castable: CastableELAN) -> None:
    whole = nn.Sequential(castable).half()
    assert castable.dtype == torch.float16
    assert whole(torch.rand(1, 3, 16, 16).half()).dtype == torch.float16
