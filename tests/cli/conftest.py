"""The command line runs in one thread."""

import pytest
import torch


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """These networks are too small to share."""
    torch.set_num_threads(1)
