"""Metadata of a picture: EXIF, XMP, IPTC, comments and texts, read, adjusted to upscaled pixels, and written.

by_format.py       what each format holds; reads and writes it
exif.py            EXIF; xmp.py: XMP; iptc.py: IPTC
geometry.py        how pixels were turned and resized, for what says places and sizes
microscopy.py      sizes in descriptions of TIFF
jpeg_segments.py   JPEG; png_texts.py: PNG; tiff_tags.py: TIFF; webp_gif.py: WebP and GIF
boxes.py           AVIF and HEIC, also what they say of colours
"""

from elansr.images.metadata.by_format import Metadata, adapted, exif_for, held, read, write
from elansr.images.metadata.exif import orientation, resolution

__all__ = ["Metadata", "adapted", "exif_for", "held", "orientation", "read", "resolution", "write"]
