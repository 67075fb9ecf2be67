"""Finds equal and nearly equal pictures, by pixels and by perceptual hashes (imagehash).

The perceptual hash of a picture survives re-encoding, rescaling and another brightness. It does not survive flips,
turns and crops, so those are hashed too: the eight flips and quarter turns, and the picture without a twentieth or a
tenth at each border.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import imagehash
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from elansr.evaluation import RGB

HASH_SIDE = 16
BITS = HASH_SIDE * HASH_SIDE
SAME = 48
"""Bits in which the hashes of two copies may differ; docs/check-data.md says what is found with it."""
CUTS = (0.0, 0.05, 0.1)
"""Shares of a picture that are cut off at a border, each combined with each."""
THUMBNAIL = 128
BLOCK = 128
"""Pictures compared at a time."""

PackedHashes = NDArray[np.uint8]
"""(count, BITS // 8): eight bits to a byte."""


@dataclass(frozen=True)
class Fingerprint:
    """What a picture is compared with others by.

    Attributes:
        digest: equal for equal pixels only.
        turns: hashes of the eight flips and quarter turns.
        crops: hashes of the crops, the whole picture among them.
    """

    digest: bytes
    turns: PackedHashes
    crops: PackedHashes


def fingerprint(rgb: RGB) -> Fingerprint:
    """The fingerprint of uint8 (H, W, 3)."""
    pixels = np.ascontiguousarray(rgb)
    digest = hashlib.blake2b(pixels.data, digest_size=16, key=str(pixels.shape).encode()).digest()
    size = (THUMBNAIL, THUMBNAIL)
    grey = Image.fromarray(pixels).convert("L").resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    turned = [grey, *(grey.transpose(turn) for turn in Image.Transpose)]
    boxes = [
        (left * THUMBNAIL, top * THUMBNAIL, (1 - right) * THUMBNAIL, (1 - bottom) * THUMBNAIL)
        for left, top, right, bottom in product(CUTS, repeat=4)
    ]
    cropped = [grey.resize(size, Image.Resampling.LANCZOS, box=box) for box in boxes]
    return Fingerprint(digest, _hashes(turned), _hashes(cropped))


def closest(
    pictures: Sequence[Fingerprint], others: Sequence[Fingerprint] | None = None
) -> Iterator[tuple[int, int] | None]:
    """For each picture the other one whose hashes differ least, over all turns and crops.

    Args:
        pictures: N.
        others: to compare with; None compares each picture with those before it.

    Yields:
        N times its index and the number of bits that differ; None where there is nothing to compare with.
    """
    candidates = pictures if others is None else others
    for start in range(0, len(pictures), BLOCK):
        block = pictures[start : start + BLOCK]
        until = len(candidates) if others is not None else start + len(block)
        parts = [_differences(block, candidates[at : min(at + BLOCK, until)]) for at in range(0, until, BLOCK)]
        table = np.concatenate([np.empty((len(block), 0), np.intp), *parts], axis=1)
        for row, differences in enumerate(table):
            compared = differences if others is not None else differences[: start + row]
            best = int(compared.argmin()) if len(compared) else None
            yield None if best is None else (best, int(compared[best]))


def _hashes(pictures: Sequence[Image.Image]) -> PackedHashes:
    return np.stack([np.packbits(imagehash.phash(picture, HASH_SIDE).hash) for picture in pictures])


def _differences(block: Sequence[Fingerprint], others: Sequence[Fingerprint]) -> NDArray[np.intp]:
    """(len(block), len(others)): the fewest bits that differ, whichever of two pictures is a crop of the other."""
    forth = _fewest([one.turns for one in block], [other.crops for other in others])
    back = _fewest([other.turns for other in others], [one.crops for one in block])
    return np.minimum(forth, back.T)


def _fewest(turns: Sequence[PackedHashes], crops: Sequence[PackedHashes]) -> NDArray[np.intp]:
    """(len(turns), len(crops)): the fewest bits in which any turn of one differs from any crop of the other."""
    table = _signs(np.concatenate(crops)).T
    agreement = np.full((len(turns), len(crops)), -BITS, np.float32)  # bits that agree less those that differ
    for turn in range(len(turns[0])):
        products = _signs(np.stack([hashes[turn] for hashes in turns])) @ table
        np.maximum(agreement, products.reshape(len(turns), len(crops), -1).max(-1), out=agreement)
    return ((BITS - agreement) / 2).astype(np.intp)


def _signs(hashes: PackedHashes) -> NDArray[np.float32]:
    """Bits as -1 and 1, one row per hash."""
    return np.unpackbits(hashes, axis=1).astype(np.float32) * 2 - 1
