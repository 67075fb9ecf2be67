"""What a format cannot hold of a picture, as short notes for the user."""

import numpy as np

from elansr.images import metadata
from elansr.images.converting import fits
from elansr.images.formats import FORMATS, FormatName
from elansr.images.picture import Picture


def losses(picture: Picture, format: FormatName) -> tuple[str, ...]:  # noqa: A002 - as in `write`
    """What `write` drops or changes of a picture because the format cannot hold it.

    Args:
        picture: What is written; of its pixels only shape and type count, so that a `blank` page will do.
        format: Of the file.

    Returns:
        One short clause each; together with `Picture.notes` they say all that a result lacks.
    """
    row, page, colour = FORMATS[format], picture.pages[0], picture.colour
    hdr = colour.is_hdr and format not in ("png", "avif")
    found = {
        "HDR converted to SDR": hdr,
        "colour profile dropped, as it does not fit these pixels": picture.icc is not None
        and not fits(picture.icc, page.shape[2]),
        "cICP dropped": colour.cicp is not None and not colour.counts and format != "png",
        "transparency replaced by white": page.shape[2] in (2, 4) and not row.alpha,
        "alpha reduced to on and off": page.shape[2] in (2, 4) and format == "gif" != picture.format,
        "colours reduced to 256": format == "gif" != picture.format,
        "samples rounded to 8 bits": page.dtype == np.uint16 and row.bits == 8,
        "samples rounded to 12 bits": page.dtype == np.uint16 and row.bits == 12 and picture.format != format,
        "resolution dropped": picture.dpi is not None and format == "gif",
        "frame durations dropped": bool(picture.durations) and format == "tiff",
    }
    return tuple(text for text, lost in found.items() if lost) + metadata.held(picture.metadata, format)[1]
