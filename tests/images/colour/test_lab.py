"""Lab of TIFF, made and judged by Little CMS."""

import io
import struct

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from elansr.errors import PictureError
from elansr.images import open_picture, read

Y, X = np.mgrid[0:30, 0:44]
RGB = np.stack([X * 2 + 100, Y * 2 + 100, 180 - X * 2], -1).astype(np.uint8)


def lab() -> np.ndarray:
    """L of 0-255, a and b with a sign, as TIFF stores CIELab (interpretation 8)."""
    profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    return np.asarray(ImageCms.profileToProfile(Image.fromarray(RGB), *profiles, outputMode="LAB", renderingIntent=1))


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("photometric", ["cielab", "icclab"])
def test_8_bits(tmp_path, byteorder, alpha, photometric):
    samples = lab() if photometric == "cielab" else lab() ^ np.uint8([0, 128, 128])
    if alpha:
        samples = np.dstack([samples, X.astype(np.uint8)])
    extra = {"extrasamples": ["unassalpha"]} if alpha else {}
    tifffile.imwrite(
        tmp_path / "x.tif", samples, photometric=photometric, byteorder=byteorder, compression="deflate", **extra
    )
    picture = read(tmp_path / "x.tif")
    assert picture.pixels.dtype == np.uint8
    assert np.abs(picture.pixels[..., :3].astype(int) - RGB).max() <= 3
    assert len(picture.notes) == 1
    if alpha:
        assert (picture.pixels[..., 3] == X).all()
    with open_picture(tmp_path / "x.tif").rows() as rows:
        assert (rows(0, 30) == picture.pixels).all()


def test_16_bits(tmp_path):
    signed = lab()[..., 1:].view(np.int8).astype(np.int16) * 256
    samples = np.dstack([lab()[..., 0].astype(np.uint16) * 257, signed.view(np.uint16)])
    tifffile.imwrite(tmp_path / "x.tif", samples, photometric="cielab")
    picture = read(tmp_path / "x.tif")
    assert picture.pixels.dtype == np.uint16
    assert np.abs(picture.pixels / 257 - RGB).max() <= 3


def test_a_bitmap_that_is_too_small_a_file_for_its_pixels_is_refused():
    """1.6 KB that announce 86 million pixels, run-length encoded."""
    head = b"BM" + struct.pack("<IHHI", 1600, 0, 0, 54 + 1024)
    head += struct.pack("<IiiHHIIiiII", 40, 2_687_008, 32, 1, 8, 1, 500, 0, 0, 256, 0)
    palette = bytes(range(256)) * 4
    with pytest.raises(PictureError, match="2687008 x 32"):
        read(head + palette + bytes([255, 1]) * 250)
    file = io.BytesIO()
    Image.fromarray(RGB).save(file, "BMP")
    assert (read(file.getvalue()).pixels == RGB).all()
