"""Crops against plain slicing; the share of a process, blind degradation; the pictures that validate."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from elansr.errors import DataError
from elansr.images import downscale
from elansr.training.batches import Batches, PairPool
from elansr.training.data import PictureGroup
from elansr.training.recipe import load_recipe
from elansr.training.schedule import CropSize
from elansr.training.validation import validation_pairs
from tests.training.photos import numbered
from tests.training.recipes import recipe_file

CPU = torch.device("cpu")
SCALE = 3


PAIRS = [
    (numbered(i, h, w), numbered(i, h * SCALE, w * SCALE)) for i, (h, w) in enumerate([(20, 31), (25, 17), (16, 16)])
]


def sample(pool: PairPool, batch: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    return pool.cut(pool.draw(batch, 16, generator))


def test_crops_are_turned_slices_of_the_pictures_and_hr_fits_lr() -> None:
    pool = PairPool([PictureGroup(PAIRS)], SCALE, CPU)
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
    pool = PairPool([PictureGroup(PAIRS)], SCALE, CPU)
    first, again = (sample(pool, 8, torch.Generator().manual_seed(7)) for _ in range(2))
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    assert not torch.equal(first[0], sample(pool, 8, torch.Generator().manual_seed(8))[0])


def test_parts_of_a_batch_are_its_crops_in_order() -> None:
    pool = PairPool([PictureGroup(PAIRS)], SCALE, CPU)
    crops = pool.draw(6, 16, torch.Generator().manual_seed(7))
    lr, hr = pool.cut(crops)
    parts = [pool.cut(crops.part(i, 3)) for i in range(3)]
    assert torch.equal(torch.cat([part[0] for part in parts]), lr)
    assert torch.equal(torch.cat([part[1] for part in parts]), hr)
    assert torch.equal(pool.cut_hr(crops), hr)


def test_of_several_candidates_the_most_detailed_is_taken() -> None:
    """One flat picture and one with a checkerboard in its right half only."""
    flat, board = np.full((96, 96, 3), 128, np.uint8), np.full((96, 192, 3), 128, np.uint8)
    board[:, 96:] = 255 * (np.indices((96, 96)).sum(0) % 2)[..., None]
    pairs = [(hr[::SCALE, ::SCALE].copy(), hr) for hr in (flat, board)]
    plain, chosen, same = (
        PairPool([PictureGroup(pairs, candidates=n)], SCALE, CPU).draw(200, 16, torch.Generator().manual_seed(1))
        for n in (1, 8, 1)
    )
    assert len(chosen.which) == 200
    assert 60 < int((plain.which == 0).sum()) < 140
    assert int((chosen.which == 0).sum()) < 20  # where none of the eight has any: 0.67 ** 8
    assert chosen.corner[chosen.which == 1, 1].float().mean() > 32  # of 48; without a choice 24
    assert torch.equal(same.corner, plain.corner)


def test_crops_are_drawn_by_share_and_candidates_compete_within_a_group() -> None:
    """A group of one flat picture keeps its share beside a group of two detailed ones."""
    flat = np.full((96, 96, 3), 128, np.uint8)
    board = np.repeat(255 * (np.indices((96, 96)).sum(0) % 2)[..., None], 3, axis=2).astype(np.uint8)
    small = flat[::SCALE, ::SCALE].copy()
    groups = [PictureGroup([(small, board)] * 2, 0.75, candidates=4), PictureGroup([(small, flat)], 0.25, candidates=1)]
    crops = PairPool(groups, SCALE, CPU).draw(2000, 16, torch.Generator().manual_seed(1))
    counts = torch.bincount(crops.which, minlength=3)
    assert abs(int(counts[2]) - 500) < 70
    assert abs(int(counts[0]) - 750) < 90
    assert int((crops.corner[crops.which == 2] > 0).sum()) > 0


@pytest.mark.parametrize("degradation", [None, {}])
def test_the_shares_of_two_processes_are_the_batch_of_one(tmp_path: Path, degradation: object) -> None:
    recipe = load_recipe(recipe_file(tmp_path, **({} if degradation is None else {"degradation": degradation})))
    whole, *shares = (
        Batches(recipe, CPU, process, processes).draw(CropSize(patch=16, batch=4), torch.Generator().manual_seed(3))
        for process, processes in ((0, 1), (0, 2), (1, 2))
    )
    assert whole[0].shape == (4, 3, 16, 16)
    assert whole[1].shape == (4, 3, 32, 32)
    assert [share[0].shape for share in shares] == [(2, 3, 16, 16)] * 2
    if degradation is None:
        for i in range(2):
            assert torch.equal(torch.cat([share[i] for share in shares]), whole[i])


def test_degraded_batches_are_not_bicubic_and_repeat_with_the_generator(tmp_path: Path) -> None:
    settings = {"clean_probability": 0.0, "blur_probability": 1.0, "jpeg_probability": 1.0}
    batches = Batches(load_recipe(recipe_file(tmp_path, degradation=settings)), CPU)
    first, again = (batches.draw(CropSize(patch=16, batch=4), torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    levels = first[0] * 255
    assert (levels - levels.round()).abs().max() < 1e-3
    lr = first[0].mul(255).round().byte().permute(0, 2, 3, 1).numpy()
    hr = first[1].mul(255).round().byte().permute(0, 2, 3, 1).numpy()
    pairs = zip(lr, hr, strict=True)
    differences = [abs(small[2:-2, 2:-2].astype(int) - downscale(large, 2)[2:-2, 2:-2]) for small, large in pairs]
    assert all(difference.max() > 2 for difference in differences)
    assert all(difference.mean() < 25 for difference in differences)  # still the same picture, at the same place


def test_validation_pictures_are_degraded_the_same_in_every_run(tmp_path: Path) -> None:
    path = recipe_file(tmp_path, degradation={"clean_probability": 0.0})
    plain = validation_pairs(load_recipe(recipe_file(tmp_path, "plain")))
    first, again = (validation_pairs(load_recipe(path)) for _ in range(2))
    assert [lr.tobytes() for lr, _ in first] == [lr.tobytes() for lr, _ in again]
    assert [hr.tobytes() for _, hr in first] == [hr.tobytes() for _, hr in plain]
    assert [lr.shape for lr, _ in first] == [lr.shape for lr, _ in plain]
    assert [lr.tobytes() for lr, _ in first] != [lr.tobytes() for lr, _ in plain]


def test_a_picture_smaller_than_the_largest_stage_is_refused(tmp_path: Path) -> None:
    stages = [{"from_step": 2, "patch": 1024, "batch": 4}]
    with pytest.raises(DataError, match="otter.jpg .*320x240 .*1024"):
        Batches(load_recipe(recipe_file(tmp_path, stages=stages)), CPU)
