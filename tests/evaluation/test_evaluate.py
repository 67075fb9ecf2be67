"""The bicubic rows of the literature's protocol, and how benchmark folders are read."""

from pathlib import Path

import numpy as np
import pytest

from elansr.errors import DataError
from elansr.evaluation.datasets import BenchmarkSet
from elansr.evaluation.evaluate import bicubic, evaluate
from elansr.imaging.files import Picture, write
from elansr.imaging.resize import downscale

BICUBIC = {
    ("Set5", 2): (33.673, 0.9303),
    ("Set5", 3): (30.403, 0.8689),
    ("Set5", 4): (28.429, 0.8111),
    ("Set14", 2): (30.325, 0.8699),
    ("Set14", 3): (27.631, 0.7759),
    ("Set14", 4): (26.088, 0.7048),
    ("B100", 2): (29.560, 0.8434),
    ("B100", 3): (27.209, 0.7391),
    ("B100", 4): (25.961, 0.6681),
}


@pytest.mark.parametrize(("name", "scale"), BICUBIC)
def test_bicubic_scores_what_it_must(data_dir: Path, name: str, scale: int) -> None:
    scores = evaluate(bicubic(scale), data_dir / "benchmark" / name, scale)
    psnr, ssim = BICUBIC[name, scale]
    assert scores.psnr == pytest.approx(psnr, abs=0.005 / 2)
    assert scores.ssim == pytest.approx(ssim, abs=0.0001)


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write(Picture(pages=(pixels,), format="png"), path)


HR = np.random.default_rng(0).integers(0, 256, (50, 62, 3), np.uint8)


def test_a_plain_folder_gets_its_lr_made(tmp_path: Path) -> None:
    save(tmp_path / "a.png", HR)
    ((name, lr, hr),) = BenchmarkSet.of(tmp_path, 4).pairs()
    assert name == "a"
    np.testing.assert_array_equal(hr, HR[:48, :60])
    np.testing.assert_array_equal(lr, downscale(hr, 4))


def test_the_edsr_layout_is_used_where_there_is_one(tmp_path: Path) -> None:
    lr_file = np.random.default_rng(1).integers(0, 256, (12, 15, 3), np.uint8)
    save(tmp_path / "HR" / "a.png", HR)
    save(tmp_path / "LR_bicubic" / "X4" / "ax4.png", lr_file)
    ((_, lr, _),) = BenchmarkSet.of(tmp_path, 4).pairs()
    np.testing.assert_array_equal(lr, lr_file)


def test_a_pair_that_does_not_fit_names_the_file_and_both_sizes(tmp_path: Path) -> None:
    save(tmp_path / "HR" / "a.png", HR)
    save(tmp_path / "LR_bicubic" / "X4" / "ax4.png", HR)
    with pytest.raises(DataError, match=r"ax4\.png: 62x50 .* needs 15x12"):
        list(BenchmarkSet.of(tmp_path, 4).pairs())


def test_grey_counts_as_three_equal_channels(tmp_path: Path) -> None:
    save(tmp_path / "a.png", HR[..., :1])
    ((_, _, hr),) = BenchmarkSet.of(tmp_path, 2).pairs()
    np.testing.assert_array_equal(hr, HR[..., :1].repeat(3, axis=2))


def test_no_folder_and_an_empty_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no picture"):
        BenchmarkSet.of(tmp_path, 2)
    with pytest.raises(DataError, match="not a folder"):
        BenchmarkSet.of(tmp_path / "missing", 2)
