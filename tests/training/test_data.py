"""Crops against plain slicing; folders."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from elansr.errors import ConfigError, DataError
from elansr.images import Picture, write
from elansr.training.config import DataRecipe, PictureFolder
from elansr.training.data import PairPool, PictureGroup, detail, find_files, find_pictures, load_groups, read_pairs

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
    pool = PairPool([PictureGroup(PAIRS)], SCALE, 16, CPU)
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
    pool = PairPool([PictureGroup(PAIRS)], SCALE, 16, CPU)
    first, again = (sample(pool, 8, torch.Generator().manual_seed(7)) for _ in range(2))
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    assert not torch.equal(first[0], sample(pool, 8, torch.Generator().manual_seed(8))[0])


def test_parts_of_a_batch_are_its_crops_in_order() -> None:
    pool = PairPool([PictureGroup(PAIRS)], SCALE, 16, CPU)
    crops = pool.draw(6, 16, torch.Generator().manual_seed(7))
    lr, hr = pool.cut(crops)
    parts = [pool.cut(crops.part(i, 3)) for i in range(3)]
    assert torch.equal(torch.cat([part[0] for part in parts]), lr)
    assert torch.equal(torch.cat([part[1] for part in parts]), hr)
    assert torch.equal(pool.cut_hr(crops), hr)


def test_a_picture_smaller_than_a_crop_is_refused() -> None:
    with pytest.raises(DataError, match="16 pixels on one side: crops of 32"):
        PairPool([PictureGroup(PAIRS)], SCALE, 32, CPU)


def test_folders_are_searched_and_their_faults_named(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("b.png", "in/a.png"):
        write(Picture(pages=(numbered(0, 40, 50),)), tmp_path / name)
    (tmp_path / "notes.txt").write_text("no picture")
    found = find_pictures([tmp_path])
    assert [path.name for path in found] == ["b.png", "a.png"]
    ((lr, hr), _) = read_pairs(find_files(PictureFolder(str(tmp_path)), SCALE), SCALE)
    assert lr is not None
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
    plain, chosen, same = (
        PairPool([PictureGroup(pairs, candidates=n)], SCALE, 16, CPU).draw(200, 16, torch.Generator().manual_seed(1))
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
    crops = PairPool(groups, SCALE, 16, CPU).draw(2000, 16, torch.Generator().manual_seed(1))
    counts = torch.bincount(crops.which, minlength=3)
    assert abs(int(counts[2]) - 500) < 70
    assert abs(int(counts[0]) - 750) < 90
    assert int((crops.corner[crops.which == 2] > 0).sum()) > 0


def _save(pixels: NDArray[np.uint8], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    write(Picture(pages=(pixels,)), path)


def _paired_folders(folder: Path) -> PictureFolder:
    for name, suffix in (("a", ""), ("b", "x3")):
        _save(numbered(1, 40, 50)[:39, :48], folder / "hr" / f"{name}.png")
        _save(numbered(2, 13, 16), folder / "lr" / f"{name}{suffix}.png")
    return PictureFolder(str(folder / "hr"), str(folder / "lr"))


def test_lr_files_are_matched_by_stem_with_or_without_the_scale(tmp_path: Path) -> None:
    pairs = read_pairs(find_files(_paired_folders(tmp_path), SCALE), SCALE)
    assert len(pairs) == 2
    for lr, hr in pairs:
        assert lr is not None
        np.testing.assert_array_equal(lr, numbered(2, 13, 16))  # the file, not the bicubic of HR
        np.testing.assert_array_equal(hr, numbered(1, 39, 48))


def test_pairs_that_do_not_fit_are_named(tmp_path: Path) -> None:
    folder = _paired_folders(tmp_path)
    _save(numbered(2, 13, 15), tmp_path / "lr" / "a.png")
    with pytest.raises(DataError, match=r"a\.png has 15x13 pixels, but its HR 48x39"):
        read_pairs(find_files(folder, SCALE), SCALE)
    (tmp_path / "lr" / "a.png").unlink()
    with pytest.raises(DataError, match=r"a\.png"):
        find_files(folder, SCALE)


def test_shares_are_for_all_folders_and_sum_to_one(tmp_path: Path) -> None:
    _save(numbered(1, 48, 48), tmp_path / "a" / "1.png")
    _save(numbered(1, 48, 48), tmp_path / "b" / "1.png")
    _save(numbered(1, 48, 48), tmp_path / "b" / "2.png")
    names = [str(tmp_path / name) for name in "ab"]

    def shares(*given: float | None) -> list[float]:
        folders = [PictureFolder(name, share=share) for name, share in zip(names, given, strict=True)]
        return [group.share for group in load_groups(DataRecipe(train=folders, val=folders, patch=16), SCALE)]

    assert shares(0.25, 0.75) == [0.25, 0.75]
    assert shares(None, None) == pytest.approx([1 / 3, 2 / 3])  # every picture is equally likely
    for wrong in ((0.5, None), (0.5, 0.6)):
        with pytest.raises(ConfigError, match="shares"):
            shares(*wrong)


def test_lr_of_ones_own_excludes_degradation(tmp_path: Path) -> None:
    folder = _paired_folders(tmp_path)
    with pytest.raises(ConfigError, match="LR pictures of its own"):
        load_groups(DataRecipe(train=[folder], val=[folder], patch=16, degradation={}), SCALE)
