"""The body in Triton kernels, in Triton's interpreter, against the same body of PyTorch in float64."""

import dataclasses
import warnings

import pytest
import torch
from torch import Tensor

from elansr.engines.cuda import support
from elansr.engines.pytorch import FusedELAN, inference_form
from elansr.nn.config import ELANConfig
from elansr.nn.elan import ELAN
from tests.engines.cuda.interpreter import interpreter  # noqa: F401
from tests.nn.networks import random_picture, randomised

pytestmark = pytest.mark.usefixtures("interpreter")

LIGHT = ELANConfig(scale=2, channels=60, blocks=2, n_share=0)
OTHER = ELANConfig(scale=2, channels=36, blocks=4, n_share=1, windows=(2, 8), expansion=3)


def error(actual: Tensor, expected: Tensor) -> float:
    """Root of the mean square, in units of the expected one's deviation."""
    return ((actual.double() - expected.double()).square().mean().sqrt() / expected.double().std()).item()


@pytest.mark.parametrize(
    ("config", "dtype", "closed", "size"),
    [
        (LIGHT, torch.float16, True, (1, 5, 19)),
        (OTHER, torch.float32, False, (2, 8, 8)),
        (OTHER, torch.bfloat16, True, (1, 3, 7)),
        (OTHER, torch.float32, True, (1, 1, 1)),
    ],
    ids=["light", "cyclic", "bfloat16", "one pixel"],
)
@torch.no_grad()
def test_it_is_the_body(config: ELANConfig, dtype: torch.dtype, closed: bool, size: tuple[int, int, int]) -> None:
    from elansr.engines.cuda.body import TritonBody

    form = inference_form(randomised(config).float())
    fused = FusedELAN(form, dtype, closed)
    x = torch.randn(*size, config.channels).to(dtype)
    kept = x.clone()
    by_triton = TritonBody(form, dtype, closed, torch.device("cpu"))(x) - x.double()
    by_pytorch = fused.body(x) - x.double()
    truth = FusedELAN(form, torch.float64, closed).body(x.double()) - x.double()
    assert error(by_triton, truth) < 2 * error(by_pytorch, truth) < 0.05
    assert torch.equal(x, kept)


@pytest.fixture
def on_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """The CPU is taken for a GPU. In float16 the native library leaves it alone."""
    monkeypatch.setattr(support, "takes", lambda x: True)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: None)


def small() -> tuple[ELAN, Tensor, Tensor]:
    """A network, a picture and what the network makes of it."""
    config = dataclasses.replace(OTHER, blocks=1, n_share=0)
    model, x = randomised(config).float(), random_picture(config, 5, 9).float()
    with torch.no_grad():
        return model, x, FusedELAN(inference_form(model), torch.float64, closed=True)(x.double())


@pytest.mark.usefixtures("on_gpu")
def test_the_inference_form_takes_it() -> None:
    model, x, expected = small()
    fused = FusedELAN(inference_form(model), torch.float16, closed=True)
    with torch.no_grad():
        assert error(fused(x), expected) < 1e-3
    assert fused._triton


@pytest.mark.usefixtures("on_gpu")
def test_a_network_without_kernels_and_a_gradient_are_left_to_pytorch() -> None:
    model, x, _ = small()
    unsuitable = randomised(dataclasses.replace(OTHER, windows=(3, 5)))
    other = FusedELAN(inference_form(unsuitable), torch.float16, closed=True)
    wanted = FusedELAN(inference_form(model), torch.float16, closed=True)
    with torch.no_grad():
        other(x)
    wanted(x.requires_grad_())
    assert not other._triton
    assert not wanted._triton


@pytest.mark.usefixtures("on_gpu")
def test_where_triton_fails_pytorch_goes_on_after_one_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*args: object) -> None:
        raise RuntimeError("Failed to find C compiler.\nplease set CC")

    model, x, expected = small()
    monkeypatch.setattr("elansr.engines.cuda.body.TritonBody.__call__", fails)
    fused = FusedELAN(inference_form(model), torch.float16, closed=True)
    with torch.no_grad():
        with pytest.warns(RuntimeWarning, match=r"Triton.*Failed to find C compiler\.\).*ELANSR_TRITON"):
            assert error(fused(x), expected) < 1e-3
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            fused(x)
