"""Tiles: cut on the window grid, with a halo that is cut away afterwards, and blended where they meet.

ELAN's windows sit on a grid, and what lies beyond the border of a tile is missing from them, or in the paper's form
comes from the tile's opposite border (docs/tiling.md). So a tile's core starts on the grid and is read with `HALO` true
pixels around it, and past the picture's own border with `margin` reflected ones; what the network makes of both is cut
away.

Coordinates are LR pixels of the picture unless said otherwise; what is read may reach beyond the picture.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from elansr.errors import ConfigError, DeviceError

HALO = 32
"""Pixels read around a tile and cut away."""
FEATHER = 16
"""Width of the zone in which two tiles are blended, centred on where their cores meet."""
MIN_TILE = 32
"""Side of the smallest tile that is tried when memory runs out."""

SMALLEST, GOOD, LARGEST = 64, 384, 768
"""Sides of tiles. Beyond the second, less is computed twice in halos, which saves a tenth of the time."""
STRIP_BYTES, MOST_STRIP_BYTES = 3 * 2**27, 2**30
"""Bytes that a strip of the result, as wide as the picture and as high as a tile, may take in float32: with any tile,
and with one of up to `GOOD`."""
SAMPLE_BYTES, COLORS = 4, 3
MOST_MARGIN = 256
"""Pixels around a picture. What lies 48 pixels away changes nothing that can be measured (docs/tiling.md)."""

Samples = NDArray[np.float32]
"""Colours in [0, 1], (1, C, h, w) of a tile and (C, h, w) of a part of the result."""
Network = Callable[[Samples], Samples]
"""(1, C, h, w) in [0, 1] to (1, C, h * scale, w * scale). It raises MemoryError where a tile is too large for it."""
Progress = Callable[[int, int], None]
"""Called with the pixels done and the pixels in all."""


@dataclass(frozen=True)
class Span:
    """Pixels `start` to `stop` (exclusive) of one axis."""

    start: int
    stop: int

    @property
    def size(self) -> int:
        """How many pixels."""
        return self.stop - self.start


Read = Callable[[Span, Span], Samples]
"""(1, C, h, w) of the rows and columns asked for; reflected where they lie beyond the picture."""


@dataclass(frozen=True)
class Axis:
    """One axis of a picture: `size` pixels, with `margin` reflected ones past each end."""

    size: int
    margin: int

    def cores(self, tile: int, grid: int, start: int = 0) -> list[Span]:
        """Cuts what lies behind `start` into near-equal cores of about `tile` pixels, on multiples of `grid`."""
        rest = self.size - start
        count = max(-(-rest // tile), 1)
        step = -(-rest // (count * grid)) * grid
        cuts = [cut for cut in range(start, self.size, step) if cut == start or self.size - cut >= FEATHER]
        return [Span(a, b) for a, b in zip(cuts, [*cuts[1:], self.size], strict=True)]

    def blended(self, core: Span) -> Span:
        """The core, and half a feather beyond it where there is a neighbour to blend with."""
        return self._grown(core, FEATHER // 2, 0)

    def read(self, core: Span) -> Span:
        """What the network is given for a core: a halo inside the picture, the margin past its border."""
        return self._grown(core, HALO, self.margin)

    def _grown(self, core: Span, inside: int, outside: int) -> Span:
        start = max(core.start - inside, -outside) if core.start > 0 else -outside
        end = self.size + outside
        return Span(start, min(core.stop + inside, end) if core.stop < self.size else end)


def blend(pieces: Iterable[Samples], overlap: int, axis: int) -> Iterator[Samples]:
    """Joins pieces (C, h, w) along `axis`, each of which begins with the last `overlap` samples of the one before.

    The overlap, an even number of samples, fades linearly from one piece to the next. What is finished is yielded at
    once. Only a piece that has no neighbour may be shorter than the overlap.
    """
    fade = (np.arange(overlap, dtype=np.float32) + np.float32(0.5)) / np.float32(overlap)
    fade = fade.reshape([-1 if number == axis % 3 else 1 for number in range(3)])
    held: Samples | None = None
    for piece in pieces:
        if held is not None:
            start = _part(piece, axis, 0, overlap)
            start[...] = _mixed(held, start, fade)
        kept = max(piece.shape[axis] - overlap, 0)
        yield _part(piece, axis, 0, kept)
        held = _part(piece, axis, kept, piece.shape[axis]).copy()
        del piece  # a strip of a large picture: not kept while the next one is made
    if held is not None:
        yield held


def _part(x: Samples, axis: int, start: int, stop: int) -> Samples:
    """Samples `start` to `stop` (exclusive) of an axis; a view."""
    return x[:, start:stop] if axis % 3 == 1 else x[..., start:stop]


def _mixed(old: Samples, new: Samples, fade: Samples) -> Samples:
    """`old` where `fade` is 0, `new` where it is 1; measured from the nearer one, and rounded once."""
    near = np.where(fade < 0.5, old, new)
    share = np.where(fade < 0.5, fade, fade - 1).astype(np.float64)
    mixed: Samples = (share * (new - old) + near).astype(np.float32)
    return mixed


class Tiler:
    """Runs a network over a picture in tiles and yields the result in strips, from top to bottom.

    Args:
        network: see `Network`.
        scale: super-resolution factor.
        grid: tiles start on multiples of it: the least common multiple of the network's windows.
        tile: side of a tile's core in pixels; halved for good when memory runs out.
        margin: reflected pixels around the picture, rounded up to the grid.

    Attributes:
        row: where the last row of tiles that is done starts; a later run can begin there, see `strips`.
    """

    def __init__(self, network: Network, scale: int, grid: int, tile: int, margin: int) -> None:
        self.network, self.scale, self.grid = network, scale, grid
        self.tile, self.margin = max(tile // grid, 1) * grid, -(-margin // grid) * grid
        self.row = 0

    def strips(self, read: Read, height: int, width: int, progress: Progress, start: int = 0) -> Iterator[Samples]:
        """Super-resolves a picture of `height` x `width` pixels, or what lies below its row `start`.

        Args:
            read: gives the regions of the picture.
            height, width: of the picture.
            progress: see `Progress`.
            start: the `row` of an earlier run. With the tile of that run too, all but the first strip are those that
                followed there; the first starts half a feather above `start`, and is blended with nothing above.

        Yields:
            (C, h, width * scale), near [0, 1] but not clamped; from the top, the heights add up to height * scale.
            They are the caller's to overwrite.

        Raises:
            DeviceError: not even the smallest tile fits into memory.
        """
        rows, columns = Axis(height, self.margin), Axis(width, self.margin)
        return blend(self._rows_of_tiles(read, rows, columns, progress, start), FEATHER * self.scale, axis=-2)

    def _rows_of_tiles(self, read: Read, rows: Axis, columns: Axis, progress: Progress, top: int) -> Iterator[Samples]:
        while top < rows.size:
            core = rows.cores(self.tile, self.grid, start=top)[0]
            try:
                strip = self._row_of_tiles(read, rows, columns, core, progress)
            except MemoryError as error:
                self._halve_tile(error)
                continue
            self.row = core.start
            yield strip
            del strip
            top = core.stop

    def _row_of_tiles(self, read: Read, rows: Axis, columns: Axis, core: Span, progress: Progress) -> Samples:
        """(C, h, width * scale): the blended rows of `core`, joined across the columns."""
        cores = columns.cores(self.tile, self.grid)

        def tiles() -> Iterator[Samples]:
            for column in cores:
                yield self._tile(read, rows, columns, core, column)
                done = core.start * columns.size + core.size * column.stop
                progress(done, rows.size * columns.size)

        if len(cores) == 1:
            [tile] = tiles()
            return tile
        return _joined(blend(tiles(), FEATHER * self.scale, axis=-1), columns.size * self.scale)

    def _tile(self, read: Read, rows: Axis, columns: Axis, row: Span, column: Span) -> Samples:
        given = rows.read(row), columns.read(column)
        wanted = rows.blended(row), columns.blended(column)
        result = self.network(read(*given))[0]
        for axis, (source, target) in enumerate(zip(given, wanted, strict=True), start=1):
            offset = (target.start - source.start) * self.scale
            result = _part(result, axis, offset, offset + target.size * self.scale)
        return result

    def _halve_tile(self, error: MemoryError) -> None:
        if self.tile // 2 < MIN_TILE:
            raise DeviceError(
                f"out of memory with tiles of {self.tile} pixels: close other programs, or use another `device`"
            ) from error
        self.tile = max(self.tile // 2 // self.grid, 1) * self.grid


def _joined(pieces: Iterator[Samples], width: int) -> Samples:
    """The pieces side by side; each goes to its place at once, where `np.concatenate` would need all of it twice."""
    first = next(pieces)
    strip = np.empty((*first.shape[:2], width), np.float32)
    left = 0
    for piece in chain([first], pieces):
        strip[..., left : left + piece.shape[2]] = piece
        left += piece.shape[2]
    return strip


def auto_tile(free: float, bytes_per_pixel: int, width: int, scale: int) -> int:
    """The largest tile that takes at most half of the free memory, and makes strips that are not too large.

    Args:
        free: bytes.
        bytes_per_pixel: what a pixel that the network is given takes at the peak.
        width: of the picture, in LR pixels.
        scale: of the network.

    Returns:
        Its side in LR pixels, from `SMALLEST` to `LARGEST`.
    """
    fitting = math.sqrt(free / 2 / bytes_per_pixel) - 2 * HALO
    line = width * scale**2 * COLORS * SAMPLE_BYTES
    highest = max(STRIP_BYTES // line, min(MOST_STRIP_BYTES // line, GOOD))
    return int(min(max(min(fitting, highest), SMALLEST), LARGEST))


@dataclass(frozen=True)
class FixedSize:
    """The one size that an exported model takes, and how large a tile may be for it.

    Attributes:
        height, width: that the model takes, in pixels.
        margin: reflected pixels around the picture.
        grid: tiles and margins are multiples of it.
        turned: whether tiles are transposed too.
    """

    height: int
    width: int
    margin: int
    grid: int
    turned: bool

    @property
    def tile(self) -> int:
        """The largest side of a tile; 0 if there is none."""
        return max(min(self.height, self.width) - self._around, 0) // self.grid * self.grid

    def tile_for(self, height: int, width: int) -> int:
        """The side of tiles for a picture: all of it where it fits.

        Raises:
            ConfigError: it does not fit, and neither does a tile.
        """
        if self._holds(height, width):
            return -(-max(height, width) // self.grid) * self.grid
        if not self.tile:
            least = -(-(self._around + 1) // self.grid) * self.grid
            raise ConfigError(
                f"the model is exported for {self.width}x{self.height} pixels: too small for this picture of "
                f"{width}x{height} and for tiles: export one of at least {least}x{least}, or without `size`"
            )
        return self.tile

    def require(self, tile: int) -> None:
        """Refuses a tile that the user asked for and that does not fit, with a ConfigError."""
        if tile > self.tile:
            raise ConfigError(
                f"`tile={tile}`: at most {self.tile}, as the model is exported for "
                f"{self.width}x{self.height} pixels; 0 is automatic"
            )

    @property
    def _around(self) -> int:
        """Pixels that a tile is read with at most.

        A halo at each side that has a neighbour, the margin at each that has none, and up to a feather because the last
        tile of an axis takes what is too little for one of its own.
        """
        return max(2 * HALO, HALO + self._margin + FEATHER, 2 * self._margin + FEATHER)

    @property
    def _margin(self) -> int:
        return -(-self.margin // self.grid) * self.grid

    def _holds(self, height: int, width: int) -> bool:
        """Whether the picture and its margin go through at once."""
        rows, columns = height + 2 * self._margin, width + 2 * self._margin
        as_it_is = rows <= self.height and columns <= self.width
        return as_it_is and (not self.turned or (columns <= self.height and rows <= self.width))
