"""Every cell of the table in docs/formats.md: a file that has the thing, upscaled, and read by exiftool or Pillow.

A row of the table is a `Row` here. Pixels are repeated, not upscaled: no network is needed to see what goes with them.
"""

import hashlib
import io
import json
import re
import shutil
import struct
import subprocess
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips
import tifffile
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from elansr.images import FormatName, losses, read, write

PAGE = Path(__file__).resolve().parents[2] / "docs" / "formats.md"
SUFFIX: dict[str, str] = {"JPEG": "jpg", "PNG": "png", "WebP": "webp", "AVIF": "avif", "TIFF": "tif", "GIF": "gif"}
KEPT, ADJUSTED, DROPPED = "kept", "adjusted", "dropped"
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


def saved(name: str, colour: tuple[int, int, int] | None = None, **options: Any) -> bytes:
    """A small smooth picture, or one of a colour, as Pillow writes it."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    file = io.BytesIO()
    pixels = np.stack([x * 10 + 60, y * 10 + 60, (x + y) * 5 + 60], -1).astype(np.uint8)
    if colour:
        pixels[:] = colour
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


def srgb_of(rgb: tuple[int, int, int], to_light: Callable[[Any], Any], to_xyz: list[list[float]]) -> Any:
    """What a colour is in sRGB, 0-255; matrices of H.273's primaries as SMPTE RP 177 makes them."""
    light = (np.linalg.inv(BT709) @ np.array(to_xyz) @ to_light(np.array(rgb) / 255)).clip(0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055) * 255


def shows(expected: Any, path: Path) -> str:
    """What Little CMS makes of the middle pixel for an sRGB screen, against what is meant."""
    with Image.open(path) as image:
        icc, pixels = image.info.get("icc_profile"), image.convert("RGB")
    if icc:
        own = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        pixels = ImageCms.profileToProfile(pixels, own, ImageCms.createProfile("sRGB"), renderingIntent=1)
    off = np.abs(np.array(pixels.getpixel((WIDTH, HEIGHT))) - expected).max()
    return AS_MEANT if off <= 4 else f"off by {off:.0f}"


def in_h273(primaries: int, transfer: int, colour: tuple[int, int, int], expected: Any) -> Row:
    """A row for files that tell their colours by numbers of H.273."""
    numbers = bytes([primaries, transfer])

    def avif() -> bytes:
        data = bytearray(saved("AVIF", colour=colour))
        at = data.index(b"nclx") + 4
        data[at : at + 4] = bytes([0, primaries, 0, transfer])
        return bytes(data)

    def found(path: Path, tags: Tags) -> object:
        if path.suffix == ".avif":
            return tags["QuickTime:ColorPrimaries"], tags["QuickTime:TransferCharacteristics"]
        at = (data := path.read_bytes()).find(b"cICP") + 4
        return (data[at], data[at + 1]) if at > 3 else shows(expected, path)

    sources = {"PNG": lambda: png_with((b"cICP", numbers + b"\0\1"), colour=colour), "AVIF": avif}
    return Row(sources, found, (primaries, transfer), AS_MEANT)


def png_with(*chunks: tuple[bytes, bytes], colour: tuple[int, int, int] | None = None) -> bytes:
    data = saved("PNG", colour=colour)
    parts = (struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks)
    return data[:33] + b"".join(parts) + data[33:]


def in_png(key: str, kept: object, expected: Any, *chunks: tuple[bytes, bytes]) -> Row:
    """A row for what only PNG says of colours; `key` is Pillow's name for it."""

    def found(path: Path, _: Tags) -> object:
        with Image.open(path) as image:
            return image.info[key] if key in image.info else shows(expected, path)

    return Row({"PNG": lambda: png_with(*chunks, colour=STRONG)}, found, kept, AS_MEANT)


def tag(name: str) -> Callable[[Path, Tags], object]:
    return lambda _, tags: tags.get(name)


def xmp_sources() -> dict[str, Callable[[], bytes]]:
    text = PngInfo()
    text.add_itxt("XML:com.adobe.xmp", XMP.decode())
    png = {"PNG": lambda: saved("PNG", pnginfo=text), "TIFF": lambda: saved("TIFF", tiffinfo={700: XMP})}
    return with_option("JPEG WebP AVIF", xmp=XMP) | png


STRONG, PAPER = (200, 60, 60), (120, 95, 90)
AS_MEANT = "the colour that is meant"
BT709 = [[0.412391, 0.357584, 0.180481], [0.212639, 0.715169, 0.072192], [0.019331, 0.119195, 0.950532]]
DISPLAY_P3 = [[0.486571, 0.265668, 0.198217], [0.228975, 0.691739, 0.079287], [0.0, 0.045113, 1.043944]]
BT2020 = [[0.636958, 0.144617, 0.168881], [0.262700, 0.677998, 0.059302], [0.0, 0.028073, 1.060985]]
ADOBE = [[0.576669, 0.185558, 0.188229], [0.297345, 0.627364, 0.075291], [0.027031, 0.070689, 0.991338]]
ADOBE_PLACES = (0.3127, 0.329, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)


def pq_as_paper(value: Any) -> Any:
    """BT.2100 PQ -> light, of which 203 cd/m2 is 1 (BT.2408); nothing of it shines enough to be compressed."""
    power = value ** (32 / 2523)
    return (np.maximum(power - 3424 / 4096, 0) / (2413 / 128 - 2392 / 128 * power)) ** (8192 / 1305) * 10_000 / 203


def srgb_to_light(value: Any) -> Any:
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


SPACES = (
    'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:MP="http://ns.microsoft.com/photo/1.2/" '
    'xmlns:MPRI="http://ns.microsoft.com/photo/1.2/t/RegionInfo#" '
    'xmlns:MPReg="http://ns.microsoft.com/photo/1.2/t/Region#" tiff:ImageWidth="16"'
)
REGION = (
    '<MP:RegionInfo rdf:parseType="Resource"><MPRI:Regions><rdf:Bag>'
    '<rdf:li MPReg:Rectangle="0.25, 0.5, 0.125, 0.25"/></rdf:Bag></MPRI:Regions></MP:RegionInfo>'
)
DEPTH = 'xmlns:GDepth="http://ns.google.com/photos/1.0/depthmap/" GDepth:Format="RangeLinear"'
LONG = "otter " * 12_000


def xmp(attributes: str, body: str = "") -> bytes:
    return XMP.replace(b'dc:format="plain"/>', f"{attributes}>{body}</rdf:Description>".encode())


def xmp_sizes(_: Path, tags: Tags) -> object:
    """The width, and how far a region is from the left."""
    return tags.get("XMP-tiff:ImageWidth"), float(tags["XMP-MP:RegionRectangle"].split(",")[0])


def extended_xmp() -> bytes:
    """A packet of more than 64 KiB, as XMP part 3, 1.1.3.1 has it."""
    body = xmp('xmlns:a="http://example.org/"', f"<a:long>{LONG}</a:long>")
    name = hashlib.md5(body, usedforsecurity=False).hexdigest().upper()
    main = xmp(f'xmlns:xmpNote="http://ns.adobe.com/xmp/note/" xmpNote:HasExtendedXMP="{name}"')
    found = [b"http://ns.adobe.com/xap/1.0/\0" + main]
    for at in range(0, len(body), 60_000):
        head = b"http://ns.adobe.com/xmp/extension/\0" + name.encode() + struct.pack(">II", len(body), at)
        found.append(head + body[at : at + 60_000])
    return jpeg_with(*((0xE1, data) for data in found))


def jpeg_with(*segments: tuple[int, bytes]) -> bytes:
    data = saved("JPEG")
    parts = (bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content for marker, content in segments)
    return data[:2] + b"".join(parts) + data[2:]


IPTC = b"\x1c\2\x78\0\x08An otter"


def iptc_in_jpeg() -> bytes:
    resources = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(IPTC)) + IPTC + b"\0"
    return jpeg_with((0xED, b"Photoshop 3.0\0" + resources))


def with_subject() -> bytes:
    block = Image.Exif()
    block[0x8769] = {0xA002: WIDTH, 0x9214: (4, 6)}
    return saved("JPEG", exif=block.tobytes())


def exif_sizes(_: Path, tags: Tags) -> object:
    """The width, and the subject."""
    found = tags.get("ExifIFD:ExifImageWidth"), tags.get("ExifIFD:SubjectArea")
    return None if found == (None, None) else (found[0], [int(part) for part in str(found[1]).split()])


def with_maker_note() -> bytes:
    """Sony's, whose one value stands behind it at an offset into the block."""

    note = b"SONY DSC \0\0\0" + struct.pack("<HHHIII", 1, 0xB020, 2, 16, 56 + 30, 0) + b"Standard".ljust(16, b"\0")
    first = struct.pack("<HHHI4sHHIII", 2, 0x010F, 2, 4, b"SON\0", 0x8769, 4, 1, 38, 0)
    photo = struct.pack("<HHHIII", 1, 0x927C, 7, len(note), 56, 0)
    return b"Exif\0\0II*\0\x08\0\0\0" + first + photo + note


def comment(path: Path, _: Tags) -> object:
    with Image.open(path) as image:
        found = image.info.get("comment") or image.info.get("Comment")
    return found.decode() if isinstance(found, bytes) else found


def with_text(keyword: str) -> bytes:
    text = PngInfo()
    text.add_text(keyword, "an otter")
    return saved("PNG", pnginfo=text)


def parameters(_: Path, tags: Tags) -> object:
    return tags.get("PNG:Parameters", tags.get("ExifIFD:UserComment"))


def author(_: Path, tags: Tags) -> object:
    return tags.get("PNG:Author", tags.get("IFD0:Artist"))


def resolution(_: Path, tags: Tags) -> object:
    """Dots per inch."""
    for name, per_inch in (("JFIF:XResolution", 1), ("PNG-pHYs:PixelsPerUnitX", 0.0254)):
        if name in tags:
            return round(tags[name] * per_inch)
    unit = {2: 1, 3: 2.54}.get(tags.get("IFD0:ResolutionUnit", 0))
    return round(tags["IFD0:XResolution"] * unit) if unit else None


def tiff(**options: Any) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, np.zeros((HEIGHT, WIDTH), np.uint8), **options)
    return file.getvalue()


def imagej() -> bytes:
    return tiff(imagej=True, resolution=(5, 5), metadata={"unit": "um"})


def of_imagej(_: Path, tags: Tags) -> object:
    return tags.get("IFD0:XResolution") if tags.get("IFD0:ResolutionUnit") == 1 else None


def geotiff() -> bytes:
    scale, ties = (33550, "d", 3, (0.5, 0.5, 0.0), True), (33922, "d", 6, (0, 0, 0, 1.0, 2.0, 0), True)
    return tiff(metadata=None, extratags=[scale, ties])


def behind(data: bytes) -> Row:
    """A row for what lies behind the picture of a JPEG."""

    def found(path: Path, _: Tags) -> object:
        return True if data[-100:] in path.read_bytes() else None

    return Row({"JPEG": lambda: saved("JPEG") + data}, found)


HOLD_EXIF = "JPEG PNG WebP AVIF TIFF"
ROWS = {
    "ICC profile": Row(with_option(HOLD_EXIF, icc_profile=P3), profile, P3, None),
    "AVIF nclx, PNG cICP": in_h273(12, 13, STRONG, srgb_of(STRONG, srgb_to_light, DISPLAY_P3)),
    "HDR: PQ, HLG": in_h273(9, 16, PAPER, srgb_of(PAPER, pq_as_paper, BT2020)),
    "Light levels of HDR (cLLI, mDCV)": Row(
        {"PNG": lambda: png_with((b"cLLI", bytes(8)))}, lambda path, _: b"cLLI" in path.read_bytes() or None
    ),
    "PNG gAMA, cHRM": in_png(
        "chromaticity",
        ADOBE_PLACES,
        srgb_of(STRONG, lambda value: value**2.2, ADOBE),
        (b"gAMA", struct.pack(">I", 45455)),
        (b"cHRM", struct.pack(">8I", *(round(place * 100_000) for place in ADOBE_PLACES))),
    ),
    "PNG sRGB": in_png("srgb", 1, np.array(STRONG), (b"sRGB", b"\1")),
    "Orientation": Row(
        with_option("JPEG PNG WebP TIFF", exif=exif(0x0112, 6)), size, true=(HEIGHT * SCALE, WIDTH * SCALE, 1)
    ),
    "EXIF": Row(with_option(HOLD_EXIF, exif=exif(0x013B, "A. Painter")), tag("IFD0:Artist"), "A. Painter"),
    "Sizes and subject area in EXIF": Row({"JPEG": with_subject}, exif_sizes, true=(2 * WIDTH, [8, 12])),
    "Maker note": Row({"JPEG": lambda: saved("JPEG", exif=with_maker_note())}, tag("Sony:CreativeStyle"), "Standard"),
    "XMP": Row(xmp_sources(), tag("XMP-dc:Format"), "plain"),
    "Sizes and regions in XMP": Row(
        {"JPEG": lambda: saved("JPEG", xmp=xmp(SPACES, REGION))}, xmp_sizes, true=(2 * WIDTH, 0.25)
    ),
    "Extended XMP": Row({"JPEG": extended_xmp}, tag("XMP-a:Long"), LONG),
    "IPTC": Row(
        {"JPEG": iptc_in_jpeg, "TIFF": lambda: saved("TIFF", tiffinfo={33723: IPTC})},
        tag("IPTC:Caption-Abstract"),
        "An otter",
    ),
    "Comment": Row(
        {"JPEG": lambda: saved("JPEG", comment=b"by me"), "GIF": lambda: saved("GIF", comment=b"by me")},
        comment,
        "by me",
    ),
    "Text of a PNG: parameters": Row({"PNG": lambda: with_text("parameters")}, parameters, "an otter"),
    "Text of a PNG: description, author, software, copyright": Row(
        {"PNG": lambda: with_text("Author")}, author, "an otter"
    ),
    "Text of a PNG: any other": Row({"PNG": lambda: with_text("workflow")}, tag("PNG:Workflow"), "an otter"),
    "Resolution": Row({"JPEG": lambda: saved("JPEG", dpi=(300, 300))}, resolution, 300),
    "Pixels that are not square": Row(
        {"PNG": lambda: png_with((b"pHYs", struct.pack(">IIB", 2, 1, 0)))}, tag("PNG-pHYs:PixelsPerUnitX")
    ),
    "Resolution of ImageJ, sizes of OME": Row({"TIFF": imagej}, of_imagej, true=10),
    "Page names": Row({"TIFF": lambda: saved("TIFF", tiffinfo={285: "cover"})}, tag("IFD0:PageName"), "cover"),
    "GeoTIFF": Row({"TIFF": geotiff}, tag("IFD0:PixelScale"), true="0.25 0.25 0"),
    "Gain map": behind(saved("JPEG", xmp=xmp('xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1"'))),
    "Depth map": Row({"JPEG": lambda: saved("JPEG", xmp=xmp(DEPTH))}, tag("XMP-GDepth:Format")),
    "Motion video": behind(b"\0\0\0\x18ftypmp42" + bytes(range(200))),
    "Other pictures in the file": behind(saved("JPEG")),
    "Photoshop paths, copyright mark, web address": Row(
        {"JPEG": lambda: jpeg_with((0xED, b"Photoshop 3.0\0" + b"8BIM\x04\x0a\0\0\0\0\0\1\1\0"))},
        tag("Photoshop:CopyrightFlag"),
    ),
    "Content credentials": Row({"PNG": lambda: png_with((b"caBX", b"c2pa"))}, tag("JUMBF:JUMDLabel")),
}


# --- the table and its cells ---


def table() -> dict[tuple[str, str], str]:
    metadata = PAGE.read_text(encoding="utf-8").partition("\n## Metadata\n")[2].partition("\n## Videos\n")[0]
    lines = [line for line in metadata.splitlines() if line.startswith("| ")]
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
    assert set(TABLE.values()) <= {KEPT, ADJUSTED, DROPPED}


@pytest.mark.parametrize(("row", "column"), CELLS)
def test_a_cell(row: str, column: str, results: dict[str, tuple[Path, Tags]]) -> None:
    given, data = ROWS[row].source(column)
    new_notes = notes_on(data, column) - notes_on(saved(given), column)
    found, cell = ROWS[row].found(*results[file_name(row, column)]), TABLE[row, column]
    expected = {KEPT: ROWS[row].kept, ADJUSTED: ROWS[row].true, DROPPED: None}[cell]
    assert found == expected
    assert cell == ADJUSTED or bool(new_notes) == (cell == DROPPED), new_notes
