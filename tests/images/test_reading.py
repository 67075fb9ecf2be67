"""Reading, against Pillow, tifffile and bytes made by hand."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import pyvips
import tifffile
from PIL import Image, ImageCms, ImageOps

from elansr.errors import PictureError
from elansr.images import FORMATS, SUFFIXES, format_of_suffix, is_picture_name, read

Y, X = np.mgrid[0:45, 0:70]
RGB = np.stack([X * 255 // 69, Y * 255 // 44, (X * 2 + Y) % 256], -1).astype(np.uint8)
GREY = RGB[..., 0]
ALPHA = np.clip(X * 6, 0, 255).astype(np.uint8)
RGBA = np.dstack([RGB, ALPHA])
WIDE = (RGB.astype(np.uint16) << 8) + RGB[::-1]  # 16 bits that are no copies of 8


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(rows: bytes, width: int, height: int, bits: int, color: int, extra: bytes = b"") -> bytes:
    """A PNG made by hand; `rows` come with their filter bytes."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def png16(pixels: np.ndarray) -> bytes:
    height, width, channels = pixels.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    return png(rows, width, height, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels])


def stored(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def by_pillow(path: Path, mode: str, frame: int = 0) -> np.ndarray:
    with Image.open(path) as image:
        image.seek(frame)
        upright = ImageOps.exif_transpose(image).convert(mode)
    return np.asarray(upright).reshape(upright.height, upright.width, -1).astype(int)


CASES = [
    # name, what Pillow saves, how, what comes out, largest difference between two decoders
    ("rgb.jpg", Image.fromarray(RGB), {"quality": 90}, "RGB", 3),
    ("progressive.jpg", Image.fromarray(RGB), {"progressive": True, "subsampling": 0}, "RGB", 3),
    ("grey.jpg", Image.fromarray(GREY), {}, "L", 2),
    ("rgb.png", Image.fromarray(RGB), {}, "RGB", 0),
    ("grey.png", Image.fromarray(GREY), {}, "L", 0),
    ("la.png", Image.fromarray(RGBA).convert("LA"), {}, "LA", 0),
    ("rgba.png", Image.fromarray(RGBA), {}, "RGBA", 0),
    ("palette.png", Image.fromarray(RGB).quantize(50), {}, "RGB", 0),
    ("transparent.png", Image.fromarray(RGB).quantize(50), {"transparency": 7}, "RGBA", 0),
    ("bilevel.png", Image.fromarray(RGB).convert("1"), {}, "L", 0),
    ("lossy.webp", Image.fromarray(RGB), {"quality": 90}, "RGB", 1),
    ("lossless.webp", Image.fromarray(RGB), {"lossless": True}, "RGB", 0),
    ("rgba.webp", Image.fromarray(RGBA), {"lossless": True, "exact": True}, "RGBA", 0),
    ("rgb.tif", Image.fromarray(RGB), {}, "RGB", 0),
    ("lzw.tif", Image.fromarray(RGB), {"compression": "tiff_lzw"}, "RGB", 0),
    ("jpeg.tif", Image.fromarray(RGB), {"compression": "jpeg"}, "RGB", 4),
    ("grey.tif", Image.fromarray(GREY), {}, "L", 0),
    ("la.tif", Image.fromarray(RGBA).convert("LA"), {}, "LA", 0),
    ("rgba.tif", Image.fromarray(RGBA), {}, "RGBA", 0),
    ("palette.tif", Image.fromarray(RGB).quantize(50), {}, "RGB", 0),
    ("fax.tif", Image.fromarray(RGB).convert("1"), {"compression": "group4"}, "L", 0),
    ("rgb.bmp", Image.fromarray(RGB), {}, "RGB", 0),
    ("grey.bmp", Image.fromarray(GREY), {}, "L", 0),
    ("palette.bmp", Image.fromarray(RGB).quantize(50), {}, "RGB", 0),
    ("bilevel.bmp", Image.fromarray(RGB).convert("1"), {}, "L", 0),
    ("rgb.gif", Image.fromarray(RGB), {}, "RGB", 0),
    ("transparent.gif", Image.fromarray(np.dstack([RGB, (X > 9) * np.uint8(255)])), {}, "RGBA", 0),
    ("rgb.avif", Image.fromarray(RGB), {"quality": 90, "subsampling": "4:4:4"}, "RGB", 3),
    ("rgba.avif", Image.fromarray(RGBA), {"quality": 90, "subsampling": "4:4:4"}, "RGBA", 3),
]


@pytest.mark.parametrize(("name", "image", "options", "mode", "tolerance"), CASES, ids=[case[0] for case in CASES])
def test_reads_what_pillow_reads(tmp_path, name, image, options, mode, tolerance):
    path = tmp_path / name
    image.save(path, **options)
    picture = read(path)
    expected = by_pillow(path, mode)
    assert picture.pixels.dtype == np.uint8
    assert picture.pixels.shape == expected.shape
    assert picture.pixels.flags.c_contiguous
    visible = expected[..., -1:] > 0 if mode.endswith("A") else True
    assert (np.abs(picture.pixels - expected) * visible).max() <= tolerance
    assert picture.format == SUFFIXES[path.suffix]
    assert (picture.icc, picture.exif, picture.xmp, picture.durations) == (None, None, None, ())


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_grey_of_few_bits_reaches_white(tmp_path, bits):
    path = stored(tmp_path / "few.png", png(bytes([0, 0b00011011]), 8 // bits, 1, bits, 0))
    levels = [(0b00011011 >> at) & (2**bits - 1) for at in range(8 - bits, -1, -bits)]
    assert read(path).pixels.ravel().tolist() == [level * 255 // (2**bits - 1) for level in levels]


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png_of_16_bits(tmp_path, channels):
    pixels = np.dstack([WIDE, WIDE[..., 1]])[..., :channels]
    picture = read(stored(tmp_path / "deep.png", png16(pixels)))
    assert picture.pixels.dtype == np.uint16
    assert (picture.pixels == pixels).all()


TIFFS = [
    {"compression": None},
    {"compression": "deflate", "predictor": True},
    {"byteorder": ">"},
    {"bigtiff": True},
    {"bigtiff": True, "byteorder": ">"},
    {"tile": (16, 16)},
    {"planarconfig": "separate"},
]


@pytest.mark.parametrize("options", TIFFS, ids=str)
@pytest.mark.parametrize("channels", [1, 3])
def test_tiff_of_16_bits(tmp_path, options, channels):
    channels = 3 if "planarconfig" in options else channels  # one channel has no planes
    pixels = WIDE if channels == 3 else WIDE[..., 0]
    stack = np.moveaxis(pixels, -1, 0) if "planarconfig" in options else pixels
    kind = "rgb" if channels == 3 else "minisblack"
    tifffile.imwrite(tmp_path / "deep.tif", stack, photometric=kind, metadata=None, **options)
    picture = read(tmp_path / "deep.tif")
    assert picture.pixels.dtype == np.uint16
    assert (picture.pixels == pixels.reshape(45, 70, channels)).all()


def test_tiff_where_white_is_zero(tmp_path):
    tifffile.imwrite(tmp_path / "x.tif", 255 - GREY, photometric="miniswhite")
    assert (read(tmp_path / "x.tif").pixels[..., 0] == GREY).all()


def test_multiplied_alpha_is_divided_out(tmp_path):
    alpha = np.full_like(GREY, 100)
    tifffile.imwrite(
        tmp_path / "x.tif",
        np.dstack([RGB * 0.392157, alpha]).astype(np.uint8),
        photometric="rgb",
        extrasamples=["assocalpha"],
    )
    pixels = read(tmp_path / "x.tif").pixels
    assert np.abs(pixels[..., :3].astype(int) - RGB).max() <= 3
    assert (pixels[..., 3] == 100).all()


@pytest.mark.parametrize("bits", [10, 12])
def test_avif_of_many_bits_fills_16(tmp_path, bits):
    """Lossless, so that the levels are known: level * 65535 / (2^bits - 1)."""
    levels = np.linspace(0, 2**bits - 1, 64).astype(np.uint16)
    image = pyvips.Image.new_from_array(np.tile((levels << (16 - bits))[None, :, None], (64, 1, 3)))
    image.copy(interpretation="rgb16").heifsave(
        str(tmp_path / "x.avif"), compression="av1", bitdepth=bits, lossless=True
    )
    pixels = read(tmp_path / "x.avif").pixels
    assert pixels.dtype == np.uint16
    assert np.abs(pixels[0, :, 0] - levels * (65535 / (2**bits - 1))).max() <= 0.5
    assert (pixels[0, 0, 0], pixels[0, -1, 0]) == (0, 65535)


def test_cmyk_without_a_profile(tmp_path):
    inks = np.zeros((4, 8, 4), np.uint8)
    inks[:, 4:, 3] = 255
    image = Image.frombytes("CMYK", (8, 4), inks.tobytes())
    for name in ("x.jpg", "x.tif"):
        image.save(tmp_path / name, **({"quality": 100} if name == "x.jpg" else {}))
        picture = read(tmp_path / name)
        assert picture.pixels.shape == (4, 8, 3)
        assert picture.pixels[0, 0].min() >= 250
        assert picture.pixels[0, -1].max() <= 60
        assert picture.icc is None


@pytest.mark.parametrize("deep", [False, True])
def test_cmyk_goes_through_its_profile(tmp_path, deep):
    profile = bytes(pyvips.Operation.call("profile_load", "cmyk"))
    inks = np.dstack([RGB, GREY // 4])
    image = Image.frombytes("CMYK", (70, 45), inks.tobytes())
    if deep:
        tag = (34675, 7, len(profile), profile, True)
        wide = inks.astype(np.uint16) * 257
        tifffile.imwrite(tmp_path / "x.tif", wide, photometric="separated", extratags=[tag], metadata=None)
    else:
        image.save(tmp_path / "x.tif", icc_profile=profile)
    expected = ImageCms.profileToProfile(
        image,
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        outputMode="RGB",
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    picture = read(tmp_path / "x.tif")
    assert picture.pixels.dtype == (np.uint16 if deep else np.uint8)
    off = np.abs(picture.pixels / (257 if deep else 1) - np.asarray(expected))
    assert off.mean() < 1
    assert off.max() < 8
    assert picture.icc is None


@pytest.mark.parametrize("name", ["x.gif", "x.webp"])
@pytest.mark.parametrize(("loop", "plays"), [(0, 0), (3, None), (None, 1)])
def test_animation(tmp_path, name, loop, plays):
    frames = [Image.fromarray(np.roll(RGB, 9 * i, axis=1)).quantize(40).convert("RGB") for i in range(4)]
    options = {} if loop is None else {"loop": loop}
    if name == "x.webp":
        options["lossless"] = True
        plays = 0 if loop is None else loop  # Pillow's default is for ever
    elif plays is None:
        plays = loop + 1  # GIF counts the repetitions after the first time
    durations = (100, 50, 200, 30)
    frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], duration=durations, **options)
    picture = read(tmp_path / name)
    assert picture.durations == durations
    assert picture.loops == plays
    assert len(picture.pages) == 4
    for index, page in enumerate(picture.pages):
        assert (page == by_pillow(tmp_path / name, "RGB", index)).all()
    with pytest.raises(PictureError, match="4 pages"):
        _ = picture.pixels


def test_animation_that_is_transparent(tmp_path):
    frames = [Image.fromarray(np.roll(RGBA, 9 * i, axis=1)) for i in range(3)]
    frames[0].save(tmp_path / "x.webp", save_all=True, append_images=frames[1:], lossless=True, exact=True)
    pages = read(tmp_path / "x.webp").pages
    assert [page.shape for page in pages] == [(45, 70, 4)] * 3
    for page, frame in zip(pages, frames, strict=True):
        assert np.abs((page.astype(int) - np.asarray(frame)) * (page[..., 3:] > 0)).max() == 0


def test_pages_of_a_tiff(tmp_path):
    pages = [np.roll(WIDE, i, axis=0) for i in range(3)]
    tifffile.imwrite(tmp_path / "x.tif", np.stack(pages), photometric="rgb")
    picture = read(tmp_path / "x.tif")
    assert len(picture.pages) == 3
    assert all((page == expected).all() for page, expected in zip(picture.pages, pages, strict=True))
    assert picture.durations == ()


def test_thumbnails_in_a_tiff_are_left_out(tmp_path):
    with tifffile.TiffWriter(tmp_path / "x.tif") as file:
        file.write(RGB, photometric="rgb")
        file.write(RGB[::4, ::4], photometric="rgb", subfiletype=1)
    assert (read(tmp_path / "x.tif").pixels == RGB).all()


@pytest.mark.parametrize("second", [RGB[::2], GREY, WIDE], ids=["size", "channels", "depth"])
def test_unequal_pages_are_refused(tmp_path, second):
    with tifffile.TiffWriter(tmp_path / "x.tif") as file:
        file.write(RGB, photometric="rgb")
        file.write(second, photometric="rgb" if second.ndim == 3 else "minisblack")
    with pytest.raises(PictureError, match="pages differ"):
        read(tmp_path / "x.tif")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["x.jpg", "x.png", "x.webp", "x.tif", "x.avif"])
def test_orientation(tmp_path, name, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"x.webp": {"lossless": True}, "x.avif": {"subsampling": "4:4:4"}}.get(name, {})
    Image.fromarray(RGB).save(tmp_path / name, exif=exif, quality=95, **options)
    pixels = read(tmp_path / name).pixels
    assert pixels.shape[:2] == ((70, 45) if orientation > 4 else (45, 70))
    assert np.abs(pixels - by_pillow(tmp_path / name, "RGB")).max() <= 4


@pytest.mark.parametrize(
    ("name", "options", "lossy"),
    [
        ("x.jpg", {}, True),
        ("x.png", {}, False),
        ("x.webp", {"quality": 80}, True),
        ("x.webp", {"lossless": True}, False),
        ("x.webp", {"quality": 80, "save_all": True, "append_images": [Image.fromarray(RGB[::-1])]}, True),
        ("x.webp", {"lossless": True, "save_all": True, "append_images": [Image.fromarray(RGB[::-1])]}, False),
        ("x.webp", {"lossless": True, "exif": b"Exif\0\0II*\0\x08\0\0\0\0\0"}, False),
        ("x.tif", {}, False),
        ("x.tif", {"compression": "jpeg"}, True),
        ("x.bmp", {}, False),
        ("x.gif", {}, False),
        ("x.avif", {}, True),
    ],
)
def test_knows_what_lost_detail(tmp_path, name, options, lossy):
    Image.fromarray(RGB).save(tmp_path / name, **options)
    assert read(tmp_path / name).lossy is lossy


def test_content_decides_not_the_suffix(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "x.png")
    (tmp_path / "x.png").rename(tmp_path / "x.jpg")
    assert read(tmp_path / "x.jpg").format == "png"
    (tmp_path / "x.jpg").rename(tmp_path / "no suffix")
    assert (read(tmp_path / "no suffix").pixels == RGB).all()


@pytest.mark.parametrize(
    "name", ["photo.jpg[1]", "a[page=3].jpg", "  ü 日本 .jpg", "-rf.jpg", "50% off.jpg", "a\nb.jpg"]
)
def test_odd_names(tmp_path, name):
    Image.fromarray(RGB).save(tmp_path / name, "JPEG")
    assert read(str(tmp_path / name)).pixels.shape == (45, 70, 3)


@pytest.mark.parametrize(
    ("pixels", "what"),
    [(RGB.astype(np.float32) / 255, "float"), (GREY.astype(np.int16), "short"), (GREY.astype(np.uint32), "uint")],
)
def test_other_samples_are_refused(tmp_path, pixels, what):
    tifffile.imwrite(tmp_path / "x.tif", pixels, photometric="rgb" if pixels.ndim == 3 else "minisblack")
    with pytest.raises(PictureError, match=f"type {what}.*16-bit"):
        read(tmp_path / "x.tif")


def test_more_than_four_channels_are_refused(tmp_path):
    tifffile.imwrite(tmp_path / "x.tif", np.dstack([RGBA, GREY]), photometric="rgb")
    with pytest.raises(PictureError, match="5 channels"):
        read(tmp_path / "x.tif")


def test_the_position_of_one_pixel(tmp_path):
    for size in ((1, 1), (1, 5), (5, 1)):
        Image.new("L", size, 77).save(tmp_path / "x.png")
        assert read(tmp_path / "x.png").pixels.shape == (size[1], size[0], 1)


def test_suffixes():
    assert {name for row in FORMATS.values() for name in row.suffixes} == set(SUFFIXES)
    assert format_of_suffix("A/b.c/Photo.JPEG") == "jpeg"
    assert is_picture_name("x/Photo.TIFF")
    assert is_picture_name(Path("a.avif"))
    assert not is_picture_name(".hidden.png")
    assert not is_picture_name("notes.txt")
    assert not is_picture_name("png")
    for name, word in (("x.heic", "heic"), ("x", "no file extension")):
        with pytest.raises(PictureError, match=word):
            format_of_suffix(name)


def test_real_photos(data_dir):
    folder = data_dir / "hires"
    photos = sorted(folder.glob("*.jpg"))
    if not photos:
        pytest.skip(f"no photos in {folder}")
    picture = read(photos[0])
    with Image.open(photos[0]) as image:
        assert picture.icc == image.info["icc_profile"]
        expected = np.asarray(image.convert("RGB"))[::16, ::16].astype(int)
    assert np.abs(picture.pixels[::16, ::16] - expected).mean() < 1
