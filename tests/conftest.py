"""What every test gets: reproducible random numbers, two threads, and the data folder where there is one."""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]
THREADS = 2

pytest_plugins = ["tests.command_line"]

settings.register_profile("elansr", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("elansr")
torch.set_num_threads(min(THREADS, torch.get_num_threads()))
if not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"  # looked at when triton is imported, which other libraries do as well


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests that read the data folder, so that `-m 'not data'` leaves them out."""
    for item in items:
        if "data_dir" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.data)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - seeds what a library draws from the global generator
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def _threads_restored() -> Iterator[None]:
    """A test that changes the number of threads must not slow down or speed up the ones after it."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The data folder, with `benchmark/`, `train/`, `val/` and `checkpoints/`; skips the test where there is none."""
    folder = Path(os.environ.get("ELANSR_DATA", ROOT / ".." / "shared" / "data")).resolve()
    if not (folder / "benchmark").is_dir():
        pytest.skip(
            f"no benchmark/ in {folder}: set ELANSR_DATA to a folder that has benchmark/Set5/HR and the other sets "
            "(see CONTRIBUTING.md)"
        )
    return folder
