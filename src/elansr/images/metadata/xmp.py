"""XMP packets (ISO 16684): adjusted to upscaled pixels, and without references to dropped parts.

The packet is parsed as XML and written again with its own prefixes and order, only where something changed.
"""

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import NamedTuple
from xml.dom.minidom import Attr, Document, Element, ProcessingInstruction, Text, parseString
from xml.parsers.expat import ExpatError

from elansr.images.metadata.geometry import Change

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
NOTE = "http://ns.adobe.com/xmp/note/"
GAIN_MAP, DEPTH_MAP, VIDEO = "gain map dropped", "depth map dropped", "motion video dropped"
PICTURES, CREDENTIALS = "other pictures dropped", "content credentials dropped"
LIGHT_LEVELS, ASPECT_RATIO = "light levels of HDR dropped", "shape of the pixels dropped"

_TIFF, _EXIF = "http://ns.adobe.com/tiff/1.0/", "http://ns.adobe.com/exif/1.0/"
_PANORAMA = "http://ns.google.com/photos/1.0/panorama/"
_DIMENSIONS, _AREA = "http://ns.adobe.com/xap/1.0/sType/Dimensions#", "http://ns.adobe.com/xmp/sType/Area#"
_MP_REGION = "http://ns.microsoft.com/photo/1.2/t/Region#"
_ACDSEE_DIMENSIONS = "http://ns.acdsee.com/sType/Dimensions#"
_ACDSEE_AREA = "http://ns.acdsee.com/sType/Area#"
_IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_CAMERA = "http://ns.google.com/photos/1.0/camera/"

_APPLIED = "AppliedToDimensions"

# What announces a part outside the packet, or holds one: the namespace, the start of the name, what is lost.
_PROMISES = (
    ("http://ns.adobe.com/hdr-gain-map/1.0/", "", GAIN_MAP),
    ("http://ns.apple.com/HDRGainMap/1.0/", "", GAIN_MAP),
    ("http://ns.apple.com/pixeldatainfo/1.0/", "", ""),
    ("http://ns.google.com/photos/1.0/container/", "", ""),
    ("http://ns.google.com/photos/1.0/depthmap/", "", DEPTH_MAP),
    ("http://ns.google.com/photos/1.0/focus/", "", ""),
    ("http://ns.google.com/photos/1.0/image/", "", PICTURES),
    ("http://ns.google.com/photos/1.0/audio/", "", "sound dropped"),
    ("http://ns.google.com/photos/dd/1.0/", "", DEPTH_MAP),
    (_CAMERA, "MotionPhoto", VIDEO),
    (_CAMERA, "MicroVideo", VIDEO),
    ("http://ns.xiaomi.com/photos/1.0/camera/", "", ""),
    (NOTE, "HasExtendedXMP", ""),
    ("http://ns.adobe.com/xap/1.0/", "Thumbnails", ""),
    ("http://purl.org/dc/terms/", "provenance", CREDENTIALS),
)


class Slot(NamedTuple):
    """One simple property, which XMP writes as an attribute or as an element that holds text."""

    node: Attr | Element

    @property
    def text(self) -> str:
        """Its value."""
        if isinstance(self.node, Attr):
            return str(self.node.value)
        return "".join(child.data for child in self.node.childNodes if isinstance(child, Text)).strip()

    def put(self, text: str) -> None:
        """Changes its value."""
        if isinstance(self.node, Attr):
            self.node.value = text
            return
        for child in list(self.node.childNodes):
            self.node.removeChild(child)
        self.node.appendChild(self.node.ownerDocument.createTextNode(text))  # type: ignore[union-attr]


_DETAILS = [start + end for start in ("MotionPhoto", "MicroVideo") for end in ("Version", "PresentationTimestampUs")]
_DETAILS += ["MicroVideoOffset"]
_ITEM = "http://ns.google.com/photos/1.0/container/item/"
_SEMANTICS = {"GainMap": GAIN_MAP, "RecoveryMap": GAIN_MAP, "MotionPhoto": VIDEO, "Depth": DEPTH_MAP}
_SEMANTICS |= {"DepthMap": DEPTH_MAP}


def adapted(packet: bytes, change: Change) -> tuple[bytes | None, tuple[str, ...]]:
    """The packet, adjusted to pixels that were rotated or resized, without references to dropped parts.

    Returns:
        The packet, None for one too damaged to read, and what was dropped.
    """
    try:
        document = parsed(packet)
        before = serialised(document)
        lost = _without_promises(document)
        _turn_and_resize(document, change)
        after = serialised(document)
    except (ExpatError, ValueError, RecursionError):
        return None, ("damaged XMP dropped",)
    return (packet if after == before else after), lost


def parsed(packet: bytes) -> Document:
    """The packet as XML.

    Raises:
        ValueError, ExpatError: It is not XML, or XML that declares entities of its own, which XMP never does.
    """
    packet = packet.strip(b"\0 \t\r\n")
    if b"<!DOCTYPE" in packet or b"<!ENTITY" in packet:
        raise ValueError("XMP with a DOCTYPE")
    return parseString(packet)


def serialised(document: Document) -> bytes:
    """The packet as UTF-8, with the prefixes that it came with."""
    return "".join(_written(document)).encode()


def _written(node: Document | Element) -> Iterator[str]:
    if isinstance(node, Element):
        attributes = "".join(f' {name}="{_escaped(value, _IN_ATTRIBUTE)}"' for name, value in node.attributes.items())
        yield f"<{node.tagName}{attributes}"
        yield ">" if node.childNodes else "/>"
    for child in node.childNodes:
        if isinstance(child, Element):
            yield from _written(child)
        elif isinstance(child, Text):
            yield _escaped(child.data, _IN_TEXT)
        elif isinstance(child, ProcessingInstruction):
            yield f"<?{child.target} {child.data}?>"
    if isinstance(node, Element) and node.childNodes:
        yield f"</{node.tagName}>"


_IN_TEXT = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"}
_IN_ATTRIBUTE = _IN_TEXT | {'"': "&quot;", "\n": "&#10;", "\t": "&#9;"}


def _escaped(text: str, table: dict[str, str]) -> str:
    return "".join(table.get(letter, letter) for letter in text)


def _without_promises(document: Document) -> tuple[str, ...]:
    """Takes out what announces or holds other parts of a file, and says what is lost with it."""
    lost: dict[str, None] = {}
    for element in elements(document):
        for attribute in _attributes(element):
            what = _promised(attribute.namespaceURI, attribute.localName, attribute.value)
            if what is not None:
                element.removeAttributeNode(attribute)
                lost[what] = None
        what = _promised(element.namespaceURI, element.localName, Slot(element).text)
        if what is not None and element.parentNode is not None:
            lost |= dict.fromkeys(_parts(element))
            element.parentNode.removeChild(element)
            lost[what] = None
    return tuple(what for what in lost if what)


def _attributes(element: Element) -> list[Attr]:
    names = list(element.attributes.keys())
    return [attribute for name in names if (attribute := element.getAttributeNode(name)) is not None]


def _promised(space: str | None, name: str | None, value: str) -> str | None:
    """What a property loses with the part it announces; "" for nothing worth a word, None if it announces none."""
    for promise, start, what in _PROMISES:
        if (space or "").startswith(promise) and (name or "").startswith(start):
            return "" if value == "0" or name in _DETAILS else what
    return None


def _parts(container: Element) -> Iterator[str]:
    """What the parts that a container lists are for."""
    for element in container.getElementsByTagName("*"):
        for name, slot in properties(element, _ITEM).items():
            if name == "Semantic" and slot.text in _SEMANTICS:
                yield _SEMANTICS[slot.text]


def elements(document: Document) -> list[Element]:
    """All elements, a parent before its children."""
    return list(document.getElementsByTagName("*"))


def properties(element: Element, space: str) -> dict[str, Slot]:
    """The simple properties of one namespace that an element holds, by their names without prefix."""
    found = {str(node.localName): Slot(node) for node in _attributes(element) if node.namespaceURI == space}
    for child in element.childNodes:
        if isinstance(child, Element) and child.namespaceURI == space:
            found[str(child.localName)] = Slot(child)
    return found


def _turn_and_resize(document: Document, change: Change) -> None:
    for element in elements(document):
        _sizes(element, change)
        if not change.idle:
            _panorama(properties(element, _PANORAMA), change)
            _subject(element, change)
            _focal_plane(properties(element, _EXIF), change)
            _regions(element, change)
    if not change.idle:
        for element in elements(document):  # afterwards, as areas in pixels count on the dimensions of before
            _applied(element, change)


def _sizes(element: Element, change: Change) -> None:
    tiff, exif = properties(element, _TIFF), properties(element, _EXIF)
    values = {"ImageWidth": change.after[0], "ImageLength": change.after[1], "Orientation": 1}
    _put(tiff, {name: str(value) for name, value in values.items()})
    _put(exif, {"PixelXDimension": str(change.after[0]), "PixelYDimension": str(change.after[1])})


def _put(slots: dict[str, Slot], values: dict[str, str]) -> None:
    for name, value in values.items():
        if name in slots and slots[name].text != value:
            slots[name].put(value)


def _numbers(slots: dict[str, Slot], *names: str) -> list[float] | None:
    """The numbers of some properties, None unless all are there and numbers."""
    try:
        return [float(slots[name].text) for name in names]
    except (KeyError, ValueError):
        return None


def _panorama(slots: dict[str, Slot], change: Change) -> None:
    """Sizes of the whole sphere, and of the picture in it."""
    sizes = [("FullPanoWidthPixels", "FullPanoHeightPixels")]
    sizes += [("CroppedAreaImageWidthPixels", "CroppedAreaImageHeightPixels")]
    whole, part = (_numbers(slots, *names) for names in sizes)
    boxes = [("CroppedArea", "LeftPixels", "TopPixels", "ImageWidthPixels", "ImageHeightPixels", whole)]
    boxes += [("LargestValidInteriorRect", "Left", "Top", "Width", "Height", part)]
    for name, left, top, width, height, around in boxes:
        found = _numbers(slots, name + left, name + top, name + width, name + height)
        if found and around:
            inner = _box(found, (around[0], around[1]), change)
            _put(slots, {name + end: str(round(v)) for end, v in zip((left, top, width, height), inner, strict=True)})
    if whole:
        width_now, height_now = change.extent(whole[0], whole[1])
        _put(slots, {sizes[0][0]: str(round(width_now)), sizes[0][1]: str(round(height_now))})
    if part and not (whole and _numbers(slots, "CroppedAreaLeftPixels")):
        width_now, height_now = change.extent(part[0], part[1])
        _put(slots, {sizes[1][0]: str(round(width_now)), sizes[1][1]: str(round(height_now))})


def _box(box: list[float], around: tuple[float, float], change: Change) -> tuple[float, float, float, float]:
    """A box (left, top, width, height) in the frame `around`, turned and resized; in the unit of the frame."""
    left, top, width, height = box
    ends = [change.fraction(x / around[0], y / around[1]) for x, y in ((left, top), (left + width, top + height))]
    wide, high = change.extent(*around)
    (x0, x1), (y0, y1) = sorted(end[0] for end in ends), sorted(end[1] for end in ends)
    return x0 * wide, y0 * high, (x1 - x0) * wide, (y1 - y0) * high


def _subject(element: Element, change: Change) -> None:
    """EXIF's subject: a sequence of a place and sides in pixels."""
    if element.namespaceURI != _EXIF or element.localName not in ("SubjectArea", "SubjectLocation"):
        return
    items = [Slot(item) for item in element.getElementsByTagNameNS(RDF, "li")]
    try:
        values = [float(item.text) for item in items]
    except ValueError:
        return
    if 2 <= len(values) <= 4:
        sides = change.extent(values[2], values[-1])[: len(values) - 2] if len(values) > 2 else ()
        for item, value in zip(items, (*change.point(values[0], values[1]), *sides), strict=True):
            item.put(str(round(value)))


def _focal_plane(slots: dict[str, Slot], change: Change) -> None:
    """Pixels per unit of the sensor, fractions such as "4000/3"."""
    names = ("FocalPlaneXResolution", "FocalPlaneYResolution")
    try:
        found = [Fraction(slots[name].text) for name in names]
    except (KeyError, ValueError, ZeroDivisionError):
        return
    grown = zip(found[::-1] if change.swaps else found, change.scale, strict=True)
    values = [(value * Fraction(scale)).limit_denominator(10**6) for value, scale in grown]
    texts = [f"{value.numerator}/{value.denominator}" for value in values]
    _put(slots, dict(zip(names, texts, strict=True)))


def _regions(element: Element, change: Change) -> None:
    """Regions of people and subjects: MWG's and ACDSee's around a centre, Microsoft's and IPTC's from a corner."""
    for space in (_AREA, _ACDSEE_AREA):
        _centred(properties(element, space), change)
    for slot in properties(element, _MP_REGION).values():
        if str(slot.node.localName) == "Rectangle":
            _microsoft(slot, change)
    _iptc(element, properties(element, _IPTC), change)


def _centred(area: dict[str, Slot], change: Change) -> None:
    middle = _numbers(area, "x", "y")
    if middle is None:
        return
    pixels = "unit" in area and area["unit"].text == "pixel"
    place = change.point if pixels else change.fraction
    extent = _extent(change, pixels)
    values = dict(zip("xy", place(middle[0], middle[1]), strict=True))
    if sides := _numbers(area, "w", "h"):
        values |= dict(zip("wh", extent(sides[0], sides[1]), strict=True))
    if diameter := _numbers(area, "d"):
        values["d"] = extent(diameter[0], diameter[0])[0]
    _put(area, {name: _shown(value) for name, value in values.items()})


def _extent(change: Change, pixels: bool) -> Callable[[float, float], tuple[float, float]]:
    if pixels:
        return change.extent
    return (lambda width, height: (height, width)) if change.swaps else (lambda width, height: (width, height))


def _shown(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".") or "0"


def _microsoft(slot: Slot, change: Change) -> None:
    try:
        box = [float(value) for value in slot.text.split(",")]
    except ValueError:
        return
    if len(box) == 4:
        slot.put(", ".join(_shown(value) for value in _box(box, (1, 1), change._replace(before=(1, 1), after=(1, 1)))))


def _iptc(element: Element, boundary: dict[str, Slot], change: Change) -> None:
    """A boundary of the IPTC: a rectangle, a circle (with its radius) or a corner of a polygon."""
    place = _numbers(boundary, "rbX", "rbY")
    if place is None:
        return
    unit = boundary.get("rbUnit") or next(
        (found for above in _above(element) if (found := properties(above, _IPTC).get("rbUnit"))), None
    )
    pixels = unit is not None and unit.text == "pixel"
    frame = change.before if pixels else (1, 1)
    inner = change if pixels else change._replace(before=(1, 1), after=(1, 1))
    sides = _numbers(boundary, "rbW", "rbH") or [0.0, 0.0]
    x, y, width, height = _box([*place, *sides], frame, inner)
    values = {"rbX": x, "rbY": y, "rbW": width, "rbH": height}
    if radius := _numbers(boundary, "rbRx"):
        values["rbRx"] = radius[0] * (change.scale[0] if pixels else 1)
        if not pixels and change.swaps:  # a fraction of the width, which was the height
            values["rbRx"] *= change.before[0] / change.before[1]
    _put(boundary, {name: _shown(value) for name, value in values.items()})


def _above(element: Element) -> Iterator[Element]:
    parent = element.parentNode
    while isinstance(parent, Element):
        yield parent
        parent = parent.parentNode


def _applied(element: Element, change: Change) -> None:
    """The dimensions that regions say they apply to."""
    if element.localName != _APPLIED:
        return
    inside = [element, *(child for child in element.childNodes if isinstance(child, Element))]
    for holder in inside:
        for space in (_DIMENSIONS, _ACDSEE_DIMENSIONS):
            slots = properties(holder, space)
            if sides := _numbers(slots, "w", "h"):
                width, height = change.extent(sides[0], sides[1])
                _put(slots, {"w": str(round(width)), "h": str(round(height))})
