"""IPTC records (IIM 4): captions, keywords, credits; in JPEG inside Photoshop's image resources."""

import struct

PHOTOSHOP = b"Photoshop 3.0\0"
_SIGNATURES = (b"8BIM", b"PHUT", b"AgHg", b"DCSR", b"MeSa")
_RECORDS = 0x0404
_MARK = 0x1C


def from_resources(resources: bytes) -> bytes | None:
    """The records in Photoshop's image resources; None if there are none."""
    at = 0
    while at + 12 <= len(resources) and resources[at : at + 4] in _SIGNATURES:
        number = int.from_bytes(resources[at + 4 : at + 6], "big")
        name_size = (resources[at + 6] + 2) // 2 * 2  # its length and its letters, an even number of bytes
        start = at + 6 + name_size + 4
        size = int.from_bytes(resources[start - 4 : start], "big")
        if number == _RECORDS:
            return cleaned(resources[start : start + size])
        at = start + size + size % 2
    return None


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
