"""`elansr upscale`: pictures in, larger pictures out."""

import os
from typing import TYPE_CHECKING

import typer

from elansr.cli import options as o
from elansr.errors import ConfigError

if TYPE_CHECKING:
    from elansr.upscaling.batch import Existing, Job, Options, Outcome, Upscalers
    from elansr.upscaling.upscaler import Upscaler

NOTHING_KEPT = "nothing is kept of a picture that was not through; the same command starts over"


def upscale(
    inputs: o.Inputs,
    output: o.Output = None,
    scale: o.Scale = None,
    model: o.Model = "auto",
    recursive: o.Recursive = False,
    outscale: o.Outscale = None,
    width: o.Width = None,
    height: o.Height = None,
    ext: o.Ext = "auto",
    quality: o.Quality = None,
    pyramid: o.Pyramid = False,
    suffix: o.Suffix = None,
    overwrite: o.Overwrite = False,
    skip_existing: o.SkipExisting = False,
    tta: o.Tta = False,
    border: o.Border = "closed",
    margin: o.Margin = 0,
    tile: o.Tile = 0,
    device: o.Device = "auto",
    precision: o.Precision = "auto",
    engine: o.Engine = "auto",
    threads: o.Threads = 0,
    max_pixels: o.MaxPixels = None,
    json: o.Json = False,
) -> None:
    """Upscale pictures.

    A single file that fails ends with exit code 2.
    A run of several goes on past those that fail and ends with exit code 1.
    Started again after an interrupt, it goes on where it was.
    """
    _use_threads(threads)
    from elansr.cli.report import exit_code, to_json
    from elansr.images import DEFAULT_MAX_PIXELS, DEFAULT_MAX_STREAMED
    from elansr.upscaling import batch

    def load(name: str, of_scale: int | None) -> "Upscaler":
        from elansr.upscaling.upscaler import load

        return load(
            name,
            scale=of_scale,
            device=device,
            precision=precision,
            tile=tile,
            border=border,
            margin=margin,
            tta=tta,
            engine=engine,
        )

    size = batch.FinalSize(outscale, width, height)
    sources = batch.find(inputs, recursive)
    single = batch.is_single(sources)
    existing = _existing(overwrite, skip_existing, single)
    settings = batch.Options(
        size=size,
        existing=existing,
        quality=quality,
        max_pixels=max_pixels or DEFAULT_MAX_PIXELS,
        max_streamed=max_pixels or DEFAULT_MAX_STREAMED,
        pyramid=pyramid,
    )
    upscalers = batch.Upscalers(model, scale, size, load)
    label = upscalers.label if any(not source.problem for source in sources) else ""
    jobs = batch.plan(sources, output, label, suffix, ext)
    if batch.has_work(jobs, settings):
        _check(model, engine, device, precision)
        upscalers.prepare()
    outcomes: list[Outcome] = []
    try:
        _run(jobs, upscalers, settings, single, outcomes)
    finally:
        if json:
            typer.echo(to_json(outcomes))
    raise typer.Exit(exit_code(outcomes, single))


def _run(
    jobs: "list[Job]", upscalers: "Upscalers", settings: "Options", single: bool, outcomes: "list[Outcome]"
) -> None:
    """Runs the jobs and shows how they go; `outcomes` has those that are through, also after an interrupt."""
    from elansr.cli.display import Display
    from elansr.upscaling import batch

    with Display(len(jobs), single) as display:
        try:
            for outcome in batch.run(jobs, upscalers, settings, display.progress):
                outcomes.append(outcome)
                display.finished(outcome)
        except KeyboardInterrupt as stopped:
            through = f"{len(outcomes)} of {len(jobs)} files are through; the same command goes on from there"
            hint = ", without --overwrite" if settings.existing == "replace" else ""
            raise KeyboardInterrupt(str(stopped) or NOTHING_KEPT if single else through + hint) from None


def _existing(overwrite: bool, skip_existing: bool, single: bool) -> "Existing":
    if overwrite and skip_existing:
        raise ConfigError("--overwrite and --skip-existing contradict each other: give one of them")
    if overwrite:
        return "replace"
    return "refuse" if single and not skip_existing else "skip"


def _check(model: str, engine: str, device: str, precision: str) -> None:
    """Tells before the run what would fail for every picture, where the network is loaded with the first of them."""
    from elansr.engines.device import pick_device, pick_precision
    from elansr.engines.exported import choose

    choose(model, engine)
    pick_precision(precision, pick_device(device))


def _use_threads(threads: int) -> None:
    """Limits the CPU threads of PyTorch and, before it is loaded, of libvips."""
    if threads:
        os.environ["VIPS_CONCURRENCY"] = str(threads)
        from elansr.engines.device import set_cpu_threads

        set_cpu_threads(threads)
