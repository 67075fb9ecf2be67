"""The segments of a JPEG that do not describe its samples, and what lies behind its end.

Sources: ITU T.81, JFIF 1.02, EXIF 3.0, XMP part 3 (packets of more than 64 KiB), CIPA DC-007 (MPF).
"""

import hashlib
import io
import mmap
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO
from xml.dom.minidom import Document, Element
from xml.parsers.expat import ExpatError

from elansr.images.metadata import iptc, xmp
from elansr.images.tags import Field, TagError, TagFile

_XMP, _EXTENSION = b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"
_MOST = 65533  # bytes that one segment holds
_MOST_EXTENDED = 2**27  # bytes of XMP that anybody wrote for good
_MOST_MARKERS = 65536
_APP, _COMMENT, _START_OF_SCAN, _END = range(0xE0, 0xF0), 0xFE, 0xDA, 0xD9
_ALONE = (0x01, *range(0xD0, 0xD9))

# What the segments hold that are written anew, or describe the samples and not the picture.
_OWN = (
    b"JFIF\0",
    b"JFXX\0",
    b"Exif\0",
    _XMP,
    _EXTENSION,
    iptc.PHOTOSHOP,
    b"ICC_PROFILE\0",
    b"Adobe",
    b"Ducky",
    b"MPF\0",
)
_MP_ENTRIES, _LARGE_THUMBNAILS = 0xB002, (0x010001, 0x010002)
_GAIN_MAPS = (b"http://ns.adobe.com/hdr-gain-map/1.0/", b"urn:iso:std:iso:ts:21496", b"hdrgainmap", b"HDRGainMap")
_DEPTH_MAPS = (b"apple.com:photo:2018:aux:portraiteffectsmatte", b"aux:depth", b"aux:disparity", b"DepthMap")
_VIDEOS = (b"ftypmp4", b"ftypisom", b"ftypqt", b"ftypMSNV", b"ftypavc", b"ftyphev", b"MotionPhoto_Data")


@dataclass
class JpegSegments:
    """What the segments say.

    Attributes:
        exif: The EXIF block.
        xmp: The packet, with the part in extended segments.
        iptc: The IPTC records.
        comments: The comments, as they are stored.
        notes: What was found and is not among these.
        resolution: Whether JFIF says a resolution in a unit.
        previews: Whether the other pictures in the file are smaller copies, as many cameras write them.
    """

    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    comments: tuple[bytes, ...] = ()
    notes: tuple[str, ...] = ()
    resolution: bool = False
    previews: bool = False


def read(stream: BinaryIO) -> JpegSegments:
    """Reads the segments of a JPEG; what is damaged is left out and noted."""
    found, at = JpegSegments(), 2
    several: dict[bytes, list[bytes]] = {_EXTENSION: [], iptc.PHOTOSHOP: []}
    notes = list[str]()
    for marker, at, size in _walk(stream):
        stream.seek(at)
        if marker == _COMMENT:
            found.comments += (stream.read(size),)
        elif marker in _APP:
            notes += _application(found, several, marker, stream.read(size))
    resources = b"".join(several[iptc.PHOTOSHOP])
    found.iptc = iptc.from_resources(resources)
    notes += iptc.lost_with(resources)
    if found.xmp and several[_EXTENSION]:
        found.xmp, whole = _with_extension(found.xmp, several[_EXTENSION])
        notes += [] if whole else ["extended XMP dropped"]
    notes += [note for note in _behind(stream, at) if not (found.previews and note == xmp.PICTURES)]
    found.notes = tuple(dict.fromkeys(notes))
    return found


def _application(found: JpegSegments, several: dict[bytes, list[bytes]], marker: int, data: bytes) -> Iterator[str]:
    """Takes what one application segment holds; those of which there may be several are gathered. Gives notes."""
    if data.startswith(b"Exif\0"):
        found.exif = found.exif or data
    elif data.startswith(_XMP[:-1]):  # in whatever segment; some writers leave the zero out
        found.xmp = found.xmp or data.removeprefix(_XMP[:-1]).lstrip(b"\0")
    elif data.startswith(b"JFIF\0") and len(data) >= 12:
        found.resolution = data[7] in (1, 2)
        if not found.resolution and data[8:10] != data[10:12]:
            yield xmp.ASPECT_RATIO
    elif data.startswith(b"MPF\0"):
        found.previews = _are_previews(data.removeprefix(b"MPF\0"))
    elif kind := next((kind for kind in several if data.startswith(kind)), None):
        several[kind].append(data.removeprefix(kind))
    elif not data.startswith(_OWN) and (note := _foreign(marker, data)):
        yield note


def _walk(stream: BinaryIO) -> Iterator[tuple[int, int, int]]:
    """Marker, place and size of each segment up to the first scan, and of its header."""
    at = 2
    for _ in range(_MOST_MARKERS):
        stream.seek(at)
        head = stream.read(4)
        if len(head) < 4 or head[0] != 0xFF or head[1] == _END:
            return
        if head[1] == 0xFF or head[1] in _ALONE:
            at += 1 if head[1] == 0xFF else 2
            continue
        size = int.from_bytes(head[2:], "big")
        yield head[1], at + 4, max(0, size - 2)
        if head[1] == _START_OF_SCAN:
            return
        at += 2 + size


def _are_previews(index: bytes) -> bool:
    """Whether an index of several pictures (MPF) calls all but the first "large thumbnails"."""
    try:
        file = TagFile(io.BytesIO(index))
        entries = file.directory(file.first())[0].get(_MP_ENTRIES)
    except TagError:
        return False
    if not isinstance(entries, Field) or len(entries.value) < 32 or len(entries.value) % 16:
        return False
    kinds = [kind & 0xFFFFFF for kind, _, _, _, _ in struct.iter_unpack(file.layout.order + "IIIHH", entries.value)]
    return all(kind in _LARGE_THUMBNAILS for kind in kinds[1:])


def _foreign(marker: int, data: bytes) -> str:
    """What is lost with a segment of another kind."""
    if data.startswith(b"JP") and b"jumb" in data[:64]:
        return xmp.CREDENTIALS if b"c2pa" in data[:256] else "JUMBF boxes dropped"
    if data.startswith(b"urn:iso:std:iso:ts:21496"):
        return ""  # announces the gain map
    name = re.match(rb"[\w ]{2,16}", data)
    return f"segment APP{marker - 0xE0}{f' ({name[0].decode().strip()})' if name else ''} dropped"


def _with_extension(packet: bytes, extensions: list[bytes]) -> tuple[bytes, bool]:
    """The packet with the properties of its extension, and whether all of that was there."""
    parts: dict[int, bytes] = {}
    for data in extensions:
        if len(data) > 40 and data[:32] in packet:
            size, at = struct.unpack(">II", data[32:40])
            parts[at] = data[40:]
    extended = b"".join(parts[at] for at in sorted(parts))
    if not parts or len(extended) != size or size > _MOST_EXTENDED:
        return packet, False
    try:
        document, other = xmp.parsed(packet), xmp.parsed(extended)
        homes = document.getElementsByTagNameNS(xmp.RDF, "RDF")
        for description in list(other.getElementsByTagNameNS(xmp.RDF, "RDF")[0].childNodes):
            homes[0].appendChild(document.importNode(description, True))
        _declare(homes[0], other)
        return xmp.serialised(document), True
    except (ExpatError, ValueError, IndexError, RecursionError):
        return packet, False


def _declare(home: Element, other: Document) -> None:
    """Repeats the namespaces that were declared above the descriptions that moved."""
    for element in xmp.elements(other):
        if element.namespaceURI == xmp.RDF and element.localName == "Description":
            return
        for name, value in element.attributes.items():
            if name.startswith("xmlns:") and not home.hasAttribute(name):
                home.setAttribute(name, value)


_NEXT_MARKER = re.compile(rb"\xff[^\0\xd0-\xd7\xff]", re.DOTALL)


def _behind(stream: BinaryIO, at: int) -> Iterator[str]:
    """What lies behind the end of the picture whose first scan's header is at `at`."""
    rest = _rest(stream, at)
    if not rest.strip(b"\0\xff\xd9\r\n \t"):
        return
    known = [
        what
        for marks, what in ((_GAIN_MAPS, xmp.GAIN_MAP), (_DEPTH_MAPS, xmp.DEPTH_MAP), (_VIDEOS, xmp.VIDEO))
        if any(mark in rest for mark in marks)
    ]
    yield from known
    if not known:
        pictures = rest.find(b"\xff\xd8\xff", 0, 65536) >= 0
        yield xmp.PICTURES if pictures else f"{len(rest):,} bytes after the picture dropped"


def _rest(stream: BinaryIO, at: int) -> bytes:
    """The bytes behind the end of the picture; the file is not read at once."""
    try:
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return data[_end(data, at) :]
    except (OSError, ValueError):  # not a file, but bytes
        pass
    stream.seek(0)
    held = stream.read()
    return held[_end(held, at) :]


def _end(data: "mmap.mmap | bytes", at: int) -> int:
    """Where the picture ends, behind its end marker; the file's end if that is missing."""
    for _ in range(_MOST_MARKERS):
        found = _NEXT_MARKER.search(data, at)
        if not found:
            break
        if found[0][1] == _END:
            return found.end()
        at = found.end() + int.from_bytes(data[found.end() : found.end() + 2], "big")
    return len(data)


# --- writing ---


def jfif(dpi: tuple[float, float]) -> bytes | None:
    """A JFIF segment for a resolution; None for one that is not of whole numbers."""
    x, y = round(dpi[0]), round(dpi[1])
    if x != dpi[0] or y != dpi[1] or not 0 < min(x, y) <= max(x, y) < 65536:
        return None
    return b"\xff\xe0\0\x10JFIF\0\1\2\1" + struct.pack(">HHBB", x, y, 0, 0)


def insertion_point(stream: BinaryIO) -> int:
    """Where segments go in a JPEG: behind JFIF's, if it has one."""
    stream.seek(2)
    head = stream.read(4)
    return 4 + int.from_bytes(head[2:], "big") if head[:2] == b"\xff\xe0" else 2


def segments(exif: bytes | None, packet: bytes | None, records: bytes | None, comments: tuple[bytes, ...]) -> bytes:
    """The segments for all of it; what is too large for JPEG is left out, see `fits`."""
    found = [(0xE1, exif)] if exif and len(exif) <= _MOST else []
    found += [(0xE1, data) for data in _xmp_segments(packet)] if packet else []
    if records:
        whole = iptc.resources(records)
        room = _MOST - len(iptc.PHOTOSHOP)
        found += [(0xED, iptc.PHOTOSHOP + whole[at : at + room]) for at in range(0, len(whole), room)]
    found += [(_COMMENT, text[at : at + _MOST]) for text in comments for at in range(0, len(text), _MOST)]
    return b"".join(bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data for marker, data in found if data)


def _xmp_segments(packet: bytes) -> Iterator[bytes]:
    if len(_XMP) + len(packet) <= _MOST:
        yield _XMP + packet
        return
    main, extension = _split(packet)
    if main:
        yield _XMP + main
    room = _MOST - len(_EXTENSION) - 40
    name = hashlib.md5(extension, usedforsecurity=False).hexdigest().upper().encode()
    for at in range(0, len(extension), room):
        yield _EXTENSION + name + struct.pack(">II", len(extension), at) + extension[at : at + room]


def _split(packet: bytes) -> tuple[bytes, bytes]:
    """A packet that fits into one segment, and an extension with its largest properties; both empty if that fails."""
    try:
        document = xmp.parsed(packet)
        home = document.getElementsByTagNameNS(xmp.RDF, "RDF")[0]
        other = xmp.parsed(packet)
    except (ExpatError, ValueError, IndexError, RecursionError):
        return b"", b""
    return _shared_out(document, home, other)


def _shared_out(document: Document, home: Element, other: Document) -> tuple[bytes, bytes]:
    """Leaves a property in the one packet or the other, the largest in the extension until the rest fits."""
    room = _MOST - len(_XMP) - 256
    pairs = list(zip(_properties(home), _properties(other.getElementsByTagNameNS(xmp.RDF, "RDF")[0]), strict=True))
    size = len(xmp.serialised(document))
    for size_here, (one, two) in sorted(((_size(pair[0]), pair) for pair in pairs), key=lambda item: -item[0]):
        gone = one if size > room else two
        size -= size_here if size > room else 0
        _take_out(*gone)
    extension = _bare(other)
    name = hashlib.md5(extension, usedforsecurity=False).hexdigest().upper()
    description = next(element for element in home.childNodes if isinstance(element, Element))
    description.setAttributeNS("http://www.w3.org/2000/xmlns/", "xmlns:xmpNote", xmp.NOTE)
    description.setAttributeNS(xmp.NOTE, "xmpNote:HasExtendedXMP", name)
    main = xmp.serialised(document)
    return (main, extension) if len(main) + len(_XMP) <= _MOST else (b"", b"")


_Property = tuple[Element, str | Element]


def _properties(home: Element) -> list[_Property]:
    """The top-level properties: their description, and the name of the attribute or the element."""
    found: list[_Property] = []
    for description in home.childNodes:
        if isinstance(description, Element):
            names = [name for name in _names(description) if not name.startswith(("xmlns", "rdf:", "xml:"))]
            found += [(description, name) for name in names]
            found += [(description, child) for child in description.childNodes if isinstance(child, Element)]
    return found


def _names(element: Element) -> list[str]:
    return [name for name, _ in element.attributes.items()]


def _size(one: _Property) -> int:
    description, name = one
    return len(description.getAttribute(name)) if isinstance(name, str) else len(name.toxml().encode())


def _take_out(description: Element, name: str | Element) -> None:
    if isinstance(name, str):
        description.removeAttribute(name)
    else:
        description.removeChild(name)


def _bare(document: Document) -> bytes:
    """The packet without its wrapper of processing instructions, as extensions are."""
    for node in list(document.childNodes):
        if not isinstance(node, Element):
            document.removeChild(node)
    return xmp.serialised(document)
