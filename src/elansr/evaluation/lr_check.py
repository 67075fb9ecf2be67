"""Checks whether LR files belong to their HR: is LR the MATLAB bicubic of HR, and if not, what is it?

A pair that does not belong together gives scores that look real and mean nothing, so each is checked before anything
is computed. LR is compared with what `elansr.images.downscale` makes of HR. Where every value is equal, that is the
answer. Where not, LR is compared with that filter with other rounding, which is accepted, and with the usual mistakes,
each made on purpose; the nearest one wins. What is none of them may be shifted, compressed or another picture.

Pillow's antialiased bicubic has MATLAB's kernel and differs from it in two things: it shrinks the width before the
height, so that rounding moves one value in six by 1, which is no mistake, and its windows end at the edge of the
picture instead of being mirrored there. Only the two outermost rows and columns tell them apart, so on a picture that
is flat along its edges nothing does, and LR is accepted.
"""

import io
import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from elansr.errors import DataError
from elansr.evaluation.datasets import RGB, BenchmarkSet, read_rgb, require_room
from elansr.images import crop_to_multiple, downscale, imresize, rounded_half_up
from elansr.text import count, shown

Floats = NDArray[np.floating]
Downscale = Callable[[RGB, int], RGB]
"""HR (H, W, 3), H and W multiples of the scale, and the scale to LR (H / scale, W / scale, 3)."""
Kernel = Callable[[Floats], Floats]
Edge = Literal["symmetric", "edge", "constant"]

LIKELY_SCALES = range(2, 17)
CLEARLY, FEW = 0.3, 4
"""An explanation counts if it leaves at most this share of the squared differences, where there are more than FEW."""
ACCEPTED_MSE, ACCEPTED_BEYOND_1 = 0.36, 1e-3
"""Other rounding moves one value in seven by 1 and hardly any by more; this mean square and share are accepted."""
SMALLEST = 16
"""LR of fewer rows or columns says too little about shift, compression or another picture."""
LOOK_AT, JPEG_UNIT = 192, 16
"""Where they are looked for: in so many rows and columns of LR's middle, where a block of JPEG begins."""
RELATED, UNRELATED = 0.25, 16
"""Pictures are unrelated where their edges correlate by less than RELATED and less than UNRELATED / sqrt(pixels): pairs
of B100 reach 12 / sqrt(pixels), and LR after JPEG of quality 10 or noise of 25 levels stays above 0.34."""


def check_pairs(sets: Sequence[BenchmarkSet], progress: Callable[[int, int], None] = lambda done, total: None) -> None:
    """Checks every pair of HR and LR files; an LR that is made from HR needs no check.

    Raises:
        DataError: an LR file that is not the bicubic LR of its HR, or an HR too small to be measured.
        PictureError: a file that cannot be read.
    """
    pairs = [(hr, lr, found.scale) for found in sets for hr, lr in found.files if hr is not None and lr is not None]
    for done, (hr_path, lr_path, scale) in enumerate(pairs, start=1):
        _check(hr_path, lr_path, scale)
        progress(done, len(pairs))


def _check(hr_path: Path, lr_path: Path, scale: int) -> None:
    hr, lr = read_rgb(hr_path), read_rgb(lr_path)
    require_room(hr, hr_path, scale)
    problem = lr_problem(lr, hr, scale)
    if problem:
        same_size = lr.shape[:2] == tuple(side // scale for side in hr.shape[:2])
        raise DataError(
            f"{shown(lr_path)}: {problem}; replace it with the LR of {shown(hr_path.name)}, or move the LR folder away "
            f"to use MATLAB bicubic{'; `check=False` skips this check' if same_size else ''}"
        )


def lr_problem(lr: RGB, hr: RGB, scale: int) -> str | None:
    """What is wrong with a pair, in one clause, or None where LR is the MATLAB bicubic of HR.

    Args:
        lr: (h, w, 3).
        hr: (H, W, 3), not cropped: LR is of its rows and columns that `scale` divides.

    Returns:
        Such as "LR is shifted by 1 HR pixel right". None also for LR files of programs that follow MATLAB but round
        differently (most do not round between the axes), and where pictures are too flat or small to tell.
    """
    cropped = crop_to_multiple(hr, scale)
    if lr.shape[:2] != (cropped.shape[0] // scale, cropped.shape[1] // scale):
        return _wrong_size(lr.shape[:2], hr.shape[:2], scale)
    expected = downscale(cropped, scale)
    return None if np.array_equal(lr, expected) else _difference(lr, hr, expected, scale)


def _difference(lr: RGB, hr: RGB, expected: RGB, scale: int) -> str | None:
    """The clause for an LR of the right size that is not `expected`, or None if it is accepted."""
    cropped = crop_to_multiple(hr, scale)
    faithful = min((expected, *(make(cropped, scale) for make in OTHER_ROUNDING)), key=lambda made: _squares(lr, made))
    unexplained = _squares(lr, faithful)
    mistaken = _mistake(lr, hr, expected, scale, CLEARLY * unexplained) if unexplained > FEW else None
    beyond_1 = np.abs(lr.astype(np.int16) - faithful) > 1
    if mistaken or (unexplained <= max(FEW, ACCEPTED_MSE * lr.size) and beyond_1.mean() <= ACCEPTED_BEYOND_1):
        return mistaken
    if min(lr.shape[:2]) < SMALLEST:
        return _amount(lr, expected)
    parts = _middle(lr, cropped, expected, scale)
    return _unrelated_or_shifted(*parts, scale) or _jpeg(parts[0], parts[2]) or _amount(lr, expected)


def _middle(lr: RGB, hr: RGB, expected: RGB, scale: int) -> tuple[RGB, RGB, RGB]:
    """The same part of all three."""
    top, left = (max(0, n - LOOK_AT) // 2 // JPEG_UNIT * JPEG_UNIT for n in lr.shape[:2])
    of_lr = np.s_[top : top + LOOK_AT, left : left + LOOK_AT]
    of_hr = np.s_[top * scale : (top + LOOK_AT) * scale, left * scale : (left + LOOK_AT) * scale]
    return lr[of_lr], hr[of_hr], expected[of_lr]


def _wrong_size(lr: tuple[int, ...], hr: tuple[int, ...], scale: int) -> str:
    """The clause for sizes, (height, width), that do not go together."""
    wanted, uncropped = tuple(n // scale for n in hr), tuple(-(-n // scale) for n in hr)
    sizes = f"LR is {_size(lr)} and HR {_size(hr)} pixels"
    if lr == hr:
        return f"{sizes}: the same size; LR was not downscaled, or enlarged again"
    if any(hr == tuple(n // s for n in lr) for s in LIKELY_SCALES):
        return f"{sizes}: swapped"
    if lr == uncropped:
        return f"{sizes}: made from HR before it was cropped to a multiple of {scale}, which gives {_size(wanted)}"
    for like in LIKELY_SCALES:
        if lr in (tuple(n // like for n in hr), tuple(-(-n // like) for n in hr)):
            return f"{sizes}: this is x{like}, and x{scale} is {_size(wanted)}"
    return f"{sizes}: x{scale} is {_size(wanted)}{', so it is rotated by 90 degrees' if lr == wanted[::-1] else ''}"


def _size(size: tuple[int, ...]) -> str:
    return f"{size[1]}x{size[0]}"


def _mistake(lr: RGB, hr: RGB, expected: RGB, scale: int, at_most: float) -> str | None:
    """The clause for the mistake that comes nearest to LR, if no more than `at_most` is left; all that come as near."""
    cropped = crop_to_multiple(hr, scale)
    made = [(MADE_WITH + name, make(cropped, scale)) for name, make in MISTAKES]
    made += [(place, rearrange(expected)) for place, rearrange in REARRANGED]
    if cropped.shape != hr.shape:
        made.append((f"made from HR before it was cropped to a multiple of {scale}", imresize(hr, *lr.shape[:2])))
    left: dict[str, float] = {}
    for is_, candidate in made:
        left[is_] = min(_squares(lr, candidate), left.get(is_, math.inf))
    least = min(left.values())
    if least > min(at_most, lr.size):
        return None
    first, *as_near = [is_ for is_, squares in left.items() if squares == least]
    return f"LR is {' or '.join([first, *(is_.removeprefix(MADE_WITH) for is_ in as_near)])}"


def _squares(a: NDArray[Any], b: NDArray[Any]) -> float:
    """The sum of the squared differences."""
    return float(np.square(a.astype(np.float32) - b.astype(np.float32)).sum(dtype=np.float64))


def _to_8_bits(values: Floats) -> RGB:
    return rounded_half_up(values, np.uint8)


def _in_floats(hr: RGB, scale: int) -> Floats:
    return downscale(hr.astype(np.float64), scale)


def _pillow(filter_name: str) -> Downscale:
    def make(hr: RGB, scale: int) -> RGB:
        from PIL import Image

        size = (hr.shape[1] // scale, hr.shape[0] // scale)
        return np.asarray(Image.fromarray(np.ascontiguousarray(hr)).resize(size, Image.Resampling[filter_name]))

    return make


def _antialiased(hr: RGB, scale: int) -> RGB:
    """PyTorch's antialiased bicubic: MATLAB's, but cut off at the edges, and rounded only in the end."""
    weights = _filtered(np.ones(hr.shape[:2]), scale, scale, _cubic, "constant")
    return _to_8_bits(_filtered(hr, scale, scale, _cubic, "constant") / weights[..., None])


def _interpolated(kernel: Kernel, edge: Edge) -> Downscale:
    """Interpolation at the middle of each scale x scale HR pixels, without antialiasing."""
    return lambda hr, scale: _to_8_bits(_filtered(hr, scale, 1, kernel, edge))


def _averaged(hr: RGB, scale: int) -> RGB:
    height, width = hr.shape[0] // scale, hr.shape[1] // scale
    return _to_8_bits(hr.reshape(height, scale, width, scale, -1).mean(axis=(1, 3)))


OTHER_ROUNDING: tuple[Downscale, ...] = (
    lambda hr, scale: downscale(hr.swapaxes(0, 1), scale).swapaxes(0, 1),
    lambda hr, scale: _to_8_bits(_in_floats(hr, scale)),
)
"""MATLAB's bicubic as other programs make it, which fits: the width first, or rounded only in the end."""


def _cubic(x: Floats, a: float = -0.5) -> Floats:
    """Keys's kernel (1981); MATLAB and Pillow have a = -0.5, OpenCV has -0.75, and PyTorch has both."""
    x = np.abs(x)
    inner, outer = ((a + 2) * x - (a + 3)) * x**2 + 1, ((x - 5) * x + 8) * x - 4
    return np.where(x <= 1, inner, np.where(x < 2, a * outer, 0))


def _linear(x: Floats) -> Floats:
    return np.maximum(1 - np.abs(x), 0)


MADE_WITH = "made with "
_PILLOW_BICUBIC = "Pillow's or PyTorch's antialiased bicubic, which do not mirror the edges as MATLAB's does"
MISTAKES: tuple[tuple[str, Downscale], ...] = (
    (_PILLOW_BICUBIC, _pillow("BICUBIC")),
    (_PILLOW_BICUBIC, _antialiased),
    ("Lanczos (Pillow's)", _pillow("LANCZOS")),
    ("antialiased bilinear (Pillow's)", _pillow("BILINEAR")),
    ("averaging (box, area)", _pillow("BOX")),
    ("averaging (box, area)", _averaged),
    ("nearest neighbour (Pillow's)", _pillow("NEAREST")),
    ("nearest neighbour (OpenCV's, PyTorch's)", lambda hr, scale: hr[::scale, ::scale]),
    ("OpenCV's or PyTorch's bicubic, which is not antialiased", _interpolated(partial(_cubic, a=-0.75), "edge")),
    ("OpenCV's or PyTorch's bilinear, which is not antialiased", _interpolated(_linear, "edge")),
    ("MATLAB's bicubic without antialiasing", _interpolated(_cubic, "symmetric")),
    ("MATLAB's bicubic, truncated instead of rounded", lambda hr, scale: _to_8_bits(_in_floats(hr, scale) - 0.5)),
)
"""Names and ways of making LR that are not MATLAB's bicubic."""
REARRANGED: tuple[tuple[str, Callable[[RGB], RGB]], ...] = (
    ("MATLAB's bicubic with red and blue swapped", lambda made: made[..., ::-1]),
    ("mirrored left to right", lambda made: made[:, ::-1]),
    ("mirrored top to bottom", lambda made: made[::-1]),
    ("rotated by 180 degrees", lambda made: made[::-1, ::-1]),
)
"""Where the values of LR may be, if not in their places."""


def _unrelated_or_shifted(lr: RGB, hr: RGB, expected: RGB, scale: int) -> str | None:
    """The clause for an LR that has nothing to do with HR or is shifted against it."""
    lr_grey, hr_grey, wanted = (picture.mean(axis=2) for picture in (lr, hr, expected))
    likeness, start = _correlation(lr_grey, wanted)
    if likeness < min(RELATED, UNRELATED / math.sqrt(lr_grey.size)):
        return "LR shows another picture"
    margin = int(np.abs(start).max()) + 4
    if min(lr_grey.shape) < 2 * margin + SMALLEST / 2:
        return None
    inner = np.s_[margin:-margin, margin:-margin]
    left, shift = _shift(lr_grey[inner], hr_grey, scale, start * scale, inner)
    found = shift.any() and left < CLEARLY * _squares(lr_grey[inner], wanted[inner])
    return f"LR is shifted by {_in_words(shift, scale)}" if found else None


def _correlation(a: Floats, b: Floats) -> tuple[float, Floats]:
    """How alike the edges of two planes (h, w) are, at most 1, and how far down and right `a` lies for that."""
    edges = [np.diff(x, axis=0)[:, :-1] + 1j * np.diff(x, axis=1)[:-1] for x in (a, b)]
    norm = math.sqrt(math.prod(float((np.abs(edge) ** 2).sum()) for edge in edges))
    if not norm:
        return 1.0, np.zeros(2)
    spectra = [np.fft.fft2(edge) for edge in edges]
    likeness = np.fft.ifft2(spectra[0] * spectra[1].conj()).real / norm
    peak, size = np.array(np.unravel_index(likeness.argmax(), likeness.shape)), np.array(likeness.shape)
    return float(likeness.max()), np.where(peak > size / 2, peak - size, peak).astype(np.float64)


def _shift(lr: Floats, hr: Floats, scale: int, start: Floats, inner: tuple[slice, slice]) -> tuple[float, Floats]:
    """The squared differences left, and how far down and right LR lies of where HR wants it, in HR pixels to the half.

    Every whole HR pixel up to an LR pixel away from `start` is tried, then the halves around the best; `lr` is only
    the `inner` part of LR, which such a shift brings nothing into from outside.
    """
    tried = [(math.inf, 0.0, *start)]
    for reach, step in ((scale, 1.0), (1, 0.5)):
        steps, (_, _, below, beside) = np.arange(-reach, reach + 1) * step, min(tried)
        for down in below + steps:
            rows = _sampled(hr, 0, scale, -down, scale)
            for right in beside + steps:
                left = _squares(lr, _sampled(rows, 1, scale, -right, scale)[inner])
                tried.append((round(left, 3), abs(down) + abs(right), down, right))
    left, _, *shift = min(tried)
    return left, np.array(shift)


def _in_words(shift: Floats, scale: int) -> str:
    unit = "HR" if (shift % scale).any() else "LR"
    down, right = shift / (1 if unit == "HR" else scale)
    steps = [(abs(right), "right" if right > 0 else "left"), (abs(down), "down" if down > 0 else "up")]
    words = " and ".join(f"{count(n, f'{unit} pixel')} {where}" for n, where in steps if n)
    if unit == "HR" and down == right and abs(2 * down) == scale - 1:
        words += f", its pixels sit on the {'first' if down > 0 else 'last'} of every {scale} and not in their middle"
    return words


def _filtered(picture: NDArray[Any], scale: int, stretch: float, kernel: Kernel, edge: Edge) -> Floats:
    """A filter along both axes, not rounded."""
    return _sampled(_sampled(picture, 0, scale, 0.0, stretch, kernel, edge), 1, scale, 0.0, stretch, kernel, edge)


def _sampled(
    picture: NDArray[Any],
    axis: int,
    scale: int,
    offset: float,
    stretch: float,
    kernel: Kernel = _cubic,
    edge: Edge = "symmetric",
) -> Floats:
    """One filter for every LR pixel along an axis that it makes `scale` times shorter, not rounded.

    `offset` is how far each LR pixel lies from the middle of its HR pixels, `stretch` widens the kernel, and `edge` is
    what `numpy.pad` continues the picture with.
    """
    lines = np.moveaxis(picture, axis, 0)
    centre = (scale - 1) / 2 + offset
    taps = np.arange(math.ceil(centre - 2 * stretch), math.floor(centre + 2 * stretch) + 1)
    factors = kernel((taps - centre) / stretch)
    margin = int(np.abs(taps).max()) + scale
    padded = np.pad(lines, [(margin, margin), *[(0, 0)] * (lines.ndim - 1)], mode=edge)
    picked = [padded[start : start + len(lines) : scale] for start in margin + taps]
    return np.moveaxis(np.tensordot(factors / factors.sum(), picked, 1), 0, axis)


def _jpeg(lr: RGB, expected: RGB) -> str | None:
    """The clause for an LR that is `expected` after JPEG; that is compressed on purpose, at every quality from 10."""
    tries = [(_variation(lr, _after_jpeg(expected, q, halved)), q) for q in range(10, 101) for halved in (0, 2)]
    least, quality = min(tries)
    before = min(_variation(lr, expected), _variation(lr, np.zeros_like(lr)))
    return f"LR was compressed as JPEG of quality {quality}" if least < CLEARLY * before else None


def _variation(a: RGB, b: RGB) -> float:
    """The variance of the difference: lighter or darker is not what compression does."""
    return float((a.astype(np.float32) - b).var(axis=(0, 1)).sum())


def _after_jpeg(picture: RGB, quality: int, subsampling: int) -> RGB:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(file, "JPEG", quality=quality, subsampling=subsampling)
    return np.asarray(Image.open(file))


def _amount(lr: RGB, expected: RGB) -> str:
    error = np.abs(lr.astype(np.int16) - expected)
    return (
        f"LR is not the MATLAB bicubic of HR: {(error > 0).mean():.0%} of its values differ, by {error.mean():.1f} on "
        f"average and up to {error.max()}"
    )
