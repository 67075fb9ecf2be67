"""Where Triton is asked for, and what is said where it cannot run."""

import warnings
from collections.abc import Iterator

import pytest
import torch

from elansr.engines.cuda import support
from elansr.errors import ConfigError


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """`reason` is asked anew, on a machine with a GPU."""
    support.reason.cache_clear()
    monkeypatch.delenv(support.ENVIRONMENT, raising=False)
    monkeypatch.setattr(torch.version, "cuda", "12.8")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    yield monkeypatch
    support.reason.cache_clear()


def test_it_may_run(asked: pytest.MonkeyPatch) -> None:
    assert support.reason() is None
    assert not support.takes(torch.zeros(1))


def test_it_was_switched_off(asked: pytest.MonkeyPatch) -> None:
    asked.setenv("ELANSR_TRITON", "off")
    assert support.reason() == "ELANSR_TRITON=off"


def test_an_unknown_setting(asked: pytest.MonkeyPatch) -> None:
    asked.setenv("ELANSR_TRITON", "0")
    with pytest.raises(ConfigError, match="ELANSR_TRITON='0': must be auto or off"):
        support.reason()


def test_triton_is_missing(asked: pytest.MonkeyPatch) -> None:
    asked.setattr("importlib.util.find_spec", lambda name: None)
    assert support.reason() == "Triton is not installed: pip install triton"


@pytest.mark.parametrize("cuda", [None, "12.8"])
def test_there_is_no_gpu(asked: pytest.MonkeyPatch, cuda: str | None) -> None:
    asked.setattr(torch.version, "cuda", cuda)
    asked.setattr(torch.cuda, "is_available", lambda: cuda is None)  # PyTorch for AMD calls its GPUs cuda too
    assert support.reason() == "PyTorch sees no CUDA GPU"


def test_a_failure_is_said_and_memory_that_runs_out_is_none() -> None:
    def fails(error: Exception) -> None:
        raise error

    with pytest.warns(RuntimeWarning, match=r"Triton.*\(OSError: no cc\); ELANSR_TRITON=off"):
        assert support.attempt(lambda: fails(OSError("no cc\nat all"))) is None
    with pytest.raises(torch.OutOfMemoryError):
        support.attempt(lambda: fails(torch.OutOfMemoryError("CUDA out of memory")))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert support.attempt(lambda: 1) == 1
