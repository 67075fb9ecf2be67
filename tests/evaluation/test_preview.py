"""The preview: which part, which weights, and that each panel is what the whole photo would give."""

from pathlib import Path

import numpy as np
import pytest

from elansr.errors import ConfigError, OutputExistsError
from elansr.evaluation.preview import REGION, Candidate, around, candidates, most_detailed, preview
from elansr.images import Picture, read, write
from elansr.upscaling import TiledNetwork

CITY = Path(__file__).parents[2] / "examples" / "cityscape.png"


def load(name: str, scale: int, strength: float | None) -> TiledNetwork:
    return TiledNetwork.open(name, scale=scale, strength=strength, device="cpu", precision="fp32")


def test_all_released_weights_and_strengths_of_a_scale_are_shown() -> None:
    real = "elan-light-x4-real"
    between = [Candidate(real, strength) for strength in (0.25, 0.5, 0.75)]
    assert candidates(4) == [Candidate("elan-light-x4"), *between, Candidate(real)]
    assert candidates(3) == [Candidate("elan-light-x3")]
    assert candidates(2, "mine.safetensors")[-1] == Candidate("mine.safetensors")
    with pytest.raises(ConfigError):
        candidates(5)


def test_a_panel_is_what_the_whole_photo_gives(tmp_path: Path) -> None:
    box = preview(CITY, tmp_path / "a.png", load, scale=3, at=(60, 50))
    sheet, photo = read(tmp_path / "a.png").pixels, read(CITY).pixels
    whole = load("elan-light-x3", 3, None)(photo)
    expected = box.of(np.arange(photo.shape[0])[:, None, None] + np.zeros_like(photo, int))
    assert (expected[0, 0, 0], box.width, box.height) == (box.y, REGION, REGION)
    wanted = whole[3 * box.y : 3 * (box.y + box.height), 3 * box.x : 3 * (box.x + box.width)]
    panel = sheet[-16 - 3 * REGION : -16, -16 - 3 * REGION : -16].astype(int)
    assert np.abs(panel - wanted).mean() < 0.1


def test_the_most_detailed_part_is_where_the_lines_are() -> None:
    page = np.full((1200, 900, 3), 200, np.uint8)
    page[900:980:8, 600:680] = 0
    box = most_detailed(page)
    assert box.x < 640 < box.x + box.width
    assert box.y < 940 < box.y + box.height


@pytest.mark.parametrize(
    ("middle", "corner"), [((0, 0), (0, 0)), ((299, 199), (300 - REGION, 200 - REGION)), ((150, 100), (110, 60))]
)
def test_the_part_stays_inside(middle: tuple[int, int], corner: tuple[int, int]) -> None:
    box = around(middle, 200, 300)
    assert (box.x, box.y) == corner


@pytest.mark.parametrize("shape", [(1, 1, 3), (5, 300, 4), (90, 7, 1)])
def test_small_pictures_are_shown_whole(shape: tuple[int, int, int], tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    write(Picture((pixels,)), tmp_path / "a.png")
    box = preview(tmp_path / "a.png", tmp_path / "b.png", load, scale=3)
    assert (box.width, box.height) == (min(shape[1], REGION), min(shape[0], REGION))


def test_what_cannot_be_shown_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="outside"):
        preview(CITY, tmp_path / "a.png", load, scale=3, at=(10_000, 5))
    (tmp_path / "a.png").write_text("mine")
    with pytest.raises(OutputExistsError):
        preview(CITY, tmp_path / "a.png", load, scale=3)
