"""JPEGs whose last bytes are missing, as cut transfers and failing cards leave them: read where little is lost."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, BinaryIO

import pyvips

from elansr.errors import PictureError

_END, _SCAN = b"\xff\xd9", b"\xff\xda"
_SEARCHED = 2**16
"""Bytes at the end of a file in which its end marker usually is."""
_ROWS = 16
"""Rows that are decoded at a time, and that may be missing in any case: blocks are that high."""
_SHARE = 10
"""A tenth of the rows may be missing."""


def without_end(stream: BinaryIO) -> bytes | None:
    """The bytes of a JPEG that has no end marker behind its last scan; None if it has one."""
    end = stream.seek(0, 2)
    stream.seek(max(0, end - _SEARCHED))
    if _END in stream.read():
        return None
    stream.seek(0)
    data = stream.read()
    return data if data.rfind(_END) < data.rfind(_SCAN) else None


def completed(data: bytes, opened: Callable[[bytes], Any]) -> tuple[bytes, str]:
    """A JPEG with the end marker that it lacks, and a note on what is missing.

    Args:
        data: From `without_end`.
        opened: Gives libvips' view of such bytes; decoding it fails where something is missing.

    Raises:
        PictureError: Too much is missing.
    """
    whole = data + _END
    image = opened(whole)
    complete = _complete_rows(pyvips.Region.new(image), image.height)
    missing = image.height - complete
    if missing == 0 or _in_last_refinement(data):
        return whole, "the end of the file is missing"
    if missing > max(_ROWS, image.height // _SHARE):
        way_out = "download it again or convert it to PNG"
        raise PictureError(f"truncated, damaged or an unusual JPEG (premature end of JPEG image); {way_out}")
    return whole, f"the end of the file is missing, and with it up to {missing} rows"


def _complete_rows(region: Any, height: int) -> int:
    complete = 0
    with suppress(pyvips.Error):
        while complete < height:
            rows = min(_ROWS, height - complete)
            region.fetch(0, complete, 1, rows)
            complete += rows
    return complete


def _in_last_refinement(data: bytes) -> bool:
    """Whether a progressive JPEG ends in a scan that only adds the last bit to what is there for the whole picture."""
    scan = data[data.rfind(_SCAN) + 4 :]
    if not scan or len(scan) < 4 + 2 * scan[0]:
        return False
    first, _, bits = scan[1 + 2 * scan[0] : 4 + 2 * scan[0]]
    return first > 0 and bits == 0x10
