"""The chunks of a PNG that hold text, EXIF, XMP and IPTC (PNG 3; ImageMagick's "Raw profile type" for the last)."""

import binascii
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from elansr.images.metadata import exif as exif_blocks
from elansr.images.metadata import iptc, xmp
from elansr.images.png_chunks import Chunk, headers
from elansr.text import shown

_XMP = "XML:com.adobe.xmp"
_RAW_PROFILE = "Raw profile type "
_MOST_TEXT = 2**26  # bytes that a compressed text may become
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_LIGHT = (b"mDCV", b"cLLI", b"mDCv", b"cLLi")
# PngTexts that describe samples and colours, or the file, and not what the picture shows.
_QUIET = "tIME vpAg iDOT orNT caNv oFFs sPLT hIST bKGD sBIT pHYs tRNS gAMA cHRM sRGB iCCP cICP acTL eXIf"


class Text(NamedTuple):
    """One text of a PNG.

    Attributes:
        keyword: What it is: "Title", "Comment", or a program's own word.
        text: The text.
        language: Its language tag, if the chunk has one.
        translated: The keyword in that language.
        compressed: Whether the chunk was compressed.
    """

    keyword: str
    text: str
    language: str = ""
    translated: str = ""
    compressed: bool = False


@dataclass
class PngTexts:
    """What the chunks say; the fields are those of `Metadata`."""

    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    texts: tuple[Text, ...] = ()
    notes: tuple[str, ...] = ()
    resolution: bool = False


def read(stream: BinaryIO) -> PngTexts:
    """Reads the chunks of a PNG; what is damaged is left out and noted."""
    found = PngTexts()
    notes: dict[str, None] = {}
    for kind, at, size in headers(stream):
        stream.seek(at)
        if kind == b"eXIf":
            found.exif = exif_blocks.PREFIX + stream.read(size).removeprefix(exif_blocks.PREFIX)
        elif kind == b"pHYs":
            found.resolution = stream.read(size)[8:] == b"\1"
        elif kind in _TEXTS:
            _take_text(found, _text(kind, stream.read(size)), notes)
        if note := _lost(kind, stream, at):
            notes[note] = None
    found.notes = tuple(notes)
    return found


def _take_text(found: PngTexts, text: Text | None, notes: dict[str, None]) -> None:
    if text is None:
        notes["damaged text dropped"] = None
    elif text.keyword == _XMP:
        found.xmp = text.text.encode()
    elif text.keyword.startswith(_RAW_PROFILE):
        _take_profile(found, text, notes)
    else:
        found.texts += (text,)


def _lost(kind: bytes, stream: BinaryIO, at: int) -> str:
    """What is lost with a chunk; "" for one that is read, or says nothing of what the picture shows."""
    if kind == b"pHYs":
        stream.seek(at)
        across, down, unit = stream.read(4), stream.read(4), stream.read(1)
        return xmp.ASPECT_RATIO if unit == b"\0" and across != down else ""
    if kind in _LIGHT:
        return xmp.LIGHT_LEVELS
    if kind == b"caBX":
        return xmp.CREDENTIALS
    name = kind.decode("latin-1")
    known = not kind[:1].islower() or kind in _TEXTS or name in _QUIET
    return "" if known else f"chunk {shown(name)} dropped"


def _text(kind: bytes, data: bytes) -> Text | None:
    """The text of a chunk; None for a damaged one."""
    keyword, _, rest = data.partition(b"\0")
    try:
        if kind == b"tEXt":
            return Text(keyword.decode("latin-1"), rest.decode("latin-1"))
        if kind == b"zTXt":
            return Text(keyword.decode("latin-1"), _inflated(rest[1:]).decode("latin-1"), compressed=True)
        compressed, rest = rest[0], rest[2:]
        language, _, rest = rest.partition(b"\0")
        translated, _, rest = rest.partition(b"\0")
        text = (_inflated(rest) if compressed else rest).decode()
        return Text(keyword.decode("latin-1"), text, language.decode("latin-1"), translated.decode(), bool(compressed))
    except (ValueError, IndexError, zlib.error):
        return None


def _inflated(data: bytes) -> bytes:
    machine = zlib.decompressobj()
    text = machine.decompress(data, _MOST_TEXT)
    if not machine.eof:
        raise ValueError("truncated or too long")
    return text


def _take_profile(found: PngTexts, text: Text, notes: dict[str, None]) -> None:
    """Takes what a "Raw profile type" holds: hexadecimal digits behind a name and a length."""
    kind = text.keyword.removeprefix(_RAW_PROFILE).lower()
    try:
        name_and_size = re.match(r"\s*\S+\s+(\d+)\s", text.text)
        digits = re.sub(r"\s", "", text.text[name_and_size.end() :] if name_and_size else "")
        data = binascii.unhexlify(digits)
    except ValueError:
        data = b""
    if kind in ("exif", "app1") and data.startswith(b"http://ns.adobe.com/xap/1.0/\0"):
        found.xmp = found.xmp or data.partition(b"\0")[2]
    elif kind in ("exif", "app1") and data:
        found.exif = found.exif or exif_blocks.PREFIX + data.removeprefix(exif_blocks.PREFIX)
    elif kind == "xmp" and data:
        found.xmp = found.xmp or data
    elif kind in ("iptc", "8bim") and data:
        found.iptc = found.iptc or iptc.from_resources(data.removeprefix(iptc.PHOTOSHOP)) or iptc.cleaned(data)
    elif kind not in ("icc", "icm"):
        notes[f"profile {kind[:16]!r} dropped"] = None


# --- writing ---


def chunks(exif: bytes | None, packet: bytes | None, records: bytes | None, texts: Sequence[Text]) -> list[Chunk]:
    """The chunks for all of it."""
    found = [Chunk(b"eXIf", exif.removeprefix(exif_blocks.PREFIX))] if exif else []
    if packet:
        found.append(Chunk(b"iTXt", _XMP.encode() + bytes(5) + packet))
    if records:
        text = zlib.compress(_hexadecimal("iptc", iptc.resources(records)))
        found.append(Chunk(b"zTXt", b"Raw profile type iptc\0\0" + text))
    return found + [_chunk(text) for text in texts]


def _hexadecimal(name: str, data: bytes) -> bytes:
    digits = data.hex()
    lines = "\n".join(digits[at : at + 72] for at in range(0, len(digits), 72))
    return f"\n{name}\n{len(data):8}\n{lines}\n".encode()


def _chunk(text: Text) -> Chunk:
    keyword = text.keyword.encode("latin-1", "replace") + b"\0"
    try:
        plain = text.text.encode("latin-1")
    except UnicodeEncodeError:
        plain = None
    if plain is None or text.language or text.translated:
        data = text.text.encode("utf-8", "replace")
        flags, data = (b"\1\0", zlib.compress(data)) if text.compressed else (b"\0\0", data)
        places = text.language.encode("latin-1") + b"\0" + text.translated.encode() + b"\0"
        return Chunk(b"iTXt", keyword + flags + places + data)
    return (
        Chunk(b"zTXt", keyword + b"\0" + zlib.compress(plain)) if text.compressed else Chunk(b"tEXt", keyword + plain)
    )


def orientation(stream: BinaryIO) -> int:
    """How the pixels are to be turned by EXIF in a text, which decoders do not look into; 1 where there is none."""
    block = None if any(kind == b"eXIf" for kind, _, _ in headers(stream)) else read(stream).exif
    return exif_blocks.orientation(block) if block else 1
