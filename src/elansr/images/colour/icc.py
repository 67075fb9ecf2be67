"""Colour profiles of three primaries or of grey: made (ICC.1:2022, version 4), and asked for their curve."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Curve: TypeAlias = tuple[float, float, float, float, float]
"""(g, a, b, c, d): light is (a v + b) ** g for samples v from d on, and c v below; both are in 0..1."""
Chromaticities: TypeAlias = tuple[float, float, float, float, float, float, float, float]
"""x and y of white, red, green and blue (CIE 1931)."""
Matrix: TypeAlias = NDArray[np.float64]

SRGB_CURVE: Curve = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
SRGB_PRIMARIES: Chromaticities = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
_ADOBE_PRIMARIES: Chromaticities = (0.3127, 0.3290, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
_D50 = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def gamma(exponent: float) -> Curve:
    """The curve that is a power and nothing else."""
    return (exponent, 1.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class ColourSpace:
    """RGB, or grey of the same white: what a colour profile of this kind says."""

    primaries: Chromaticities = SRGB_PRIMARIES
    curve: Curve = SRGB_CURVE

    def profile(self, channels: int) -> bytes:
        """The ICC profile for pixels of so many channels (1 or 2 grey, 3 or 4 RGB)."""
        adapted = _adaptation(self.primaries)
        text = _text("RGB with primaries and curve of the file" if channels > 2 else "Grey with the curve of the file")
        curve = b"para" + struct.pack(">IHH5i", 0, 3, 0, *map(_fixed, self.curve))
        tags = {b"desc": text, b"cprt": _text("CC0"), b"wtpt": _xyz(_D50), b"chad": _numbers(b"sf32", adapted)}
        if channels > 2:
            columns = (adapted @ rgb_to_xyz(self.primaries)).T
            tags |= {name: _xyz(column) for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns, strict=True)}
            tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
        else:
            tags[b"kTRC"] = curve
        return _assembled(tags, b"RGB " if channels > 2 else b"GRAY")


ADOBE_RGB = ColourSpace(_ADOBE_PRIMARIES, gamma(563 / 256))
"""What EXIF calls the optional colour space of DCF (interoperability "R03")."""


def rgb_to_xyz(primaries: Chromaticities) -> Matrix:
    """(3, 3): linear RGB, of which (1, 1, 1) is white, to XYZ with a white of Y = 1."""
    white, *colours = (np.array([x / y, 1.0, (1 - x - y) / y]) for x, y in _pairs(primaries))
    columns = np.stack(colours, axis=1)
    matrix: Matrix = columns * np.linalg.solve(columns, white)
    return matrix


def are_primaries(numbers: Sequence[float]) -> bool:
    """Whether eight numbers can be `Chromaticities`: colours that are seen, and that mix to all others."""
    pairs = list(zip(numbers[::2], numbers[1::2], strict=True))
    if not all(0 <= x <= 1 and 0 < y <= 1 for x, y in pairs):
        return False
    (red, green, blue) = (np.array(pair) for pair in pairs[1:])
    across, down = green - red, blue - red
    return bool(abs(across[0] * down[1] - across[1] * down[0]) > 1e-3)


def is_linear(profile: bytes) -> bool:
    """Whether an RGB or grey profile says that samples are proportional to light."""
    for tag in (b"rTRC", b"kTRC"):
        curve = _tag(profile, tag)
        if curve[:4] == b"curv" and len(curve) >= 12:
            count, first = struct.unpack(">IH", curve[8:14].ljust(6, b"\0"))
            values = np.frombuffer(curve[12 : 12 + 2 * count], ">u2")
            straight = np.linspace(0, 65535, len(values)) if len(values) > 1 else values
            return bool(count == 0 or (count == 1 and first == 256) or abs(values - straight).max(initial=0) < 256)
        if curve[:4] == b"para" and len(curve) >= 16:
            return bool(curve[12:16] == struct.pack(">i", 65536))
    return False


def _pairs(numbers: Chromaticities) -> list[tuple[float, float]]:
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _adaptation(primaries: Chromaticities) -> Matrix:
    """Takes XYZ under the white of the primaries to XYZ under D50, after Bradford."""
    x, y = primaries[:2]
    cones = _BRADFORD @ np.array([x / y, 1.0, (1 - x - y) / y])
    matrix: Matrix = np.linalg.inv(_BRADFORD) @ np.diag(_BRADFORD @ _D50 / cones) @ _BRADFORD
    return matrix


def _tag(profile: bytes, name: bytes) -> bytes:
    """The bytes of a tag; empty where it is not there."""
    if len(profile) < 132:
        return b""
    for entry in range(132, min(132 + 12 * int.from_bytes(profile[128:132], "big"), len(profile) - 11), 12):
        if profile[entry : entry + 4] == name:
            at, size = struct.unpack(">II", profile[entry + 4 : entry + 12])
            return profile[at : at + size]
    return b""


def _assembled(tags: dict[bytes, bytes], space: bytes) -> bytes:
    at, table, body, places = 128 + 4 + 12 * len(tags), b"", b"", dict[bytes, int]()
    for name, data in tags.items():
        if data not in places:  # equal curves are kept once
            places[data] = at + len(body)
            body += data + bytes(-len(data) % 4)
        table += name + struct.pack(">II", places[data], len(data))
    size = at + len(body)
    head = struct.pack(">I4xI4s4s4s12x4s", size, 0x04400000, b"mntr", space, b"XYZ ", b"acsp")
    head = head.ljust(68, b"\0") + struct.pack(">3i", *map(_fixed, _D50))
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def _fixed(number: float) -> int:
    return round(number * 65536)


def _numbers(kind: bytes, values: Matrix) -> bytes:
    return kind + bytes(4) + struct.pack(f">{values.size}i", *map(_fixed, values.ravel()))


def _xyz(values: Matrix) -> bytes:
    return _numbers(b"XYZ ", values)


def _text(words: str) -> bytes:
    data = words.encode("utf-16-be")
    return b"mluc" + struct.pack(">3I4s2I", 0, 1, 12, b"enUS", len(data), 28) + data
