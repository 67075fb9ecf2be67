"""Half precision gives the same pictures: the released weights on Set5, PSNR-Y within 0.02 dB of fp32.

A CPU emulates fp16, about ten times slower than fp32, so here it is tried on a crop, and Set5's largest picture is left
out. model_cards/figures.json has all of Set5 and Set14 in both precisions, and tests/weights/test_model_cards.py holds
those figures to the same limit.
"""

from collections.abc import Callable
from pathlib import Path
from statistics import fmean

import numpy as np
import pytest
from numpy.typing import NDArray

from elansr.evaluation import RGB, BenchmarkSet, load_model, psnr_y
from elansr.weights.released import RELEASED, ReleasedWeights

TOLERANCE = 0.02
LARGEST = "baby"
CROP = 64  # pixels of LR
BICUBIC = [row for row in RELEASED.values() if row.degradation == "bicubic" and row.path.exists()]
"""Set5's LR files are bicubic; of other weights PSNR on them says little."""


def rounded(sr: NDArray[np.float32]) -> RGB:
    return sr.round().astype(np.uint8)


def is_like(sr: NDArray[np.float32], lr: RGB) -> bool:
    """Whether SR is no black or otherwise failed picture: it has LR's mean colour and, nearly, its spread."""
    mean = np.abs(sr.mean((0, 1)) - lr.mean((0, 1))).max()
    return bool(np.isfinite(sr).all() and mean < 2 and 0.8 < sr.std() / lr.std() < 1.2)


def test_a_failed_picture_is_recognised() -> None:
    lr = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    sr = lr.repeat(2, 0).repeat(2, 1).astype(np.float32)
    assert is_like(sr, lr)
    assert not is_like(sr * 0, lr)
    assert not is_like(np.full_like(sr, sr.mean()), lr)
    assert not is_like(np.where(sr == sr.max(), np.nan, sr), lr)


@pytest.mark.slow
@pytest.mark.parametrize("row", BICUBIC, ids=lambda row: row.name)
def test_half_precision_scores_as_fp32(row: ReleasedWeights, data_dir: Path) -> None:
    single, bf16, fp16 = (load_model(row.name, None, "cpu", p).super_resolve for p in ("fp32", "bf16", "fp16"))
    pairs = {name: (lr, hr) for name, lr, hr in BenchmarkSet.of(data_dir / "benchmark" / "Set5", row.scale).pairs()}
    side = CROP * row.scale

    def loss(half: Callable[[RGB], NDArray[np.float32]], lr: RGB, hr: RGB) -> float:
        sr = half(lr)
        assert is_like(sr, lr)
        return psnr_y(rounded(single(lr)), hr, row.scale) - psnr_y(rounded(sr), hr, row.scale)

    losses = [loss(bf16, lr, hr) for name, (lr, hr) in pairs.items() if name != LARGEST]
    assert len(losses) == 4
    assert fmean(losses) == pytest.approx(0, abs=TOLERANCE)
    lr, hr = pairs["butterfly"]
    assert loss(fp16, lr[:CROP, :CROP], hr[:side, :side]) == pytest.approx(0, abs=TOLERANCE)
