"""How far a file is from the network, and how far it may be."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from elansr.engines.exported import ExportMetadata, FileEngine
from elansr.engines.pytorch import inference_form
from elansr.errors import ExportError
from elansr.export.parity import PHOTO, Parity, parity
from elansr.nn.elan import ELAN

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("found", "precision", "refused"),
    [
        (Parity(1 / 255, 0.0), "fp32", False),
        (Parity(1.01 / 255, 0.0), "fp32", True),
        (Parity(math.nan, 0.0), "fp32", True),
        (Parity(5 / 255, 0.02), "fp16", False),
        (Parity(5 / 255, -0.03), "bf16", True),
        (Parity(0.0, math.nan), "fp16", True),
    ],
)
def test_how_far_a_file_may_be(found: Parity, precision: str, refused: bool) -> None:
    if not refused:
        found.require(precision)
        return
    with pytest.raises(ExportError, match="not written"):
        found.require(precision)


def test_the_photo_is_installed() -> None:
    """It is one of the examples, which are not."""
    assert PHOTO.read_bytes() == (ROOT / "examples" / "otter.jpg").read_bytes()
    assert f'"export/{PHOTO.name}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_parity_is_the_difference_to_the_network(network: ELAN) -> None:
    """An engine that gives a little more than the network everywhere is off by just that."""
    exported = ExportMetadata("tiny", network.config, False, "fp32")

    def brighter(x: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return network(torch.from_numpy(x)).numpy() + np.float32(0.25)

    found = parity(inference_form(network), FileEngine(Path("m.onnx"), "cpu", exported, brighter))
    assert found.worst == pytest.approx(0.25, abs=1e-5)
    assert found.loss != 0
