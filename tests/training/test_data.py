"""Crops against plain slicing; folders."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from elansr.errors import DataError
from elansr.images import Picture, write
from elansr.training.data import PairPool, detail, find_pictures, load_pairs

CPU = torch.device("cpu")
SCALE = 3


def numbered(index: int, height: int, width: int) -> NDArray[np.uint8]:
    """Every pixel tells its picture, row and column."""
    y, x = np.mgrid[:height, :width]
    return np.stack([np.full_like(y, index), y, x], axis=2).astype(np.uint8)


PAIRS = [
    (numbered(i, h, w), numbered(i, h * SCALE, w * SCALE)) for i, (h, w) in enumerate([(20, 31), (25, 17), (16, 16)])
]


def sample(pool: PairPool, batch: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    return pool.cut(pool.draw(batch, 16, generator))


def test_crops_are_turned_slices_of_the_pictures_and_hr_fits_lr() -> None:
    pool = PairPool(PAIRS, SCALE, 16, CPU)
    lr, hr = (x.mul(255).round().byte().permute(0, 2, 3, 1).numpy() for x in sample(pool, 64, torch.Generator()))
    assert lr.shape == (64, 16, 16, 3)
    assert hr.shape == (64, 48, 48, 3)
    seen = set()
    for small, large in zip(lr, hr, strict=True):
        turns, (top, left) = _upright(small)
        picture = int(small[0, 0, 0])
        np.testing.assert_array_equal(_turned(small, turns), PAIRS[picture][0][top : top + 16, left : left + 16])
        top, left = top * SCALE, left * SCALE
        np.testing.assert_array_equal(_turned(large, turns), PAIRS[picture][1][top : top + 48, left : left + 48])
        seen.add((picture, turns))
    assert {turns for _, turns in seen} == {(x, y, t) for x in (0, 1) for y in (0, 1) for t in (0, 1)}
    assert {picture for picture, _ in seen} == {0, 1, 2}


def _turned(crop: NDArray[np.uint8], turns: tuple[int, int, int]) -> NDArray[np.uint8]:
    flip_x, flip_y, transpose = turns
    crop = crop.transpose(1, 0, 2) if transpose else crop
    return crop[:: -1 if flip_y else 1, :: -1 if flip_x else 1]


def _upright(crop: NDArray[np.uint8]) -> tuple[tuple[int, int, int], tuple[int, int]]:
    """The turns that bring rows and columns back to rising, and the corner they then show."""
    for turns in ((x, y, t) for x in (0, 1) for y in (0, 1) for t in (0, 1)):
        upright = _turned(crop, turns)
        if upright[1, 0, 1] > upright[0, 0, 1] and upright[0, 1, 2] > upright[0, 0, 2]:
            return turns, (int(upright[0, 0, 1]), int(upright[0, 0, 2]))
    raise AssertionError("no turn makes it upright")


def test_the_same_generator_state_draws_the_same_crops() -> None:
    pool = PairPool(PAIRS, SCALE, 16, CPU)
    first, again = (sample(pool, 8, torch.Generator().manual_seed(7)) for _ in range(2))
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    assert not torch.equal(first[0], sample(pool, 8, torch.Generator().manual_seed(8))[0])


def test_parts_of_a_batch_are_its_crops_in_order() -> None:
    pool = PairPool(PAIRS, SCALE, 16, CPU)
    crops = pool.draw(6, 16, torch.Generator().manual_seed(7))
    lr, hr = pool.cut(crops)
    parts = [pool.cut(crops.part(i, 3)) for i in range(3)]
    assert torch.equal(torch.cat([part[0] for part in parts]), lr)
    assert torch.equal(torch.cat([part[1] for part in parts]), hr)
    assert torch.equal(pool.cut_hr(crops), hr)


def test_a_picture_smaller_than_a_crop_is_refused() -> None:
    with pytest.raises(DataError, match="16 pixels on one side: crops of 32"):
        PairPool(PAIRS, SCALE, 32, CPU)


def test_folders_are_searched_and_their_faults_named(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("b.png", "in/a.png"):
        write(Picture(pages=(numbered(0, 40, 50),)), tmp_path / name)
    (tmp_path / "notes.txt").write_text("no picture")
    found = find_pictures([tmp_path])
    assert [path.name for path in found] == ["b.png", "a.png"]
    ((lr, hr), _) = load_pairs(found, SCALE)
    assert lr.shape == (13, 16, 3)
    assert hr.shape == (39, 48, 3)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no picture"):
        find_pictures([tmp_path / "empty"])
    with pytest.raises(DataError, match="not a folder"):
        find_pictures([tmp_path / "missing"])


def test_detail_is_the_mean_distance_from_the_3x3_mean() -> None:
    hr = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)
    grey = hr.astype(float).mean(axis=2)
    expected = np.zeros((2, 3))
    for y in range(6):
        for x in range(9):
            around = [grey[min(max(y + dy, 0), 5), min(max(x + dx, 0), 8)] for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
            expected[y // 3, x // 3] += abs(grey[y, x] - sum(around) / 9) / 9
    found = detail(hr, SCALE)
    assert found.shape == (2, 3, 1)
    assert found.dtype == np.uint8
    np.testing.assert_allclose(found[..., 0], np.minimum(expected * 4, 255), atol=0.51)
    assert not detail(np.full((6, 9, 3), 77, np.uint8), SCALE).any()


def test_of_several_candidates_the_most_detailed_is_taken() -> None:
    """One flat picture and one with a checkerboard in its right half only."""
    flat, board = np.full((96, 96, 3), 128, np.uint8), np.full((96, 192, 3), 128, np.uint8)
    board[:, 96:] = 255 * (np.indices((96, 96)).sum(0) % 2)[..., None]
    pairs = [(hr[::SCALE, ::SCALE].copy(), hr) for hr in (flat, board)]
    pool = PairPool(pairs, SCALE, 16, CPU)
    plain = pool.draw(200, 16, torch.Generator().manual_seed(1))
    chosen = pool.draw(200, 16, torch.Generator().manual_seed(1), candidates=8)
    assert len(chosen.which) == 200
    assert 60 < int((plain.which == 0).sum()) < 140
    assert int((chosen.which == 0).sum()) < 5
    assert chosen.corner[chosen.which == 1, 1].float().mean() > 32  # of 48; without a choice 24
    same = pool.draw(200, 16, torch.Generator().manual_seed(1), candidates=1)
    assert torch.equal(same.corner, plain.corner)
