"""Flat areas and neutral tiles, against a plain loop."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from elansr import list_models, load
from elansr.engines.device import PrecisionName
from elansr.images import downscale
from elansr.upscaling.exact_tones import REACH, ExactTones, flat_pixels
from elansr.weights.released import RELEASED

Samples = NDArray[np.float32]
SCALE = 3


class Tinting:
    """A network that enlarges by repetition, is off by a little everywhere, and counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, tile: Samples) -> Samples:
        self.calls += 1
        random = np.random.default_rng(1)
        large = tile.repeat(SCALE, axis=2).repeat(SCALE, axis=3)
        return (large + random.normal(0, 0.01, large.shape)).astype(np.float32)


def flat_by_loop(picture: Samples) -> NDArray[np.bool_]:
    _, height, width = picture.shape
    flat = np.ones((height, width), bool)
    for y in range(height):
        for x in range(width):
            around = picture[:, max(y - REACH, 0) : y + REACH + 1, max(x - REACH, 0) : x + REACH + 1]
            flat[y, x] = (around == picture[:, y : y + 1, x : x + 1]).all()
    return flat


@pytest.mark.parametrize("shape", [(9, 14), (1, 1), (1, 7), (2, 3), (12, 5)])
def test_flat_pixels_are_those_of_a_plain_loop(shape: tuple[int, int]) -> None:
    random = np.random.default_rng(0)
    for _ in range(20):
        picture = np.zeros((3, *shape), np.float32)
        for _ in range(random.integers(0, 3)):
            picture[random.integers(3), random.integers(shape[0]), random.integers(shape[1])] = 1
        np.testing.assert_array_equal(flat_pixels(picture), flat_by_loop(picture))


def test_a_flat_tile_does_not_pass_the_network() -> None:
    network = Tinting()
    tile = np.full((1, 3, 5, 4), 0.2, np.float32)
    tile[0, 1] = 1
    result = ExactTones(network, SCALE)(tile)
    assert network.calls == 0
    np.testing.assert_array_equal(result, tile.repeat(SCALE, axis=2).repeat(SCALE, axis=3))


def test_flat_areas_are_exact_and_the_rest_is_the_networks() -> None:
    tile = np.full((1, 3, 20, 20), 0.9, np.float32)
    tile[0, :, 9:11, 9:11] = [[[0.1]], [[0.2]], [[0.3]]]
    result, plain = ExactTones(Tinting(), SCALE)(tile), Tinting()(tile)
    flat = flat_by_loop(tile[0]).repeat(SCALE, axis=0).repeat(SCALE, axis=1)
    assert 0.5 < flat.mean() < 1
    assert (result[0][:, flat] == np.float32(0.9)).all()
    np.testing.assert_array_equal(result[0][:, ~flat], plain[0][:, ~flat])


class Constant:
    """A network whose answer is known."""

    def __init__(self, answer: Samples) -> None:
        self.answer = answer

    def __call__(self, tile: Samples) -> Samples:
        return self.answer.copy()


@pytest.mark.parametrize("white", [True, False])
def test_what_is_nearly_white_is_white_where_the_picture_is(white: bool) -> None:
    """Up to 8 levels away, from 16 on the network's answer; between them without a step. Black is the mirror image."""
    tile = np.full((1, 3, 3, 60), 0.5, np.float32)
    tile[0, :, 1] = 1  # not flat: its neighbours above and below differ
    answer = np.broadcast_to(
        1 - np.arange(60 * SCALE, dtype=np.float32) / 4 / 255, (1, 3, 3 * SCALE, 60 * SCALE)
    ).copy()
    mirrored = (lambda x: x) if white else (lambda x: 1 - x)
    levels = 255 * (1 - mirrored(ExactTones(Constant(mirrored(answer)), SCALE)(mirrored(tile)))[0])
    before, line = 255 * (1 - answer[0, 0, 0]), levels[0, SCALE + 1]
    inside = slice(None)
    np.testing.assert_allclose(line[inside][before[inside] <= 8], 0, atol=1e-3)
    np.testing.assert_allclose(line[inside][before[inside] >= 16], before[inside][before[inside] >= 16], atol=1e-3)
    assert np.diff(line[inside]).min() >= 0
    assert np.diff(line[inside]).max() < 0.51
    np.testing.assert_allclose(levels[0, 0], before, atol=1e-3)


def test_at_the_edge_of_white_there_is_no_step() -> None:
    """The network's answer rings by 6 levels everywhere; it comes back gradually towards the edge of the white area."""
    scale, tile = 8, np.full((1, 3, 5, 5), 0.5, np.float32)
    tile[0, :, :, :3] = 1
    tile[0, :, 0] = 0.9  # so that nothing is flat
    answer = np.full((1, 3, 40, 40), 1 - 6 / 255, np.float32)
    line = 255 * (1 - ExactTones(Constant(answer), scale)(tile)[0, 0, 20])
    np.testing.assert_allclose(line[:20], 0, atol=1e-3)
    np.testing.assert_allclose(line[24:], 6, atol=1e-3)
    assert np.diff(line).min() >= 0
    assert np.diff(line).max() < 4.6


def test_pictures_of_one_batch_are_judged_apart() -> None:
    random = np.random.default_rng(0)
    grey = random.random((1, 12, 12), np.float32).repeat(3, axis=0)
    colour = random.random((3, 12, 12), np.float32)
    flat = np.full((3, 12, 12), 0.5, np.float32)
    tile = np.concatenate([grey, colour, flat])[None]
    result, plain = ExactTones(Tinting(), SCALE)(tile)[0], Tinting()(tile)[0]
    np.testing.assert_array_equal(result[0], result[1])
    np.testing.assert_array_equal(result[0], result[2])
    np.testing.assert_allclose(result[0], plain[:3].mean(axis=0), atol=1e-6)
    np.testing.assert_array_equal(result[3:6], plain[3:6])
    assert (result[6:] == 0.5).all()


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("name", list_models())
def test_released_weights_keep_flat_and_neutral_pictures(name: str, precision: PrecisionName) -> None:
    """All 27 colours of 0, 128 and 255 come out as they are, and grey stored as RGB comes out grey."""
    upscaler = load(name, device="cpu", precision=precision)
    for colour in itertools.product((0, 128, 255), repeat=3):
        picture = np.full((5, 7, 3), colour, np.uint8)
        result = upscaler(picture)
        assert result.shape == (5 * upscaler.scale, 7 * upscaler.scale, 3)
        assert (result == colour).all(), colour
    grey = np.random.default_rng(0).integers(0, 256, (24, 20, 1), dtype=np.uint8).repeat(3, axis=2)
    result = upscaler(grey)
    assert (result == result[..., :1]).all()
    np.testing.assert_array_equal(result[..., 0], upscaler(grey[..., 0]))


def test_transparent_pixels_stay_transparent() -> None:
    """A disc on a transparent ground whose hidden colours differ."""
    upscaler = load("elan-light-x2", device="cpu")
    y, x = np.mgrid[:40, :40]
    picture = np.random.default_rng(0).integers(0, 256, (40, 40, 4), dtype=np.uint8)
    picture[..., 3] = np.clip((15 - np.hypot(y - 20, x - 20)) * 128, 0, 255)
    result = upscaler(picture)
    hidden = result[..., 3] == 0
    apart = flat_by_loop(picture[None, ..., 3].astype(np.float32)).repeat(2, axis=0).repeat(2, axis=1)
    assert (result[..., 3][apart] == picture[..., 3].repeat(2, axis=0).repeat(2, axis=1)[apart]).all()
    assert 0.3 < hidden.mean() < 0.6
    assert result[~hidden][:, :3].any()


FONT = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")
INK = 0x77
STROKE = 4
needs_font = pytest.mark.skipif(not FONT.exists(), reason="needs Debian's fonts-dejavu-core")


def page_of_text(scale: int, size: int) -> Image.Image:
    """Text #777 on white, drawn at the size of the result; grey."""
    page = Image.new("L", (200 * scale, 72 * scale), 255)
    font = ImageFont.truetype(FONT, size * scale)
    for row, text in enumerate(
        ("The quick brown fox jumps", "over the lazy dog. 0123456", "Sphinx of black quartz (Q)")
    ):
        ImageDraw.Draw(page).text((4 * scale, (4 + size * row * 3 // 2) * scale), text, fill=INK, font=font)
    return page


def upscaled_text(name: str, precision: PrecisionName, page: Image.Image) -> NDArray[np.generic]:
    upscaler = load(name, device="cpu", precision=precision)
    return upscaler(downscale(np.array(page.convert("RGB")), upscaler.scale))


@needs_font
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("name", list_models())
def test_the_paper_of_a_page_of_text_is_white(name: str, precision: PrecisionName) -> None:
    """Of the paper more than a pixel of LR from ink, 99 % is exactly white."""
    scale = RELEASED[name].scale
    page = page_of_text(scale, 14)
    near_ink = np.array(page.filter(ImageFilter.MinFilter(2 * scale + 1))) < 255
    assert 0.1 < near_ink.mean() < 0.9
    assert (upscaled_text(name, precision, page) == 255).all(axis=2)[~near_ink].mean() > 0.99


@needs_font
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("name", [name for name in list_models() if name != "elan-light-x4-real"])
def test_text_keeps_its_tone(name: str, precision: PrecisionName) -> None:
    """Within 8 levels in strokes of 4 pixels of LR or more, from a pixel inside on.

    Of a regular typeface. elan-light-x4-real is just at the bar, and in bold letters all but x3 and x4 go beyond it.
    """
    scale = RELEASED[name].scale
    page = page_of_text(scale, 56)
    ink = page.point([255 * (level == INK) for level in range(256)])
    side = STROKE * scale + 1 - STROKE * scale % 2
    strokes = ink.filter(ImageFilter.MinFilter(side)).filter(ImageFilter.MaxFilter(side))
    inside = np.array(strokes.filter(ImageFilter.MinFilter(2 * scale + 1))) > 0
    assert inside.sum() > 1000
    found = upscaled_text(name, precision, page).astype(int)
    assert np.abs(found - INK).max(axis=2)[inside].max() <= 8
