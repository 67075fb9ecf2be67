"""`Upscaler`: array in, array out."""

import math
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elansr.errors import ConfigError, PictureError
from elansr.imaging.alpha import fill_transparent
from elansr.inference.device import free_memory, pick_device, pick_precision
from elansr.inference.engines import SelfEnsemble, TorchEngine
from elansr.inference.tiling import HALO, Progress, Read, Span, Tiler
from elansr.memory import keep_freed_memory
from elansr.nn.elan import ELAN
from elansr.nn.ops import reflected_indices
from elansr.weights import load_network

SMALLEST_AUTO_TILE, MAX_TILE = 64, 384
BYTES_PER_CHANNEL = 85
"""Peak bytes that a pixel of a tile takes per network channel (docs/tiling.md); half precision takes a little less."""

LINES_AT_ONCE = 32
"""Lines of a result that are turned into pixels together: few enough to stay in the processor's cache."""

Array = NDArray[Any]
Border = Literal["closed", "cyclic"]
RANGES: dict[str, float] = {"uint8": 255.0, "uint16": 65535.0, "float16": 1.0, "float32": 1.0, "float64": 1.0}


class Upscaler:
    """Super-resolves pictures of any size with one network.

    Args:
        network: an ELAN, see `elansr.load_network`.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".
        precision: "auto", "fp32", "bf16" or "fp16".
        tile: side of a tile in LR pixels; 0 chooses by the memory that is free.
        border: "closed" ends the attention windows at the picture's border; "cyclic", the paper's form, has shifted
            ones go on at the opposite border, which then leaks in (docs/tiling.md).
        margin: reflected pixels around the picture, cut away after; rounded up to the window grid.
        tta: average over the eight flips and transpositions: eight times slower, a little better.

    Attributes:
        scale: super-resolution factor.

    Raises:
        DeviceError: a device or precision that is unknown or not there.
        ConfigError: an unknown border, a negative tile or margin.
    """

    def __init__(
        self,
        network: ELAN,
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
        if tile < 0 or margin < 0:
            raise ConfigError(f"tile={tile}, margin={margin}: must be 0 or more pixels")
        keep_freed_memory()
        self.config, self.scale = network.config, network.config.scale
        self.device = pick_device(device)
        self.precision = pick_precision(precision, self.device)
        self.tile, self.border, self.margin, self.tta = tile, border, margin, tta
        engine = TorchEngine(network, self.device, self.precision, closed=border == "closed")
        self._engine = SelfEnsemble(engine) if tta else engine

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
        picture = np.asarray(picture)
        _check(picture)
        pixels = picture[..., None] if picture.ndim == 2 else picture
        height, width, channels = pixels.shape
        result = np.empty((height * self.scale, width * self.scale, channels), picture.dtype)
        colors = channels - (channels % 2 == 0)
        planes = [slice(0, colors)]
        if colors < channels:
            alpha, result[..., colors] = pixels[..., colors], pixels[0, 0, colors]
            planes += [slice(colors, channels)] if alpha.min() < alpha.max() else []
            pixels = fill_transparent(pixels)
        for n, plane in enumerate(planes):
            report = _share(progress, n, len(planes))
            self._upscale(pixels[..., plane], result[..., plane], report)
        return result.reshape(result.shape[: picture.ndim])

    def _upscale(self, pixels: Array, result: Array, report: Progress) -> None:
        """Fills `result` (H * scale, W * scale, 1 or 3) from `pixels` (H, W, 1 or 3)."""
        height, width = pixels.shape[:2]
        tiler = Tiler(self._engine, self.scale, self.config.multiple, self.tile or self._auto_tile(), self.margin)
        top = 0
        for strip in tiler.strips(_reader(pixels), height, width, report):
            lines = slice(top, top + strip.shape[-2])
            result[lines] = _to_pixels(strip, result.dtype, result.shape[2])
            top = lines.stop

    def _auto_tile(self) -> int:
        """The largest tile that takes at most half of the free memory."""
        pixels = free_memory(self.device) / 2 / (BYTES_PER_CHANNEL * self.config.channels)
        return int(min(max(math.sqrt(pixels) - 2 * HALO, SMALLEST_AUTO_TILE), MAX_TILE))


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
) -> Upscaler:
    """An `Upscaler` with released weights ("elan-light-x4") or those of a file; see there for the arguments.

    Raises:
        WeightsError: an unknown name, or a file that is not a network of ours.
    """
    network = load_network(name_or_file, scale)
    return Upscaler(network, device=device, precision=precision, tile=tile, border=border, margin=margin, tta=tta)


def _share(progress: Progress | None, n: int, count: int) -> Progress:
    """What part `n` of `count` equal parts reports to, so that `progress` sees one whole."""
    if progress is None:
        return lambda done, total: None
    return lambda done, total: progress(n * total + done, count * total)


def _reader(pixels: Array) -> Read:
    """Reads regions of (H, W, 1 or 3) as RGB float32 (1, 3, h, w) in [0, 1], reflected beyond the picture."""
    full = RANGES[pixels.dtype.name]

    def read(rows: Span, columns: Span) -> Tensor:
        region = pixels.take(_indices(rows, pixels.shape[0]), axis=0).take(_indices(columns, pixels.shape[1]), axis=1)
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


def _check(picture: Array) -> None:
    if picture.dtype.name not in RANGES:
        raise PictureError(f"a picture of dtype {picture.dtype}: must be one of {', '.join(RANGES)}")
    if picture.ndim not in (2, 3) or (picture.ndim == 3 and picture.shape[2] not in (1, 2, 3, 4)):
        raise PictureError(f"a picture of shape {picture.shape}: must be (H, W) or (H, W, C) with C from 1 to 4")
    if picture.size == 0:
        raise PictureError(f"a picture of shape {picture.shape}: must have at least one pixel")
    if picture.dtype.kind == "f":
        low, high = float(picture.min()), float(picture.max())
        if not (low >= 0 and high <= 1):
            raise PictureError(f"a floating picture with values from {low:g} to {high:g}: must lie in [0, 1]")
