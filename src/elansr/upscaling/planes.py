"""Pictures of one kind as planes for the network: their colours, and where it varies their alpha."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from elansr.engines.device import free_memory
from elansr.errors import PictureError
from elansr.images import fill_transparent
from elansr.upscaling.tiling import Progress, Read, Span

Array = NDArray[Any]
RANGES: dict[str, float] = {"uint8": 255.0, "uint16": 65535.0, "float16": 1.0, "float32": 1.0, "float64": 1.0}
"""The dtypes of pictures, and their largest value."""

MOST_TOGETHER, PIXELS_TOGETHER = 32, 2**17
"""Pictures, and pixels of them all, that go through a GPU at once: more do not make it busier."""

Fill = Callable[[Sequence[Array], Sequence[Array], Progress], None]
"""Fills results, (H * scale, W * scale, 1 or 3) each, from planes (H, W, 1 or 3)."""


def upscale_planes(pictures: Sequence[Array], scale: int, fill: Fill, progress: Progress | None) -> list[Array]:
    """Super-resolves pictures, all of one shape and dtype; see `Upscaler.many`.

    Args:
        pictures: as there.
        scale: super-resolution factor.
        fill: super-resolves planes, as many as there are pictures, or fewer if the alpha of others does not vary.
        progress: as there.
    """
    stack = [picture[..., None] if picture.ndim == 2 else picture for picture in pictures]
    height, width, channels = stack[0].shape
    results = [np.empty((height * scale, width * scale, channels), pictures[0].dtype) for _ in stack]
    colors = channels - (channels % 2 == 0)
    work = [(slice(0, colors), list(range(len(stack))))]
    if colors < channels:
        for pixels, result in zip(stack, results, strict=True):
            result[..., colors] = pixels[0, 0, colors]
        varying = [n for n, pixels in enumerate(stack) if pixels[..., colors].min() < pixels[..., colors].max()]
        work += [(slice(colors, channels), varying)] if varying else []
        stack = [fill_transparent(pixels) for pixels in stack]
    for n, (plane, which) in enumerate(work):
        report = _share(progress, n, len(work))
        fill([stack[i][..., plane] for i in which], [results[i][..., plane] for i in which], report)
    return [result.reshape(result.shape[: pictures[0].ndim]) for result in results]


def reads_together(reads: Sequence[Read]) -> Read:
    """Reads the same region of several pictures, float32 (1, 3N, h, w): their colours one after the other.

    A network that takes colours in batches (`TorchEngine`) makes of them what it makes of each.
    """

    def read(rows: Span, columns: Span) -> torch.Tensor:
        return torch.cat([read(rows, columns) for read in reads], dim=1)

    return read


def most_together(pixels: int, bytes_per_pixel: int, device: torch.device) -> int:
    """How many pictures of so many pixels are to go through the network at once, see `Upscaler.together`."""
    if device.type != "cuda":
        return 1
    room = min(PIXELS_TOGETHER, free_memory(str(device)) // 2 // bytes_per_pixel)
    return max(1, min(MOST_TOGETHER, room // pixels))


def portion(progress: Progress | None, start: int, count: int, of: int, picture: Array) -> Progress | None:
    """What pictures `start` to `start + count` of `of` report to, so that `progress` sees one whole."""
    if progress is None:
        return None
    area = picture.shape[0] * picture.shape[1]
    return lambda done, total: progress(area * start + area * count * done // total, area * of)


def _share(progress: Progress | None, n: int, count: int) -> Progress:
    """What part `n` of `count` equal parts reports to, so that `progress` sees one whole."""
    if progress is None:
        return lambda done, total: None
    return lambda done, total: progress(n * total + done, count * total)


def checked(pictures: Sequence[Array]) -> list[Array]:
    """The pictures as arrays.

    Raises:
        PictureError: one is no picture, or they differ in shape or dtype.
    """
    arrays = [np.asarray(picture) for picture in pictures]
    for array in arrays:
        _check(array)
    kinds = sorted({f"{array.shape} {array.dtype}" for array in arrays})
    if len(kinds) > 1:
        raise PictureError(f"pictures of {' and '.join(kinds)}: must be of one shape and dtype; call `many` for each")
    return arrays


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
