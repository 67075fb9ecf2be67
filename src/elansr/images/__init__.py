"""Pictures as NumPy arrays: reading, writing, metadata, colour and resizing.

`read` gives a `Picture`: its `pages` are arrays; `with_pages` keeps the metadata with new ones; `write` and `encode`
write a file or its bytes. `check_output` and `check_format` check before the work what these would refuse after it.
Pictures larger than memory are read and written in rows: `open_picture`, `write_rows`.

picture.py               `Picture`
reading.py, writing.py   files and bytes
decoding.py              their pages, by libvips; heic.py: HEIC, by pillow-heif; bmp.py: BMP, by Pillow
metadata/                EXIF, XMP, IPTC, comments and texts
colour/                  profiles and other descriptions of colours
formats.py               what each format can hold; format_losses.py: what it cannot hold of a picture
converting.py            pixels as a format holds them
structure.py             what libvips does not report: pages, truncation, the quality of a JPEG
jpeg_tables.py           the quality of a quantisation table; incomplete.py: JPEGs whose end is missing
png_chunks.py            chunks of PNG; tags.py: directories of TIFF and EXIF
samples.py               integers and floats
alpha.py                 colour for transparent pixels
resize.py                MATLAB's bicubic
"""

from elansr.images.alpha import fill_levels_size, fill_transparent, filled_rows
from elansr.images.colour.luma import luma
from elansr.images.format_losses import losses
from elansr.images.formats import (
    FORMATS,
    SUFFIXES,
    Format,
    FormatName,
    format_named,
    format_of_suffix,
    is_picture_name,
    sniff,
    unread_kind,
)
from elansr.images.picture import Picture, Pixels, RollingRows, blank
from elansr.images.reading import (
    DEFAULT_MAX_PIXELS,
    DEFAULT_MAX_STREAMED,
    FileRows,
    PictureFile,
    open_picture,
    read,
    set_threads,
)
from elansr.images.resize import crop_to_multiple, downscale, imresize
from elansr.images.samples import LARGEST, from_float, in_8_bits, rounded, rounded_half_up, to_float
from elansr.images.structure import Structure, inspect
from elansr.images.writing import Plane, check_format, check_output, check_place, encode, write, write_rows

__all__ = [
    "DEFAULT_MAX_PIXELS",
    "DEFAULT_MAX_STREAMED",
    "FORMATS",
    "LARGEST",
    "SUFFIXES",
    "FileRows",
    "Format",
    "FormatName",
    "Picture",
    "PictureFile",
    "Pixels",
    "Plane",
    "RollingRows",
    "Structure",
    "blank",
    "check_format",
    "check_output",
    "check_place",
    "crop_to_multiple",
    "downscale",
    "encode",
    "fill_levels_size",
    "fill_transparent",
    "filled_rows",
    "format_named",
    "format_of_suffix",
    "from_float",
    "imresize",
    "in_8_bits",
    "inspect",
    "is_picture_name",
    "losses",
    "luma",
    "open_picture",
    "read",
    "rounded",
    "rounded_half_up",
    "set_threads",
    "sniff",
    "to_float",
    "unread_kind",
    "write",
    "write_rows",
]
