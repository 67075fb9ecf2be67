"""Crops, larger views and rescaled copies of photos are found; other photos are not."""

from pathlib import Path

import numpy as np
import pytest

from elansr.evaluation.datasets import RGB, read_rgb
from elansr.training.check.measures import luma
from elansr.training.check.overlap import Benchmark, Overlap, agreement, both_ways, laid_on
from tests.training.photos import city, otter, resized, through_jpeg


def benchmark(*pictures: RGB) -> Benchmark:
    lumas = [luma(picture) for picture in pictures]
    return Benchmark(lumas, [both_ways(y) for y in lumas])


@pytest.fixture(scope="module")
def both() -> Benchmark:
    return benchmark(otter(), city())


def found(in_benchmark: Benchmark, picture: RGB) -> list[Overlap]:
    return in_benchmark.overlaps(luma(np.ascontiguousarray(picture)))


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("factor", [0.8, 1.0, 1.7])
@pytest.mark.parametrize("photo", [otter, city])
def test_a_crop_of_a_benchmark_picture(both: Benchmark, photo, factor: float, mirrored: bool) -> None:
    crop = photo()[50:200, 90:270]
    crop = through_jpeg(resized(crop, factor), 60)
    (overlap,) = found(both, crop[:, ::-1] if mirrored else crop)
    assert overlap.index == [otter, city].index(photo)
    assert overlap.mirrored == mirrored
    assert overlap.correlation > 0.8
    assert overlap.share > 0.9


def test_a_picture_that_shows_a_benchmark_picture_and_more() -> None:
    """The benchmark picture covers 41 % of it."""
    (overlap,) = found(benchmark(otter(), resized(city()[:160, 100:300], 0.9)), city())
    assert overlap.index == 1
    assert overlap.share == pytest.approx(160 * 200 / (240 * 320), abs=0.05)


def test_half_of_each_picture_is_shared() -> None:
    (overlap,) = found(benchmark(city()[:, :220]), city()[:, 100:])
    assert overlap.share == pytest.approx(120 / 220, abs=0.05)


def test_other_photos_have_nothing_in_common() -> None:
    assert found(benchmark(otter()), city()) == []
    assert found(benchmark(city()), otter()) == []
    assert found(benchmark(np.full((50, 50, 3), 7, np.uint8)), otter()) == []


def test_a_scale_and_a_shift_are_found_among_wrong_matches() -> None:
    rng = np.random.default_rng(0)
    theirs = np.column_stack([rng.uniform(0, 300, (20, 2)), np.full(20, 2.0)])
    mine = np.column_stack([theirs[:, :2] * 1.5 + (40, -10), np.full(20, 3.0)])
    mine[:, :2] += rng.normal(0, 1, (20, 2))
    mine[12:, :2] = rng.uniform(0, 500, (8, 2))
    fit = agreement(mine, theirs)
    assert fit is not None
    assert fit.scale == pytest.approx(1.5, abs=0.02)
    np.testing.assert_allclose(fit.shift, (40, -10), atol=4)
    assert agreement(mine[[0, 1, 14, 15]], theirs[[0, 1, 14, 15]]) is None
    again = np.tile([0, 1], 4)
    assert agreement(mine[again], theirs[again]) is None, "two places, however often, do not agree on anything"
    correlation, share = laid_on(np.zeros((50, 50), np.float32), np.zeros((50, 50), np.float32), fit)
    assert (correlation, share) == (0, 0)


def test_benchmark_pictures_in_a_training_set(data_dir: Path) -> None:
    """None in real training crops, whose horizons and windows look alike; all that are put there."""
    files = sorted((data_dir / "benchmark/B100/HR").glob("*.png"))[::20]
    pictures = [read_rgb(file) for file in files]
    in_benchmark = benchmark(*pictures)
    for file in sorted((data_dir / "train").glob("*/*.webp"))[::120]:
        assert found(in_benchmark, read_rgb(file)) == []
    for index, picture in enumerate(pictures):
        height, width = picture.shape[:2]
        crop = picture[height // 5 : height // 5 + height // 2, width // 4 : width // 4 + width // 2]
        assert [overlap.index for overlap in found(in_benchmark, through_jpeg(resized(crop, 1.3), 50))] == [index]


def test_two_benchmark_sets_share_two_photos(data_dir: Path) -> None:
    """Set5's butterfly is cut out of Set14's monarch, and its head is Set14's face; nothing else is shared."""
    names = ("baby", "butterfly", "head")
    set5 = benchmark(*(read_rgb(data_dir / "benchmark/Set5/HR" / f"{name}.png") for name in names))
    shared = {
        (name, names[overlap.index]): overlap
        for name in ("monarch", "face", "pepper", "flowers")
        for overlap in found(set5, read_rgb(data_dir / "benchmark/Set14/HR" / f"{name}.png"))
    }
    assert set(shared) == {("monarch", "butterfly"), ("face", "head")}
    assert shared["monarch", "butterfly"].share == pytest.approx(256 * 256 / (768 * 512), abs=0.02)
    assert min(overlap.correlation for overlap in shared.values()) > 0.95
