"""What JPEG files hold beside one picture, read by ExifTool and Pillow; the files are made by hand."""

import base64
import hashlib
import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from elansr.images import Picture, encode, read, write
from elansr.images.metadata import xmp

NOISE = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
XMP_HEAD, EXTENSION_HEAD = b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"


def jpeg(**options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(NOISE).save(file, "JPEG", **options)
    return file.getvalue()


def segment(marker: int, data: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data


def with_segments(*segments: bytes, behind: bytes = b"") -> bytes:
    picture = jpeg()
    return picture[:2] + b"".join(segments) + picture[2:] + behind


def packet(attributes: str, body: str = "") -> bytes:
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" {attributes}>{body}</rdf:Description></rdf:RDF></x:xmpmeta>'
    ).encode()


def record(number: int, text: bytes) -> bytes:
    return b"\x1c\2" + bytes([number]) + struct.pack(">H", len(text)) + text


IPTC = record(120, b"An otter") + record(25, b"otter") + record(25, b"zoo") + record(116, b"me")
DC = 'xmlns:dc="http://purl.org/dc/elements/1.1/"'


@pytest.mark.parametrize("name", ["x.jpg", "x.png", "x.tif"])
def test_iptc(tmp_path: Path, exiftool, name: str) -> None:
    """Behind another of Photoshop's resources, whose name and contents have odd lengths."""
    other = b"8BIM\x04\x25\4name\0" + struct.pack(">I", 1) + b"\1\0"
    resources = other + b"8BIM\x04\x04\0\0" + struct.pack(">I", len(IPTC)) + IPTC
    (tmp_path / "source.jpg").write_bytes(with_segments(segment(0xED, b"Photoshop 3.0\0" + resources)))
    picture = read(tmp_path / "source.jpg")
    assert (picture.iptc, picture.notes) == (IPTC, ())
    write(picture, tmp_path / name)
    tags = exiftool(tmp_path / name)
    assert tags["IPTC:Caption-Abstract"] == "An otter"
    assert tags["IPTC:Keywords"] == ["otter", "zoo"]
    assert read(tmp_path / name).iptc == IPTC


def test_comments_stay_byte_for_byte(tmp_path: Path) -> None:
    comments = (b"scanned by grandma", "gr\u00fc\u00df".encode("latin-1"))
    (tmp_path / "x.jpg").write_bytes(with_segments(*(segment(0xFE, text) for text in comments)))
    picture = read(tmp_path / "x.jpg")
    write(picture, tmp_path / "out.jpg")
    assert (picture.comments, read(tmp_path / "out.jpg").comments) == (comments, comments)
    with Image.open(tmp_path / "out.jpg") as image:
        assert image.info["comment"] == comments[-1]


def extended(body: bytes) -> bytes:
    """Segments of a packet and its extension in two parts, the second first."""
    name = hashlib.md5(body, usedforsecurity=False).hexdigest().upper()
    main = packet(
        f'xmlns:xmpNote="http://ns.adobe.com/xmp/note/" xmpNote:HasExtendedXMP="{name}" {DC} dc:format="main"'
    )
    parts = [(at, body[at : at + 50_000]) for at in (50_000, 0)]
    heads = [EXTENSION_HEAD + name.encode() + struct.pack(">II", len(body), at) for at, _ in parts]
    tail = b"".join(segment(0xE1, head + part) for head, (_, part) in zip(heads, parts, strict=True))
    return segment(0xE1, XMP_HEAD + main) + tail


LONG = base64.b64encode(np.random.default_rng(1).bytes(70_000)).decode()


def test_extended_xmp(tmp_path: Path, exiftool) -> None:
    body = packet('xmlns:a="http://example.org/"', f"<a:long>{LONG}</a:long>")
    (tmp_path / "x.jpg").write_bytes(with_segments(extended(body)))
    assert exiftool(tmp_path / "x.jpg")["XMP-a:Long"] == LONG
    picture = read(tmp_path / "x.jpg")
    assert picture.notes == ()
    for name in ("out.jpg", "out.png", "out.webp", "out.tif", "out.avif"):
        write(picture, tmp_path / name)
        tags = exiftool(tmp_path / name)
        assert (tags["XMP-a:Long"], tags["XMP-dc:Format"]) == (LONG, "main")
    with Image.open(tmp_path / "out.jpg") as image:
        assert b'dc:format="main"' in image.info["xmp"]  # which reads no extensions


def test_an_extension_cut_short_is_named(tmp_path: Path) -> None:
    body = packet('xmlns:a="http://example.org/"', f"<a:long>{LONG}</a:long>")
    picture = read(
        with_segments(extended(body[:-20])).replace(struct.pack(">I", len(body) - 20), struct.pack(">I", len(body)))
    )
    assert len(picture.notes) == 1
    assert picture.xmp is not None
    assert b"HasExtendedXMP" not in picture.xmp


GAIN_MAP = jpeg(xmp=packet('xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0"'))


@pytest.mark.parametrize(
    ("behind", "note"),
    [
        (GAIN_MAP, xmp.GAIN_MAP),
        (b"\0\0\0\x18ftypmp42" + bytes(500), xmp.VIDEO),
        (jpeg(), xmp.PICTURES),
        (b"anything", "8 bytes after the picture dropped"),
        (bytes(2000), None),
    ],
)
def test_what_lies_behind_the_picture_is_named(tmp_path: Path, behind: bytes, note: str | None) -> None:
    data = with_segments(behind=behind)
    (tmp_path / "x.jpg").write_bytes(data)
    for source in (data, tmp_path / "x.jpg"):
        assert read(source).notes == ((note,) if note else ())


def test_a_second_picture_goes_with_what_announces_it(tmp_path: Path, exiftool) -> None:
    Image.fromarray(NOISE).save(tmp_path / "x.mpo", save_all=True, append_images=[Image.fromarray(NOISE[::-1])])
    (tmp_path / "x.mpo").rename(tmp_path / "x.jpg")
    picture = read(tmp_path / "x.jpg")
    assert picture.notes == (xmp.PICTURES,)
    write(picture, tmp_path / "out.jpg")
    assert "MPF0:NumberOfImages" in exiftool(tmp_path / "x.jpg")
    assert not [tag for tag in exiftool(tmp_path / "out.jpg") if tag.startswith("MPF")]


@pytest.mark.parametrize(("kind", "notes"), [(0x010002, ()), (0x020002, (xmp.PICTURES,))])
@pytest.mark.parametrize("order", ["<", ">"])
def test_the_preview_of_a_camera_is_no_loss(kind: int, notes: tuple[str, ...], order: str) -> None:
    """A "large thumbnail" of CIPA DC-007, and the other eye of a stereo pair."""
    entries = struct.pack(order + "IIIHH", 0x030000, 9, 0, 0, 0) + struct.pack(order + "IIIHH", kind, 9, 9, 0, 0)
    index = struct.pack(order + "HI", 42, 8) + struct.pack(order + "HHHIII", 1, 0xB002, 7, len(entries), 26, 0)
    data = with_segments(segment(0xE2, b"MPF\0" + (b"II" if order == "<" else b"MM") + index + entries), behind=jpeg())
    assert read(data).notes == notes


@pytest.mark.parametrize(("marker", "end"), [(0xE1, b"\0"), (0xEE, b"")])
def test_xmp_of_sloppy_writers_is_xmp(marker: int, end: bytes) -> None:
    """As some pictures of Unsplash have it."""
    given = packet('xmlns:dc="http://purl.org/dc/elements/1.1/" dc:format="x"')
    picture = read(with_segments(segment(marker, XMP_HEAD[:-1] + end + given)))
    assert (picture.xmp, picture.notes) == (given, ())


def test_other_segments_are_named() -> None:
    credentials = b"JP\0\1\0\0\0\1" + struct.pack(">I4sI4s", 64, b"jumb", 32, b"jumd") + b"c2pa"
    data = with_segments(segment(0xE1, b"FLIR\0\1\0\0"), segment(0xEB, credentials))
    assert read(data).notes == ("segment APP1 (FLIR) dropped", xmp.CREDENTIALS)


@pytest.mark.parametrize(("sides", "notes"), [((1, 1), ()), ((2, 1), (xmp.ASPECT_RATIO,))])
def test_pixels_that_are_not_square_are_named(sides: tuple[int, int], notes: tuple[str, ...]) -> None:
    data = jpeg()
    at = data.index(b"JFIF") + 7
    assert read(data[:at] + struct.pack(">BHH", 0, *sides) + data[at + 5 :]).notes == notes


@pytest.mark.parametrize(
    ("number", "data", "count"), [(2000, bytes(26), 1), (0x040A, b"\1", 1), (0x040A, b"\0", 0), (0x0425, bytes(16), 0)]
)
def test_what_a_user_made_in_photoshop_is_named(number: int, data: bytes, count: int) -> None:
    resource = b"8BIM" + struct.pack(">HHI", number, 0, len(data)) + data + b"\0" * (len(data) % 2)
    iptc = b"8BIM" + struct.pack(">HHI", 0x0404, 0, 8) + b"\x1c\x02\x50\0\2Jo\0"
    picture = read(with_segments(segment(0xED, b"Photoshop 3.0\0" + resource + iptc)))
    assert (len(picture.notes), picture.iptc) == (count, b"\x1c\x02\x50\0\2Jo")


def test_a_picture_of_one_part_gets_no_note() -> None:
    for options in (
        {},
        {"progressive": True},
        {"dpi": (300, 300), "icc_profile": b"x" * 200},
        {"restart_marker_rows": 1},
    ):
        assert read(jpeg(**options)).notes == ()


@pytest.mark.parametrize("seed", range(20))
def test_damage_in_segments_never_fails_a_picture(seed: int) -> None:
    random = np.random.default_rng(seed)
    body = extended(packet('xmlns:a="http://example.org/"', f"<a:long>{LONG}</a:long>"))
    resources = segment(0xED, b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + struct.pack(">I", len(IPTC)) + IPTC)
    parts = [bytearray(part) for part in (body[:4000], resources)]
    for part in parts:
        for at in random.integers(4, len(part), 20):
            part[at] = random.integers(0, 256)
    first = segment(0xE1, bytes(parts[0][4:]))
    data = with_segments(first, segment(0xED, bytes(parts[1][4:])))
    picture = read(data)
    assert picture.pixels.shape == NOISE.shape
    write_all(picture)


def write_all(picture: Picture) -> None:
    for kind in ("jpeg", "png", "webp", "tiff", "gif"):
        assert read(encode(picture, kind)).pixels.shape[:2] == NOISE.shape[:2]
