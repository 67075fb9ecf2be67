"""spandrel, with a registry that no test before has changed."""

from types import ModuleType
from typing import Any

import pytest
import torch

from tests.engines.spandrel.stand_in import torchvision_stand_in


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def _imported() -> tuple[ModuleType, Any]:
    """spandrel, and a copy of its registry as it comes."""
    try:
        with torchvision_stand_in():
            import spandrel
    except ImportError as error:
        pytest.fail(f"{error}: `make test` installs it; by hand: pip install einops; pip install --no-deps spandrel")
    assert "elansr" not in spandrel.MAIN_REGISTRY
    return spandrel, spandrel.MAIN_REGISTRY.copy()


@pytest.fixture
def spandrel(_imported: tuple[ModuleType, Any]) -> ModuleType:
    return _imported[0]


@pytest.fixture
def untaught(_imported: tuple[ModuleType, Any]) -> Any:
    """A registry that does not know ELAN."""
    return _imported[1].copy()


@pytest.fixture
def registry(untaught: Any) -> Any:
    """A copy of spandrel's registry that knows ELAN."""
    from elansr.engines.spandrel import install

    install(untaught)
    return untaught
