"""The folders of a recipe: pictures, pairs, shares; how detailed a picture is."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from elansr.errors import ConfigError, DataError
from elansr.images import Picture, write
from elansr.training.data import detail, digests, find_files, find_pictures, load_groups, read_pairs
from elansr.training.recipe import DataRecipe, PictureFolder
from tests.training.photos import numbered

SCALE = 3


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
    with pytest.raises(DataError, match="empty: "):
        find_pictures([tmp_path / "empty"])
    with pytest.raises(DataError, match="missing: "):
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
    with pytest.raises(DataError, match=r"a\.png .*15x13 .*48x39"):
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
    with pytest.raises(ConfigError, match="data.degradation"):
        load_groups(DataRecipe(train=[folder], val=[folder], patch=16, degradation={}), SCALE)


def test_pictures_smaller_than_a_crop_are_named(tmp_path: Path) -> None:
    for name, width in (("large", 100), ("enough", 48), ("tiny", 47)):
        _save(numbered(1, 60, width), tmp_path / f"{name}.png")
    recipe = DataRecipe(train=[PictureFolder(str(tmp_path))], val=[PictureFolder(str(tmp_path))], patch=16)
    assert len(load_groups(recipe, SCALE, 15)[0].pairs) == 3
    with pytest.raises(DataError) as caught:
        load_groups(recipe, SCALE, 16)
    assert f"{tmp_path}/tiny.png has 45x60 pixels" in str(caught.value)
    assert "enough.png" not in str(caught.value)


def test_transparent_pixels_are_laid_on_white_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Closed form: alpha * colour + (1 - alpha) * white, which Pillow rounds by a level at most."""
    pixels = np.dstack([numbered(1, 30, 30), np.arange(900, dtype=np.uint16).reshape(30, 30) % 256]).astype(np.uint8)
    _save(pixels, tmp_path / "cut out.png")
    _save(np.dstack([pixels[..., :3], np.full((30, 30), 255, np.uint8)]), tmp_path / "opaque.png")
    ((_, cut), (_, opaque)) = read_pairs(find_files(PictureFolder(str(tmp_path)), SCALE), SCALE)
    alpha = pixels[..., 3:] / 255
    expected = alpha * pixels[..., :3] + (1 - alpha) * 255
    assert np.abs(cut - expected).max() <= 0.501
    np.testing.assert_array_equal(opaque, pixels[..., :3])
    assert "cut out.png" in caplog.text
    assert "opaque.png" not in caplog.text


def test_digests_tell_what_changed(tmp_path: Path) -> None:
    folder = _paired_folders(tmp_path)
    recipe = DataRecipe(train=[folder], val=[folder], patch=16)
    before = digests(recipe, SCALE)
    assert {Path(path).name for path in before} == {"a.png", "b.png", "bx3.png"}
    assert digests(recipe, SCALE) == before
    _save(numbered(3, 13, 16), tmp_path / "lr/bx3.png")
    after = digests(recipe, SCALE)
    assert [path for path in after if after[path] != before[path]] == [str(tmp_path / "lr/bx3.png")]
