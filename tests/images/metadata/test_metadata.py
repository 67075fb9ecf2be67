"""Colour profile, EXIF, XMP and resolution on their way from file to file, read by Pillow and tifffile."""

import io
import struct
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import pyvips
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageCms

from elansr.images import Picture, read, write
from elansr.images.metadata import exif
from elansr.images.metadata.geometry import Change
from elansr.images.tags import Field, TagFile, TagLayout, encode_directory

Y, X = np.mgrid[0:40, 0:64]
RGB = np.stack([X * 4, Y * 6, (X + Y) % 256], -1).astype(np.uint8)
GREY = RGB[..., :1]
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
WIDE = bytes(pyvips.Operation.call("profile_load", "p3"))  # Display P3
HOLD_METADATA = ["x.jpg", "x.png", "x.webp", "x.tif", "x.avif"]
XMP = (
    b'<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF'
    b' xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""'
    b' xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="%d" xmlns:dc="http://purl.org/dc/elements/1.1/"'
    b' dc:format="J\xc3\xbcrgen"/></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)


def grey_profile() -> bytes:
    """A linear grey profile, written by hand after ICC.1:2010."""
    curve = b"curv" + bytes(8)
    white = b"XYZ " + bytes(4) + struct.pack(">iii", 63190, 65536, 54061)
    text = b"desc" + bytes(4) + struct.pack(">I", 5) + b"grey\0" + bytes(78)
    copy = b"text" + bytes(4) + b"CC0\0"
    parts, table, at = b"", b"", 128 + 4 + 12 * 4
    for name, data in ((b"kTRC", curve), (b"wtpt", white), (b"desc", text), (b"cprt", copy)):
        data += bytes(-len(data) % 4)
        table += name + struct.pack(">II", at + len(parts), len(data))
        parts += data
    header = struct.pack(
        ">I4sI4s4s4s12s4s", at + len(parts), b"lcms", 0x02100000, b"mntr", b"GRAY", b"XYZ ", bytes(12), b"acsp"
    )
    header = header.ljust(68, b"\0") + struct.pack(">iii", 63190, 65536, 54061)
    return header.ljust(128, b"\0") + struct.pack(">I", 4) + table + parts


def camera(orientation: int = 6, order: str = "<") -> bytes:
    """An EXIF block as a camera writes it, byte for byte, with a thumbnail in a second directory."""
    mark = b"II" if order == "<" else b"MM"

    def entry(tag: int, kind: int, count: int, value: bytes) -> bytes:
        return struct.pack(order + "HHI", tag, kind, count) + value.ljust(4, b"\0")

    def word(number: int) -> bytes:
        return struct.pack(order + "I", number)

    def half(number: int) -> bytes:
        return struct.pack(order + "H", number)

    data_at, photo_at, gps_at, thumb_at = 100, 200, 300, 400
    first = (
        half(6)
        + entry(0x010F, 2, 6, word(data_at))
        + entry(0x0110, 2, 4, b"X-1\0")
        + entry(0x0112, 3, 1, half(orientation))
    )
    first += (
        entry(0x0132, 2, 20, word(data_at + 6))
        + entry(0x8769, 4, 1, word(photo_at))
        + entry(0x8825, 4, 1, word(gps_at))
    )
    first += word(thumb_at)
    data = b"Kamera"[:5] + b"\0" + b"2024:05:06 07:08:09\0"
    photo = half(5) + entry(0x829A, 5, 1, word(photo_at + 80)) + entry(0x8827, 3, 1, half(400))
    photo += (
        entry(0xA002, 3, 1, half(64))
        + entry(0xA003, 4, 1, word(40))
        + entry(0xA434, 2, 12, word(photo_at + 66))
        + word(0)
    )
    photo = photo.ljust(66, b"\0") + b"EF 50mm 1.8\0"
    photo = photo.ljust(80, b"\0") + word(1) + word(125)
    gps = half(2) + entry(1, 2, 2, b"N\0") + entry(2, 5, 3, word(gps_at + 30)) + word(0)
    gps = gps.ljust(30, b"\0") + b"".join(word(number) for number in (48, 1, 8, 1, 25, 2))
    thumb = half(2) + entry(0x0201, 4, 1, word(450)) + entry(0x0202, 4, 1, word(4)) + word(0)
    block = mark + half(42) + word(8) + first
    for at, part in ((data_at, data), (photo_at, photo), (gps_at, gps), (thumb_at, thumb), (450, b"\xff\xd8\xff\xd9")):
        block = block.ljust(at, b"\0") + part
    return b"Exif\0\0" + block


def told(path: Path) -> dict[str, object]:
    """What Pillow finds in a file."""
    with Image.open(path) as image:
        tags = image.getexif()
        photo, gps = tags.get_ifd(0x8769), tags.get_ifd(0x8825)
        return {
            "make": tags.get(0x010F),
            "model": tags.get(0x0110),
            "date": tags.get(0x0132),
            "orientation": tags.get(0x0112, 1),
            "exposure": float(photo.get(0x829A, 0)),
            "iso": photo.get(0x8827),
            "lens": photo.get(0xA434),
            "size": (photo.get(0xA002), photo.get(0xA003)),
            "latitude": tuple(float(part) for part in gps.get(2, ())),
            "thumbnail": bool(tags.get_ifd(ExifTags.IFD.IFD1)),
        }


def camera_told(width: int, height: int) -> dict[str, object]:
    return {
        "make": "Kamer",
        "model": "X-1",
        "date": "2024:05:06 07:08:09",
        "orientation": 1,
        "exposure": 0.008,
        "iso": 400,
        "lens": "EF 50mm 1.8",
        "size": (width, height),
        "latitude": (48.0, 8.0, 12.5),
        "thumbnail": False,
    }


def test_the_handmade_block_is_one():
    with Image.open(io.BytesIO(_jpeg_with(camera()))) as image:
        assert image.getexif().get(0x0112) == 6
        assert image.getexif().get_ifd(ExifTags.IFD.IFD1)


def _jpeg_with(block: bytes) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(RGB).save(stream, "JPEG", exif=block)
    return stream.getvalue()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("name", HOLD_METADATA)
def test_exif_of_a_photo_goes_along(tmp_path, name, order):
    """From JPEG into each format, twice as large and upright, and from there into PNG."""
    (tmp_path / "photo.jpg").write_bytes(_jpeg_with(camera(6, order)))
    picture = read(tmp_path / "photo.jpg")
    assert picture.pixels.shape == (64, 40, 3)
    larger = picture.with_pages([picture.pixels.repeat(2, axis=0).repeat(2, axis=1)])
    write(larger, tmp_path / name)
    assert told(tmp_path / name) == camera_told(80, 128)
    again = read(tmp_path / name)
    assert again.pixels.shape == (128, 80, 3)
    write(again, tmp_path / "again.png")
    assert told(tmp_path / "again.png") == camera_told(80, 128)


@pytest.mark.parametrize("name", ["x.jpg", "x.png", "x.webp", "x.avif"])
def test_exif_is_read_from_each_format(tmp_path, name):
    Image.fromarray(RGB).save(tmp_path / name, exif=camera(1))
    picture = read(tmp_path / name)
    write(picture, tmp_path / "out.jpg")
    assert told(tmp_path / "out.jpg") == camera_told(64, 40)


@pytest.mark.parametrize("options", [{}, {"byteorder": ">"}, {"bigtiff": True}])
def test_exif_is_read_from_tiff(tmp_path, options):
    tifffile.imwrite(
        tmp_path / "x.tif",
        RGB,
        photometric="rgb",
        metadata=None,
        software="Darkroom",
        datetime="2024:05:06 07:08:09",
        extratags=[(271, "s", 0, "Kamer", True), (33432, "s", 0, "me", True)],
        **options,
    )
    write(read(tmp_path / "x.tif"), tmp_path / "out.jpg")
    with Image.open(tmp_path / "out.jpg") as image:
        tags = image.getexif()
        assert [tags[tag] for tag in (0x010F, 0x0131, 0x0132, 0x8298)] == [
            "Kamer",
            "Darkroom",
            "2024:05:06 07:08:09",
            "me",
        ]


def test_exif_in_tiff_leaves_every_page_whole(tmp_path):
    pages = (RGB, RGB[::-1].copy(), RGB[:, ::-1].copy())
    write(Picture(pages, exif=camera(1), icc=SRGB), tmp_path / "x.tif")
    with tifffile.TiffFile(tmp_path / "x.tif") as file:
        assert [(page.asarray() == pixels).all() for page, pixels in zip(file.pages, pages, strict=True)] == [True] * 3
        assert file.pages[0].tags["ExifTag"].value["ISOSpeedRatings"] == 400
        assert file.pages[0].tags["GPSTag"].value["GPSLatitude"] == (48, 1, 8, 1, 25, 2)
    assert len(read(tmp_path / "x.tif").pages) == 3


@pytest.mark.parametrize("name", HOLD_METADATA)
def test_no_exif_is_invented(tmp_path, name):
    write(Picture((RGB,)), tmp_path / name)
    with Image.open(tmp_path / name) as image:
        assert "exif" not in image.info
    assert read(tmp_path / name).exif is None


@pytest.mark.parametrize(
    "block", [b"", b"Exif\0\0", b"Exif\0\0garbage", camera()[:20], camera()[:250], b"Exif\0\0II*\0\xff\xff\xff\xff"]
)
def test_damaged_exif_does_no_harm(tmp_path, block):
    """It is dropped, or what is left of it carried on; the pixels count."""
    (tmp_path / "x.jpg").write_bytes(_jpeg_with(block))
    picture = read(tmp_path / "x.jpg")
    assert picture.pixels.size == RGB.size
    for name in HOLD_METADATA:
        write(Picture((RGB,), exif=block or None), tmp_path / f"out{name}")
        assert read(tmp_path / f"out{name}").pixels.shape == RGB.shape


def test_directories_that_lead_in_circles_end():
    block = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<HHHIII", 1, 0x8769, 4, 1, 8, 8)
    assert exif.adapted(block, Change((1, 1), (1, 1)))[0]


_VALUES = st.one_of(
    st.binary(min_size=1, max_size=40).map(lambda data: Field(7, len(data), data)),
    st.integers(0, 2**16 - 1).map(Field.short),
    st.integers(0, 2**32 - 1).map(Field.long),
    st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=5).map(
        lambda numbers: Field(
            5, len(numbers), struct.pack(f"<{2 * len(numbers)}I", *[n for n in numbers for _ in "ab"])
        )
    ),
)
_TAGS = st.integers(1, 0x7FFF)


@given(
    fields=st.dictionaries(_TAGS, _VALUES, max_size=6),
    photo=st.dictionaries(_TAGS, _VALUES, min_size=1, max_size=4),
    order=st.sampled_from("<>"),
    big=st.booleans(),
)
def test_directories_come_back(fields, photo, order, big):
    layout = TagLayout(order, big)
    directory = {**fields, 0x8769: photo}
    mark = {"<": b"II", ">": b"MM"}[order]
    header = mark + struct.pack(order + ("HHHQ" if big else "HI"), *((43, 8, 0, 16) if big else (42, 8)))
    file = TagFile(io.BytesIO(header + encode_directory(directory, len(header), layout)))
    assert file.layout == layout
    assert file.directory(file.first(), {0x8769: {}}) == (directory, 0)


@pytest.mark.parametrize("name", HOLD_METADATA)
@pytest.mark.parametrize("profile", [SRGB, WIDE], ids=["sRGB", "P3"])
@pytest.mark.parametrize("channels", [3, 4])
def test_the_profile_stays_byte_for_byte_and_the_pixels_stay_theirs(tmp_path, name, profile, channels):
    pixels = np.dstack([RGB, GREY | 1])[..., :channels]
    write(Picture((pixels,), icc=profile), tmp_path / name)
    with Image.open(tmp_path / name) as image:
        assert image.info["icc_profile"] == profile
    picture = read(tmp_path / name)
    assert picture.icc == profile
    if name in ("x.png", "x.tif"):
        assert (picture.pixels == pixels).all()


@pytest.mark.parametrize("name", ["x.jpg", "x.png", "x.tif"])
def test_a_grey_profile_stays_with_grey(tmp_path, name):
    profile = grey_profile()
    write(Picture((GREY,), icc=profile), tmp_path / name)
    with Image.open(tmp_path / name) as image:
        assert image.mode == "L"
        assert image.info["icc_profile"] == profile
    assert read(tmp_path / name).icc == profile


@pytest.mark.parametrize("name", ["x.webp", "x.avif", "x.gif"])
def test_grey_of_a_profile_becomes_srgb_where_grey_cannot_stay(tmp_path, name):
    """Linear grey 55 is sRGB 128: 255 * (1.055 * (55 / 255)^(1 / 2.4) - 0.055)."""
    write(Picture((np.full((8, 8, 1), 55, np.uint8),), icc=grey_profile()), tmp_path / name)
    with Image.open(tmp_path / name) as image:
        assert "icc_profile" not in image.info
        assert np.abs(np.asarray(image.convert("RGB")).astype(int) - 128).max() <= 3


@pytest.mark.parametrize("name", HOLD_METADATA)
def test_a_profile_for_other_channels_is_dropped(tmp_path, name):
    if name not in ("x.webp", "x.avif"):  # grey becomes RGB there
        write(Picture((GREY,), icc=SRGB), tmp_path / name)
    write(Picture((RGB,), icc=grey_profile()), tmp_path / f"rgb{name}")
    write(Picture((RGB,), icc=b"no profile at all"), tmp_path / f"none{name}")
    for path in tmp_path.iterdir():
        with Image.open(path) as image:
            assert "icc_profile" not in image.info


@pytest.mark.parametrize("depth", [8, 16])
def test_wide_colours_are_converted_where_no_profile_fits(tmp_path, depth):
    pixels = RGB if depth == 8 else RGB.astype(np.uint16) * 257
    write(Picture((pixels,), icc=WIDE), tmp_path / "x.bmp")
    expected = ImageCms.profileToProfile(
        Image.fromarray(RGB),
        ImageCms.ImageCmsProfile(io.BytesIO(WIDE)),
        ImageCms.createProfile("sRGB"),
        renderingIntent=1,
    )
    with Image.open(tmp_path / "x.bmp") as image:
        assert np.abs(np.asarray(image).astype(int) - np.asarray(expected)).max() <= 2
    write(Picture((RGB,), icc=SRGB), tmp_path / "same.bmp")
    with Image.open(tmp_path / "same.bmp") as image:
        assert np.abs(np.asarray(image).astype(int) - RGB).max() <= 1


@pytest.mark.parametrize("name", HOLD_METADATA)
def test_xmp(tmp_path, name):
    write(Picture((RGB,), xmp=XMP % 1), tmp_path / name)
    assert read(tmp_path / name).xmp == XMP % 1
    with Image.open(tmp_path / name) as image:
        stored = image.info["XML:com.adobe.xmp"].encode() if name == "x.png" else image.info["xmp"]
        assert stored == XMP % 1


def test_xmp_says_upright_too(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "x.webp", xmp=XMP % 8)
    packet = read(tmp_path / "x.webp").xmp
    assert packet is not None
    about = ET.fromstring(packet)[0][0].attrib
    assert about["{http://ns.adobe.com/tiff/1.0/}Orientation"] == "1"
    assert about["{http://purl.org/dc/elements/1.1/}format"] == "J\u00fcrgen"


@pytest.mark.parametrize("name", [*HOLD_METADATA, "x.bmp"])
@pytest.mark.parametrize("dpi", [None, (72.0, 72.0), (300.0, 300.0), (96.0, 150.0)])
@pytest.mark.parametrize("exif", [None, camera(1)], ids=["bare", "exif"])
def test_resolution(tmp_path, name, dpi, exif):
    write(Picture((RGB,), dpi=dpi, exif=exif), tmp_path / name)
    assert read(tmp_path / name).dpi == dpi
    if name not in ("x.webp", "x.avif"):
        with Image.open(tmp_path / name) as image:
            told = image.info.get("dpi")
        if dpi is None:
            assert told in (None, (1, 1), (0, 0), (72, 72))  # Pillow takes EXIF without a resolution for 72
            return
        assert told[0] == pytest.approx(dpi[0], abs=0.02)
        assert told[1] == pytest.approx(dpi[1], abs=0.02)


def test_resolution_in_centimetres(tmp_path):
    tifffile.imwrite(tmp_path / "x.tif", RGB, photometric="rgb", resolution=(100, 100), resolutionunit="CENTIMETER")
    assert read(tmp_path / "x.tif").dpi == (254.0, 254.0)


@pytest.mark.parametrize("name", ["x.png", "x.gif", "x.bmp", "x.webp", "x.tif"])
def test_a_file_that_tells_nothing(tmp_path, name):
    Image.fromarray(RGB).save(tmp_path / name)
    picture = read(tmp_path / name)
    assert (picture.icc, picture.exif, picture.xmp) == (None, None, None)
    assert picture.dpi == ((96.0, 96.0) if name == "x.bmp" else None)  # Pillow writes 96 into every BMP


def test_an_animation_keeps_its_metadata(tmp_path):
    film = Picture((RGB, RGB[::-1].copy()), durations=(50, 60), icc=WIDE, exif=camera(1), xmp=XMP % 1)
    write(film, tmp_path / "x.webp", quality=100)
    back = read(tmp_path / "x.webp")
    assert (back.icc, back.xmp, back.durations) == (WIDE, XMP % 1, (50, 60))
    assert told(tmp_path / "x.webp")["make"] == "Kamer"
    assert all((page == pixels).all() for page, pixels in zip(back.pages, film.pages, strict=True))
