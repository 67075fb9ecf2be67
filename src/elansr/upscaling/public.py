"""`elansr.upscale`: upscales files, as the command line does."""

import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, Literal, TypeGuard, get_args

from elansr.arguments import require_choice, require_path, require_whole, wrong
from elansr.disk import TemporaryFolder
from elansr.engines.device import PrecisionName, pick_device, pick_precision, set_cpu_threads
from elansr.engines.exported import EngineName, choose
from elansr.errors import ConfigError, ElansrError, PictureError
from elansr.images import DEFAULT_MAX_PIXELS, DEFAULT_MAX_STREAMED, set_threads
from elansr.upscaling.choice import Upscalers
from elansr.upscaling.fetch import Source, gather, stream_name
from elansr.upscaling.file_job import FileResult, Options
from elansr.upscaling.final_size import MAX_FACTOR, SCALES, FinalSize
from elansr.upscaling.pipeline import has_work, upscale_files
from elansr.upscaling.plan import Extension, InputFile, Job, is_single, plan_jobs
from elansr.upscaling.tiled_network import Border, TiledNetwork, require_settings
from elansr.weights.released import is_path

ExistingPolicy = Literal["auto", "refuse", "skip", "replace"]


class Observer:
    """Is called while files are upscaled, in the caller's thread; does nothing. Override what you need."""

    def planned(self, jobs: Sequence[Job], single: bool) -> None:
        """Called once, before the work: what will be done, and whether it is about one file."""

    def left_out(self, kinds: Mapping[str, int]) -> None:
        """Called before that: how many pictures of which kinds were found and are not read, {"camera raw": 3}."""

    def progress(self, job: Job, done: int, total: int) -> None:
        """Called during the work on a file, first with 0, with the pixels of its source done and in total."""

    def finished(self, result: FileResult) -> None:
        """Called when a file is done, skipped or failed."""


def upscale(
    inputs: Source | Iterable[Source],
    output: str | os.PathLike[str] | BinaryIO | None = None,
    *,
    scale: int | None = None,
    model: str = "auto",
    strength: float | None = None,
    recursive: bool = False,
    outscale: float | None = None,
    width: int | None = None,
    height: int | None = None,
    ext: Extension = "auto",
    quality: int | None = None,
    pyramid: bool = False,
    suffix: str | None = None,
    existing: ExistingPolicy = "auto",
    tta: bool = False,
    border: Border = "closed",
    margin: int = 0,
    tile: int = 0,
    device: str = "auto",
    precision: PrecisionName = "auto",
    engine: EngineName = "auto",
    threads: int = 0,
    max_pixels: int | None = None,
    observer: Observer | None = None,
) -> list[FileResult]:
    """Upscales picture files, as `elansr upscale` does.

    Args:
        inputs: one or more files, folders, patterns such as "photos/*.jpg", addresses ("https://..."), or streams that
            are open for reading bytes.
        output: file or folder to write, or a stream for the bytes of one result; None writes beside a file, for a
            folder into a new one, "photos_x4", and what was downloaded into the working directory.
        scale: of the network, 2, 3 or 4; None takes the smallest that reaches the final size, or the largest.
        model: released name, family, path, or "auto", which chooses for each picture by its compression, noise
            and sharpness.
        strength: between the weights for clean pictures (0) and those for everyday photos (1), see `elansr.load`; with
            "auto" it holds for every file. None takes weights as they are.
        recursive: whether to include subfolders.
        outscale, width, height: final size, as a factor or in pixels; at most one.
        ext: extension of the results; "auto" keeps that of the input.
        quality: of lossy formats, 1 to 100.
        pyramid: whether to write TIFFs with smaller copies, for viewers.
        suffix: added to the names of results; None means the enlargement, such as "_x4".
        existing: what to do with existing results: "refuse" (an error), "skip", "replace", or "auto", which refuses
            for a single file and skips for several.
        tta, border, margin, tile, device, precision, engine: as in `elansr.load`.
        threads: of the CPU; 0 leaves their number as it is.
        max_pixels: refuse pictures with more pixels; None is the default limit.
        observer: called during the work.

    Returns:
        One result per file, in order; with several files, failed ones are included.

    Raises:
        ConfigError: an argument of a wrong type or value.
        ElansrError: a single file failed; or the weights, device or output cannot be used.
        KeyboardInterrupt: finished results stay, and the same call continues from there.
    """
    observer = observer or Observer()
    require_choice("existing", existing, get_args(ExistingPolicy))
    require_settings(tile, border, margin, tta)
    _require_scale(scale, model)
    if require_whole("threads", threads):
        set_cpu_threads(threads)
        set_threads(threads)

    def load(name: str, of_scale: int | None) -> TiledNetwork:
        return TiledNetwork.open(
            name,
            scale=of_scale,
            strength=strength,
            device=device,
            precision=precision,
            tile=tile,
            border=border,
            margin=margin,
            tta=tta,
            engine=engine,
        )

    size = FinalSize(outscale, width, height)
    with ExitStack() as stack:

        def folder() -> Path:
            return stack.enter_context(TemporaryFolder()).path

        found = gather(inputs, recursive, folder)
        sources = [file for file in found if not file.unread]
        observer.left_out(Counter(file.unread for file in found if file.unread))
        single = is_single(sources)
        if existing == "auto":
            existing = "refuse" if single else "skip"
        options = Options(
            size=size,
            existing=existing,
            quality=quality,
            max_pixels=max_pixels or DEFAULT_MAX_PIXELS,
            max_streamed=max_pixels or DEFAULT_MAX_STREAMED,
            pyramid=pyramid,
        )
        upscalers = Upscalers(model, scale, size, load, strength)
        label = upscalers.label if any(not source.problem for source in sources) else ""
        jobs = _planned(sources, output, label, suffix, ext, folder)
        if has_work(jobs, options):
            choose(model, engine)
            pick_precision(precision, pick_device(device))  # what would fail for every picture fails before the first
            upscalers.prepare()
        observer.planned(jobs, single)
        results = []
        for result in upscale_files(jobs, upscalers, options, observer.progress):
            results.append(result)
            observer.finished(result)
        if single and results[0].status == "failed":
            raise _failure(results[0])
        if _is_stream(output):
            with open(jobs[0].target, "rb") as file:
                shutil.copyfileobj(file, output)
        return results


def _require_scale(scale: int | None, model: str) -> None:
    """Refuses, with a ConfigError, a scale that no released weights have."""
    if scale is None:
        return
    require_whole("scale", scale, least=1)
    if scale not in SCALES and not is_path(model):
        scales = ", ".join(map(str, SCALES))
        rule = f"released weights have {scales}; use `outscale={scale}` for any factor up to {MAX_FACTOR}"
        raise wrong("scale", scale, rule)


def _is_stream(output: object) -> TypeGuard[BinaryIO]:
    return hasattr(output, "write")


def _planned(
    sources: Sequence[InputFile],
    output: str | os.PathLike[str] | BinaryIO | None,
    label: str,
    suffix: str | None,
    ext: Extension,
    folder: Callable[[], Path],
) -> list[Job]:
    """The jobs; the result for a stream is first written into a `folder`."""
    if not _is_stream(output):
        streamed = [source for source in sources if source.name and source.home is None]
        if streamed and output is None:
            raise ConfigError(f"{streamed[0].name}: a stream has no folder for the result: set `output`")
        return plan_jobs(sources, None if output is None else require_path("output", output), label, suffix, ext)
    if not is_single(sources):
        raise ConfigError(f"{stream_name(output)}: one stream cannot hold several results: use a folder")
    [job] = plan_jobs(sources, folder(), label, suffix, ext)
    return [replace(job, target_name=stream_name(output))]


def _failure(result: FileResult) -> ElansrError:
    if isinstance(result.error, ElansrError):
        return result.error
    failure = PictureError(result.reason)
    failure.__cause__ = result.error
    return failure
