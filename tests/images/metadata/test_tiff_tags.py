"""Names, places on earth and sizes of pixels in TIFF files, which tifffile writes and reads."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import tifffile

from elansr.images import Picture, losses, open_picture, read, write, write_rows
from elansr.images.writing import Plane

RGB = np.zeros((30, 40, 3), np.uint8)
SCALE, TIES, MATRIX, KEYS, RPC = 33550, 33922, 34264, 34735, 50844


def larger(picture: Picture, rows: int = 2, columns: int = 2) -> Picture:
    return picture.with_pages([page.repeat(rows, 0).repeat(columns, 1) for page in picture.pages])


def again(
    tmp_path: Path, pixels: np.ndarray = RGB, rows: int = 2, columns: int = 2, **options: Any
) -> tifffile.TiffFile:
    """A file that tifffile writes, larger, as tifffile reads it."""
    tifffile.imwrite(tmp_path / "x.tif", RGB, **{"photometric": "rgb", "metadata": None} | options)
    write(larger(read(tmp_path / "x.tif"), rows, columns), tmp_path / "out.tif", overwrite=True)
    return tifffile.TiffFile(tmp_path / "out.tif")


def geo(kind: int) -> list[tuple[Any, ...]]:
    """The GeoKeys of a raster whose places mean corners (1) or middles (2) of pixels."""
    return [(KEYS, "H", 16, (1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, kind, 3072, 0, 1, 32632), True)]


def on_earth(tags: Any, column: float, row: float) -> tuple[float, float]:
    """Where the corner (column, row) of a pixel lies, after OGC GeoTIFF 1.1, B.6."""
    shift = 0.5 if tags[KEYS].value[11] == 2 else 0.0
    column, row = column - shift, row - shift
    if MATRIX in tags:
        a = np.reshape(tags[MATRIX].value, (4, 4))
        return tuple((a @ [column, row, 0, 1])[:2])
    i, j, _, x, y, _ = tags[TIES].value[:6]
    across, down, _ = tags[SCALE].value
    return x + (column - i) * across, y - (row - j) * down


@pytest.mark.parametrize("kind", [1, 2])
@pytest.mark.parametrize("form", ["scale", "matrix"])
def test_corners_stay_where_they_are_on_earth(tmp_path: Path, form: str, kind: int) -> None:
    tags = geo(kind)
    if form == "scale":
        tags += [(SCALE, "d", 3, (0.5, 0.25, 0.0), True), (TIES, "d", 6, (3, 5, 0, 500000.0, 5400000.0, 0), True)]
    else:
        matrix = (0.3, 0.1, 0, 500000.0, 0.1, -0.3, 0, 5400000.0, 0, 0, 0, 0, 0, 0, 0, 1)
        tags += [(MATRIX, "d", 16, matrix, True)]
    with again(tmp_path, rows=3, extratags=tags) as file, tifffile.TiffFile(tmp_path / "x.tif") as source:
        now, before = file.pages[0].tags, source.pages[0].tags
        assert now[KEYS].value == before[KEYS].value
        for column, row in ((0, 0), (40, 30), (7, 11)):
            expected = on_earth(before, column, row)
            assert on_earth(now, column * 2, row * 3) == pytest.approx(expected, abs=1e-6)


def test_a_camera_model_grows(tmp_path: Path) -> None:
    """RPC00B: two errors, offsets and then scales of line, sample, latitude, longitude and height, polynomials."""
    values = (-1.0, -1.0, 14.5, 19.5, 1.0, 2.0, 3.0, 15.0, 20.0, 0.1, 0.2, 500.0, *[0.0] * 80)
    with again(tmp_path, extratags=[(RPC, "d", 92, values, True)]) as file:
        found = file.pages[0].tags[RPC].value
    assert found == (-1.0, -1.0, 29.5, 39.5, 1.0, 2.0, 3.0, 30.0, 40.0, *values[9:])


def test_names_of_pages(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "x.tif") as file:
        for number, name in enumerate(("cover", "back")):
            tags = [(285, "s", 0, name, True), (297, "H", 2, (number, 2), True)]
            file.write(RGB, photometric="rgb", description=f"the {name}", metadata=None, extratags=tags)
    picture = read(tmp_path / "x.tif")
    assert picture.notes == ()
    write(larger(picture), tmp_path / "out.tif")
    with tifffile.TiffFile(tmp_path / "out.tif") as result:
        assert [page.shape for page in result.pages] == [(60, 80, 3)] * 2
        for number, name in enumerate(("cover", "back")):
            tags = result.pages[number].tags
            assert [tags[tag].value for tag in (285, 297, 270)] == [name, (number, 2), f"the {name}"]
    assert len(losses(picture, "webp")) == 2


def test_imagej(tmp_path: Path) -> None:
    """5 pixels a micron become 10, of both pages."""
    tifffile.imwrite(
        tmp_path / "x.tif", np.zeros((2, 30, 40), np.uint16), imagej=True, resolution=(5, 5), metadata={"unit": "um"}
    )
    picture = read(tmp_path / "x.tif")
    assert picture.dpi is None
    write(larger(picture), tmp_path / "out.tif")
    with tifffile.TiffFile(tmp_path / "out.tif") as file:
        assert file.is_imagej
        assert file.imagej_metadata is not None
        assert file.imagej_metadata["unit"] == "um"
        assert file.series[0].shape == (2, 60, 80)
        for page in file.pages:
            tags = page.aspage().tags
            assert [tags[tag].value for tag in (282, 283, 296)] == [(10, 1), (10, 1), 1]


@pytest.mark.parametrize("unit", [2, 3])
def test_a_resolution_keeps_its_unit(tmp_path: Path, unit: int) -> None:
    with again(tmp_path, resolution=(118, 118), resolutionunit=unit) as file:
        assert [file.pages[0].tags[tag].value for tag in (282, 283, 296)] == [(118, 1), (118, 1), unit]


def test_ome(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "x.ome.tif",
        np.zeros((2, 30, 40), np.uint8),
        ome=True,
        resolution=(20000, 20000),
        resolutionunit="CENTIMETER",
        metadata={"axes": "ZYX", "PhysicalSizeX": 0.5, "PhysicalSizeXUnit": "\u00b5m", "PhysicalSizeY": 0.25},
    )
    write(larger(read(tmp_path / "x.ome.tif")), tmp_path / "out.ome.tif")
    with tifffile.TiffFile(tmp_path / "out.ome.tif") as file:
        assert file.series[0].shape == (2, 60, 80)
        assert file.ome_metadata is not None
        [pixels] = [element for element in ET.fromstring(file.ome_metadata).iter() if element.tag.endswith("}Pixels")]
        names = ("SizeX", "SizeY", "PhysicalSizeX", "PhysicalSizeXUnit", "PhysicalSizeY")
        assert [pixels.get(name) for name in names] == ["80", "60", "0.25", "\u00b5m", "0.125"]
        across = file.pages[0].tags[282].value
        assert across[0] / across[1] * {2: 1 / 2.54, 3: 1}[file.pages[0].tags[296].value] == pytest.approx(40000)


def test_the_shape_that_tifffile_writes(tmp_path: Path) -> None:
    with again(tmp_path, metadata={"lens": 3}) as file:
        assert json.loads(file.pages[0].description) == {"shape": [60, 80, 3], "lens": 3}


def test_a_resolution_without_a_unit_stays_one(tmp_path: Path) -> None:
    with again(tmp_path, resolution=(1, 2), resolutionunit="NONE") as file:
        assert [file.pages[0].tags[tag].value for tag in (282, 283, 296)] == [(1, 1), (2, 1), 1]
    with again(tmp_path, resolution=(300, 300), resolutionunit="NONE") as file:
        assert [file.pages[0].tags[tag].value for tag in (282, 283, 296)] == [(300, 1), (300, 1), 1]


def test_iptc_of_a_tiff(tmp_path: Path, exiftool) -> None:
    records = b"\x1c\2\x78\0\x08An otter"
    with again(tmp_path, extratags=[(33723, "B", len(records), records, True)]):
        assert exiftool(tmp_path / "out.tif")["IPTC:Caption-Abstract"] == "An otter"


def test_what_programs_keep_for_themselves_is_named(tmp_path: Path) -> None:
    tags = [(34412, "B", 4, b"abcd", True), (65000, "B", 4, b"abcd", True)]
    tifffile.imwrite(tmp_path / "x.tif", RGB, photometric="rgb", metadata=None, extratags=tags)
    assert read(tmp_path / "x.tif").notes == ("LSM data dropped", "TIFF tag 65000 dropped")


def test_rows_carry_the_same(tmp_path: Path, exiftool) -> None:
    """The way of pictures that are larger than memory."""
    tags = [*geo(1), (SCALE, "d", 3, (0.5, 0.5, 0.0), True), (TIES, "d", 6, (0, 0, 0, 1.0, 2.0, 0), True)]
    with again(tmp_path, extratags=tags, software="Darkroom"):
        pass
    picture = larger(open_picture(tmp_path / "x.tif").picture)
    (tmp_path / "samples").write_bytes(bytes(60 * 80 * 3))
    planes = [Plane(tmp_path / "samples", 3)]
    for name in ("rows.tif", "rows.jpg", "rows.png"):
        write_rows(planes, picture, tmp_path / name, progress=lambda *_: None)
        write(larger(read(tmp_path / "x.tif")), tmp_path / f"whole-{name}")
        rows, whole = (described(exiftool(tmp_path / file)) for file in (name, f"whole-{name}"))
        assert rows == whole
        assert rows["IFD0:Software"] == "Darkroom"


def described(tags: dict[str, Any]) -> dict[str, Any]:
    """The tags without those of the file itself, and of its pixels."""
    return {tag: value for tag, value in tags.items() if not tag.startswith(("System:", "Source", "IFD0:Strip"))}
