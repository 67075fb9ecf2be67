"""Pictures as NumPy arrays: reading, writing, metadata, colour and resizing.

`read` gives a `Picture`: its `pages` are arrays; `with_pages` keeps the metadata with new ones; `write` and `encode`
write a file or its bytes. `check_output` and `check_format` check before the work what these would refuse after it.
Pictures larger than memory are read and written in rows: `open_picture`, `write_rows`.

reading.py, writing.py   files and bytes
converting.py            pixels as a format holds them
formats.py               what each format can hold
heic.py                  HEIC, through pillow-heif
structure.py             what libvips does not report: pages, truncation, the quality of a JPEG
incomplete.py            JPEGs whose end is missing
jpeg_tables.py           the quality of a quantisation table
colour_tags.py           colour descriptions other than profiles; cicp.py: H.273, and HDR to SDR; icc.py: profiles
lab.py                   CIELab of TIFF
png_chunks.py, boxes.py  the parts of PNG and AVIF that libvips leaves out
metadata.py              metadata: reading, adjusting to other pixels, writing
exif.py, xmp.py, iptc.py its parts; geometry.py: how pixels were turned and resized
jpeg_segments.py         where they are in a file; also png_texts.py, tiff_tags.py, containers.py
tags.py                  the directories of TIFF and EXIF; microscopy.py: sizes in their descriptions
picture.py               `Picture`
losses.py                what a format cannot hold of a picture
samples.py               integers and floats
color.py                 YCbCr
alpha.py                 colour for transparent pixels
resize.py                MATLAB's bicubic
"""

from elansr.images.alpha import fill_levels_size, fill_transparent, filled_rows
from elansr.images.color import luma, rgb_to_ycbcr, ycbcr_to_rgb
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
from elansr.images.losses import losses
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
    "rgb_to_ycbcr",
    "rounded",
    "rounded_half_up",
    "set_threads",
    "sniff",
    "to_float",
    "unread_kind",
    "write",
    "write_rows",
    "ycbcr_to_rgb",
]
