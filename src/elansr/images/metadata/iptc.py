"""IPTC records (IIM 4): captions, keywords, credits; in JPEG inside Photoshop's image resources."""

import struct
from collections.abc import Iterator

PHOTOSHOP = b"Photoshop 3.0\0"
_SIGNATURES = (b"8BIM", b"PHUT", b"AgHg", b"DCSR", b"MeSa")
_RECORDS, _COPYRIGHT, _ADDRESS = 0x0404, 0x040A, 0x040B
_PATHS = range(2000, 2999)
_MARK = 0x1C


def from_resources(resources: bytes) -> bytes | None:
    """The records in Photoshop's image resources; None if there are none."""
    return next((cleaned(data) for number, data in _each(resources) if number == _RECORDS), None)


def lost_with(resources: bytes) -> list[str]:
    """What is lost with the other resources, of what a user made and sees."""
    found: dict[str, None] = {}
    for number, data in _each(resources):
        if number in _PATHS:
            found["Photoshop paths dropped"] = None
        elif number == _COPYRIGHT and data[:1] == b"\1":
            found["Photoshop copyright mark dropped"] = None
        elif number == _ADDRESS and data:
            found["Photoshop web address dropped"] = None
    return list(found)


def _each(resources: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and contents of each resource."""
    at = 0
    while at + 12 <= len(resources) and resources[at : at + 4] in _SIGNATURES:
        number = int.from_bytes(resources[at + 4 : at + 6], "big")
        name_size = (resources[at + 6] + 2) // 2 * 2  # its length and its letters, an even number of bytes
        start = at + 6 + name_size + 4
        size = int.from_bytes(resources[start - 4 : start], "big")
        yield number, resources[start : start + size]
        at = start + size + size % 2


def resources(records: bytes) -> bytes:
    """Image resources that hold nothing but the records."""
    return b"8BIM" + struct.pack(">HHI", _RECORDS, 0, len(records)) + records + b"\0" * (len(records) % 2)


def cleaned(records: bytes) -> bytes | None:
    """The whole records at the start, without padding or damage behind them; None if there is none."""
    at = 0
    while at + 5 <= len(records) and records[at] == _MARK:
        size = int.from_bytes(records[at + 3 : at + 5], "big")
        start = at + 5
        if size & 0x8000:  # a long one: the size of the size follows
            start += size & 0x7FFF
            size = int.from_bytes(records[at + 5 : start], "big")
        if start + size > len(records):
            break
        at = start + size
    return records[:at] or None
