"""Batches: shares of a process, blind degradation; the pictures that validate."""

from pathlib import Path

import pytest
import torch

from elansr.errors import DataError
from elansr.images import downscale
from elansr.training.batches import Batches
from elansr.training.config import load_recipe
from elansr.training.schedule import CropSize
from elansr.training.validation import validation_pairs
from tests.training.recipes import recipe_file

CPU = torch.device("cpu")


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
    with pytest.raises(DataError, match="crops of 1024 need at least 1024; leave small pictures out"):
        Batches(load_recipe(recipe_file(tmp_path, stages=stages)), CPU)
