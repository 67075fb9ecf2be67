"""Metadata of each format: reading, adjusting to other pixels, and writing.

What each format holds, of what `Picture` has:

| format | EXIF | XMP | IPTC                   | comments       | texts               | tags of pages |
|--------|------|-----|------------------------|----------------|---------------------|---------------|
| jpeg   | yes  | yes | yes                    | yes            | some, as EXIF       | no            |
| png    | yes  | yes | yes, as ImageMagick's  | as texts       | yes                 | no            |
| webp   | yes  | yes | no                     | no             | some, as EXIF       | no            |
| avif   | yes  | yes | no                     | no             | some, as EXIF       | no            |
| tiff   | yes  | yes | yes                    | no             | some, as EXIF       | yes           |
| gif    | no   | yes | no                     | yes            | comments            | no            |
| bmp    | no   | no  | no                     | no             | no                  | no            |
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import BinaryIO

from elansr.disk import replace_bytes
from elansr.images.formats import FormatName
from elansr.images.metadata import boxes, jpeg_segments, png_texts, tiff_tags, webp_gif, xmp
from elansr.images.metadata import exif as exif_blocks
from elansr.images.metadata.geometry import Change
from elansr.images.metadata.png_texts import Text
from elansr.images.png_chunks import set_chunks
from elansr.images.tags import EXIF_POINTER, PLAIN, Directory, Field
from elansr.text import shown

_EXIF_TAGS = {"Description": 0x010E, "Author": 0x013B, "Software": 0x0131, "Copyright": 0x8298}
_PARAMETERS, _COMMENT = "parameters", "Comment"
_USER_COMMENT = 0x9286
_MOST_NAMES = 10


@dataclass(frozen=True)
class Metadata:
    """The fields of `Picture` of the same names; `resolution` is whether the file says one, in a unit, outside EXIF."""

    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    comments: tuple[bytes, ...] = ()
    texts: tuple[Text, ...] = ()
    page_tags: tuple[Directory, ...] = ()
    notes: tuple[str, ...] = ()
    resolution: bool = False


def read(kind: FormatName, stream: BinaryIO, pages: tuple[int, ...], found: Mapping[str, bytes | None]) -> Metadata:
    """What a file says, as it says it.

    Args:
        kind: Its format.
        stream: The file, open for reading; its position is moved.
        pages: Which pages of a TIFF count.
        found: The blobs "exif-data" and "xmp-data" of libvips, for the formats where it hands them out untouched.
    """
    stream.seek(0, io.SEEK_END)  # libvips has moved the descriptor, which the stream's buffer does not know otherwise
    exif, packet = found.get("exif-data"), found.get("xmp-data")
    if kind == "jpeg":
        jpeg = jpeg_segments.read(stream)
        return Metadata(jpeg.exif, jpeg.xmp, jpeg.iptc, jpeg.comments, notes=jpeg.notes, resolution=jpeg.resolution)
    if kind == "png":
        png = png_texts.read(stream)
        return Metadata(png.exif, png.xmp, png.iptc, (), png.texts, notes=png.notes, resolution=png.resolution)
    if kind == "tiff":
        exif, tags, records, lost = tiff_tags.read(stream, pages)
        return Metadata(exif, packet, records, page_tags=tags, notes=tuple(lost))
    if kind == "gif":
        packet, comments, notes = webp_gif.read_gif(stream)
        return Metadata(xmp=packet, comments=comments, notes=notes)
    return Metadata(exif, packet, notes=tuple(webp_gif.webp_notes(stream)) if kind == "webp" else ())


def adapted(found: Metadata, change: Change) -> Metadata:
    """The same, adjusted to pixels that were rotated or resized; what cannot be adjusted is dropped and noted."""
    tags, lost = tiff_tags.adapted(found.page_tags, found.exif, change)
    notes = [*found.notes, *lost]
    exif, packet = found.exif, found.xmp
    if exif:
        exif, lost_exif = exif_blocks.adapted(exif, change)
        notes += lost_exif
    if packet:
        packet, lost_xmp = xmp.adapted(packet, change)
        notes += lost_xmp
    return replace(found, exif=exif, xmp=packet, page_tags=tags, notes=tuple(dict.fromkeys(notes)))


def held(found: Metadata, kind: FormatName) -> tuple[Metadata, tuple[str, ...]]:
    """What a format holds of it, and what it does not."""
    lost: dict[str, bool] = {}
    exif, texts = found.exif, found.texts
    if texts and kind not in ("png", "gif", "bmp"):
        exif, texts = _texts_in_exif(exif, texts)
    comments = found.comments
    if kind in ("jpeg", "gif"):
        comments += tuple(text.text.encode("utf-8", "surrogateescape") for text in texts if text.keyword == _COMMENT)
        texts = tuple(text for text in texts if text.keyword != _COMMENT)
    if kind == "png":
        texts += tuple(Text(_COMMENT, _decoded(comment)) for comment in comments)
        comments = ()
    exif_fits = kind not in ("gif", "bmp") and not (kind == "jpeg" and len(exif or b"") > exif_blocks.MOST_IN_JPEG)
    lost["EXIF dropped"] = bool(exif) and not exif_fits
    lost["maker note dropped"] = kind == "tiff" and exif_blocks.has_fixed_note(exif)
    lost["XMP dropped"] = found.xmp is not None and kind == "bmp"
    lost["IPTC dropped"] = found.iptc is not None and kind not in ("jpeg", "png", "tiff")
    lost["comments dropped"] = bool(comments) and kind not in ("jpeg", "gif")
    left = [text.keyword for text in texts] if kind != "png" else []
    lost[f"texts dropped ({_some(left)})"] = bool(left)
    lost |= dict.fromkeys(tiff_tags.names(found.page_tags) if kind != "tiff" else (), True)
    what = Metadata(
        exif=exif if exif_fits else None,
        xmp=found.xmp if kind != "bmp" else None,
        iptc=found.iptc if kind in ("jpeg", "png", "tiff") else None,
        comments=comments if kind in ("jpeg", "gif") else (),
        texts=texts if kind == "png" else (),
        page_tags=found.page_tags if kind == "tiff" else (),
    )
    return what, tuple(text for text, is_lost in lost.items() if is_lost)


def _some(names: list[str]) -> str:
    """The first names, each short and on one line."""
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(shown(name)[:80] for name in names[:_MOST_NAMES]) + more


def _texts_in_exif(exif: bytes | None, texts: tuple[Text, ...]) -> tuple[bytes | None, tuple[Text, ...]]:
    """A block that says what texts said, and the texts that have no place there.

    `parameters` of image generators become the comment of the user, where Automatic1111 and others look for them.
    """
    directory, layout = (exif and exif_blocks.parse(exif)) or ({}, PLAIN)
    photo = directory.get(EXIF_POINTER, {})
    left, changed = [], False
    for text in texts:
        tag = _EXIF_TAGS.get(text.keyword)
        if tag and tag not in directory:
            directory[tag], changed = Field.text(text.text), True
        elif text.keyword == _PARAMETERS and isinstance(photo, dict) and _USER_COMMENT not in photo:
            order = "utf-16-le" if layout.order == "<" else "utf-16-be"
            value = b"UNICODE\0" + text.text.encode(order, "surrogatepass")
            photo[_USER_COMMENT], changed = Field(7, len(value), value), True
            directory[EXIF_POINTER] = photo
        else:
            left.append(text)
    return (exif_blocks.block(directory, layout) if changed else exif), tuple(left)


def _decoded(comment: bytes) -> str:
    try:
        return comment.decode()
    except UnicodeDecodeError:
        return comment.decode("latin-1")


def exif_for(
    kind: FormatName, exif: bytes | None, size: tuple[int, int], dpi: tuple[float, float] | None
) -> bytes | None:
    """The block for a file of a format, with the resolution where only EXIF holds it, as `held` leaves it otherwise."""
    if exif:
        exif, _ = exif_blocks.adapted(exif, Change(size, size))
    if dpi and kind in ("jpeg", "webp", "avif"):
        needed = kind != "jpeg" or jpeg_segments.jfif(dpi) is None
        return exif_blocks.with_resolution(exif, dpi, needed=needed)
    return exif


def write(
    file: BinaryIO,
    kind: FormatName,
    what: Metadata,
    size: tuple[int, int],
    dpi: tuple[float, float] | None,
    *,
    alpha: bool,
    pages: int = 1,
) -> None:
    """Adds to a file what libvips does not write, or not untouched: all but colours, and XMP in WebP, AVIF and TIFF.

    Args:
        file: Open for reading and writing, as libvips wrote it; an AVIF with `boxes.PLACEHOLDER` if it gets EXIF.
        kind: Its format.
        what: As `held` and `exif_for` return it.
        size: Width and height of the pixels.
        dpi: The resolution, if the picture has one.
        alpha: Whether it has any.
        pages: How many it has.
    """
    if kind == "jpeg":
        data = jpeg_segments.segments(what.exif, what.xmp, what.iptc, what.comments)
        at = jpeg_segments.insertion_point(file)
        replace_bytes(file, at, at, (jpeg_segments.jfif(dpi) or b"" if dpi else b"") + data)
    elif kind == "png":
        found = png_texts.chunks(what.exif, what.xmp, what.iptc, what.texts)
        set_chunks(file, found, without=() if dpi else (b"pHYs",))
    elif kind == "tiff":
        tags = (
            [tiff_tags.NO_RESOLUTION | page for page in what.page_tags or ({},) * pages] if not dpi else what.page_tags
        )
        if what.exif or tags or what.iptc:
            tiff_tags.write(file, what.exif, tags, what.iptc)
    elif kind == "gif":
        at = webp_gif.gif_insertion_point(file)
        replace_bytes(file, at, at, webp_gif.gif_blocks(what.xmp, what.comments))
    elif kind == "webp" and what.exif:
        webp_gif.add_exif_to_webp(file, what.exif, size, alpha)
    elif kind == "avif" and what.exif:
        boxes.set_exif(file, what.exif)
