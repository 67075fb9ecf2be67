"""What the tests of weights share; one thread, since these networks are too small for two."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from elansr.weights.weights_file import save
from tests.weights.samples import PROVENANCE, random_network


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def data_dir() -> Path:
    """The data folder, ELANSR_DATA or ../shared/data beside the repository; skips where there is none."""
    path = Path(os.environ.get("ELANSR_DATA", Path(__file__).parents[3] / "shared" / "data"))
    if not path.is_dir():
        pytest.skip(f"needs the data folder: {path} does not exist, set ELANSR_DATA")
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A small network in a file of ours."""
    path = tmp_path / "tiny.safetensors"
    save(random_network(), path, PROVENANCE)
    return path
