"""What a file says of its colours other than by an ICC profile: AVIF's `nclx`, PNG's cICP, sRGB, gAMA and cHRM.

The strongest counts, as PNG and AVIF demand: two numbers of H.273, the profile, "sRGB", then gamma and primaries.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from elansr.images.colour import cicp as h273
from elansr.images.colour import icc as profiles
from elansr.images.colour.cicp import Cicp
from elansr.images.colour.icc import SRGB_CURVE, SRGB_PRIMARIES, Chromaticities, ColourSpace
from elansr.images.png_chunks import Chunk

_SAME_GAMMA, _SAME_PLACE = 0.01, 0.002
"""How near sRGB's a gamma and primaries are that mean sRGB: those that PNG recommends beside it are."""


@dataclass(frozen=True)
class ColourTags:
    """What a file says of its colours; None where it says nothing.

    Attributes:
        cicp: Primaries and transfer, as ITU-T H.273 numbers them.
        intent: Rendering intent of a file that says "sRGB", 0-3.
        gamma: Exponent from light to samples: 1 is linear, 0.45455 usual.
        chromaticities: x and y of white, red, green and blue.
    """

    cicp: Cicp | None = None
    intent: int | None = None
    gamma: float | None = None
    chromaticities: Chromaticities | None = None

    @property
    def counts(self) -> bool:
        """Whether H.273's numbers say something that counts more than a profile."""
        return self.cicp is not None and h273.is_known(self.cicp)

    @property
    def is_hdr(self) -> bool:
        """Whether the samples are PQ or HLG."""
        return self.cicp is not None and self.counts and h273.is_hdr(self.cicp)

    def space(self) -> ColourSpace | None:
        """What they mean; None is sRGB, or that a profile counts more. Not of HDR."""
        if self.cicp and self.counts:
            return None if self.cicp == h273.SRGB else h273.colour_space(self.cicp)
        if self.intent is not None or self._usual:
            return None
        curve = SRGB_CURVE if self.gamma is None else profiles.gamma(1 / self.gamma)
        return ColourSpace(self.chromaticities or SRGB_PRIMARIES, curve)

    @property
    def _usual(self) -> bool:
        """Whether gamma and primaries are absent or those of sRGB."""
        near = zip(self.chromaticities or SRGB_PRIMARIES, SRGB_PRIMARIES, strict=True)
        same_gamma = self.gamma is None or abs(self.gamma - 1 / 2.2) < _SAME_GAMMA
        return same_gamma and all(abs(a - b) < _SAME_PLACE for a, b in near)


def profile_of(icc: bytes | None, tags: ColourTags, channels: int) -> bytes | None:
    """The ICC profile that says what pixels of so many channels mean; None for sRGB and HDR."""
    if tags.is_hdr:
        return None
    if icc is not None and not tags.counts:
        return icc
    space = tags.space()
    return space.profile(channels) if space else None


def is_linear(icc: bytes | None, tags: ColourTags) -> bool:
    """Whether samples are proportional to light, which a network that learned from photos does not expect."""
    if tags.is_hdr:
        return False
    if icc is not None and not tags.counts:
        return profiles.is_linear(icc)
    space = tags.space()
    return space is not None and space.curve == profiles.gamma(1.0)


def at_places(numbers: Sequence[float]) -> ColourTags:
    """The tags of a file that says where white, red, green and blue are and nothing else, as TIFF does."""
    whole = len(numbers) == 8 and profiles.are_primaries(numbers)
    return ColourTags(chromaticities=tuple(numbers) if whole else None)  # type: ignore[arg-type]


def from_chunks(chunks: Mapping[bytes, bytes]) -> tuple[ColourTags, tuple[str, ...]]:
    """The tags in the chunks of a PNG, by their kind, and notes on those that are left out; as damaged ones are."""
    cicp, srgb, gama, chrm = (chunks.get(kind, b"") for kind in (b"cICP", b"sRGB", b"gAMA", b"cHRM"))
    gamma = int.from_bytes(gama, "big") / 100_000 if len(gama) == 4 else 0.0
    places = [number / 100_000 for number in struct.unpack(">8I", chrm)] if len(chrm) == 32 else []
    whole = len(cicp) == 4 and cicp[2:] == b"\0\1"  # RGB of full range: what the pixels of a PNG are
    if places and not profiles.are_primaries(places):
        places = []
    tags = ColourTags(
        cicp=(cicp[0], cicp[1]) if whole else None,
        intent=srgb[0] if len(srgb) == 1 and srgb[0] < 4 else None,
        gamma=gamma if 0.05 < gamma < 20 else None,
        chromaticities=tuple(places) if places else None,
    )
    return tags, () if whole or not cicp else ("cICP of limited range or YCbCr dropped",)


def to_chunks(tags: ColourTags) -> list[Chunk]:
    """The inverse of `from_chunks`."""
    chunks = []
    if tags.cicp:
        chunks.append(Chunk(b"cICP", bytes([*tags.cicp, 0, 1])))
    if tags.intent is not None:
        chunks.append(Chunk(b"sRGB", bytes([tags.intent])))
    if tags.gamma is not None:
        chunks.append(Chunk(b"gAMA", struct.pack(">I", round(tags.gamma * 100_000))))
    if tags.chromaticities:
        numbers = (round(number * 100_000) for number in tags.chromaticities)
        chunks.append(Chunk(b"cHRM", struct.pack(">8I", *numbers)))
    return chunks
