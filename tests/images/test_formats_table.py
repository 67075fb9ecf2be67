"""Every cell of the table in docs/formats.md: a file that has the thing, upscaled, and read by exiftool or Pillow.

A row of the table is a `Row` here. Pixels are repeated, not upscaled: no network is needed to see what goes with them.
"""

import io
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from elansr.images import FormatName, losses, read, write

PAGE = Path(__file__).resolve().parents[2] / "docs" / "formats.md"
SUFFIX: dict[str, str] = {"JPEG": "jpg", "PNG": "png", "WebP": "webp", "AVIF": "avif", "TIFF": "tif", "GIF": "gif"}
KEPT, MADE_TRUE, DROPPED = "kept", "made true", "dropped, said so"
HEIGHT, WIDTH, SCALE = 12, 16, 2

Tags = dict[str, Any]
"""What `exiftool -j -G1 -n` says about a file: {"PNG:Title": "..."}."""


@dataclass(frozen=True)
class Row:
    """A row of the table.

    Attributes:
        sources: by format, the bytes of a file that has the thing; a column without one takes the first.
        found: what a result has of it; None if nothing. The arguments are the file and exiftool's tags.
        kept, true: what `found` is to return in cells that say so.
    """

    sources: dict[str, Callable[[], bytes]]
    found: Callable[[Path, Tags], object]
    kept: object = None
    true: object = None

    def source(self, column: str) -> tuple[str, bytes]:
        """The format and the bytes of the file for a column."""
        name = column if column in self.sources else next(iter(self.sources))
        return name, self.sources[name]()


def saved(name: str, **options: Any) -> bytes:
    """A small smooth picture, as Pillow writes it."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    file = io.BytesIO()
    pixels = np.stack([x * 10 + 60, y * 10 + 60, (x + y) * 5 + 60], -1).astype(np.uint8)
    Image.fromarray(pixels).save(file, name, **options)
    return file.getvalue()


def with_option(names: str, **options: Any) -> dict[str, Callable[[], bytes]]:
    return {name: lambda name=name: saved(name, **options) for name in names.split()}


# --- the rows ---

P3 = bytes(pyvips.Operation.call("profile_load", "p3"))
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" dc:format="plain"/></rdf:RDF>'
    b"</x:xmpmeta>"
)


def exif(tag: int, value: object) -> bytes:
    block = Image.Exif()
    block[tag] = value
    return block.tobytes()


def profile(path: Path, _: Tags) -> object:
    with Image.open(path) as image:
        return image.info.get("icc_profile")


def size(path: Path, tags: Tags) -> object:
    """Width, height, and an orientation other than upright."""
    with Image.open(path) as image:
        return *image.size, tags.get("IFD0:Orientation", 1)


def tag(name: str) -> Callable[[Path, Tags], object]:
    return lambda _, tags: tags.get(name)


def xmp_sources() -> dict[str, Callable[[], bytes]]:
    text = PngInfo()
    text.add_itxt("XML:com.adobe.xmp", XMP.decode())
    png = {"PNG": lambda: saved("PNG", pnginfo=text), "TIFF": lambda: saved("TIFF", tiffinfo={700: XMP})}
    return with_option("JPEG WebP AVIF", xmp=XMP) | png


HOLD_EXIF = "JPEG PNG WebP AVIF TIFF"
ROWS = {
    "ICC profile": Row(with_option(HOLD_EXIF, icc_profile=P3), profile, P3, None),
    "Orientation": Row(
        with_option("JPEG PNG WebP TIFF", exif=exif(0x0112, 6)), size, true=(HEIGHT * SCALE, WIDTH * SCALE, 1)
    ),
    "EXIF": Row(with_option(HOLD_EXIF, exif=exif(0x013B, "A. Painter")), tag("IFD0:Artist"), "A. Painter"),
    "XMP": Row(xmp_sources(), tag("XMP-dc:Format"), "plain"),
}


# --- the table and its cells ---


def table() -> dict[tuple[str, str], str]:
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    head, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {(name, column): cell for name, *cells in rows for column, cell in zip(head[1:], cells, strict=True)}


TABLE = table()
CELLS = [(row, column) for row, column in TABLE if column in SUFFIX]


def kind_of(column: str) -> FormatName:
    return column.lower()  # type: ignore[return-value]


def file_name(row: str, column: str) -> str:
    return f"{re.sub('[^a-z0-9]+', '-', row.lower())}.{SUFFIX[column]}"


def notes_on(data: bytes, column: str) -> set[str]:
    picture = read(data)
    return {*picture.notes, *losses(picture, kind_of(column))}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Tags]]:
    """The results of all cells and what exiftool, which starts slowly, says about them in one go."""
    if not shutil.which("exiftool"):
        pytest.skip("needs exiftool (Debian: libimage-exiftool-perl)")
    folder = tmp_path_factory.mktemp("cells")
    for row, column in CELLS:
        picture = read(ROWS[row].source(column)[1])
        larger = [page.repeat(SCALE, axis=0).repeat(SCALE, axis=1) for page in picture.pages]
        write(picture.with_pages(larger), folder / file_name(row, column))
    command = ["exiftool", "-j", "-G1", "-n", "-b", "-a", "-r", str(folder)]
    found = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return {Path(tags["SourceFile"]).name: (Path(tags["SourceFile"]), tags) for tags in found}


def test_every_row_is_made() -> None:
    assert list(dict.fromkeys(row for row, _ in TABLE)) == list(ROWS)
    assert set(TABLE.values()) <= {KEPT, MADE_TRUE, DROPPED}


@pytest.mark.parametrize(("row", "column"), CELLS)
def test_a_cell(row: str, column: str, results: dict[str, tuple[Path, Tags]]) -> None:
    given, data = ROWS[row].source(column)
    new_notes = notes_on(data, column) - notes_on(saved(given), column)
    found, cell = ROWS[row].found(*results[file_name(row, column)]), TABLE[row, column]
    expected = {KEPT: ROWS[row].kept, MADE_TRUE: ROWS[row].true, DROPPED: None}[cell]
    assert found == expected
    assert cell == MADE_TRUE or bool(new_notes) == (cell == DROPPED), new_notes
