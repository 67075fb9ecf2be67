"""JPEG in torch against Pillow's libjpeg-turbo, on photos."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from elansr.training.degradation.jpeg import jpeg, quantisation_tables

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
FOUR_FOUR_FOUR, FOUR_TWO_ZERO = 0, 2
"""Pillow's names for no subsampling and for 4:2:0."""


def photo(name: str, height: int, width: int) -> NDArray[np.uint8]:
    return np.ascontiguousarray(np.array(Image.open(EXAMPLES / name).convert("RGB"))[30 : 30 + height, 60 : 60 + width])


def by_pillow(pixels: NDArray[np.uint8], quality: int, chroma_420: bool) -> NDArray[np.uint8]:
    file = io.BytesIO()
    Image.fromarray(pixels).save(
        file, "JPEG", quality=quality, subsampling=FOUR_TWO_ZERO if chroma_420 else FOUR_FOUR_FOUR
    )
    return np.array(Image.open(file))


def ours(pixels: NDArray[np.uint8], quality: int, chroma_420: bool) -> NDArray[np.uint8]:
    x = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
    y = jpeg(x, torch.tensor([quality]), chroma_420)[0].permute(1, 2, 0) * 255
    np.testing.assert_allclose(y, y.round(), atol=1e-4)
    return y.round().byte().numpy()


@pytest.mark.parametrize("name", ["otter.jpg", "cityscape.png"])
@pytest.mark.parametrize("chroma_420", [False, True])
@pytest.mark.parametrize("quality", [1, 10, 30, 49, 50, 75, 90, 95, 100])
@pytest.mark.parametrize(("height", "width"), [(128, 144), (131, 157), (117, 170)], ids=str)
def test_photos_come_out_as_from_libjpeg(name: str, quality: int, chroma_420: bool, height: int, width: int) -> None:
    """On whole photos 98.5 % of the samples are equal and 99.8 % within a level (quality 95; lower ones are closer).

    The rest comes from the rare coefficient that rounding takes to another step, which a small crop feels more.
    """
    pixels = photo(name, height, width)
    difference = np.abs(
        ours(pixels, quality, chroma_420).astype(int) - by_pillow(pixels, quality, chroma_420).astype(int)
    )
    assert (difference == 0).mean() > 0.95
    assert (difference <= 1).mean() > 0.97
    assert (difference**2).mean() < 1.5


@pytest.mark.parametrize("size", [(1, 1), (1, 20), (9, 7), (17, 33), (8, 16)])
@pytest.mark.parametrize("chroma_420", [False, True])
def test_borders_are_filled_as_libjpeg_fills_them(size: tuple[int, int], chroma_420: bool) -> None:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[: size[0], : size[1]]
    smooth = np.stack([40 + 4 * x, 200 - 3 * y, 90 + 2 * x + 2 * y], axis=2)
    pixels = np.clip(smooth + rng.integers(-9, 10, smooth.shape), 0, 255).astype(np.uint8)
    difference = np.abs(ours(pixels, 80, chroma_420).astype(int) - by_pillow(pixels, 80, chroma_420).astype(int))
    assert difference.max() <= 3
    assert (difference == 0).mean() > 0.9


@pytest.mark.parametrize("quality", [1, 24, 25, 49, 50, 51, 75, 99, 100])
def test_tables_are_libjpegs(quality: int) -> None:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "JPEG", quality=quality)
    expected = Image.open(file).quantization
    tables = quantisation_tables(torch.tensor([quality]))[0].flatten(1)
    assert [table.int().tolist() for table in tables] == [list(expected[0]), list(expected[1])]


def test_each_picture_has_its_own_quality() -> None:
    crops = [photo("otter.jpg", 40, 56), photo("cityscape.png", 40, 56)]
    batch = torch.stack([torch.from_numpy(crop).permute(2, 0, 1).float() / 255 for crop in crops])
    together = jpeg(batch, torch.tensor([20, 90]), True)
    alone = [jpeg(batch[i : i + 1], torch.tensor([q]), True)[0] for i, q in enumerate((20, 90))]
    assert torch.equal(together, torch.stack(alone))
