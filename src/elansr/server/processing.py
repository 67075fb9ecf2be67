"""The work of one request: bytes of a picture in, bytes of a larger one out, and what to say where that fails.

A picture passes through a folder of its own, because files are what the readers and writers work on; the names in it
are ours, and the client's name is only ever text.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock

from elansr.errors import ConfigError, DeviceError, PictureError, TooManyPixelsError, WeightsError
from elansr.images import format_of_suffix, read
from elansr.server.limits import Limits, Rejected, result_too_large, too_many_pixels
from elansr.upscaling.choice import Upscalers
from elansr.upscaling.final_size import FinalSize
from elansr.upscaling.jobs import Extension, Job, Source, plan
from elansr.upscaling.outcome import Options
from elansr.upscaling.steps import Task, begin

LIBVIPS = Lock()
"""libvips keeps one error text for all threads: decoders and encoders work one at a time."""
LONGEST_NAME = 120
"""Characters of a client's file name that are kept."""
BEFORE_ENCODING = 0.95
"""The share of the progress at which the network is done."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class RequestOptions:
    """What a request asks for.

    Attributes:
        model: "auto", the name of released weights, or that of the operator's file; None is the service's own choice.
        scale: of the network; None as in `elansr upscale`: the smallest that reaches the size, else the largest.
        size: of the result, if the scale is not to decide.
        extension: of the result, "auto" keeps that of the file name.
        quality: of a lossy result, 1 to 100; None is the format's default.

    Raises:
        ConfigError: an unknown extension, or a quality out of range.
    """

    model: str | None = None
    scale: int | None = None
    size: FinalSize = field(default_factory=FinalSize)
    extension: Extension = "auto"
    quality: int | None = None

    def __post_init__(self) -> None:
        known = ("auto", "png", "jpg", "webp", "tiff", "avif")
        if self.extension not in known:
            raise ConfigError(f"format {self.extension!r}: must be one of {', '.join(known)}")
        if self.quality is not None and not 1 <= self.quality <= 100:
            raise ConfigError(f"quality {self.quality}: must be from 1 to 100")


@dataclass(frozen=True)
class UpscaledFile:
    """A picture that is done.

    Attributes:
        data: the bytes of its file.
        file_name: as `elansr upscale` names it: "photo.jpg" -> "photo_x4.jpg".
        media_type: "image/jpeg".
        width, height: of a page, in pixels.
        model: name of the weights.
        reason: why "auto" chose them; "" where they were named.
        seconds: of work, without waiting for its turn.
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


def safe_name(name: str) -> str:
    """The client's file name without folders, control characters and excess: text, never a place."""
    last = name.replace("\\", "/").rpartition("/")[2]
    clean = "".join(character for character in last if character.isprintable()).strip()
    path = Path(clean if clean.strip(".") else "picture")
    return path.stem[: LONGEST_NAME - len(path.suffix[:16])] + path.suffix[:16]


@dataclass(frozen=True)
class Work:
    """What is to be done with one file.

    Attributes:
        data: the bytes of the file.
        file_name: the client's name for it.
        options: the result.
        upscalers: give the upscaler.
        limits: of the service.
        on_progress: told the share that is done, 0 to 1; what it raises ends the work.
    """

    data: bytes
    file_name: str
    options: RequestOptions
    upscalers: Upscalers
    limits: Limits
    on_progress: Callable[[float], None]

    def run(self, parent: Path) -> UpscaledFile:
        """Decodes, upscales and encodes, in a folder inside `parent` that is gone after.

        Raises:
            Rejected: what to answer to the client.
        """
        started = time.perf_counter()
        nominal = self._nominal()
        with TemporaryDirectory(prefix="request-", dir=parent) as folder:
            job = Job(Path(folder, "source"), Path(folder, f"result{nominal.target.suffix}"))
            try:
                task = self._begun(job)
                self._finish(task)
                data = job.target.read_bytes()
            except Exception as error:
                names = {job.source: nominal.source, job.target: nominal.target}
                raise rejected(error, names, self.limits) from error
        media_type = f"image/{format_of_suffix(job.target)}"
        seconds = time.perf_counter() - started
        model, reason = task.choice
        pixels = task.area * len(task.picture.pages)
        return UpscaledFile(data, nominal.target.name, media_type, *task.final, model, reason, seconds, pixels)

    def _nominal(self) -> Job:
        """The job as the client would see it: only the names are used."""
        source = Path(safe_name(self.file_name))
        [job] = plan([Source(source)], "results/", self.upscalers.label, extension=self.options.extension)
        return job

    def _begun(self, job: Job) -> Task:
        """Decodes the picture and makes sure that the result may be made."""
        job.source.write_bytes(self.data)
        options = Options(self.options.size, "refuse", self.options.quality, self.limits.max_pixels)
        with LIBVIPS:
            self.on_progress(0.0)
            picture = read(job.source, max_pixels=options.max_pixels)
        try:
            task = begin(job, picture, self.upscalers, options)
        except PictureError as error:
            if isinstance(error.__cause__, OSError):
                raise
            raise _UnfitError(str(error)) from error
        self._require_size(task)
        return task

    def _require_size(self, task: Task) -> None:
        """Refuses a result over the limit, also one that is so only before it is resized to what was asked for."""
        pages, scale, most = len(task.picture.pages), task.upscaler.scale, self.limits.max_result_pixels
        width, height = task.final
        if pages * max(width * height, task.area * scale**2) > most:
            given, x = task.picture.pages[0].shape, " x "
            network = f"{given[1] * scale} x {given[0] * scale}" if task.area * scale**2 > width * height else ""
            size = network or f"{width}{x}{height}"
            raise result_too_large(size + (f" pixels on {pages} pages" if pages > 1 else " pixels"), most)

    def _finish(self, task: Task) -> None:
        """Upscales and encodes."""
        result = task.upscaled(lambda _job, done, total: self.on_progress(BEFORE_ENCODING * done / total))
        with LIBVIPS:
            self.on_progress(BEFORE_ENCODING)
            task.write(result)


class _UnfitError(PictureError):
    """What is asked for cannot be made of a picture that was read: the fault is the request's."""


def rejected(error: Exception, names: Mapping[Path, Path], limits: Limits) -> Rejected:
    """What to answer to the client of a request that failed.

    Args:
        error: why.
        names: paths of ours, and what the client knows them as.
        limits: of the service.
    """
    if isinstance(error, Rejected):
        return error
    named = not isinstance(error, PictureError)
    text = _in_the_clients_words(str(error), names, named)
    if isinstance(error, (ConfigError, WeightsError, _UnfitError)):
        return Rejected(422, "invalid_request", text)
    if isinstance(error, TooManyPixelsError):
        return too_many_pixels(_in_the_clients_words(error.found, names, named), limits.max_pixels)
    if isinstance(error, PictureError) and not isinstance(error.__cause__, OSError):
        return Rejected(422, "bad_picture", text)
    if isinstance(error, (MemoryError, OSError, PictureError, DeviceError)):
        _LOG.error("memory, disk or device failed: %s", text)
        return Rejected(503, "machine", "memory, disk or device failed: try again later", retry_after=60)
    _LOG.error("a request failed", exc_info=error)
    return Rejected(500, "internal", "the service failed on this request: its log says why")


def _in_the_clients_words(text: str, names: Mapping[Path, Path], named: bool) -> str:
    """A complaint in one line that, unless it is `named` already or needs no name, starts with that of the file."""
    text = " ".join(text.split())
    for ours, theirs in names.items():
        text = text.replace(str(ours), theirs.name)
    known = [theirs.name for theirs in names.values()]
    return text if named or text.startswith(tuple(f"{name}: " for name in known)) else ": ".join([*known[:1], text])
