"""Copies of photos are recognised and other photos are not; turns and crops against a loop over imagehash."""

from collections.abc import Callable
from pathlib import Path

import imagehash
import numpy as np
import pytest
from PIL import Image

from elansr.evaluation import RGB, read_rgb
from elansr.training.check.duplicates import BITS, BLOCK, HASH_SIDE, SAME, Fingerprint, closest, fingerprint
from tests.training.photos import city, otter, resized, through_jpeg


def cropped(picture: RGB, left: float, top: float, right: float, bottom: float) -> RGB:
    """Without these shares of its sides."""
    height, width = picture.shape[:2]
    return picture[round(top * height) : round((1 - bottom) * height), round(left * width) : round((1 - right) * width)]


COPIES: dict[str, Callable[[RGB], RGB]] = {
    "jpeg": lambda p: through_jpeg(p, 20),
    "smaller": lambda p: through_jpeg(resized(p, 0.37), 60),
    "larger": lambda p: resized(p, 2.5),
    "mirrored": lambda p: p[:, ::-1],
    "upside down": lambda p: p[::-1, ::-1],
    "turned": lambda p: np.rot90(p),
    "transposed": lambda p: p.transpose(1, 0, 2),
    "darker": lambda p: (p * 0.6 + 10).astype(np.uint8),
    "noisy": lambda p: np.clip(p + np.random.default_rng(0).normal(0, 10, p.shape), 0, 255).astype(np.uint8),
    "a tenth less at the left": lambda p: cropped(p, 0.1, 0, 0, 0),
    "a tenth less at two borders": lambda p: cropped(p, 0.1, 0, 0, 0.1),
    "a twentieth less all around": lambda p: cropped(p, 0.05, 0.05, 0.05, 0.05),
    "a crop that is mirrored, smaller and compressed": lambda p: through_jpeg(
        resized(cropped(p, 0.08, 0.03, 0.02, 0.1)[:, ::-1], 0.6), 50
    ),
}


def different_bits(a: Fingerprint, b: Fingerprint) -> int:
    (match,) = closest([a], [b])
    assert match is not None
    return match[1]


@pytest.mark.parametrize("name", COPIES)
def test_a_copy_is_recognised(name: str) -> None:
    photos = [fingerprint(photo()) for photo in (otter, city)]
    copies = [fingerprint(COPIES[name](photo())) for photo in (otter, city)]
    for compared in (closest(copies, photos), closest(photos, copies)):  # either may be the crop
        matches = list(compared)
        assert [match[0] for match in matches] == [0, 1]
        assert max(match[1] for match in matches) <= SAME
    assert different_bits(copies[0], photos[1]) > BITS / 4


def test_a_crop_of_half_the_width_is_not_recognised() -> None:
    """The documented limit."""
    assert different_bits(fingerprint(cropped(city(), 0, 0, 0.5, 0)), fingerprint(city())) > SAME


def test_each_picture_is_compared_with_those_before_it() -> None:
    a, b = fingerprint(otter()), fingerprint(city())
    found = list(closest([a, b, a, b]))
    assert found[0] is None
    assert found[1] is not None
    assert found[1][0] == 0
    assert found[2:] == [(0, 0), (1, 0)]
    assert list(closest([a, b], [])) == [None, None]
    assert list(closest([])) == []


def test_blocks_do_not_matter() -> None:
    rng = np.random.default_rng(0)
    many = [fingerprint(rng.integers(0, 256, (8, 8, 3), np.uint8)) for _ in range(BLOCK + 3)]
    many[BLOCK + 1] = many[1]
    found = list(closest(many))
    assert found[BLOCK + 1] == (1, 0)
    assert next(closest(many[-2:], many)) == (1, 0)


def test_the_fewest_different_bits_over_turns_and_crops() -> None:
    """Against a loop that subtracts imagehash's own hashes."""
    sides = (16, 16, 3)
    pictures = [np.random.default_rng(seed).integers(0, 256, sides, np.uint8) for seed in range(2)]
    one, other = (fingerprint(picture) for picture in pictures)

    def hashes(packed: np.ndarray) -> list[imagehash.ImageHash]:
        bits = np.unpackbits(packed, axis=1).astype(bool)
        return [imagehash.ImageHash(row.reshape(HASH_SIDE, HASH_SIDE)) for row in bits]

    expected = min(
        *(turn - crop for turn in hashes(one.turns) for crop in hashes(other.crops)),
        *(turn - crop for turn in hashes(other.turns) for crop in hashes(one.crops)),
    )
    assert different_bits(one, other) == expected


def test_the_whole_picture_is_the_first_turn_and_the_first_crop() -> None:
    grey = Image.fromarray(city()).convert("L").resize((128, 128), Image.Resampling.LANCZOS, reducing_gap=3.0)
    expected = np.packbits(imagehash.phash(grey, HASH_SIDE).hash)
    found = fingerprint(city())
    assert (found.turns.shape, found.crops.shape) == ((8, BITS // 8), (81, BITS // 8))
    np.testing.assert_array_equal(found.turns[0], expected)
    np.testing.assert_array_equal(found.crops[0], expected)


@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 500, 3), (33, 31, 3), (700, 900, 3)])
def test_every_size_has_a_fingerprint(shape: tuple[int, int, int]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    assert different_bits(fingerprint(picture), fingerprint(picture)) == 0


def test_the_digest_is_that_of_the_pixels_and_their_shape() -> None:
    line = np.arange(48, dtype=np.uint8)
    assert fingerprint(line.reshape(4, 4, 3)).digest != fingerprint(line.reshape(2, 8, 3)).digest
    assert fingerprint(city()).digest == fingerprint(city()[:, ::-1][:, ::-1]).digest


def test_training_photos_and_benchmark_photos_are_told_apart(data_dir: Path) -> None:
    """Of 36 photos and 35 others none is taken for another but Set14's face, of which Set5's head is a smaller copy."""
    training = sorted((data_dir / "train").glob("*/*.webp"))[::20]
    benchmark = [
        file for name in ("Set5", "Set14") for file in sorted((data_dir / "benchmark" / name / "HR").glob("*"))
    ]
    files = [*training, *benchmark]
    matches = list(closest([fingerprint(read_rgb(file)) for file in files]))
    alike = [
        (file.stem, files[match[0]].stem)
        for file, match in zip(files, matches, strict=True)
        if match is not None and match[1] <= SAME
    ]
    assert alike == [("face", "head")]
