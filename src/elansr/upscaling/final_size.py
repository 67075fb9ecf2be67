"""The final size of a result, the network scale that it needs, and the last resize."""

from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elansr.arguments import require_whole, wrong
from elansr.errors import ConfigError, PictureError
from elansr.images import LARGEST, Pixels, imresize, rounded_half_up, to_float

SCALES = (2, 3, 4)
"""The scales that a preset has weights for."""
MAX_FACTOR = 16
BAND = 2**22
"""Samples resized at a time: `imresize` works in float64 and would need many times the memory of a large picture."""


@dataclass(frozen=True)
class FinalSize:
    """The size of a result; at most one of the three is given, the aspect ratio stays.

    Attributes:
        outscale: factor on width and height, above 0, at most 16.
        width: in pixels.
        height: in pixels.

    Raises:
        ConfigError: more than one is given, or one is out of range.
    """

    outscale: float | None = None
    width: int | None = None
    height: int | None = None

    def __post_init__(self) -> None:
        if sum(value is not None for value in (self.outscale, self.width, self.height)) > 1:
            raise ConfigError("`outscale`, `width` and `height` contradict each other: use one of them")
        if self.outscale is not None and not (_is_number(self.outscale) and 0 < self.outscale <= MAX_FACTOR):
            raise wrong("outscale", self.outscale, f"must be a number above 0 and at most {MAX_FACTOR}")
        for name, value in (("width", self.width), ("height", self.height)):
            if value is not None:
                require_whole(name, value, least=1)

    @property
    def differs_by_picture(self) -> bool:
        """Whether the factor depends on the picture."""
        return self.width is not None or self.height is not None

    def factor(self, width: int, height: int) -> float | None:
        """By how much a picture of `width` x `height` pixels is to grow; None is by the network's scale.

        Raises:
            PictureError: by more than 16.
        """
        if self.width is not None:
            return _within_reach(self.width, width, "wide")
        if self.height is not None:
            return _within_reach(self.height, height, "high")
        return self.outscale

    def of(self, width: int, height: int, scale: int) -> tuple[int, int]:
        """Width and height of the result, in pixels, for a picture of `width` x `height` and a network of `scale`.

        Raises:
            PictureError: see `factor`.
        """
        factor = self.factor(width, height) or float(scale)
        return self.width or max(1, round(width * factor)), self.height or max(1, round(height * factor))

    @property
    def label(self) -> str:
        """What names of results say: "_x2.5", "_w1920", "_h1080"; "" if the network's scale decides."""
        if self.width is not None:
            return f"_w{self.width}"
        if self.height is not None:
            return f"_h{self.height}"
        return "" if self.outscale is None else f"_x{self.outscale:g}"


def scale_for(factor: float | None) -> int:
    """The smallest scale that reaches `factor`, the largest where none does or nothing is asked for."""
    return next((scale for scale in SCALES if factor is not None and scale >= factor), SCALES[-1])


def fit(page: Pixels, width: int, height: int) -> Pixels:
    """Resizes with antialiased bicubic; a picture of that size already is returned as it is.

    Args:
        page: see `Pixels`; colours count as much as their alpha makes them visible.
        width, height: of the result, in pixels.

    Returns:
        (height, width, C) of the same dtype.
    """
    if page.shape[:2] == (height, width):
        return page
    if page.shape[2] in (1, 3) or page[..., -1].min() == LARGEST[page.dtype.name]:
        return _resized(page, width, height)
    white = np.float32(LARGEST[page.dtype.name])
    alpha = to_float(page[..., -1:])
    visible = _resized(page[..., :-1] * alpha, width, height)
    alpha = _resized(alpha, width, height)
    hidden = _resized(page[..., :-1].astype(np.float32), width, height)
    colours = np.divide(visible, alpha, out=hidden, where=alpha > 0.5 / white)
    return rounded_half_up(np.concatenate([colours, alpha * white], axis=2), page.dtype)


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _within_reach(wanted: int, given: int, word: str) -> float:
    if wanted > MAX_FACTOR * given:
        raise PictureError(
            f"{given} pixels {word}, is too small for {wanted}: the maximum is {MAX_FACTOR} times as {word}"
        )
    return wanted / given


def _resized(page: NDArray[Any], width: int, height: int) -> NDArray[Any]:
    """`imresize` in bands, along one axis and then the other; the same numbers."""
    sizes = (height, width)
    for axis in sorted((0, 1), key=lambda a: sizes[a] / page.shape[a]):
        page = _resized_axis(page, axis, sizes[axis])
    return page


def _resized_axis(page: NDArray[Any], axis: int, size: int) -> NDArray[Any]:
    other = 1 - axis
    bands = np.array_split(page, min(page.shape[other], 1 + page.size // BAND), axis=other)
    sizes = [(size, band.shape[1]) if axis == 0 else (band.shape[0], size) for band in bands]
    return np.concatenate([imresize(band, *shape) for band, shape in zip(bands, sizes, strict=True)], axis=other)
