"""The quality of a JPEG from its tables: against libjpeg by Pillow, and on headers made by hand."""

import io
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, JpegPresets

from elansr.images import Structure, inspect, read
from elansr.images.jpeg_tables import TABLES, quality_of, tables_in

NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (24, 40, 3), dtype=np.uint8))
ZIGZAG = (
    "0 1 8 16 9 2 3 10 17 24 32 25 18 11 4 5 12 19 26 33 40 48 41 34 27 20 13 6 7 14 21 28 "
    "35 42 49 56 57 50 43 36 29 22 15 23 30 37 44 51 58 59 52 45 38 31 39 46 53 60 61 54 47 55 62 63"
)
"""Figure A.6 of ITU-T T.81: where in the rows of a block the steps of a file belong."""


def jpeg(**options: object) -> bytes:
    file = io.BytesIO()
    NOISE.save(file, "JPEG", **options)
    return file.getvalue()


def segment(marker: int, content: bytes) -> bytes:
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(content) + 2) + content


def frame(*tables: int) -> bytes:
    """A frame header of 16x16 pixels whose components use these tables."""
    components = b"".join(bytes([number + 1, 0x11, table]) for number, table in enumerate(tables))
    return segment(0xC0, struct.pack(">BHHB", 8, 16, 16, len(tables)) + components)


def steps(quality: int, number: int = 0, kind: str = "u1") -> bytes:
    """A table of libjpeg's luma as it stands in a DQT segment."""
    order = [int(at) for at in ZIGZAG.split()]
    values = TABLES[quality - 1, 0].reshape(-1)[order].astype(f">{kind}")
    return bytes([number | (0x10 if kind == "u2" else 0)]) + values.tobytes()


def quality(*parts: bytes) -> int | None:
    return inspect("jpeg", io.BytesIO(b"\xff\xd8" + b"".join(parts))).quality


@pytest.mark.parametrize("wanted", range(1, 101))
def test_libjpegs_own_tables(wanted: int) -> None:
    data = jpeg(quality=wanted)
    tables = Image.open(io.BytesIO(data)).quantization
    for number in (0, 1):
        np.testing.assert_array_equal(TABLES[wanted - 1, number].reshape(-1), tables[number])
    assert inspect("jpeg", io.BytesIO(data)) == Structure(lossy=True, quality=wanted)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0, "exif": b"Exif\0\0" + bytes(500)}])
def test_what_a_picture_says(mode: str, options: dict[str, object], tmp_path: Path) -> None:
    NOISE.convert(mode).save(tmp_path / "a.jpg", quality=83, **options)
    picture = read(tmp_path / "a.jpg")
    assert (picture.lossy, picture.quality) == (True, 83)
    assert picture.with_pages(picture.pages).quality == 83


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.tif", "a.bmp", "a.gif"])
def test_other_formats_have_none(name: str, tmp_path: Path) -> None:
    NOISE.save(tmp_path / name)
    assert read(tmp_path / name).quality is None


def test_a_jpeg_in_a_tiff_has_none(tmp_path: Path) -> None:
    NOISE.save(tmp_path / "a.tif", compression="jpeg")
    picture = read(tmp_path / "a.tif")
    assert (picture.lossy, picture.quality) == (True, None)


@pytest.mark.parametrize("wanted", [20, 50, 75, 85, 95])
def test_a_table_a_little_off_is_of_the_same_quality(wanted: int) -> None:
    table = TABLES[wanted - 1, 0].astype(float)
    table[3, 4] += 1
    assert quality_of(table) == wanted


def test_a_flat_table() -> None:
    """All steps the mean ratio of which to libjpeg's is nearest to 1, by a loop over all of them."""
    expected = min(range(100), key=lambda q: abs(np.log(sum(4 / step for step in TABLES[q, 0].flat) / 64)))
    assert quality_of(np.full((8, 8), 4.0)) == expected + 1 == 94


def test_tables_of_photoshop_come_in_their_order() -> None:
    """Pillow's copies of "Save for Web": low, medium, high, very high, maximum."""
    names = ("web_low", "web_medium", "web_high", "web_very_high", "web_maximum")
    found = [inspect("jpeg", io.BytesIO(jpeg(quality=name))).quality for name in names]
    assert found == sorted(set(found))
    assert set(names) <= JpegPresets.presets.keys()
    assert found[0] < 70
    assert found[-1] > 95


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([segment(0xDB, steps(80)), frame(0)], 80),
        ([frame(0), segment(0xDB, steps(80))], 80),
        ([segment(0xDB, steps(60, 1) + steps(80, 0)), frame(0, 1, 1)], 80),
        ([segment(0xDB, steps(60, 1) + steps(80, 0)), frame(1, 0, 0)], 60),
        ([segment(0xDB, steps(60)), segment(0xDB, steps(80)), frame(0)], 80),
        ([segment(0xDB, steps(80, 2, "u2")), frame(2)], 80),
        ([b"\xff" * 5, segment(0xDB, steps(80)), b"\xff" * 3, frame(0)], 80),
        ([b"\xff\x01", segment(0xE1, segment(0xDB, steps(10))), segment(0xDB, steps(80)), frame(0)], 80),
        ([segment(0xDB, steps(80)), frame(0), segment(0xDA, b""), segment(0xDB, steps(10))], 80),
        ([segment(0xDB, steps(80)), frame(1)], None),
        ([segment(0xDB, steps(80))], None),
        ([segment(0xDB, steps(80)[:-1]), frame(0)], None),
        ([segment(0xDB, steps(80, 0, "u2")[:-1]), frame(0)], None),
        ([segment(0xDB, steps(80, 0, "u2")[:-2]), frame(0)], None),
        ([segment(0xDB, steps(80) + b"\x01"), frame(0)], 80),
        ([segment(0xDB, b""), frame(0)], None),
        ([segment(0xDB, steps(80)), frame()[:-2]], None),
        ([b"\xff\xdb\0\0", frame(0)], None),
        ([b"no marker", frame(0)], None),
        ([], None),
        ([b"\xff" * 10_000_000], None),
    ],
)
def test_headers_made_by_hand(parts: Sequence[bytes], expected: int | None) -> None:
    assert quality(*parts) == expected


def test_zeros_do_no_harm() -> None:
    assert 1 <= quality_of(np.zeros((8, 8))) <= 100
    assert tables_in(b"\x00" + bytes(64))[0].shape == (8, 8)
