"""Texts of PNG files, written and read by Pillow."""

import binascii
import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from elansr.images import Picture, encode, losses, read, write
from elansr.images.metadata import xmp
from elansr.images.metadata.png_texts import Text

RGB = np.arange(3600, dtype=np.uint16).reshape(30, 40, 3).astype(np.uint8)
PARAMETERS = "an otter\nSteps: 20, Seed: 1"


def png(info: PngInfo) -> bytes:
    file = io.BytesIO()
    Image.fromarray(RGB).save(file, "PNG", pnginfo=info)
    return file.getvalue()


def generated() -> bytes:
    info = PngInfo()
    info.add_text("parameters", PARAMETERS)
    info.add_text("workflow", '{"nodes": []}', zip=True)
    info.add_itxt("Title", "Otter \u6f22", lang="de", tkey="Titel")
    info.add_text("Copyright", "me \u00fc")
    return png(info)


def test_texts_stay_as_they_are() -> None:
    with (
        Image.open(io.BytesIO(generated())) as source,
        Image.open(io.BytesIO(encode(read(generated()), "png"))) as image,
    ):
        assert list(image.text.items()) == list(source.text.items())
        assert (image.text["Title"].lang, image.text["Title"].tkey) == ("de", "Titel")


def test_exif_holds_what_it_can(tmp_path: Path, exiftool) -> None:
    picture = read(generated())
    for name in ("x.jpg", "x.webp", "x.avif", "x.tif"):
        write(picture, tmp_path / name)
        tags = exiftool(tmp_path / name)
        assert (tags["ExifIFD:UserComment"], tags["IFD0:Copyright"]) == (PARAMETERS, "me \u00fc")
    assert losses(picture, "jpeg") == ("texts dropped (workflow, Title)",)
    assert losses(picture, "bmp") == ("texts dropped (parameters, workflow, Title, Copyright)",)


def test_a_comment_goes_from_format_to_format(tmp_path: Path) -> None:
    info = PngInfo()
    info.add_text("Comment", "scanned by grandma")
    write(read(png(info)), tmp_path / "x.jpg")
    write(read(tmp_path / "x.jpg"), tmp_path / "x.gif")
    write(read(tmp_path / "x.gif"), tmp_path / "x.png")
    for name in ("x.jpg", "x.gif", "x.png"):
        with Image.open(tmp_path / name) as image:
            found = image.info.get("comment") or image.info["Comment"].encode()
        assert found == b"scanned by grandma"


def raw_profile(kind: str, data: bytes) -> PngInfo:
    """As ImageMagick writes one."""
    digits = binascii.hexlify(data).decode()
    lines = "\n".join(digits[at : at + 72] for at in range(0, len(digits), 72))
    info = PngInfo()
    info.add_text(f"Raw profile type {kind}", f"\n{kind}\n{len(data):8}\n{lines}\n", zip=True)
    return info


def test_exif_in_a_text_is_exif(tmp_path: Path, exiftool) -> None:
    """Its orientation counts, too."""
    block = Image.Exif()
    block[0x0112], block[0x013B] = 6, "A. Painter"
    picture = read(png(raw_profile("exif", block.tobytes())))
    assert (picture.pixels == np.rot90(RGB, -1)).all()
    write(picture, tmp_path / "x.png")
    tags = exiftool(tmp_path / "x.png")
    assert (tags["IFD0:Orientation"], tags["IFD0:Artist"]) == (1, "A. Painter")
    with Image.open(tmp_path / "x.png") as image:
        assert not image.text


@pytest.mark.parametrize("kind", ["iptc", "8bim"])
def test_iptc_in_a_text(kind: str) -> None:
    records = b"\x1c\2\x78\0\x08An otter"
    resources = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(records)) + records + bytes(len(records) % 2)
    assert read(png(raw_profile(kind, resources))).iptc == records
    assert read(encode(Picture((RGB,), iptc=records), "png")).iptc == records


def with_chunk(kind: bytes, data: bytes) -> bytes:
    given = png(PngInfo())
    return (
        given[:33]
        + struct.pack(">I", len(data))
        + kind
        + data
        + struct.pack(">I", zlib.crc32(kind + data))
        + given[33:]
    )


@pytest.mark.parametrize(
    ("kind", "data", "notes"),
    [
        (b"zTXt", b"Title\0\0broken", ("damaged text dropped",)),
        (b"iTXt", b"Title\0", ("damaged text dropped",)),
        (b"iTXt", b"Title\0\0\0\0\0\xff\xfe", ("damaged text dropped",)),
        (b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(b"\nexif\n 4\nzzzz\n"), ("profile 'exif' dropped",)),
        (b"caBX", b"anything", (xmp.CREDENTIALS,)),
        (b"abCd", b"anything", ("chunk abCd dropped",)),
        (b"tIME", bytes(7), ()),
        (b"cLLI", bytes(8), (xmp.LIGHT_LEVELS,)),
        (b"pHYs", struct.pack(">IIB", 2, 1, 0), (xmp.ASPECT_RATIO,)),
    ],
)
def test_what_cannot_be_read_is_named(kind: bytes, data: bytes, notes: tuple[str, ...]) -> None:
    picture = read(with_chunk(kind, data))
    assert (picture.notes, picture.texts) == (notes, ())


def test_a_text_that_would_fill_the_memory_is_dropped() -> None:
    bomb = zlib.compress(bytes(2**26 + 1))
    assert read(with_chunk(b"zTXt", b"Title\0\0" + bomb)).notes == ("damaged text dropped",)


def test_a_note_is_one_line() -> None:
    texts = tuple(Text(f"a\rb\n{number}", "x") for number in range(100))
    [note] = losses(Picture((RGB,), texts=texts), "jpeg")
    assert note.isprintable()
    assert len(note) < 300


def test_a_text_of_other_letters_is_one_of_utf_8() -> None:
    with Image.open(io.BytesIO(encode(Picture((RGB,), texts=(Text("Title", "\u6f22"),)), "png"))) as image:
        assert image.text == {"Title": "\u6f22"}


@pytest.mark.parametrize(("unit", "dpi"), [(0, None), (1, (25.4, 25.4))])
def test_a_ratio_of_sides_is_no_resolution(unit: int, dpi: tuple[float, float] | None) -> None:
    assert read(with_chunk(b"pHYs", struct.pack(">IIB", 1000, 1000, unit))).dpi == dpi
