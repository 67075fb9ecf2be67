"""Upscales a stream of rows: splits colour and alpha, runs tiles, and writes rows.

Both are in memory (`ArraySource`, `ArraySink`) or on the disk (`elansr.upscaling.on_disk`); what lies between is the
same.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from elansr.images.alpha import fill_transparent
from elansr.upscaling.tiling import Progress

if TYPE_CHECKING:
    from elansr.upscaling.tiled_network import TiledNetwork

Array = NDArray[Any]

ReadRows = Callable[[int, int], Array]
"""Rows `start` to `stop` (exclusive) of a picture, (stop - start, W, C); called from top to bottom."""

COLOR, ALPHA = 0, 1
"""The parts of a picture that go through the network one after the other."""
BAND = 64
"""Rows that are looked at together for their alpha."""


class ResumePoint(NamedTuple):
    """Where a run can go on: the row of the picture at which its last tiles started, and their side."""

    row: int
    tile: int


class Strip(NamedTuple):
    """Finished rows of the results of one or more pictures of one size.

    Attributes:
        parts: (h, W * scale, 1 or 3) for each picture.
        top: the first of the rows, counted in the result.
        resume_point: where to go on after them.
    """

    parts: list[Array]
    top: int
    resume_point: ResumePoint


class RowSource(Protocol):
    """A picture, row by row.

    Attributes:
        shape: (H, W, C), C from 1 to 4, of which an even number has alpha last.
        dtype: of its samples.
    """

    @property
    def shape(self) -> tuple[int, int, int]: ...  # noqa: D102
    @property
    def dtype(self) -> np.dtype[Any]: ...  # noqa: D102

    def rows(self) -> ReadRows:
        """Starts a pass over all channels."""

    def filled(self) -> ReadRows:
        """Starts a pass over the colours of a picture with alpha; transparent pixels have those of their surroundings.

        See `elansr.images.alpha.fill_transparent`.
        """


class RowSink(Protocol):
    """Takes the rows of a result from top to bottom, first all colours, then alpha."""

    def start(self, part: int) -> tuple[int, ResumePoint | None]:
        """How many rows of a part are there from an earlier run, and where to go on after them."""

    def add(self, part: int, top: int, pixels: Array, resume_point: ResumePoint) -> None:
        """Takes the rows from `top` on, (h, W * scale, 1 or 3)."""

    def set_alpha(self, value: Any) -> None:
        """Takes the alpha of all pixels."""


def upscale_rows(
    network: "TiledNetwork", sources: Sequence[RowSource], sinks: Sequence[RowSink], progress: Progress
) -> None:
    """Super-resolves pictures of one shape and dtype: colours, and where it varies alpha, as a picture of its own.

    Args:
        network: what super-resolves them.
        sources: the pictures; of several, nothing may be there from an earlier run.
        sinks: where the results go, one for each.
        progress: called with the LR pixels done and in all, of one picture.
    """
    height, width, channels = sources[0].shape
    colors, area = channels - (channels % 2 == 0), height * width
    if colors == channels:
        _upscale_part(network, COLOR, [source.rows for source in sources], sources[0], colors, sinks, progress)
        return
    ranges = [_alpha_range(source) for source in sources]
    varying = [number for number, (lowest, highest) in enumerate(ranges) if lowest < highest]
    parts = 2 if varying else 1

    def report(part: int) -> Progress:
        return lambda done, total: progress((part * area + area * done // total) // parts, area)

    for (lowest, highest), sink in zip(ranges, sinks, strict=True):
        if lowest == highest:
            sink.set_alpha(lowest)
    starts = [
        _colors(source, hidden=lowest == 0 < highest) for source, (lowest, highest) in zip(sources, ranges, strict=True)
    ]
    _upscale_part(network, COLOR, starts, sources[0], colors, sinks, report(COLOR))
    if varying:
        starts = [_only(sources[number].rows, colors, channels) for number in varying]
        _upscale_part(network, ALPHA, starts, sources[0], 1, [sinks[number] for number in varying], report(ALPHA))


def _upscale_part(
    network: "TiledNetwork",
    part: int,
    starts: Sequence[Callable[[], ReadRows]],
    kind: RowSource,
    channels: int,
    sinks: Sequence[RowSink],
    progress: Progress,
) -> None:
    height, width, _ = kind.shape
    done, after = sinks[0].start(part)
    if done == height * network.scale:
        return
    rows = [start() for start in starts]
    for strip in network.strips(rows, (height, width, channels), kind.dtype, progress, after):
        for sink, pixels in zip(sinks, strip.parts, strict=True):
            sink.add(part, strip.top, pixels, strip.resume_point)
        del strip  # not kept while the next one is made


def _alpha_range(source: RowSource) -> tuple[Any, Any]:
    """The lowest and the highest alpha."""
    rows, height = source.rows(), source.shape[0]
    bands = (rows(top, min(top + BAND, height))[..., -1] for top in range(0, height, BAND))
    ranges = [(band.min(), band.max()) for band in bands]
    return min(low for low, _ in ranges), max(high for _, high in ranges)


def _colors(source: RowSource, hidden: bool) -> Callable[[], ReadRows]:
    return source.filled if hidden else _only(source.rows, 0, source.shape[2] - 1)


def _only(start: Callable[[], ReadRows], first: int, stop: int) -> Callable[[], ReadRows]:
    """A pass over some of the channels."""

    def started() -> ReadRows:
        rows = start()
        return lambda top, bottom: rows(top, bottom)[..., first:stop]

    return started


class ArraySource:
    """A picture in memory, see `RowSource`.

    Args:
        pixels: (H, W, C).
    """

    def __init__(self, pixels: Array) -> None:
        self._pixels = pixels
        self.shape: tuple[int, int, int] = pixels.shape
        self.dtype: np.dtype[Any] = pixels.dtype

    def rows(self) -> ReadRows:
        """See `RowSource`."""
        return lambda start, stop: self._pixels[start:stop]

    def filled(self) -> ReadRows:
        """See `RowSource`."""
        colors = fill_transparent(self._pixels)[..., :-1]
        return lambda start, stop: colors[start:stop]


class ArraySink:
    """A result in memory, see `RowSink`.

    Args:
        pixels: (H * scale, W * scale, C), to be filled.
    """

    def __init__(self, pixels: Array) -> None:
        colors = pixels.shape[2] - (pixels.shape[2] % 2 == 0)
        self._parts = pixels[..., :colors], pixels[..., colors:]

    def start(self, part: int) -> tuple[int, ResumePoint | None]:  # noqa: ARG002
        """See `RowSink`."""
        return 0, None

    def add(self, part: int, top: int, pixels: Array, resume_point: ResumePoint) -> None:  # noqa: ARG002
        """See `RowSink`."""
        self._parts[part][top : top + len(pixels)] = pixels

    def set_alpha(self, value: Any) -> None:
        """See `RowSink`."""
        self._parts[ALPHA][...] = value
