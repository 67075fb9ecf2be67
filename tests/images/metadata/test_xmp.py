"""XMP goes with the pixels, read by ElementTree; places are those that turning the pixels themselves gives."""

from xml.etree import ElementTree as ET

import numpy as np
import pytest

from elansr.images.metadata import xmp
from elansr.images.metadata.geometry import Change

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
SPACES = {
    "rdf": RDF,
    "x": "adobe:ns:meta/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "GPano": "http://ns.google.com/photos/1.0/panorama/",
    "GCamera": "http://ns.google.com/photos/1.0/camera/",
    "GDepth": "http://ns.google.com/photos/1.0/depthmap/",
    "Container": "http://ns.google.com/photos/1.0/container/",
    "Item": "http://ns.google.com/photos/1.0/container/item/",
    "hdrgm": "http://ns.adobe.com/hdr-gain-map/1.0/",
    "mwg-rs": "http://www.metadataworkinggroup.com/schemas/regions/",
    "stDim": "http://ns.adobe.com/xap/1.0/sType/Dimensions#",
    "stArea": "http://ns.adobe.com/xmp/sType/Area#",
    "MPRI": "http://ns.microsoft.com/photo/1.2/t/RegionInfo#",
    "MPReg": "http://ns.microsoft.com/photo/1.2/t/Region#",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
}


def packet(attributes: str = "", body: str = "") -> bytes:
    names = " ".join(f'xmlns:{prefix}="{space}"' for prefix, space in SPACES.items())
    return (
        f'<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta {names}><rdf:RDF>'
        f'<rdf:Description rdf:about="" {attributes}>{body}</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def found(data: bytes | None) -> dict[str, list[str]]:
    """All simple properties, as `prefix:name`."""
    assert data is not None
    prefixes = {space: prefix for prefix, space in SPACES.items()}

    def short(name: str) -> str:
        space, _, local = name[1:].partition("}")
        return f"{prefixes.get(space, space)}:{local}"

    values: dict[str, list[str]] = {}
    for element in ET.fromstring(data).iter():
        for name, value in element.attrib.items():
            values.setdefault(short(name), []).append(value)
        if element.text and element.text.strip():
            values.setdefault(short(element.tag), []).append(element.text.strip())
    return values


def adapted(data: bytes, change: Change) -> dict[str, list[str]]:
    packet_now, notes = xmp.adapted(data, change)
    assert notes == ()
    return found(packet_now)


LARGER = Change((40, 30), (80, 60))


def test_what_needs_no_change_stays_byte_for_byte() -> None:
    data = packet('dc:format="a &amp; b"', "<dc:source>x</dc:source>")
    assert xmp.adapted(data, LARGER) == (data, ())


def test_text_survives_what_changes_beside_it() -> None:
    """Prefixes, line breaks in attributes, CDATA and letters of all kinds."""
    data = packet(
        'tiff:ImageWidth="40" dc:format="1&#10;2&#9;&quot;&lt;\u00fc"', "<dc:source><![CDATA[<&>]]>\u6f22</dc:source>"
    )
    values = adapted(data, LARGER)
    assert (values["tiff:ImageWidth"], values["dc:format"], values["dc:source"]) == (
        ["80"],
        ['1\n2\t"<\u00fc'],
        ["<&>\u6f22"],
    )
    now, _ = xmp.adapted(data, LARGER)
    assert now is not None
    assert b'dc:format="' in now
    assert now.endswith(b'<?xpacket end="w"?>')


@pytest.mark.parametrize("form", ["attributes", "elements"])
def test_sizes(form: str) -> None:
    names = {"tiff:ImageWidth": 40, "tiff:ImageLength": 30, "tiff:Orientation": 6}
    names |= {"exif:PixelXDimension": 40, "exif:PixelYDimension": 30}
    attributes = " ".join(f'{name}="{value}"' for name, value in names.items())
    elements = "".join(f"<{name}>{value}</{name}>" for name, value in names.items())
    data = packet(attributes) if form == "attributes" else packet("", elements)
    values = adapted(data, Change((40, 30), (60, 80), 6))
    assert [values[name] for name in names] == [["60"], ["80"], ["1"], ["60"], ["80"]]


def test_the_size_of_a_panorama() -> None:
    sizes = (
        "FullPanoWidthPixels 100 FullPanoHeightPixels 50 CroppedAreaImageWidthPixels 40 CroppedAreaImageHeightPixels 30"
    )
    words = (sizes + " CroppedAreaLeftPixels 10 CroppedAreaTopPixels 5").split()
    data = packet(" ".join(f'GPano:{name}="{value}"' for name, value in zip(words[::2], words[1::2], strict=True)))
    values = adapted(data, LARGER)
    assert [values[f"GPano:{name}"] for name in words[::2]] == [["200"], ["100"], ["80"], ["60"], ["20"], ["10"]]
    half = adapted(data, Change((40, 30), (40, 30), 3))
    assert [half[f"GPano:CroppedArea{side}Pixels"] for side in ("Left", "Top")] == [["50"], ["15"]]


def turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """As EXIF 3.0 draws it: where row 0 and column 0 of the stored pixels are seen."""
    shown = {
        1: pixels,
        2: np.fliplr(pixels),
        3: np.rot90(pixels, 2),
        4: np.flipud(pixels),
        5: pixels.T,
        6: np.rot90(pixels, -1),
        7: np.rot90(pixels.T, 2),
        8: np.rot90(pixels),
    }
    return shown[orientation]


def box_of(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Left, top, width and height of what is marked."""
    rows, columns = np.nonzero(mask)
    return columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("unit", ["normalized", "pixel"])
def test_regions_turn_and_grow_with_the_picture(orientation: int, unit: str) -> None:
    left, top, width, height = 4, 6, 12, 9
    mask = np.zeros((30, 40), bool)
    mask[top : top + height, left : left + width] = True
    seen = turned(mask, orientation).repeat(2, 0).repeat(2, 1)
    across, down = (40, 30) if unit == "normalized" else (1, 1)
    area = (left + width / 2) / across, (top + height / 2) / down, width / across, height / down
    areas = " ".join(f'stArea:{name}="{value}"' for name, value in zip("xywh", area, strict=True))
    name = "relative" if unit == "normalized" else "pixel"
    boundary = zip(
        ("rbX", "rbY", "rbW", "rbH"), (left / across, top / down, width / across, height / down), strict=True
    )
    data = packet(
        "",
        '<mwg-rs:Regions rdf:parseType="Resource">'
        '<mwg-rs:AppliedToDimensions stDim:w="40" stDim:h="30" stDim:unit="pixel"/>'
        f'<mwg-rs:RegionList><rdf:Bag><rdf:li rdf:parseType="Resource"><mwg-rs:Area {areas} stArea:unit="{unit}"/>'
        "<mwg-rs:Name>Ada</mwg-rs:Name></rdf:li></rdf:Bag></mwg-rs:RegionList></mwg-rs:Regions>"
        '<Iptc4xmpExt:ImageRegion><rdf:Bag><rdf:li rdf:parseType="Resource">'
        '<Iptc4xmpExt:RegionBoundary rdf:parseType="Resource">'
        f"<Iptc4xmpExt:rbUnit>{name}</Iptc4xmpExt:rbUnit>"
        + "".join(f"<Iptc4xmpExt:{name}>{value}</Iptc4xmpExt:{name}>" for name, value in boundary)
        + "</Iptc4xmpExt:RegionBoundary></rdf:li></rdf:Bag></Iptc4xmpExt:ImageRegion>"
        f'<MPRI:Regions><rdf:Bag><rdf:li MPReg:Rectangle="{left / 40}, {top / 30}, {width / 40}, {height / 30}"/>'
        "</rdf:Bag></MPRI:Regions>",
    )
    after = (seen.shape[1], seen.shape[0])
    values = adapted(data, Change((40, 30), after, orientation))
    x, y, w, h = box_of(seen)
    scale = after if unit == "normalized" else (1, 1)

    def near(names: list[str], expected: list[float]) -> None:
        assert [float(values[name][0]) for name in names] == pytest.approx(expected, abs=1e-5)

    near(
        [f"stArea:{name}" for name in "xywh"],
        [(x + w / 2) / scale[0], (y + h / 2) / scale[1], w / scale[0], h / scale[1]],
    )
    near([f"stDim:{name}" for name in "wh"], [*after])
    near(
        [f"Iptc4xmpExt:{name}" for name in ("rbX", "rbY", "rbW", "rbH")],
        [x / scale[0], y / scale[1], w / scale[0], h / scale[1]],
    )
    box = [float(value) for value in values["MPReg:Rectangle"][0].split(",")]
    assert box == pytest.approx([x / after[0], y / after[1], w / after[0], h / after[1]], abs=1e-5)
    assert values["mwg-rs:Name"] == ["Ada"]


def test_the_subject_of_exif() -> None:
    numbers = "".join(f"<rdf:li>{number}</rdf:li>" for number in (10, 6, 4, 2))
    body = f"<exif:SubjectArea><rdf:Seq>{numbers}</rdf:Seq></exif:SubjectArea>"
    assert adapted(packet("", body), Change((40, 30), (60, 80), 6))["rdf:li"] == ["48", "20", "4", "8"]


@pytest.mark.parametrize(("orientation", "expected"), [(1, ("2000/1", "8000/3")), (6, ("8000/3", "2000/1"))])
def test_pixels_of_the_sensor(orientation: int, expected: tuple[str, str]) -> None:
    data = packet('exif:FocalPlaneXResolution="1000/1" exif:FocalPlaneYResolution="4000/3"')
    after = (60, 80) if orientation == 6 else (80, 60)
    values = adapted(data, Change((40, 30), after, orientation))
    assert (*values["exif:FocalPlaneXResolution"], *values["exif:FocalPlaneYResolution"]) == expected


@pytest.mark.parametrize(
    ("attributes", "body", "note"),
    [
        ('hdrgm:Version="1.0"', "", xmp.GAIN_MAP),
        ('GCamera:MotionPhoto="1" GCamera:MotionPhotoVersion="1"', "", xmp.VIDEO),
        ('GCamera:MicroVideo="1" GCamera:MicroVideoOffset="99"', "", xmp.VIDEO),
        ('GDepth:Data="AAAA"', "<GDepth:Mime>image/png</GDepth:Mime>", xmp.DEPTH_MAP),
        (
            "",
            "<Container:Directory><rdf:Seq><rdf:li rdf:parseType='Resource'><Container:Item Item:Semantic='GainMap'/>"
            "</rdf:li></rdf:Seq></Container:Directory>",
            xmp.GAIN_MAP,
        ),
    ],
)
def test_promises_of_other_parts_go_with_a_word(attributes: str, body: str, note: str) -> None:
    data, notes = xmp.adapted(packet(f'{attributes} dc:format="kept"', body), LARGER)
    assert notes == (note,)
    assert found(data).keys() == {"rdf:about", "dc:format"}


def test_other_words_of_a_camera_stay() -> None:
    assert adapted(packet('GCamera:SpecialTypeID="portrait"'), LARGER)["GCamera:SpecialTypeID"] == ["portrait"]


@pytest.mark.parametrize(
    "data",
    [
        b"<x:xmpmeta",
        b"\xff\xfe\0\1",
        b'<!DOCTYPE a [<!ENTITY b "cccccccc"><!ENTITY d "&b;&b;">]><a>&d;</a>',
        b"<a>" * 100_000 + b"</a>" * 100_000,
    ],
    ids=["cut", "noise", "entities", "depth"],
)
def test_damage_is_dropped_and_said(data: bytes) -> None:
    now, notes = xmp.adapted(data, LARGER)
    assert (now, len(notes)) == (None, 1)
