"""The picture formats: what each can hold, and how to recognise it by a file's extension or first bytes.

| format | suffixes              | bits      | grey | alpha | pages | rows | profile, EXIF, XMP | longest side |
|--------|-----------------------|-----------|------|-------|-------|------|--------------------|--------------|
| jpeg   | .jpg .jpeg .jpe .jfif | 8         | yes  | no    | 1     | yes  | all                | 65500        |
| png    | .png                  | 8, 16     | yes  | yes   | 1     | yes  | all                | 10,000,000   |
| webp   | .webp                 | 8         | no   | yes   | many  | no   | all                | 16383        |
| tiff   | .tif .tiff            | 8, 16     | yes  | yes   | many  | yes  | all                | 10,000,000   |
| bmp    | .bmp                  | 8         | yes  | no    | 1     | no   | none               | 10,000,000   |
| gif    | .gif                  | 8         | no   | 1 bit | many  | no   | none               | 65535        |
| avif   | .avif                 | 8, 10, 12 | no   | yes   | 1     | no   | all                | 16384        |

HEIC is only read, see `heic`. "grey: no" means that a grey picture comes back as RGB, "rows" whether a picture is
decoded and encoded a few rows at a time, so that it may be larger than memory. 10,000,000 is where libvips stops.
"""

import os
from pathlib import Path
from typing import Literal, NamedTuple

from elansr.errors import PictureError
from elansr.images.heic import HEIC_SUFFIXES, reads_heic
from elansr.text import shown

FormatName = Literal["jpeg", "png", "webp", "tiff", "bmp", "gif", "avif", "heic"]

_VIPS = 10_000_000


class Format(NamedTuple):
    """What one format can hold.

    `bits` is the most bits a sample keeps, `grey` whether one channel stays one, `many` whether it holds several pages,
    `rows` whether it is decoded and encoded row by row, `metadata` whether it holds a colour profile, EXIF and XMP,
    `longest` the longest side in pixels. A format without `suffixes` is not written.
    """

    suffixes: tuple[str, ...]
    bits: int
    grey: bool
    alpha: bool
    many: bool
    rows: bool
    metadata: bool
    longest: int


_JPEG = (".jpg", ".jpeg", ".jpe", ".jfif")

FORMATS: dict[FormatName, Format] = {
    "jpeg": Format(_JPEG, bits=8, grey=True, alpha=False, many=False, rows=True, metadata=True, longest=65500),
    "png": Format((".png",), bits=16, grey=True, alpha=True, many=False, rows=True, metadata=True, longest=_VIPS),
    "webp": Format((".webp",), bits=8, grey=False, alpha=True, many=True, rows=False, metadata=True, longest=16383),
    "tiff": Format(
        (".tif", ".tiff"), bits=16, grey=True, alpha=True, many=True, rows=True, metadata=True, longest=_VIPS
    ),
    "bmp": Format((".bmp",), bits=8, grey=True, alpha=False, many=False, rows=False, metadata=False, longest=_VIPS),
    "gif": Format((".gif",), bits=8, grey=False, alpha=True, many=True, rows=False, metadata=False, longest=65535),
    "avif": Format((".avif",), bits=12, grey=False, alpha=True, many=False, rows=False, metadata=True, longest=16384),
    "heic": Format((), bits=12, grey=True, alpha=True, many=False, rows=False, metadata=True, longest=16384),
}

SUFFIXES: dict[str, FormatName] = {suffix: name for name, row in FORMATS.items() for suffix in row.suffixes}
"""Every suffix, lower case and with its dot, and the format it stands for."""

_READABLE = "JPEG, PNG, WebP, TIFF, BMP, GIF or AVIF"


def format_of_suffix(path: str | os.PathLike[str]) -> FormatName:
    """The format that the suffix of `path` stands for.

    Raises:
        PictureError: The suffix is missing or none of `SUFFIXES`.
    """
    suffix = Path(path).suffix
    if suffix.lower() in SUFFIXES:
        return SUFFIXES[suffix.lower()]
    known = " ".join(SUFFIXES)
    found = f"elansr cannot write '{suffix}'" if suffix else "the name has no file extension"
    raise PictureError(f"{shown(path)}: {found}; use one of {known}")


def format_named(name: str) -> FormatName:
    """The format called `name`: "jpeg", "JPG", "tif" and the like.

    Raises:
        PictureError: elansr writes no such format.
    """
    suffix = f".{name.lower().removeprefix('.')}"
    if suffix not in SUFFIXES:
        raise PictureError(f"elansr cannot write '{name}'; use one of {', '.join(dict.fromkeys(SUFFIXES.values()))}")
    return SUFFIXES[suffix]


def is_picture_name(path: str | os.PathLike[str]) -> bool:
    """Whether a file in a folder is taken for a picture: it has the suffix of one that is read, and is not hidden."""
    name, suffix = Path(path).name, Path(path).suffix.lower()
    return not name.startswith(".") and (suffix in SUFFIXES or (suffix in HEIC_SUFFIXES and reads_heic()))


_RAW_SUFFIXES = (
    ".3fr .arw .cr2 .cr3 .crw .dcr .dng .erf .fff .gpr .iiq .kdc .mef .mos .mrw .nef .nrw .orf .pef .raf .raw .rw2 "
    ".rwl .sr2 .srf .srw .x3f"
)
_UNREAD: dict[str, str] = {
    suffix: kind
    for kind, suffixes in {
        "HEIC": " ".join(HEIC_SUFFIXES),
        "camera raw": _RAW_SUFFIXES,
        "JPEG XL": ".jxl",
        "JPEG 2000": ".jp2 .j2k .j2c .jpf .jpx",
        "JPEG XR": ".jxr .hdp .wdp",
        "Photoshop": ".psd .psb",
        "OpenEXR": ".exr",
        "Radiance HDR": ".hdr",
        "TGA": ".tga",
        "PNM": ".pbm .pgm .ppm .pnm .pam",
        "SVG": ".svg .svgz",
        "icon": ".ico .icns",
    }.items()
    for suffix in suffixes.split()
}


def unread_kind(path: str | os.PathLike[str]) -> str:
    """What kind of picture a file is by its name, where elansr reads none of that kind: "camera raw"; else ""."""
    name = Path(path).name
    return "" if name.startswith(".") or is_picture_name(name) else _UNREAD.get(Path(name).suffix.lower(), "")


def sniff(head: bytes) -> FormatName:
    """The format of a file by its first bytes (64 suffice), whatever its name says.

    Raises:
        PictureError: The bytes are no picture, or one elansr does not read; the message lacks the file's name.
    """
    for magic, name in _MAGIC.items():
        if head.startswith(magic):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[4:8] == b"ftyp":
        return _sniff_boxes(head)
    for magic, message in _FOREIGN.items():
        if head.startswith(magic):
            raise PictureError(message)
    if b"<svg" in head.lower():
        raise PictureError(f"an SVG drawing has no pixels; render it to {_READABLE} first")
    raise PictureError(f"not a picture that elansr can read; it reads {_READABLE}")


_MAGIC: dict[bytes, FormatName] = {
    b"\xff\xd8": "jpeg",  # stray bytes may follow
    b"\x89PNG\r\n\x1a\n": "png",
    b"II*\0": "tiff",
    b"MM\0*": "tiff",
    b"II+\0": "tiff",
    b"MM\0+": "tiff",
    b"BM": "bmp",
    b"GIF87a": "gif",
    b"GIF89a": "gif",
}


def _unread(what: str, way_out: str = "convert it to PNG, TIFF or JPEG first") -> str:
    return f"elansr cannot read {what}; {way_out}"


_FOREIGN: dict[bytes, str] = {
    b"%PDF": _unread("a PDF document", "export its pages as PNG or TIFF first"),
    b"\xff\x0a": _unread("a JPEG XL picture"),
    b"\0\0\0\x0cJXL ": _unread("a JPEG XL picture"),
    b"\0\0\0\x0cjP  ": _unread("a JPEG 2000 picture"),
    b"\xff\x4f\xff\x51": _unread("a JPEG 2000 picture"),
    b"8BPS": _unread("a Photoshop document"),
    b"\x76\x2f\x31\x01": _unread("an OpenEXR picture", "tone-map it to a 16-bit PNG or TIFF first"),
    b"#?RADIANCE": _unread("a Radiance HDR picture", "tone-map it to a 16-bit PNG or TIFF first"),
    b"FUJIFILMCCD": _unread("a camera raw file", "develop it to a 16-bit TIFF first"),
    b"IIRO": _unread("a camera raw file", "develop it to a 16-bit TIFF first"),
    b"IIU\0": _unread("a camera raw file", "develop it to a 16-bit TIFF first"),
    b"\0\0\1\0": _unread("a Windows icon"),
}


def _sniff_boxes(head: bytes) -> FormatName:
    """Recognises AVIF and HEIC, among their relatives, by the brands in the first box."""
    brands = head[8 : int.from_bytes(head[:4], "big")]
    if b"avis" in brands:
        raise PictureError(_unread("an animated AVIF", "convert it to animated WebP or GIF first"))
    if b"avif" in brands:
        return "avif"
    if b"crx " in brands:
        raise PictureError(_unread("a camera raw file", "develop it to a 16-bit TIFF first"))
    if any(brand in brands for brand in (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")):
        return "heic"
    raise PictureError("a video or another media file, not a picture; elansr reads " + _READABLE)
