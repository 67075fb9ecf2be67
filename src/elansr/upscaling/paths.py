"""`elansr.upscale`: files in, larger files out; what the command line does."""

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from elansr.engines.device import PrecisionName, pick_device, pick_precision, set_cpu_threads
from elansr.engines.exported import EngineName, choose
from elansr.errors import ElansrError, PictureError
from elansr.images import DEFAULT_MAX_PIXELS, DEFAULT_MAX_STREAMED, set_threads
from elansr.upscaling.choice import Upscalers
from elansr.upscaling.files import FileResult, Options
from elansr.upscaling.final_size import FinalSize
from elansr.upscaling.pipeline import has_work, upscale_files
from elansr.upscaling.plan import Extension, Job, find_files, is_single, plan_jobs
from elansr.upscaling.tiled_network import Border, TiledNetwork


class Observer:
    """Is called while files are upscaled, in the caller's thread; does nothing. Override what you need."""

    def planned(self, jobs: Sequence[Job], single: bool) -> None:
        """Called once, before the work: what will be done, and whether it is about one file."""

    def left_out(self, kinds: Mapping[str, int]) -> None:
        """Called before that: how many pictures of which kinds were found and are not read, {"camera raw": 3}."""

    def progress(self, job: Job, done: int, total: int) -> None:
        """Called as a file goes on: pixels of its source done and in all; first with 0."""

    def finished(self, result: FileResult) -> None:
        """Called when a file is done, skipped or failed."""


def upscale(
    inputs: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    output: str | os.PathLike[str] | None = None,
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
    existing: Literal["auto", "refuse", "skip", "replace"] = "auto",
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
        inputs: one or more files, folders, or patterns such as "photos/*.jpg".
        output: file or folder to write; None writes beside a file, and for a folder into a new one, "photos_x4".
        scale: of the network, 2, 3 or 4; None takes the smallest that reaches the final size, else the largest.
        model: released name, family, path, or "auto", which chooses for each picture by its compression, noise
            and sharpness.
        strength: between the weights for clean pictures (0) and those for everyday photos (1), see `elansr.load`; with
            "auto" it holds for every file. None takes weights as they are.
        recursive: whether folders inside folders count.
        outscale, width, height: final size, as a factor or in pixels; at most one.
        ext: extension of the results; "auto" keeps that of the input.
        quality: of lossy formats, 1 to 100.
        pyramid: whether a TIFF gets smaller copies for viewers.
        suffix: added to the names of results; None is the enlargement, "_x4".
        existing: what happens to a result that exists already: "refuse" is an error, "auto" refuses for one file and
            skips for several.
        tta, border, margin, tile, device, precision, engine: as in `elansr.load`.
        threads: of the CPU; 0 leaves their number as it is.
        max_pixels: refuse pictures with more pixels; None is the limit of the house.
        observer: is called as the work goes on.

    Returns:
        One result a file, in order. Of several files, those that fail are among them.

    Raises:
        ElansrError: one file was given, and failed; or weights, device or output cannot be used.
        KeyboardInterrupt: what is done stays; the same call goes on from there.
    """
    observer = observer or Observer()
    if threads:
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
    found = find_files([inputs] if isinstance(inputs, (str, os.PathLike)) else inputs, recursive)
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
    jobs = plan_jobs(sources, output, label, suffix, ext)
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
    return results


def _failure(result: FileResult) -> ElansrError:
    if isinstance(result.error, ElansrError):
        return result.error
    failure = PictureError(result.reason)
    failure.__cause__ = result.error
    return failure
