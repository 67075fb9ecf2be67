"""Colours told by numbers: profiles made of them, HDR, and premultiplied alpha, against closed forms and Little CMS."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from elansr.images import Picture, Plane, blank, encode, read, write_rows
from elansr.images.colour.cicp import colour_space
from elansr.images.colour.colour_tags import ColourTags, from_chunks
from elansr.images.colour.icc import ADOBE_RGB, ColourSpace, gamma, is_linear

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (40, 30, 3)).astype(np.uint8)
SRGB_WHITE = 203.0
ADOBE_TO_SRGB = [[1.39835, -0.39835, 0], [0, 1, 0], [0, -0.04293, 1.04293]]
"""As Lindbloom lists it, both under D65."""


def in_srgb(pixels, profile):
    own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    shown = ImageCms.profileToProfile(
        Image.fromarray(pixels), own, ImageCms.createProfile("sRGB"), renderingIntent=1, outputMode="RGB"
    )
    return np.asarray(shown).astype(float)


def srgb_curve(light):
    light = np.clip(light, 0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055) * 255


@pytest.mark.parametrize(
    ("space", "light"),
    [
        (ColourSpace(), None),
        (ColourSpace(curve=gamma(1.0)), lambda v: v),
        (ColourSpace(curve=gamma(2.2)), lambda v: v**2.2),
        (colour_space((1, 1)), lambda v: np.where(v < 0.081, v / 4.5, ((v + 0.099) / 1.099) ** (1 / 0.45))),
    ],
    ids=["sRGB", "linear", "2.2", "BT.709"],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_curves_of_profiles_are_those_of_their_standards(space, light, channels):
    pixels = RGB if channels == 3 else RGB[..., 0] // 4 * 3 + 64  # Little CMS is coarse in the shadows of grey
    expected = pixels.astype(float) if light is None else srgb_curve(light(pixels / 255))
    shown = in_srgb(pixels, space.profile(channels))
    assert np.abs(shown - (expected if channels == 3 else expected[..., None])).max() <= 1.2


def test_adobe_rgb_is_that_of_adobe():
    inside = RGB // 3 + 80
    expected = srgb_curve((inside / 255) ** (563 / 256) @ np.transpose(ADOBE_TO_SRGB))
    assert np.abs(in_srgb(inside, ADOBE_RGB.profile(3)) - expected).max() <= 1.5


def test_linear_profiles_are_seen():
    assert is_linear(ColourSpace(curve=gamma(1.0)).profile(3))
    assert is_linear(ColourSpace(curve=gamma(1.0)).profile(1))
    assert not is_linear(ColourSpace().profile(3))
    assert not is_linear(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    assert not is_linear(b"")


def test_pq_and_hlg_of_white_paper_become_white_and_grey_stays_grey():
    """203 cd/m2 are 58 % of PQ and 75 % of HLG (BT.2408, table 1); below the knee PQ is exact."""
    for transfer, paper in ((16, 0.5807), (18, 0.75)):
        grey = np.round(np.linspace(0, paper, 20)[None, :, None].repeat(3, 2) * 65535).astype(np.uint16)
        shown = read(encode(Picture((grey,), colour=ColourTags(cicp=(9, transfer))), "tif")).pixels / 257
        assert np.ptp(shown, axis=2).max() <= 1
        assert 235 < shown[0, -1, 0] < 255
        assert (np.diff(shown[0, :, 0]) > 0).all()
    dim = np.linspace(0, 0.5, 30)
    power = dim ** (32 / 2523)
    nits = 10_000 * (np.maximum(power - 3424 / 4096, 0) / (2413 / 128 - 2392 / 128 * power)) ** (8192 / 1305)
    grey = np.round(dim * 65535)[None, :, None].repeat(3, 2).astype(np.uint16)
    shown = read(encode(Picture((grey,), colour=ColourTags(cicp=(9, 16))), "tif")).pixels[0, :, 1] / 257
    assert np.abs(shown - srgb_curve(nits / SRGB_WHITE)).max() < 0.5


def test_hdr_highlights_keep_their_hue_and_stay_below_white():
    bright = np.array([[[1.0, 0.75, 0.6], [0.9, 0.6, 0.6]]])
    picture = Picture((np.round(bright * 65535).astype(np.uint16),), colour=ColourTags(cicp=(1, 16)))
    shown = read(encode(picture, "tif")).pixels.astype(float)[0]
    assert (shown[:, 0] > shown[:, 1]).all()
    assert (shown[:, 0] >= 64_000).all()
    assert shown[1, 1] == pytest.approx(shown[1, 2], abs=2)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("suffix", ["jpg", "webp", "png", "avif", "tif", "gif", "bmp"])
@pytest.mark.parametrize(
    "tags", [ColourTags(cicp=(9, 16)), ColourTags(cicp=(12, 13)), ColourTags(gamma=1.0)], ids=["PQ", "P3", "linear"]
)
def test_every_kind_of_pixels_is_written_in_every_format(channels, suffix, tags):
    for dtype in (np.uint8, np.uint16):
        picture = Picture((np.full((9, 11, channels), np.iinfo(dtype).max, dtype),), colour=tags)
        pixels = read(encode(picture, suffix)).pixels
        assert pixels.shape[:2] == (9, 11)
        assert pixels[..., 0].min() >= 0.99 * np.iinfo(pixels.dtype).max


def test_16_linear_bits_that_become_8_are_srgb():
    """Else shadows of 8 bits would show steps of 13 levels."""
    light = np.linspace(0, 1, 60)[None, :, None].repeat(3, 2)
    picture = Picture((np.round(light * 65535).astype(np.uint16),), colour=ColourTags(gamma=1.0))
    result = read(encode(picture, "webp", quality=100))
    assert result.icc is None
    assert np.abs(result.pixels - srgb_curve(light)).max() <= 1


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
@pytest.mark.parametrize("tags", [ColourTags(cicp=(9, 16)), ColourTags(gamma=1.0)], ids=["PQ", "linear"])
def test_pictures_on_the_disk_are_converted_as_those_in_memory(tmp_path, tags, suffix):
    pixels = RNG.integers(0, 40_000, (70, 50, 3)).astype(np.uint16)
    (tmp_path / "rows").write_bytes(pixels.tobytes())
    picture = Picture((blank((70, 50), 3, deep=True),), colour=tags)
    planes = [Plane(tmp_path / "rows", 3)]
    write_rows(planes, picture, tmp_path / f"x.{suffix}", progress=lambda done, total: None)
    expected = read(encode(picture.with_pages([pixels]), suffix))
    result = read(tmp_path / f"x.{suffix}")
    assert (result.pixels == expected.pixels).all()
    assert (result.icc, result.colour) == (expected.icc, expected.colour)


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("quality", [None, 100])
def test_nclx_stands_beside_other_metadata_in_avif(alpha, quality):
    """As libavif reads it: the same pixels as without, EXIF and XMP in their places."""
    pixels = np.dstack([RGB, RGB[..., :1] | 1])[..., : 3 + alpha]
    about = {"exif": b"Exif\0\0II*\0\x08\0\0\0\x01\0\x0f\x01\x02\0\x03\0\0\0Me\0\0" + bytes(4), "xmp": b"<x:xmpmeta/>"}
    data = encode(Picture((pixels,), colour=ColourTags(cicp=(12, 13)), **about), "avif", quality=quality)
    plain = encode(Picture((pixels,), **about), "avif", quality=quality)
    with Image.open(io.BytesIO(data)) as image, Image.open(io.BytesIO(plain)) as other:
        assert (np.asarray(image) == np.asarray(other)).all()
        assert image.info["xmp"] == about["xmp"]
        assert image.getexif()[0x010F] == "Me"
    assert read(data).colour.cicp == (12, 13)
    assert read(data).lossy == (quality is None)


def test_premultiplied_alpha_is_divided_out():
    pixels = np.dstack([np.full((32, 32, 3), (152, 127, 115), np.uint8), np.full((32, 32), 128, np.uint8)])
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "AVIF", alpha_premultiplied=True, quality=95)
    assert b"prem" in file.getvalue()
    assert np.abs(read(file.getvalue()).pixels.astype(int) - pixels).max() <= 4


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        ({b"gAMA": bytes(4), b"cHRM": bytes(32), b"sRGB": b"\x09", b"cICP": b"\1"}, ColourTags()),
        ({b"gAMA": b"\0\0\xb1\x8f", b"sRGB": b"\1"}, ColourTags(intent=1, gamma=0.45455)),
        ({b"cHRM": b"\0\0\x7a\x26" * 8}, ColourTags()),
        ({b"cICP": bytes([9, 16, 0, 0])}, ColourTags()),
    ],
    ids=["damaged", "sRGB", "one place for all colours", "narrow range"],
)
def test_chunks_that_make_no_sense_count_as_absent(chunks, expected):
    assert from_chunks(chunks)[0] == expected


def test_adobe_rgb_of_cameras_becomes_a_profile():
    """DCF's "R03" of Adobe RGB without a profile: only JPEG's readers know it, and not all."""
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA001] = 0xFFFF
    exif.get_ifd(0x8769)[0xA005] = {1: "R03"}
    file = io.BytesIO()
    colour = np.full((16, 16, 3), (60, 160, 80), np.uint8)
    Image.fromarray(colour).save(file, "JPEG", quality=100, exif=exif.tobytes())
    expected = srgb_curve((np.array([60, 160, 80]) / 255) ** (563 / 256) @ np.transpose(ADOBE_TO_SRGB))
    with Image.open(io.BytesIO(encode(read(file.getvalue()), "png"))) as image:
        shown = in_srgb(np.asarray(image), image.info["icc_profile"])
    assert np.abs(shown - expected).max() <= 4


@pytest.mark.parametrize("kind", ["gif", "bmp"])
def test_profiles_of_gif_and_bmp_are_read(kind):
    """GIF has them in an application block, BMP behind a header of version 5; neither is written by us."""
    profile, colour = ADOBE_RGB.profile(3), (60, 160, 80)
    file = io.BytesIO()
    Image.new("RGB", (16, 16), colour).save(file, kind.upper())
    data = file.getvalue()
    if kind == "gif":
        pieces = [profile[at : at + 255] for at in range(0, len(profile), 255)]
        block = b"\x21\xff\x0bICCRGBG1012" + b"".join(bytes([len(piece)]) + piece for piece in pieces) + b"\0"
        at = 13 + (3 << (data[10] & 7) + 1)
        data = data[:at] + block + data[at:]
    else:
        head = bytearray(data[14:54].ljust(124, b"\0"))
        head[:4], head[56:60] = struct.pack("<I", 124), b"DEBM"
        head[112:120] = struct.pack("<II", 124 + len(data) - 54, len(profile))
        data = data[:10] + struct.pack("<I", 14 + 124) + bytes(head) + data[54:] + profile
    picture = read(data)
    assert picture.icc == profile
    assert (picture.pixels == colour).all()
    expected = srgb_curve((np.array(colour) / 255) ** (563 / 256) @ np.transpose(ADOBE_TO_SRGB))
    assert np.abs(read(encode(picture, kind)).pixels - expected).max() <= 2


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
def test_primaries_of_tiff_become_a_profile(suffix):
    """WhitePoint and PrimaryChromaticities of TIFF 6.0, section 20; those of sRGB say nothing new."""
    for places, expected in (((0.64, 0.33, 0.21, 0.71, 0.15, 0.06), True), ((0.64, 0.33, 0.3, 0.6, 0.15, 0.06), False)):
        tags = Image.Exif()
        tags[318], tags[319] = (0.3127, 0.329), places
        file = io.BytesIO()
        Image.new("RGB", (16, 16), (60, 160, 80)).save(file, "TIFF", exif=tags)
        data = encode(read(file.getvalue()), suffix)
        with Image.open(io.BytesIO(data)) as image:
            assert ("icc_profile" in image.info) == expected
