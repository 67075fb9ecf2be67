"""HEIC, written by pillow-heif's encoder (libheif and x265), against Pillow's view of the same pixels."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import pyvips
from PIL import Image, ImageOps

from elansr.errors import PictureError, TooManyPixelsError
from elansr.images import heic, is_picture_name, open_picture, read, unread_kind, write

HEIGHT, WIDTH = 64, 80
P3 = bytes(pyvips.Operation.call("profile_load", "p3"))
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>'


def smooth() -> Image.Image:
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    return Image.fromarray(np.stack([x * 3, y * 3, x + y], -1).astype(np.uint8))


def saved(image: Image.Image, **options: object) -> bytes:
    """As lossless as HEIC's YCbCr allows."""
    pillow_heif = pytest.importorskip("pillow_heif", reason="needs pillow-heif, the extra heif")
    file = io.BytesIO()
    pillow_heif.from_pillow(image).save(file, quality=-1, chroma=444, **options)
    return file.getvalue()


def difference(picture: np.ndarray, image: Image.Image) -> int:
    expected = np.asarray(image).reshape(*image.size[::-1], -1)
    assert picture.shape == expected.shape
    return int(np.abs(picture.astype(int) - expected).max())


@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_is_upright_once(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x013B] = orientation, "A. Painter"
    data, upright = saved(smooth(), exif=exif.tobytes()), smooth()
    upright.getexif()[0x0112] = orientation
    picture = read(data)
    assert difference(picture.pixels, ImageOps.exif_transpose(upright)) <= 2
    assert open_picture(data).picture.pixels.shape == picture.pixels.shape
    found = Image.Exif()
    found.load(picture.exif or b"")
    assert (found.get(0x0112, 1), found[0x013B]) == (1, "A. Painter")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_places_turn_with_pixels_that_the_decoder_turns(orientation: int) -> None:
    """The brightest pixel is the subject of EXIF, whose places are those of before, as phones write them."""
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    pixels[8:16, 16:24] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif.get_ifd(0x8769)[0x9214] = (20, 12)
    picture = read(saved(Image.fromarray(pixels), exif=exif.tobytes()))
    found = Image.Exif()
    found.load(picture.exif or b"")
    x, y = found.get_ifd(0x8769)[0x9214]
    rows, columns = np.nonzero(picture.pixels[..., 0] > 128)
    assert (x, y) == (pytest.approx(columns.mean() + 0.5, abs=1), pytest.approx(rows.mean() + 0.5, abs=1))


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_channels(mode: str) -> None:
    image = smooth().convert(mode)
    if mode == "RGBA":
        image.putalpha(Image.linear_gradient("L").resize(image.size))
    assert difference(read(saved(image)).pixels, image) <= 2


def test_profile_xmp_and_what_it_is() -> None:
    picture = read(saved(smooth(), icc_profile=P3, xmp=XMP))
    assert (picture.icc, picture.format, picture.lossy, picture.notes) == (P3, "heic", True, ())
    assert XMP[:11] in (picture.xmp or b"")


def test_ten_bits_become_sixteen() -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    wide, file = np.asarray(smooth()).astype(np.uint16) * 257, io.BytesIO()
    pillow_heif.from_bytes("RGB;16", (WIDTH, HEIGHT), wide.tobytes()).save(file, quality=-1, chroma=444)
    pixels = read(file.getvalue()).pixels
    assert pixels.dtype == np.uint16
    assert np.abs(pixels.astype(int) - wide).max() <= 3 * 65535 / 1023


def test_more_pictures_are_named() -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    file, two = io.BytesIO(), pillow_heif.from_pillow(smooth())
    two.add_from_pillow(smooth().rotate(180))
    two.save(file, quality=-1, chroma=444)
    picture = read(file.getvalue())
    assert difference(picture.pixels, smooth()) <= 2
    assert len(picture.notes) == 1


def test_what_is_damaged_or_too_large_is_one_line() -> None:
    data = saved(smooth())
    for length in (40, len(data) // 2, len(data) - 20):
        with pytest.raises(PictureError) as caught:
            read(data[:length])
        assert "\n" not in str(caught.value)
    with pytest.raises(TooManyPixelsError):
        read(data, max_pixels=HEIGHT * WIDTH - 1)


def test_it_is_read_but_not_written(tmp_path: Path) -> None:
    (tmp_path / "a.heic").write_bytes(saved(smooth()))
    picture = read(tmp_path / "a.heic")
    with pytest.raises(PictureError, match=".heic"):
        write(picture, tmp_path / "b.heic")
    write(picture, tmp_path / "b.png")
    assert is_picture_name("IMG_1.HEIC")


def test_without_pillow_heif_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("elansr.images.formats.reads_heic", lambda: False)
    monkeypatch.setattr(heic, "reads_heic", lambda: False)
    assert not is_picture_name("IMG_1.HEIC")
    assert unread_kind("IMG_1.HEIC") == "HEIC"
    with pytest.raises(PictureError, match="heif"):
        read(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100))


def test_it_is_imported_only_for_heic() -> None:
    code = "import sys, elansr.images; sys.exit('pillow_heif' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_boxes_without_a_picture_are_one_line() -> None:
    data = bytearray(saved(smooth()))
    at = data.index(b"ispe") + 8  # version and flags, then width and height
    for size in (bytes(8), bytes(4) + b"\xff" * 4, b"\xff" * 8):
        with pytest.raises(PictureError) as caught:
            read(bytes(data[:at] + size + data[at + 8 :]))
        assert "\n" not in str(caught.value)
    for brand in (b"pitm", b"iinf", b"iloc"):
        with pytest.raises(PictureError):
            read(bytes(data).replace(brand, b"none"))
