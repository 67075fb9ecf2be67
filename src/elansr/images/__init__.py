"""Pictures as NumPy arrays: read and written, resized, in other colours. Nothing here knows a network.

A picture is read with `read`, worked on as `Picture.pages`, carried on with `Picture.with_pages` and written with
`write`; `check_output` refuses early what `write` would refuse late. Pictures larger than memory are read and written
in rows: `open_stream`, `write_rows`.
"""

from elansr.images.alpha import fill_transparent
from elansr.images.alpha_rows import fill_levels_size, filled_rows
from elansr.images.color import luma, rgb_to_ycbcr, ycbcr_to_rgb
from elansr.images.containers import Structure, inspect
from elansr.images.formats import (
    FORMATS,
    SUFFIXES,
    Format,
    FormatName,
    format_named,
    format_of_suffix,
    is_picture_name,
    sniff,
)
from elansr.images.picture import Picture, Pixels
from elansr.images.reading import DEFAULT_MAX_PIXELS, DEFAULT_MAX_STREAMED, read
from elansr.images.resize import crop_to_multiple, downscale, imresize
from elansr.images.rows_on_disk import Plane, write_rows
from elansr.images.streaming import Rolling, Rows, Stream, blank, open_stream
from elansr.images.writing import check_output, check_place, placed, write

__all__ = [
    "DEFAULT_MAX_PIXELS",
    "DEFAULT_MAX_STREAMED",
    "FORMATS",
    "SUFFIXES",
    "Format",
    "FormatName",
    "Picture",
    "Pixels",
    "Plane",
    "Rolling",
    "Rows",
    "Stream",
    "Structure",
    "blank",
    "check_output",
    "check_place",
    "crop_to_multiple",
    "downscale",
    "fill_levels_size",
    "fill_transparent",
    "filled_rows",
    "format_named",
    "format_of_suffix",
    "imresize",
    "inspect",
    "is_picture_name",
    "luma",
    "open_stream",
    "placed",
    "read",
    "rgb_to_ycbcr",
    "sniff",
    "write",
    "write_rows",
    "ycbcr_to_rgb",
]
