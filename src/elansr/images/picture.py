"""A picture in memory: its pixels, or some of its rows, and its metadata."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from elansr.errors import PictureError
from elansr.images import metadata
from elansr.images.colour.colour_tags import ColourTags, is_linear
from elansr.images.formats import FormatName
from elansr.images.metadata import Metadata, tiff_tags
from elansr.images.metadata.geometry import Change
from elansr.images.metadata.png_texts import Text
from elansr.images.tags import Directory

Pixels: TypeAlias = NDArray[np.uint8 | np.uint16]
"""uint8 0-255 or uint16 0-65535, (H, W, C): C = 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha, not multiplied."""
_BAND = 64
"""Rows that are made at a time."""


@dataclass(frozen=True, eq=False)
class Picture:
    """One picture: a still, an animation or the pages of a TIFF.

    Attributes:
        pages: One array per page or frame, all of one shape and dtype, upright (see `Pixels`).
        format: The format of the file it came from.
        lossy: Whether that file was compressed with loss: JPEG, lossy WebP, AVIF (always taken as lossy), lossy
            compression inside a TIFF.
        quality: Of that file if it was a JPEG, 1-100 as libjpeg counts it, from its quantisation table of luma; an
            estimate where the table is not libjpeg's. None of other formats, or where the file does not say.
        icc: The colour profile that the pixels are meant in; None is sRGB, unless `colour` says otherwise.
        colour: What the file says of its colours other than by a profile.
        exif: The EXIF block, starting with `Exif` and two zeros, with orientation 1 and no thumbnail.
        xmp: The XMP packet.
        iptc: The IPTC records.
        comments: Those of a JPEG or GIF, as they were stored.
        texts: Those of a PNG.
        page_tags: For each page the tags of a TIFF that have no place in EXIF: names, places on earth; or empty.
        durations: How long each frame of an animation is shown, in milliseconds; empty for pages.
        loops: How often an animation plays; 0 is forever.
        dpi: Horizontal and vertical resolution in dots per inch; None where the file says nothing.
        notes: What was lost on reading, one short clause each, such as "gain map dropped"; see also `losses`.

    Raises:
        PictureError: The pages or durations break these rules.
    """

    pages: tuple[Pixels, ...]
    format: FormatName = "png"
    lossy: bool = False
    quality: int | None = None
    icc: bytes | None = None
    colour: ColourTags = field(default_factory=ColourTags)
    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    comments: tuple[bytes, ...] = ()
    texts: tuple[Text, ...] = ()
    page_tags: tuple[Directory, ...] = ()
    durations: tuple[int, ...] = ()
    loops: int = 0
    dpi: tuple[float, float] | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.pages:
            raise PictureError("a picture without pages; give at least one array (H, W, C)")
        for page in self.pages:
            _check(page)
        kinds = {(page.shape, str(page.dtype)) for page in self.pages}
        if len(kinds) > 1:
            raise PictureError(f"pages of different shapes or types {sorted(kinds)}; make one picture of each")
        if self.durations and len(self.durations) != len(self.pages):
            raise PictureError(f"{len(self.durations)} durations for {len(self.pages)} frames; give one per frame")

    @property
    def pixels(self) -> Pixels:
        """The only page of a still picture.

        Raises:
            PictureError: There are several; use `pages`.
        """
        if len(self.pages) > 1:
            raise PictureError(f"the picture has {len(self.pages)} pages, not one; use each of `pages`")
        return self.pages[0]

    @property
    def is_linear(self) -> bool:
        """Whether samples are proportional to light, which a network that learned from photos does not expect."""
        return is_linear(self.icc, self.colour)

    def with_pages(self, pages: Sequence[Pixels]) -> "Picture":
        """A picture with other pixels, such as the upscaled ones, and the same metadata.

        Sizes and positions in the metadata are adjusted to the size of the new pages: in EXIF and XMP,
        GeoTIFF, and the resolution of pictures from microscopes.
        """
        new = replace(self, pages=tuple(pages))
        change = Change(_size(self.pages[0]), _size(new.pages[0]))
        return new if change.idle else new._adapted(change)

    @property
    def metadata(self) -> Metadata:
        """What travels beside its pixels."""
        return Metadata(self.exif, self.xmp, self.iptc, self.comments, self.texts, self.page_tags, self.notes)

    def _adapted(self, change: Change) -> "Picture":
        found, dpi = metadata.adapted(self.metadata, change), self.dpi
        if dpi and tiff_tags.measures(self.exif):
            dpi = dpi[0] * change.scale[0], dpi[1] * change.scale[1]
        return replace(self, exif=found.exif, xmp=found.xmp, page_tags=found.page_tags, notes=found.notes, dpi=dpi)


def _size(page: Pixels) -> tuple[int, int]:
    return page.shape[1], page.shape[0]


def _check(page: Pixels) -> None:
    if page.ndim != 3 or page.shape[2] not in (1, 2, 3, 4) or not page.size:
        raise PictureError(f"pixels of shape {page.shape}; use (height, width, channels) with 1 to 4 channels")
    if page.dtype not in (np.uint8, np.uint16):
        raise PictureError(f"pixels of type {page.dtype}; use uint8 (0-255) or uint16 (0-65535)")


def blank(size: tuple[int, int], channels: int, deep: bool) -> Pixels:
    """A page of `size` (H, W) that takes no memory and stands in for pixels that are elsewhere."""
    zero = np.uint16(0) if deep else np.uint8(0)
    page: Pixels = np.broadcast_to(zero, (*size, channels))
    return page


class RollingRows:
    """Rows that are made from top to bottom, once; those of the last call and below are kept.

    Args:
        make: gives rows `start` to `stop` (exclusive), (stop - start, W, C); called once for each row, in order, though
            not for those that nobody asked for.
    """

    def __init__(self, make: Callable[[int, int], Pixels]) -> None:
        self._make = make
        self._top, self._kept = 0, np.empty((0, 0, 0), np.uint8)

    def __call__(self, start: int, stop: int) -> Pixels:
        """Rows `start` to `stop` (exclusive); `start` must not lie above that of the call before."""
        if start < self._top:
            raise ValueError(f"rows from {start} on after those from {self._top} on: read rows from top to bottom")
        bottom = self._top + len(self._kept)
        if start > self._top or stop > bottom:
            first = max(start, bottom)
            made = [self._make(at, min(at + _BAND, stop)) for at in range(first, stop, _BAND)]
            kept = [self._kept[start - self._top :]] if start < bottom else []
            self._kept, self._top = np.concatenate(kept + made), start
        return self._kept[: stop - start]
