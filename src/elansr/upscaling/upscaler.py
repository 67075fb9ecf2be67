"""`Upscaler`: array in, array out."""

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elansr.engines.device import free_memory, pick_device, pick_precision
from elansr.engines.files import EngineName, FileEngine, choose, open_engine
from elansr.engines.pytorch import Engine, SelfEnsemble, TorchEngine
from elansr.errors import ConfigError
from elansr.memory import keep_freed_memory
from elansr.nn.elan import ELAN
from elansr.nn.ops import reflected_indices
from elansr.upscaling.limit import Limit
from elansr.upscaling.planes import RANGES, Array, checked, most_together, portion, reads_together, upscale_planes
from elansr.upscaling.spool import Mark
from elansr.upscaling.tile_size import auto_tile, require_pixels
from elansr.upscaling.tiling import FEATHER, Network, Progress, Read, Span, Tiler
from elansr.weights import load_network

TINY, TINY_MARGIN = 8, 16
"""With closed borders, a picture of fewer pixels than the one on a side gets at least the other as a margin: the zeros
of convolutions beyond the border would else decide its colours (a pixel alone was up to 59 levels off)."""

LINES_AT_ONCE = 32
"""Lines of a result that are turned into pixels together: few enough to stay in the processor's cache."""

Border = Literal["closed", "cyclic"]

Rows = Callable[[int, int], Array]
"""Rows `start` to `stop` (exclusive) of a picture, (stop - start, W, 1 or 3)."""


class Strip(NamedTuple):
    """Finished rows of a result: (h, W * scale, 1 or 3), the first of them, and where to go on after them."""

    pixels: Array
    top: int
    mark: Mark


class Upscaler:
    """Super-resolves pictures of any size with one network.

    Args:
        network: an ELAN, see `elansr.load_network`; or an exported one, opened by `open_engine`, which has its device
            and precision already and needs the border that it was exported with.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".
        precision: "auto", "fp32", "bf16" or "fp16".
        tile: side of a tile in LR pixels; 0 chooses by the memory that is free.
        border: "closed" ends the attention windows at the picture's border; "cyclic", the paper's form, has shifted
            ones go on at the opposite border, which then leaks in (docs/tiling.md).
        margin: reflected pixels around the picture, at most 256, cut away after; rounded up to the window grid.
            Pictures of fewer than `TINY` pixels on a side get some anyway.
        tta: average over the eight flips and transpositions: eight times slower, a little better.

    Attributes:
        scale: super-resolution factor.

    Raises:
        DeviceError: a device or precision that is unknown or not there.
        ConfigError: an unknown border, see `require_pixels`.
    """

    def __init__(
        self,
        network: ELAN | FileEngine,
        *,
        device: str = "auto",
        precision: str = "auto",
        tile: int = 0,
        border: Border = "closed",
        margin: int = 0,
        tta: bool = False,
    ) -> None:
        if border not in get_args(Border):
            raise ConfigError(f"border={border!r}: must be {' or '.join(get_args(Border))}")
        require_pixels(tile, margin)
        keep_freed_memory()
        self._engine = engine = _engine(network, device, precision, border == "closed")
        self._network: Network = SelfEnsemble(engine) if tta else engine
        self.config, self.scale = engine.config, engine.config.scale
        self.device, self.precision = engine.device, engine.precision
        self.tile, self.border, self.margin, self.tta = tile, border, margin, tta
        self._limit = Limit(*engine.size, margin, self.config.multiple, tta) if engine.size else None
        if self._limit:
            self._limit.require(tile)

    def __call__(self, picture: Array, progress: Progress | None = None) -> Array:
        """Super-resolves one picture.

        Args:
            picture: (H, W) or (H, W, C) with C = 1 grey, 2 grey + alpha, 3 RGB, 4 RGBA; uint8, uint16, or floating
                in [0, 1].
            progress: called with the LR pixels done and in all.

        Returns:
            (H * scale, W * scale[, C]) of the same dtype, clipped to its range. Grey stays grey; alpha is
            super-resolved as a picture of its own, and invisible colours do not bleed into visible ones.

        Raises:
            PictureError: another shape or dtype, or floats outside [0, 1].
            DeviceError: not enough memory for even the smallest tile.
        """
        [result] = upscale_planes(checked([picture]), self.scale, self._fill, progress)
        return result

    def many(self, pictures: Sequence[Array], progress: Progress | None = None) -> list[Array]:
        """Super-resolves pictures of one shape and dtype: on a GPU small ones together, elsewhere one by one.

        Args:
            pictures: each as `__call__` takes it.
            progress: called with the LR pixels done and in all.

        Returns:
            What `__call__` returns for each, in their order; on a GPU, up to rounding in its precision.

        Raises:
            PictureError, DeviceError: as `__call__`; pictures of different kinds.
        """
        arrays, results = checked(pictures), list[Array]()
        most = self.together(*arrays[0].shape[:2]) if arrays else 1
        for start in range(0, len(arrays), most):
            group = arrays[start : start + most]
            report = portion(progress, start, len(group), len(arrays), group[0])
            results += upscale_planes(group, self.scale, self._fill, report)
        return results

    def together(self, height: int, width: int) -> int:
        """How many pictures of a size are worth a call of `many`: 1 but on a GPU (docs/performance.md)."""
        pixels = (height + 2 * self.margin) * (width + 2 * self.margin)
        return most_together(pixels, self._engine.bytes_per_pixel, self.device)

    def through(self, wrap: Callable[[Network], Network]) -> "Upscaler":
        """The same upscaler, whose tiles go through what `wrap` makes of its network."""
        other = copy(self)
        other._network = wrap(self._network)
        return other

    def strips(
        self,
        rows: Rows,
        shape: tuple[int, int, int],
        dtype: np.dtype[Any],
        progress: Progress,
        after: Mark | None = None,
    ) -> Iterator[Strip]:
        """Super-resolves a picture of which neither all rows nor the whole result need to be in memory.

        Args:
            rows: gives rows of the picture, each time a little below those before, or the same again.
            shape: (H, W, 1 or 3) of the picture, without alpha.
            dtype: of the picture and the result, see `__call__`.
            progress: called with the LR pixels done and in all.
            after: the mark of a strip of an earlier run: go on with what came after it. One row of tiles is computed
                again, and the strips that follow are equal to those of a run in one go.

        Yields:
            The result from top to bottom.

        Raises:
            DeviceError: not enough memory for even the smallest tile.
        """
        height, width, channels = shape
        row, tile = after or Mark(0, self._tile_for(height, width))
        tiler = self._tiler(height, width, tile)
        top = max(row - FEATHER // 2, 0) * self.scale
        repeated = after is not None
        for strip in tiler.strips(_reader(rows, shape, dtype), height, width, progress, row):
            if not repeated:
                yield Strip(_to_pixels(strip, dtype, channels), top, Mark(tiler.row, tiler.tile))
            top += strip.shape[-2]
            repeated = False
            del strip  # not kept while the next one is made

    def fingerprint(self) -> dict[str, Any]:
        """What decides the numbers of a result, to compare with that of another run; as JSON knows it."""
        chosen = {name: getattr(self, name) for name in ("scale", "precision", "tile", "border", "margin", "tta")}
        return {"weights": self._engine.digest(), "device": self.device.type, **chosen}

    def _upscale(self, pixels: Array, result: Array, report: Progress) -> None:
        """Fills `result` (H * scale, W * scale, 1 or 3) from `pixels` (H, W, 1 or 3)."""
        height, width, channels = pixels.shape
        for strip in self.strips(_rows(pixels), (height, width, channels), pixels.dtype, report):
            result[strip.top : strip.top + len(strip.pixels)] = strip.pixels

    def _fill(self, planes: Sequence[Array], results: Sequence[Array], report: Progress) -> None:
        """Fills results from planes, see `planes.Fill`."""
        if len(planes) == 1:
            self._upscale(planes[0], results[0], report)
            return
        height, width, channels = planes[0].shape
        tiler = self._tiler(height, width, self._tile_for(height, width))
        top = 0
        read = reads_together([_reader(_rows(p), (height, width, channels), p.dtype) for p in planes])
        for strip in tiler.strips(read, height, width, report):
            lines = slice(top, top + strip.shape[-2])
            for result, part in zip(results, strip.chunk(len(results)), strict=True):
                result[lines] = _to_pixels(part, result.dtype, channels)
            top = lines.stop

    def _tiler(self, height: int, width: int, tile: int) -> Tiler:
        tiny = min(height, width) < TINY and self.border == "closed" and not self._limit
        margin = max(self.margin, TINY_MARGIN) if tiny else self.margin
        return Tiler(self._network, self.scale, self.config.multiple, tile, margin)

    def _tile_for(self, height: int, width: int) -> int:
        """The side of tiles for a picture: as told, as an exported model of one size needs it, or by the memory."""
        if self.tile:
            return self.tile
        if self._limit:
            return self._limit.tile_for(height, width)
        return auto_tile(free_memory(str(self.device)), self._engine.bytes_per_pixel, width, self.scale)


def load(
    name_or_file: str | Path,
    *,
    scale: int | None = None,
    device: str = "auto",
    precision: str = "auto",
    tile: int = 0,
    border: Border = "closed",
    margin: int = 0,
    tta: bool = False,
    engine: EngineName = "auto",
) -> Upscaler:
    """An `Upscaler` with released weights ("elan-light-x4") or those of a file; see there for the arguments.

    A file that `elansr export` wrote ("model.onnx", "model.xml") runs in ONNX Runtime or OpenVINO; `engine` "auto" goes
    by its ending, any other has to fit it.

    Raises:
        WeightsError: an unknown name, or a file that is not a network of ours.
        ConfigError: an engine that does not run such a file, or what contradicts how it was exported.
        MissingExtraError: its run time is not installed.
    """
    network: ELAN | FileEngine
    if choose(name_or_file, engine) == "torch":
        network = load_network(name_or_file, scale)
    else:
        network = open_engine(Path(name_or_file), device)
        network.require_scale(scale)
    return Upscaler(network, device=device, precision=precision, tile=tile, border=border, margin=margin, tta=tta)


def _engine(network: ELAN | FileEngine, device: str, precision: str, closed: bool) -> Engine:
    if isinstance(network, FileEngine):
        network.require(precision, closed)
        return network
    where = pick_device(device)
    return TorchEngine(network, torch.device(where), pick_precision(precision, where), closed)


def _rows(pixels: Array) -> Rows:
    """Rows of a picture that is in memory."""
    return lambda start, stop: pixels[start:stop]


def _reader(rows: Rows, shape: tuple[int, int, int], dtype: np.dtype[Any]) -> Read:
    """Reads regions of (H, W, 1 or 3) as RGB float32 (1, 3, h, w) in [0, 1], reflected beyond the picture."""
    full = RANGES[dtype.name]

    def read(lines: Span, columns: Span) -> Tensor:
        wanted = _indices(lines, shape[0])
        first = int(wanted.min())
        given = rows(first, int(wanted.max()) + 1)
        region = given.take(wanted - first, axis=0).take(_indices(columns, shape[1]), axis=1)
        tile = torch.from_numpy(np.divide(region, full, dtype=np.float32))
        return tile.permute(2, 0, 1).unsqueeze(0).expand(1, 3, -1, -1)

    return read


def _indices(span: Span, size: int) -> NDArray[np.int64]:
    before, after = max(-span.start, 0), max(span.stop - size, 0)
    return reflected_indices(size, before, after).numpy()[span.start + before : span.stop + before]


def _to_pixels(strip: Tensor, dtype: np.dtype[Any], channels: int) -> Array:
    """Float (3, h, w), which it overwrites, to (h, w, 1 or 3) of `dtype`; grey is the mean of the three colours."""
    if channels == 1:
        strip = strip.mean(dim=0, keepdim=True)
    pixels = np.empty((*strip.shape[1:], channels), dtype)
    for top in range(0, len(pixels), LINES_AT_ONCE):
        lines = strip[:, top : top + LINES_AT_ONCE].numpy()
        np.clip(lines, 0, 1, out=lines)
        if dtype.kind == "u":
            np.rint(np.multiply(lines, RANGES[dtype.name], out=lines), out=lines)
        pixels[top : top + LINES_AT_ONCE] = lines.transpose(1, 2, 0)
    return pixels
