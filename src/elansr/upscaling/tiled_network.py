"""`TiledNetwork`: one network for pictures of any size, as arrays or row by row."""

import os
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

import numpy as np
from numpy.typing import NDArray

from elansr.arguments import require_choice, require_flag, require_whole
from elansr.engines import Engine, open_engine
from elansr.engines.device import free_memory
from elansr.engines.exported import EngineName
from elansr.errors import PictureError
from elansr.images import LARGEST, from_float, to_float
from elansr.memory import keep_freed_memory
from elansr.upscaling.exact_tones import ExactTones
from elansr.upscaling.rows import Array, ArraySink, ArraySource, ReadRows, ResumePoint, Strip, upscale_rows
from elansr.upscaling.tiling import (
    FEATHER,
    MOST_MARGIN,
    FixedSize,
    Network,
    Progress,
    Read,
    Samples,
    Span,
    Tiler,
    auto_tile,
)

if TYPE_CHECKING:
    from elansr.nn.elan import ELAN


TINY, TINY_MARGIN = 8, 16
"""With closed borders, a picture of fewer pixels than the one on a side gets at least the other as a margin: the zeros
of convolutions beyond the border would else decide its colours (a pixel alone was up to 59 levels off)."""

LINES_AT_ONCE = 32
"""Lines of a result that are turned into pixels together: few enough to stay in the processor's cache."""

MOST_TOGETHER, PIXELS_TOGETHER = 32, 2**17
"""Pictures, and pixels of them all, that go through a GPU at once: more do not make it busier."""

Border = Literal["closed", "cyclic"]
Self = TypeVar("Self", bound="TiledNetwork")


class TiledNetwork:
    """Super-resolves pictures of any size with one engine.

    Args:
        engine: runs the network on a tile, see `elansr.engines.open_engine`.
        tile, border, margin, tta: as in `Upscaler`; `border` is that which the engine was opened with.

    Attributes:
        config: of the network.
        scale: super-resolution factor.
        device: that runs it: "cpu", "cuda:0".
        precision: "fp32", "bf16" or "fp16".

    Raises:
        ConfigError: a tile that does not fit an exported model of one size.
    """

    def __init__(self, engine: Engine, *, tile: int = 0, border: Border = "closed", margin: int = 0, tta: bool = False):
        keep_freed_memory()
        self._engine = engine
        self._network: Network = ExactTones(SelfEnsemble(engine) if tta else engine, engine.config.scale)
        self.config, self.scale = engine.config, engine.config.scale
        self.device, self.precision = engine.device, engine.precision
        self.tile, self.border, self.margin, self.tta = tile, border, margin, tta
        self._fixed = FixedSize(*engine.size, margin, self.config.multiple, tta) if engine.size else None
        if self._fixed:
            self._fixed.require(tile)

    @classmethod
    def open(
        cls,
        model: "str | os.PathLike[str] | ELAN",
        *,
        scale: int | None = None,
        strength: float | None = None,
        device: str = "auto",
        precision: str = "auto",
        tile: int = 0,
        border: Border = "closed",
        margin: int = 0,
        tta: bool = False,
        engine: EngineName = "auto",
    ) -> "TiledNetwork":
        """The network of a released name, a file, or an ELAN; see `elansr.load` for the arguments and the errors."""
        require_settings(tile, border, margin, tta)
        closed = border == "closed"
        opened = open_engine(
            model, scale=scale, strength=strength, engine=engine, device=device, precision=precision, closed=closed
        )
        return cls(opened, tile=tile, border=border, margin=margin, tta=tta)

    def __call__(self, picture: Array, progress: Progress | None = None) -> Array:
        """Super-resolves one array, see `Upscaler.__call__`."""
        [result] = self.many([picture], progress)
        return result

    def many(self, pictures: Sequence[Array], progress: Progress | None = None) -> list[Array]:
        """Super-resolves arrays of one shape and dtype: on a GPU small ones together, elsewhere one by one.

        Args:
            pictures: each as `Upscaler.__call__` takes an array.
            progress: called with the LR pixels done and in all.

        Returns:
            What `__call__` returns for each, in their order; on a GPU, up to rounding in its precision.

        Raises:
            PictureError: an array that is no picture, or arrays of different kinds.
            DeviceError: not enough memory for even the smallest tile.
        """
        arrays, results = _checked(pictures), list[Array]()
        if not arrays:
            return results
        height, width, channels = (*arrays[0].shape, 1)[:3]
        area, most = height * width, self.together(height, width)
        for start in range(0, len(arrays), most):
            group = [array.reshape(height, width, channels) for array in arrays[start : start + most]]
            made = [np.empty((height * self.scale, width * self.scale, channels), array.dtype) for array in group]

            report = _portion(progress, area * start, len(group), area * len(arrays))
            upscale_rows(self, [ArraySource(array) for array in group], [ArraySink(array) for array in made], report)
            results += [array.reshape(array.shape[: arrays[0].ndim]) for array in made]
        return results

    def together(self, height: int, width: int) -> int:
        """How many pictures of a size are worth a call of `many`: 1 but on a GPU (docs/performance.md)."""
        if not self.device.startswith("cuda"):
            return 1
        pixels = (height + 2 * self.margin) * (width + 2 * self.margin)
        room = min(PIXELS_TOGETHER, free_memory(self.device) // 2 // self._engine.bytes_per_pixel)
        return max(1, min(MOST_TOGETHER, room // pixels))

    def through(self: Self, wrap: Callable[[Network], Network]) -> Self:
        """The same, whose tiles go through what `wrap` makes of its network."""
        other = copy(self)
        other._network = wrap(self._network)
        return other

    def strips(
        self,
        rows: Sequence[ReadRows],
        shape: tuple[int, int, int],
        dtype: np.dtype[Any],
        progress: Progress,
        after: ResumePoint | None = None,
    ) -> Iterator[Strip]:
        """Super-resolves pictures of which neither all rows nor the whole result need to be in memory.

        Args:
            rows: for each picture, give rows a little below those before each time, or the same again.
            shape: (H, W, 1 or 3) of a picture, without alpha.
            dtype: of the pictures and the results, see `Upscaler.__call__`.
            progress: called with the LR pixels done and in all, of one picture.
            after: the `resume_point` of a strip of an earlier run: go on with what came after it. One row of tiles is
                computed again, and the strips that follow are equal to those of a run in one go.

        Yields:
            The results from top to bottom.

        Raises:
            DeviceError: not enough memory for even the smallest tile.
        """
        height, width, channels = shape
        row, tile = after or ResumePoint(0, self._tile_for(height, width))
        tiler = self._tiler(height, width, tile)
        top = max(row - FEATHER // 2, 0) * self.scale
        repeated = after is not None
        for strip in tiler.strips(_reader(rows, shape), height, width, progress, row):
            if not repeated:
                parts = [_to_pixels(part, dtype, channels) for part in np.split(strip, len(rows))]
                yield Strip(parts, top, ResumePoint(tiler.row, tiler.tile))
                del parts
            top += strip.shape[-2]
            repeated = False
            del strip  # not kept while the next one is made

    def fingerprint(self) -> dict[str, Any]:
        """What decides the numbers of a result, to compare with that of another run; as JSON knows it."""
        chosen = {name: getattr(self, name) for name in ("scale", "precision", "tile", "border", "margin", "tta")}
        return {"weights": self._engine.digest(), "device": self.device.partition(":")[0], **chosen}

    def _tiler(self, height: int, width: int, tile: int) -> Tiler:
        tiny = min(height, width) < TINY and self.border == "closed" and not self._fixed
        margin = max(self.margin, TINY_MARGIN) if tiny else self.margin
        return Tiler(self._network, self.scale, self.config.multiple, tile, margin)

    def _tile_for(self, height: int, width: int) -> int:
        """The side of tiles for a picture: as given, as an exported model of one size needs it, or by the memory."""
        if self.tile:
            return self.tile
        if self._fixed:
            return self._fixed.tile_for(height, width)
        return auto_tile(free_memory(self.device), self._engine.bytes_per_pixel, width, self.scale)


class SelfEnsemble:
    """Averages the network's answers to the eight flips and transpositions of a tile (EDSR's x8 "+" models).

    Args:
        network: see `Network`.
    """

    def __init__(self, network: Network) -> None:
        self._network = network

    def __call__(self, tile: Samples) -> Samples:
        """See `Network`."""
        total = np.zeros((), np.float32)
        for turns in range(8):
            total = total + _turned_back(self._network(np.ascontiguousarray(_turned(tile, turns))), turns)
        return total / np.float32(8)


def require_settings(tile: int, border: str, margin: int, tta: bool) -> None:
    """Refuses, with a ConfigError, settings of `Upscaler` that cannot be."""
    require_whole("tile", tile)
    require_choice("border", border, get_args(Border))
    require_whole("margin", margin, most=MOST_MARGIN)
    require_flag("tta", tta)


def _turned(x: Samples, turns: int) -> Samples:
    """One of the eight symmetries of the square: bit 0 flips left-right, bit 1 up-down, bit 2 transposes last."""
    x = x[..., :: -1 if turns & 2 else 1, :: -1 if turns & 1 else 1]
    return x.swapaxes(-2, -1) if turns & 4 else x


def _turned_back(x: Samples, turns: int) -> Samples:
    """The inverse of `_turned`."""
    x = x.swapaxes(-2, -1) if turns & 4 else x
    return x[..., :: -1 if turns & 2 else 1, :: -1 if turns & 1 else 1]


def _reader(rows: Sequence[ReadRows], shape: tuple[int, int, int]) -> Read:
    """Reads regions of pictures (H, W, 1 or 3) as RGB (1, 3n, h, w) in [0, 1], reflected beyond the picture."""
    height, width, channels = shape

    def read(lines: Span, columns: Span) -> Samples:
        wanted, across = _reflected(lines, height), _reflected(columns, width)
        first, stop = int(wanted.min()), int(wanted.max()) + 1
        tiles = []
        for given in rows:
            region = given(first, stop).take(wanted - first, axis=0).take(across, axis=1)
            tile = to_float(region).transpose(2, 0, 1)
            tiles.append(tile if channels == 3 else tile.repeat(3, axis=0))
        return (tiles[0] if len(tiles) == 1 else np.concatenate(tiles))[None]

    return read


def _reflected(span: Span, size: int) -> NDArray[np.intp]:
    """The samples of an axis that a span reads; it is mirrored at its first and last one, as often as needed."""
    period = max(2 * (size - 1), 1)
    index = np.arange(span.start, span.stop) % period
    return np.minimum(index, period - index) if size > 1 else np.zeros_like(index)


def _portion(progress: Progress | None, before: int, times: int, total: int) -> Progress:
    """What a part of the work reports to, so that `progress` sees one whole."""
    return lambda done, _: None if progress is None else progress(before + times * done, total)


def _to_pixels(part: Samples, dtype: np.dtype[Any], channels: int) -> Array:
    """(3, h, w) to (h, w, 1 or 3) of `dtype`; grey is the mean of the three colours."""
    if channels == 1:
        part = part.mean(axis=0, keepdims=True)
    pixels = np.empty((*part.shape[1:], channels), dtype)
    for top in range(0, len(pixels), LINES_AT_ONCE):
        lines = part[:, top : top + LINES_AT_ONCE]
        pixels[top : top + LINES_AT_ONCE] = from_float(lines, dtype).transpose(1, 2, 0)
    return pixels


def _checked(pictures: Sequence[Array]) -> list[Array]:
    """The pictures as arrays.

    Raises:
        PictureError: one is no picture, or they differ in shape or dtype.
    """
    arrays = [np.asarray(picture) for picture in pictures]
    for array in arrays:
        _require_picture(array)
    kinds = sorted({f"{array.shape} {array.dtype}" for array in arrays})
    if len(kinds) > 1:
        raise PictureError(
            f"pictures of {' and '.join(kinds)}: must have the same shape and dtype: pass them one by one"
        )
    return arrays


def _require_picture(picture: Array) -> None:
    if picture.dtype.name not in LARGEST:
        raise PictureError(f"a picture of dtype {picture.dtype}: must be one of {', '.join(LARGEST)}")
    if picture.ndim not in (2, 3) or (picture.ndim == 3 and picture.shape[2] not in (1, 2, 3, 4)):
        hint = "; this looks like (C, H, W): transpose(1, 2, 0)" if _looks_like_chw(picture) else ""
        raise PictureError(f"an array of shape {picture.shape}: must be (H, W) or (H, W, C) with C from 1 to 4{hint}")
    if picture.size == 0:
        raise PictureError(f"an array of shape {picture.shape}: must have at least one pixel")
    if picture.dtype.kind == "f":
        low, high = float(picture.min()), float(picture.max())
        if not (low >= 0 and high <= 1):
            raise PictureError(f"a float picture with values from {low:g} to {high:g}: must lie in [0, 1]")


def _looks_like_chw(picture: Array) -> bool:
    return picture.ndim == 3 and picture.shape[0] <= 4 < min(picture.shape[1:])
