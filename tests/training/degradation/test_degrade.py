"""Degraded crops: aligned, reproducible, of the right form; each recipe switches what it says."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from elansr.errors import ConfigError
from elansr.images import downscale
from elansr.training.degradation import BORDER, DegradationRecipe, degrade, degrade_crops, degrade_pictures
from elansr.training.degradation.degrade import PHASES
from elansr.training.degradation.ranges import ResizeKind

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
NOTHING = DegradationRecipe(
    clean_probability=0, blur_probability=0, resize_probability=0, noise_probability=0, jpeg_probability=0
)
CLEAN = DegradationRecipe(clean_probability=1)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def photo(height: int, width: int, count: int = 1) -> Tensor:
    pixels = np.array(Image.open(EXAMPLES / "otter.jpg").convert("RGB"))[:height, :width]
    return torch.from_numpy(pixels).permute(2, 0, 1).float().div(255).repeat(count, 1, 1, 1)


def levels(picture: Tensor) -> np.ndarray:
    """uint8 (H, W, 3) of a single picture."""
    return picture[0].mul(255).round().byte().permute(1, 2, 0).numpy()


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_a_clean_pair_is_the_bicubic_of_the_literature(scale: int) -> None:
    hr = photo(96, 180)
    np.testing.assert_array_equal(levels(degrade(hr, scale, CLEAN, generator())), downscale(levels(hr), scale))


@pytest.mark.parametrize(("scale", "height", "width"), [(1, 5, 3), (2, 34, 70), (3, 99, 48), (4, 4, 8), (4, 212, 140)])
@pytest.mark.parametrize("rounds", [1, 2])
def test_every_size_gives_eight_bits_of_lr(scale: int, height: int, width: int, rounds: int) -> None:
    recipe = replace(DegradationRecipe(), rounds=rounds)
    lr = degrade(photo(height, width, count=11), scale, recipe, generator())
    assert lr.shape == (11, 3, height // scale, width // scale)
    assert lr.dtype == torch.float32
    torch.testing.assert_close(lr * 255, (lr * 255).round(), atol=1e-4, rtol=0)
    assert lr.min() >= 0
    assert lr.max() <= 1
    assert len({picture.numpy().tobytes() for picture in lr}) > 1 or height * width < 40


def test_the_same_state_gives_the_same_crops() -> None:
    hr = photo(128, 128, count=9)
    first, again = (degrade(hr, 4, DegradationRecipe(), generator(7)) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, degrade(hr, 4, DegradationRecipe(), generator(8)))
    torch.manual_seed(99)
    before = torch.get_rng_state()
    assert torch.equal(first, degrade(hr, 4, DegradationRecipe(), generator(7)))
    assert torch.equal(before, torch.get_rng_state())


def blob(row: float, column: float, side: int, sigma: float) -> Tensor:
    """A reddish Gaussian spot at (row, column) on black, (1, 3, side, side)."""
    y, x = torch.meshgrid(torch.arange(side).double(), torch.arange(side).double(), indexing="ij")
    spot = torch.exp(-((y - row) ** 2 + (x - column) ** 2) / (2 * sigma**2))
    return torch.stack([spot, 0.5 * spot, 0.2 * spot]).float()[None]


def centroid(picture: Tensor) -> tuple[float, float]:
    grey = picture[0].double().sum(0)
    y, x = torch.meshgrid(*(torch.arange(side).double() for side in grey.shape), indexing="ij")
    return float((y * grey).sum() / grey.sum()), float((x * grey).sum() / grey.sum())


STEPS = {
    "nothing": NOTHING,
    "blur": replace(NOTHING, blur_probability=1, blur_sigma=(1.0, 1.0)),
    "turned blur": replace(NOTHING, blur_probability=1, blur_sigma=(0.3, 1.8), anisotropic_probability=1),
    "smaller": replace(NOTHING, resize_probability=1, resize_side=(0.7, 0.95)),
    "larger": replace(NOTHING, resize_probability=1, resize_side=(1.1, 2.3)),
}


@pytest.mark.parametrize("kind", ["area", "bilinear", "bicubic"])
@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_lr_stays_where_hr_is(kind: ResizeKind, name: str, scale: int) -> None:
    """The centre of a spot, in units of LR pixels, moves by less than a fiftieth of a pixel."""
    recipe = replace(STEPS[name], resize_kinds=(kind,))
    side = 30 * scale
    for seed, (row, column) in enumerate([(13.3, 15.9), (16.0, 12.5)]):
        row, column = ((at + 0.5) * scale - 0.5 for at in (row, column))
        lr = degrade(blob(row, column, side, sigma=2.5 * scale), scale, recipe, generator(seed))
        found = centroid(lr)
        assert found[0] == pytest.approx((row + 0.5) / scale - 0.5, abs=0.02)
        assert found[1] == pytest.approx((column + 0.5) / scale - 0.5, abs=0.02)


def shift(moved: Tensor, still: Tensor) -> list[float]:
    """By how many pixels each channel of `moved` lies lower and further right, by least squares over the gradient."""
    found = []
    for a, b in zip(still[0].double().numpy(), moved[0].double().numpy(), strict=True):
        gradient = np.stack([g[4:-4, 4:-4].ravel() for g in np.gradient(a)], axis=1)
        found += list(-np.linalg.lstsq(gradient, (b - a)[4:-4, 4:-4].ravel(), rcond=None)[0])
    return found


@pytest.mark.parametrize("name", ["nothing", "turned blur", "smaller", "larger", "jpeg 4:2:0", "jpeg 4:2:0 within"])
def test_a_degraded_photo_lies_on_its_bicubic(name: str) -> None:
    hr = photo(216, 312)
    jpeg = replace(NOTHING, jpeg_probability=1, jpeg_quality=(92, 92), chroma_420_probability=1)
    recipes = STEPS | {"jpeg 4:2:0": jpeg, "jpeg 4:2:0 within": replace(jpeg, jpeg_last_probability=0)}
    lr, bicubic = (degrade(hr, 2, recipe, generator(1)) for recipe in (recipes[name], CLEAN))
    assert np.abs(shift(lr, bicubic)).max() < 0.05
    assert np.abs(shift(lr.roll(1, dims=3), bicubic)).max() > 0.2, "a shift that is there is not seen"


def test_jpeg_behind_everything_is_libjpegs() -> None:
    recipe = replace(NOTHING, resize_kinds=("area",), jpeg_probability=1, jpeg_last_probability=1)
    recipe = replace(recipe, jpeg_quality=(40, 40), chroma_420_probability=1)
    hr = photo(160, 240)
    plain = levels(degrade(hr, 4, replace(recipe, jpeg_probability=0), generator()))
    file = io.BytesIO()
    Image.fromarray(plain).save(file, "JPEG", quality=40, subsampling=2)
    expected = np.array(Image.open(file)).astype(int)
    assert (np.abs(levels(degrade(hr, 4, recipe, generator())) - expected) <= 1).mean() > 0.99


def test_blur_is_measured_in_lr_pixels_wherever_it_comes() -> None:
    """Before or after another size, the spot's variance grows by the same."""
    recipe = replace(
        NOTHING, blur_probability=1, anisotropic_probability=0, blur_sigma=(1.5, 1.5), resize_probability=1
    )
    recipe = replace(recipe, resize_side=(1.5, 1.5), resize_kinds=("area",))
    spread = []
    for seed in range(12):
        grey = degrade(blob(99.5, 99.5, 200, 12.0), 4, recipe, generator(seed))[0].double().sum(0)
        x = torch.arange(50).double() - 24.5
        spread.append(float((grey.sum(0) * x**2).sum() / grey.sum()))
    assert min(spread) == pytest.approx(max(spread), rel=0.02)
    assert spread[0] == pytest.approx(12.0**2 / 16 + 1.5**2, rel=0.05)


def test_samples_of_a_small_batch_share_nothing() -> None:
    recipe = replace(NOTHING, resize_probability=1)
    lr = degrade(photo(128, 128, count=8), 4, recipe, generator())
    assert len({picture.numpy().tobytes() for picture in lr}) == 8


def test_a_pair_fits_and_starts_at_every_phase_away_from_the_borders() -> None:
    scale, patch, count = 2, 16, 300
    side = (patch + 2 * BORDER) * scale
    hr = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (1, 3, side, side))).float().div(255)
    lr, cut = degrade_crops(hr.expand(count, -1, -1, -1), scale, patch, CLEAN, generator())
    assert lr.shape == (count, 3, patch, patch)
    assert cut.shape == (count, 3, patch * scale, patch * scale)
    whole = degrade(hr, scale, CLEAN, generator())[0]
    places = {whole[:, y, x].numpy().tobytes(): (y, x) for y in range(side // scale) for x in range(side // scale)}
    seen = set()
    for small, large in zip(lr, cut, strict=True):
        top, left = places[small[:, 0, 0].numpy().tobytes()]
        assert torch.equal(small, whole[:, top : top + patch, left : left + patch])
        top_hr, left_hr = top * scale, left * scale
        assert torch.equal(large, hr[0, :, top_hr : top_hr + patch * scale, left_hr : left_hr + patch * scale])
        assert min(top, left) >= 4
        assert max(top, left) + patch <= whole.shape[1] - 4
        seen.add((top % PHASES, left % PHASES))
    assert {phase for phase, _ in seen} == {phase for _, phase in seen} == set(range(16))


def test_a_validation_picture_does_not_depend_on_the_others() -> None:
    a, b = levels(photo(90, 121)), levels(photo(60, 64))
    recipe = DegradationRecipe(clean_probability=0)
    together = degrade_pictures([a, b], 4, recipe, seed=3)
    (_, alone) = degrade_pictures([b, b], 4, recipe, seed=3)
    assert [(lr.shape, hr.shape) for lr, hr in together] == [((22, 30, 3), (88, 120, 3)), ((15, 16, 3), (60, 64, 3))]
    assert all(lr.dtype == hr.dtype == np.uint8 for lr, hr in together)
    np.testing.assert_array_equal(together[0][1], a[:88, :120])
    np.testing.assert_array_equal(together[1][0], alone[0])
    first, second = degrade_pictures([b, b], 4, recipe, seed=3)
    assert (first[0] != second[0]).any()
    assert (degrade_pictures([b], 4, recipe, seed=4)[0][0] != first[0]).any()


@pytest.mark.parametrize(
    ("hr", "reason"),
    [
        (torch.zeros(1, 3, 30, 32), "32x30 .*x4"),
        (torch.zeros(1, 1, 32, 32), r"shape \(1, 1, 32, 32\)"),
        (torch.zeros(1, 3, 32, 32, dtype=torch.uint8), "torch.uint8"),
    ],
)
def test_what_is_no_hr_is_refused(hr: Tensor, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        degrade(hr, 4, DegradationRecipe(), generator())
