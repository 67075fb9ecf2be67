"""File <-> Picture: the one module to import for reading and writing pictures.

A picture is read with `read`, worked on as `Picture.pages`, carried on with `Picture.with_pages` and written with
`write`; `check_output` refuses early what `write` would refuse late. The parts: `picture` (pixels and metadata),
`formats` (what each format holds), `reading`, `encoding`, `writing`, `exif`, `containers`, `tags`.
"""

from elansr.images.formats import (
    FORMATS,
    SUFFIXES,
    Format,
    FormatName,
    format_named,
    format_of_suffix,
    is_picture_name,
)
from elansr.images.picture import Picture, Pixels
from elansr.images.reading import DEFAULT_MAX_PIXELS, DEFAULT_MAX_STREAMED, read
from elansr.images.writing import check_output, write

__all__ = [
    "DEFAULT_MAX_PIXELS",
    "DEFAULT_MAX_STREAMED",
    "FORMATS",
    "SUFFIXES",
    "Format",
    "FormatName",
    "Picture",
    "Pixels",
    "check_output",
    "format_named",
    "format_of_suffix",
    "is_picture_name",
    "read",
    "write",
]
