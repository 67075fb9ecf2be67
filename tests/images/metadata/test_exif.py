"""EXIF goes with the pixels; blocks are made by hand after EXIF 3.0 and read by ExifTool and Pillow."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from elansr.images import Picture, losses, read, write
from elansr.images.metadata import exif
from elansr.images.metadata.geometry import Change

RGB = np.full((30, 40, 3), 90, np.uint8)
STANDARD, LANDSCAPE = b"Standard".ljust(16, b"\0"), b"Landscape".ljust(16, b"\0")
HOLD_EXIF = ["x.jpg", "x.png", "x.webp", "x.avif", "x.tif"]

Entry = tuple[int, int, int, bytes]
"""Tag, type, number of values, and their bytes."""


def directory(entries: list[Entry], at: int, order: str) -> bytes:
    table, tail = b"", b""
    start = at + 2 + 12 * len(entries) + 4
    for tag, kind, count, value in sorted(entries):
        place = value.ljust(4, b"\0")
        if len(value) > 4:
            place = struct.pack(order + "I", start + len(tail))
            tail += value + b"\0" * (len(value) % 2)
        table += struct.pack(order + "HHI", tag, kind, count) + place
    return struct.pack(order + "H", len(entries)) + table + bytes(4) + tail


def block(first: list[Entry], photo: list[Entry], order: str = "<") -> bytes:
    """An EXIF block of a first and an EXIF directory."""
    pointer: Entry = (0x8769, 4, 1, bytes(4))
    at = 8 + len(directory([*first, pointer], 8, order))
    pointer = (0x8769, 4, 1, struct.pack(order + "I", at))
    mark = b"II*\0" if order == "<" else b"MM\0*"
    head = mark + struct.pack(order + "I", 8)
    return b"Exif\0\0" + head + directory([*first, pointer], 8, order) + directory(photo, at, order)


def sony(at: int, order: str) -> bytes:
    """A maker note of which two values stand behind its directory, at offsets that count from the block's header."""
    values = at + 12 + 2 + 2 * 12 + 4
    entries = struct.pack(order + "HHII", 0xB020, 2, 16, values)
    entries += struct.pack(order + "HHII", 0x2009, 2, 16, values + 16)
    return b"SONY DSC \0\0\0" + struct.pack(order + "H", 2) + entries + bytes(4) + STANDARD + LANDSCAPE


def camera(order: str = "<", shift: int = 0) -> bytes:
    """A block with Sony's note, whose offsets are `shift` too large."""
    first: list[Entry] = [(0x010F, 2, 5, b"SONY\0"), (0x0110, 2, 10, b"DSLR-A900\0")]

    def with_note(note: bytes) -> bytes:
        return block(first, [(0x9003, 2, 20, b"2020:01:02 03:04:05\0"), (0x927C, 7, len(note), note)], order)

    at = with_note(sony(0, order)).index(b"SONY DSC") - 6
    return with_note(sony(at + shift, order))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("name", HOLD_EXIF)
def test_a_maker_note_keeps_what_its_offsets_point_to(tmp_path: Path, exiftool, name: str, order: str) -> None:
    """In a TIFF, where its place is taken, it is left out and named."""
    Image.fromarray(RGB).save(tmp_path / "source.jpg", exif=camera(order))
    assert exiftool(tmp_path / "source.jpg")["Sony:CreativeStyle"] == "Standard"
    picture = read(tmp_path / "source.jpg")
    larger = picture.with_pages([picture.pixels.repeat(2, 0).repeat(2, 1)])
    write(larger, tmp_path / name)
    tags = exiftool(tmp_path / name)
    assert tags["ExifIFD:DateTimeOriginal"] == "2020:01:02 03:04:05"
    assert tags.get("Sony:CreativeStyle") == (None if name == "x.tif" else "Standard")
    assert ("maker note dropped" in losses(larger, read(tmp_path / name).format)) == (name == "x.tif")
    assert [tag for tag in tags if "Warning" in tag] == []


def test_a_maker_note_that_points_elsewhere_is_dropped_and_named(tmp_path: Path, exiftool) -> None:
    now, notes = exif.adapted(camera(shift=4000), Change((40, 30), (40, 30)))
    assert notes == ("maker note dropped",)
    write(Picture((RGB,), exif=now), tmp_path / "x.jpg")
    assert not [tag for tag in exiftool(tmp_path / "x.jpg") if tag.startswith("Sony")]


def test_a_maker_note_of_its_own_offsets_goes_into_a_tiff(tmp_path: Path, exiftool) -> None:
    """Apple's count from the note's start: here its version, and an identifier that stands behind the directory."""
    note = b"Apple iOS\0\0\1MM" + struct.pack(">H", 2) + struct.pack(">HHII", 1, 9, 1, 14)
    note += struct.pack(">HHII", 0x11, 2, 37, 14 + 2 + 24 + 4) + bytes(4) + b"01234567-89AB-CDEF-0123-456789ABCDEF\0"
    given = block([(0x010F, 2, 6, b"Apple\0")], [(0x927C, 7, len(note), note)])
    picture = Picture((RGB,), exif=given)
    write(picture, tmp_path / "x.tif")
    tags = exiftool(tmp_path / "x.tif")  # whose name for the identifier is another one in other versions
    assert "01234567-89AB-CDEF-0123-456789ABCDEF" in [tags[tag] for tag in tags if tag.startswith("Apple:")]
    assert losses(picture, "tiff") == ()


@pytest.mark.parametrize("name", HOLD_EXIF)
def test_text_of_exif_3(tmp_path: Path, exiftool, name: str) -> None:
    """UTF-8, type 129, and the name of the host."""
    text = "J\u00fcrgen".encode() + b"\0"
    given = block(
        [(0x010F, 2, 5, b"SONY\0"), (0x013B, 129, len(text), text), (0x013C, 2, 5, b"host\0")],
        [(0x9000, 7, 4, b"0300")],
    )
    Image.fromarray(RGB).save(tmp_path / "source.jpg", exif=given)
    write(read(tmp_path / "source.jpg"), tmp_path / name)
    assert exiftool(tmp_path / name)["IFD0:HostComputer"] == "host"
    data = (tmp_path / name).read_bytes()
    assert text in data
    kind = 2 if name == "x.tif" else 129  # TIFF has no such type, and ExifTool 12 does not know it
    assert struct.pack("<HHI", 0x013B, kind, len(text)) in data


@pytest.mark.parametrize("name", HOLD_EXIF)
def test_nothing_is_invented(tmp_path: Path, exiftool, name: str) -> None:
    Image.fromarray(RGB).save(
        tmp_path / "source.jpg", exif=block([(0x010F, 2, 5, b"SONY\0")], [(0x8827, 3, 1, b"\x64\0")])
    )
    write(read(tmp_path / "source.jpg"), tmp_path / name)
    tags = exiftool(tmp_path / name)
    assert {tag for tag in tags if tag.startswith("ExifIFD:")} == {"ExifIFD:ISO"}
    if name != "x.tif":
        assert {tag for tag in tags if tag.startswith("IFD0:")} == {"IFD0:Make"}
    assert tags.get("IFD0:ResolutionUnit", 1) == 1
    assert not [tag for tag in tags if tag.startswith("JFIF")]


def short(*numbers: int) -> bytes:
    return struct.pack(f"<{len(numbers)}H", *numbers)


@pytest.mark.parametrize(
    ("numbers", "orientation", "expected"),
    [
        ((10, 6), 1, (20, 12)),
        ((10, 6, 4), 1, (20, 12, 8)),
        ((10, 6, 4, 2), 1, (20, 12, 8, 4)),
        ((10, 6, 4, 2), 3, (60, 48, 8, 4)),
        ((10, 6, 4, 2), 6, (48, 20, 4, 8)),
    ],
)
def test_the_subject_moves_with_the_picture(
    numbers: tuple[int, ...], orientation: int, expected: tuple[int, ...]
) -> None:
    after = (60, 80) if orientation == 6 else (80, 60)
    given = block([], [(0x9214, 3, len(numbers), short(*numbers)), (0xA214, 3, 2, short(*numbers[:2]))])
    now, _ = exif.adapted(given, Change((40, 30), after, orientation))
    photo = photo_of(now)
    assert (photo[0x9214], photo[0xA214]) == (expected, expected[:2])


def test_the_pixels_of_the_sensor_grow_with_the_picture() -> None:
    given = block([], [(0xA20E, 5, 1, struct.pack("<II", 5000, 3)), (0xA20F, 5, 1, struct.pack("<II", 100, 1))])
    now, _ = exif.adapted(given, Change((40, 30), (80, 90)))
    photo = photo_of(now)
    assert [float(photo[tag]) for tag in (0xA20E, 0xA20F)] == pytest.approx([10000 / 3, 300])


def photo_of(given: bytes | None) -> dict[int, object]:
    """The EXIF directory, as Pillow reads it."""
    assert given is not None
    file = io.BytesIO()
    Image.fromarray(RGB).save(file, "JPEG", exif=given)
    with Image.open(file) as image:
        return dict(image.getexif().get_ifd(0x8769))


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "avif", "tif"])
@pytest.mark.parametrize("source", ["jpg", "tif"])
def test_a_resolution_turns_with_the_picture(tmp_path: Path, exiftool, source: str, suffix: str) -> None:
    """Dots that are not square, as scanners and fax machines make them."""
    data = lying(source)
    (tmp_path / f"x.{source}").write_bytes(data)
    picture = read(tmp_path / f"x.{source}")
    assert picture.dpi == (150, 300)
    write(picture, tmp_path / f"out.{suffix}")
    assert read(tmp_path / f"out.{suffix}").dpi == (150, 300)
    tags = exiftool(tmp_path / f"out.{suffix}")
    assert (tags.get("IFD0:XResolution", 150), tags.get("IFD0:YResolution", 300)) == (150, 300)


def lying(source: str) -> bytes:
    """A picture of 300 x 150 dots per inch that lies on its side."""
    file, options = io.BytesIO(), Image.Exif()
    options[0x0112] = 6
    if source == "tif":
        Image.fromarray(RGB).save(file, "TIFF", dpi=(300, 150), tiffinfo={0x0112: 6})
    else:
        options[0x011A], options[0x011B], options[0x0128] = 300.0, 150.0, 2
        Image.fromarray(RGB).save(file, "JPEG", dpi=(300, 150), exif=options.tobytes())
    return file.getvalue()


def test_a_block_too_large_for_jpeg_is_named(tmp_path: Path) -> None:
    text = b"x" * 70_000 + b"\0"
    picture = Picture((RGB,), format="png", exif=block([(0x010E, 2, len(text), text)], []))
    write(picture, tmp_path / "x.png")
    assert len(read(tmp_path / "x.png").exif or b"") > 70_000
    write(picture, tmp_path / "x.jpg")
    assert read(tmp_path / "x.jpg").exif is None
    assert (len(losses(picture, "png")), len(losses(picture, "jpeg"))) == (0, 1)
