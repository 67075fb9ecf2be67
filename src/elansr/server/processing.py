"""One request: the bytes of a picture in, the bytes of a larger one out, or an error."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import PurePath
from threading import Lock
from typing import get_args

from elansr.errors import ConfigError, DeviceError, PictureError, TooManyPixelsError, WeightsError
from elansr.images import Picture, Pixels, check_format, encode, format_of_suffix, read
from elansr.server.limits import Limits, Rejected, result_too_large, too_many_pixels
from elansr.upscaling import Choice, Extension, FinalSize, TiledNetwork, Upscalers, fit, notes_on, result_name

LIBVIPS = Lock()
"""libvips has one error text for all threads, so decoders and encoders run one at a time."""
LONGEST_NAME = 120
"""Maximum length of a client's file name."""
BEFORE_ENCODING = 0.95
"""Progress when the network is done."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class RequestOptions:
    """What a request asks for.

    Attributes:
        model: "auto", released weights, or the name of the operator's file; None for the default.
        scale: of the network; None as in `elansr upscale`: the smallest that reaches the size, else the largest.
        size: final size, if it is not the scale.
        extension: of the result; "auto": by the file name.
        quality: of a lossy result, 1 to 100; None is the format's default.
        strength: between the weights for clean pictures (0) and `model` (1), see `elansr.load`; None is `model`.

    Raises:
        ConfigError: an unknown extension, or a quality out of range.
    """

    model: str | None = None
    scale: int | None = None
    size: FinalSize = field(default_factory=FinalSize)
    extension: Extension = "auto"
    quality: int | None = None
    strength: float | None = None

    def __post_init__(self) -> None:
        known = get_args(Extension)
        if self.extension not in known:
            raise ConfigError(f"format {self.extension!r}: must be one of {', '.join(known)}")
        if self.quality is not None and not 1 <= self.quality <= 100:
            raise ConfigError(f"quality {self.quality}: must be from 1 to 100")


@dataclass(frozen=True)
class UpscaledFile:
    """A picture that is done.

    Attributes:
        file_name: as `elansr upscale` names it: "photo.jpg" -> "photo_x4.jpg".
        width, height: of a page, in pixels.
        reason: why "auto" chose the weights, or their strength; "" if the request named them.
        seconds: processing time, without waiting.
        notes: as in `FileResult`.
        pixels: of the source, all pages counted.
    """

    data: bytes
    file_name: str
    media_type: str
    width: int
    height: int
    model: str
    reason: str
    seconds: float
    pixels: int
    notes: tuple[str, ...] = ()


def safe_name(name: str) -> str:
    """The client's file name without folders and control characters, shortened; never used as a path."""
    last = name.replace("\\", "/").rpartition("/")[2]
    clean = "".join(character for character in last if character.isprintable()).strip()
    path = PurePath(clean if clean.strip(".") else "picture")
    return path.stem[: LONGEST_NAME - len(path.suffix[:16])] + path.suffix[:16]


def upscale_bytes(
    data: bytes,
    file_name: str,
    options: RequestOptions,
    upscalers: Upscalers,
    limits: Limits,
    on_progress: Callable[[float], None],
) -> UpscaledFile:
    """Decodes, upscales and encodes one picture.

    Args:
        file_name: the client's name for it.
        on_progress: called with the progress, 0 to 1; an exception ends the work.

    Raises:
        Rejected: the error for the client.
    """
    started = time.perf_counter()
    source = safe_name(file_name)
    target = result_name(PurePath(source), upscalers.label, options.extension)
    try:
        with LIBVIPS:
            on_progress(0.0)
            picture = read(data, name=source, max_pixels=limits.max_pixels)
        upscaler, choice = upscalers(picture)
        height, width = picture.pages[0].shape[:2]
        size = _final_size(picture, upscaler, options, (source, target), limits)
        result = _upscaled(picture, upscaler, size, on_progress)
        with LIBVIPS:
            on_progress(BEFORE_ENCODING)
            encoded = encode(result, PurePath(target).suffix, quality=options.quality, name=target)
    except Exception as error:
        raise rejected(error, source, limits) from error
    media_type = f"image/{format_of_suffix(target)}"
    notes = notes_on(picture, target)
    seconds, pixels = time.perf_counter() - started, width * height * len(picture.pages)
    return UpscaledFile(encoded, target, media_type, *size, choice.model, _note(choice), seconds, pixels, notes)


def _final_size(
    picture: Picture, upscaler: TiledNetwork, options: RequestOptions, names: tuple[str, str], limits: Limits
) -> tuple[int, int]:
    """Width and height of the result; refuses one over the limit, before or after the final resize."""
    height, width = picture.pages[0].shape[:2]
    pages, scale, most = len(picture.pages), upscaler.scale, limits.max_result_pixels
    source, target = names
    try:
        size = options.size.of(width, height, scale)
    except PictureError as error:
        raise _UnfitError(f"{source}: {error}") from error
    try:
        check_format(PurePath(target).suffix, size=size, pages=pages, name=target)
    except PictureError as error:
        raise _UnfitError(str(error)) from error
    largest = max(size, (width * scale, height * scale), key=lambda sides: sides[0] * sides[1])
    if pages * largest[0] * largest[1] > most:
        found = f"{largest[0]} x {largest[1]}"
        raise result_too_large(found + (f" pixels on {pages} pages" if pages > 1 else " pixels"), most)
    return size


def _upscaled(
    picture: Picture, upscaler: TiledNetwork, size: tuple[int, int], on_progress: Callable[[float], None]
) -> Picture:
    """The picture with every page in its final size."""
    pages = len(picture.pages)

    def page(number: int) -> Pixels:
        def report(done: int, total: int) -> None:
            on_progress(BEFORE_ENCODING * (number + done / total) / pages)

        return fit(upscaler(picture.pages[number], progress=report), *size)

    return picture.with_pages([page(number) for number in range(pages)])


def _note(choice: Choice) -> str:
    return choice.reason if choice.strength is None else f"strength {choice.strength:g}"


class _UnfitError(PictureError):
    """The picture was read, but the request cannot be fulfilled: an invalid request."""


def rejected(error: Exception, file_name: str, limits: Limits) -> Rejected:
    """The error for the client if processing failed."""
    if isinstance(error, Rejected):
        return error
    text = " ".join(str(error).split())
    if isinstance(error, (ConfigError, WeightsError, _UnfitError)):
        return Rejected(422, "invalid_request", text)
    if isinstance(error, TooManyPixelsError):
        return too_many_pixels(error.found, limits.max_pixels)
    if isinstance(error, PictureError) and not isinstance(error.__cause__, OSError):
        return Rejected(422, "bad_picture", text)
    if isinstance(error, (MemoryError, OSError, PictureError, DeviceError)):
        _LOG.error("%s: memory, disk or device failed: %s", file_name, text)
        return Rejected(503, "machine", "the server failed (memory, disk or device): try again later", retry_after=60)
    _LOG.error("%s: internal error", file_name, exc_info=error)
    return Rejected(500, "internal", "internal error: see the log of the server")
