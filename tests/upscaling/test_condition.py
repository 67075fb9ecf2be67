"""Noise and sharpness of pictures whose noise and blur are known."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from elansr.upscaling.condition import BLOCK, MOST_BLOCKS, Condition, measure, measure_rows

EXAMPLES = Path(__file__).parents[2] / "examples"
CITY = np.array(Image.open(EXAMPLES / "cityscape.png").convert("RGB"))


def grey(sigma: float, shape: tuple[int, int] = (160, 200)) -> np.ndarray:
    """A mid-grey with noise that is the same in all colours."""
    noise = np.random.default_rng(0).normal(0, sigma, (*shape, 1))
    return np.clip(np.rint(128 + noise), 0, 255).astype(np.uint8).repeat(3, axis=2)


@pytest.mark.parametrize("sigma", [2, 4, 8, 16])
def test_noise_is_the_standard_deviation_that_was_added(sigma: float) -> None:
    noise = measure(grey(sigma)).noise
    assert noise is not None
    assert noise == pytest.approx(sigma, rel=0.2)


@pytest.mark.parametrize("sigma", [8, 12])
def test_texture_counts_as_noise_only_where_it_is_everywhere(sigma: float) -> None:
    """Of independent noise in three colours, luma has 0.67 of the deviation."""
    rng = np.random.default_rng(0)
    noisy = np.clip(np.rint(CITY + rng.normal(0, sigma, CITY.shape)), 0, 255).astype(np.uint8)
    clean, found = measure(CITY).noise, measure(noisy).noise
    assert clean is not None
    assert found is not None
    assert clean < 2
    assert found == pytest.approx(0.67 * sigma, rel=0.3)


def test_sharpness_falls_with_blur() -> None:
    blurred = [measure(np.array(Image.fromarray(CITY).filter(ImageFilter.GaussianBlur(b)))) for b in (0, 0.5, 1, 2)]
    found = [condition.sharpness for condition in blurred]
    assert all(value is not None for value in found)
    assert found == sorted(found, reverse=True)  # type: ignore[type-var]


@pytest.mark.parametrize("pixels", [np.full((200, 200, 3), 255, np.uint8), np.zeros((8, 8, 1), np.uint8)])
def test_of_flat_and_tiny_pictures_nothing_is_known(pixels: np.ndarray) -> None:
    assert measure(pixels) == Condition(None, None)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 500, 3), (500, 1, 4), (17, 17, 2), (3, 5, 1)])
def test_any_size_can_be_measured(shape: tuple[int, int, int]) -> None:
    measure(np.random.default_rng(0).integers(0, 256, shape, np.uint8))


def test_depth_and_channels_make_no_difference() -> None:
    eight = grey(4)
    alpha = np.dstack([eight, np.random.default_rng(1).integers(0, 256, eight.shape[:2], np.uint8)])
    for same in (eight[..., :1], alpha, eight.astype(np.uint16) * 257):
        np.testing.assert_allclose(measure(same), measure(eight), rtol=1e-3)


def test_rows_are_read_from_top_to_bottom_and_only_those_that_are_needed() -> None:
    large = grey(4, (2000, 300))
    spans: list[tuple[int, int]] = []

    def read(start: int, stop: int) -> np.ndarray:
        spans.append((start, stop))
        return large[start:stop]

    assert measure_rows(read, 2000, 300) == measure(large)
    assert len(spans) == MOST_BLOCKS
    assert all(stop - start == BLOCK for start, stop in spans)
    assert spans == sorted(spans)
