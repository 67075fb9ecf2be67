"""Fingerprints of photos that were re-encoded, rescaled, turned; moving means against SciPy."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from elansr.evaluation.datasets import RGB, read_rgb
from elansr.training.check.likeness import ALIKE, SIDE, even_detail, most_alike, moving_mean, print_of
from elansr.training.check.measures import luma
from tests.training.photos import city, otter, resized, through_jpeg

CHANGES: dict[str, Callable[[RGB], RGB]] = {
    "jpeg": lambda p: through_jpeg(p, 20),
    "smaller": lambda p: through_jpeg(resized(p, 0.37), 60),
    "larger": lambda p: resized(p, 2.5),
    "mirrored": lambda p: p[:, ::-1],
    "upside down": lambda p: p[::-1, ::-1],
    "turned": lambda p: np.rot90(p),
    "transposed": lambda p: p.transpose(1, 0, 2),
    "darker": lambda p: (p * 0.6 + 10).astype(np.uint8),
    "grey": lambda p: np.repeat(luma(p).round().astype(np.uint8)[..., None], 3, axis=2),
    "without its edge": lambda p: p[2:-2, 3:-3],
    "noisy": lambda p: np.clip(p + np.random.default_rng(0).normal(0, 10, p.shape), 0, 255).astype(np.uint8),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_photo_is_still_itself(name: str) -> None:
    photos = [print_of(luma(p)) for p in (otter(), city())]
    changed = [print_of(luma(np.ascontiguousarray(CHANGES[name](p)))) for p in (otter(), city())]
    found = list(most_alike(changed, photos))
    assert [index for index, _ in found] == [0, 1]
    assert min(likeness for _, likeness in found) > ALIKE
    assert max(likeness for _, likeness in most_alike(changed[:1], photos[1:])) < 0.5


def test_each_is_compared_with_those_before_it() -> None:
    a, b = print_of(luma(otter())), print_of(luma(city()))
    found = list(most_alike([a, b, a, b]))
    assert found[0] == (-1, 0.0)
    assert [index for index, _ in found][2:] == [0, 1]
    assert [round(likeness, 3) for _, likeness in found[2:]] == [1, 1]
    assert list(most_alike([a, b], [])) == [(-1, 0.0), (-1, 0.0)]
    assert list(most_alike([])) == []


@pytest.mark.parametrize("shape", [(1, 1), (3, 500), (33, 31), (700, 900)])
def test_every_size_has_a_fingerprint_of_length_one(shape: tuple[int, int]) -> None:
    picture = np.random.default_rng(0).random(shape, np.float32) * 255
    fingerprint = print_of(picture)
    assert fingerprint.shape == (SIDE * SIDE,)
    assert np.linalg.norm(fingerprint) == pytest.approx(1 if min(shape) > 1 else 0, abs=1e-4)


@pytest.mark.parametrize("side", [3, 5, 7])
def test_moving_means_are_scipys(side: int) -> None:
    values = np.random.default_rng(0).random((2, 9, 14)).astype(np.float32)
    expected = ndimage.uniform_filter(values, (1, side, side), mode="nearest")
    np.testing.assert_allclose(moving_mean(values, side), expected, atol=1e-5)


def test_no_single_edge_makes_two_pictures_alike() -> None:
    """Two horizons over different ground, whose plain detail correlates above 0.8."""
    rng = np.random.default_rng(0)
    pictures = []
    for _ in range(2):
        picture = rng.normal(60, 8, (SIDE, SIDE)).astype(np.float32)
        picture[: SIDE // 2] += 150
        pictures.append(picture)
    plain = [(p - moving_mean(p, 7)).ravel() for p in pictures]
    even = [even_detail(p).ravel() for p in pictures]
    assert np.corrcoef(*plain)[0, 1] > 0.8
    assert np.corrcoef(*even)[0, 1] < 0.6


def test_the_same_photo_in_two_benchmark_sets(data_dir: Path) -> None:
    """Set5's head is a smaller version of Set14's face; no other pair is alike."""
    files = [*sorted((data_dir / "benchmark/Set5/HR").glob("*")), *sorted((data_dir / "benchmark/Set14/HR").glob("*"))]
    found = list(most_alike([print_of(luma(read_rgb(file))) for file in files]))
    alike = [(files[i].stem, files[j].stem) for i, (j, likeness) in enumerate(found) if likeness >= ALIKE]
    assert alike == [("face", "head")]
