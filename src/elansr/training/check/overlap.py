"""Whether a picture shows what a benchmark picture shows: the same, a crop of it, a larger view, at another scale.

Landmarks that look alike vote for a scale and a shift; where several agree, the two pictures are laid on each other and
their details correlated, which decides.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from elansr.images import imresize
from elansr.training.check.landmarks import Landmarks, landmarks_of
from elansr.training.check.likeness import even_detail
from elansr.training.check.measures import Luma

LOOKS_ALIKE = 0.85
"""Correlation of two descriptions from which they are matched."""
AGREEING = 3
"""So many matches at different places have to agree."""
TOLERANCE = 8.0
"""Pixels of a landmark's level that its place may be off."""
SCALE_TOLERANCE = 0.5
"""Octaves that a landmark's size may be off."""
DESCRIPTIONS_AT_A_TIME = 16384
LAID = 64
"""Longest side in pixels at which the common part of two pictures is compared."""
NARROW = 24
"""Pixels, in either picture, below which a common part is too narrow to compare."""
NUDGE = 3
"""Pixels at that size by which the landmarks' verdict may be off."""
SAME = 0.65
"""Correlation of details from which two pictures show the same."""
PROMISING = 0.3
"""Correlation from which the scale is searched for more exactly."""
SCALES = (0.94, 0.96, 0.98, 1.02, 1.04, 1.06)

Box = tuple[int, int, int, int]
"""Top, left, bottom, right."""


@dataclass(frozen=True)
class Overlap:
    """What a picture and a benchmark picture have in common.

    Attributes:
        index: of the benchmark picture.
        correlation: of their details where they overlap, at most 1.
        share: of the picture that the benchmark picture covers, 0 to 1.
        mirrored: whether one of them is mirrored left-right.
    """

    index: int
    correlation: float
    share: float
    mirrored: bool


@dataclass(frozen=True)
class _Fit:
    """Row and column of a picture = `scale` * those of the other + `shift` (2,)."""

    scale: float
    shift: NDArray[np.float64]


class Benchmark:
    """Benchmark pictures, ready to be found in others.

    Args:
        pictures: their luma.
        landmarks: of each picture and of its mirror image, as `both_ways` gives them.
    """

    def __init__(self, pictures: Sequence[Luma], landmarks: Sequence[tuple[Landmarks, Landmarks]]) -> None:
        self._pictures = pictures
        parts = [part for pair in landmarks for part in pair]
        self._all = Landmarks.joined(parts)
        self._owner = np.repeat(np.arange(len(parts)), [len(part.place) for part in parts])

    def overlaps(self, luma: Luma) -> list[Overlap]:
        """Every benchmark picture that shares enough with a picture to be sure, the best first."""
        found: dict[int, Overlap] = {}
        for owner, mine, theirs in self._votes(landmarks_of(luma)):
            index, mirrored = divmod(owner, 2)
            fit = agreement(mine, theirs)
            if fit is None:
                continue
            other = self._pictures[index][:, ::-1] if mirrored else self._pictures[index]
            correlation, share = best_laid_on(luma, other, fit)
            if correlation >= max(SAME, found[index].correlation if index in found else 0.0):
                found[index] = Overlap(index, correlation, share, bool(mirrored))
        return sorted(found.values(), key=lambda overlap: -overlap.correlation)

    def _votes(self, own: Landmarks) -> Iterator[tuple[int, NDArray[np.float64], NDArray[np.float64]]]:
        """Owners with enough matches: 2 * index, plus 1 where mirrored; the places (M, 3) of the matches in both."""
        match, likeness = self._nearest(own.description)
        alike = np.flatnonzero(likeness > LOOKS_ALIKE)
        owners = self._owner[match[alike]]
        for owner in np.unique(owners):
            chosen = alike[owners == owner]
            if len(chosen) >= AGREEING:
                yield int(owner), own.place[chosen], self._all.place[match[chosen]]

    def _nearest(self, descriptions: NDArray[np.float32]) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """For each description the most similar one of the benchmark, and their correlation."""
        best = np.full(len(descriptions), -1, np.float32)
        match = np.zeros(len(descriptions), np.intp)
        for start in range(0, len(self._owner), DESCRIPTIONS_AT_A_TIME):
            likeness = descriptions @ self._all.description[start : start + DESCRIPTIONS_AT_A_TIME].T
            nearest = likeness.argmax(1)
            value = likeness[np.arange(len(nearest)), nearest]
            match = np.where(value > best, start + nearest, match)
            best = np.maximum(best, value)
        return match, best


def both_ways(luma: Luma) -> tuple[Landmarks, Landmarks]:
    """Landmarks of a picture and of its mirror image."""
    return landmarks_of(luma), landmarks_of(np.ascontiguousarray(luma[:, ::-1]))


def agreement(mine: NDArray[np.float64], theirs: NDArray[np.float64]) -> _Fit | None:
    """The scale and shift on which most matches agree, by least squares over those; None where too few do.

    Args:
        mine: (M, 3): row, column and size of the landmarks in one picture.
        theirs: (M, 3): of those they are matched with, in the other.
    """
    scale = mine[:, 2] / theirs[:, 2]
    expected = mine[:, None, :2] + scale[:, None, None] * (theirs[None, :, :2] - theirs[:, None, :2])
    error = np.abs(expected - mine[None, :, :2]).max(-1) / np.maximum(mine[:, None, 2], mine[None, :, 2])
    agrees = (error < TOLERANCE) & (np.abs(np.log2(scale[None] / scale[:, None])) < SCALE_TOLERANCE)
    members = agrees[agrees.sum(1).argmax()]
    if min(_places(mine[members]), _places(theirs[members])) < AGREEING:
        return None
    a, b = mine[members, :2], theirs[members, :2]
    centre_a, centre_b = a.mean(0), b.mean(0)
    fitted = float(((a - centre_a) * (b - centre_b)).sum() / ((b - centre_b) ** 2).sum())
    return _Fit(fitted, centre_a - fitted * centre_b) if fitted > 0 else None


def best_laid_on(luma: Luma, other: Luma, fit: _Fit) -> tuple[float, float]:
    """`laid_on` with the scale that fits best, of those a few percent around the landmarks' verdict."""
    first = laid_on(luma, other, fit)
    if first[0] < PROMISING:
        return first
    top, left, bottom, right = _common(luma, other, fit)[0]
    centre = np.array([top + bottom - 1, left + right - 1]) / 2
    fits = (_Fit(fit.scale * factor, centre + factor * (fit.shift - centre)) for factor in SCALES)
    return max(first, *(laid_on(luma, other, another) for another in fits))


def laid_on(luma: Luma, other: Luma, fit: _Fit) -> tuple[float, float]:
    """Correlation of the details of two pictures where they overlap, and the share of the first that does; or zeros."""
    box, others_box = _common(luma, other, fit)
    sides = [part[i + 2] - part[i] for part in (box, others_box) for i in range(2)]
    if min(sides) < NARROW:
        return 0.0, 0.0
    share = sides[0] * sides[1] / luma.size
    size = _laid_size(box)
    return _nudged(_detail(luma, box, size), _detail(other, others_box, size)), share


def _common(luma: Luma, other: Luma, fit: _Fit) -> tuple[Box, Box]:
    """What both show, in whole pixels of each; possibly nothing, with a bottom above the top."""
    lowest = fit.shift + fit.scale * (np.array(other.shape, dtype=np.float64) - 0.5) + 0.5
    highest = fit.shift - fit.scale * 0.5 + 0.5
    corners = np.array([np.maximum(0, highest), np.minimum(luma.shape, lowest)])
    others = (corners - 0.5 - fit.shift) / fit.scale + 0.5
    return _box(corners), _box(np.clip(others, 0, other.shape))


def _box(corners: NDArray[np.float64]) -> Box:
    top, left, bottom, right = (round(edge) for edge in corners.reshape(-1).tolist())
    return top, left, bottom, right


def _places(landmarks: NDArray[np.float64]) -> int:
    """How many landmarks there are, those of the same corner at neighbouring sizes counted once."""
    return len(np.unique((landmarks[:, :2] / (TOLERANCE * landmarks[:, 2:])).round(), axis=0))


def _laid_size(box: Box) -> tuple[int, int]:
    height, width = box[2] - box[0], box[3] - box[1]
    factor = LAID / max(height, width)
    return max(NARROW, round(height * factor)), max(NARROW, round(width * factor))


def _detail(luma: Luma, box: Box, size: tuple[int, int]) -> Luma:
    part = luma[box[0] : box[2], box[1] : box[3]]
    small = imresize(np.ascontiguousarray(part)[..., None], *size)[..., 0]
    return even_detail(small)


def _nudged(a: Luma, b: Luma) -> float:
    """The largest correlation of two pictures of one size, one of them moved by up to NUDGE pixels."""
    inner = a[NUDGE:-NUDGE, NUDGE:-NUDGE]
    height, width = inner.shape
    steps = range(2 * NUDGE + 1)
    return max(_correlation(inner, b[y : y + height, x : x + width]) for y in steps for x in steps)


def _correlation(a: Luma, b: Luma) -> float:
    a, b = a - a.mean(), b - b.mean()
    lengths = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / lengths if lengths > 1e-3 else 0.0
