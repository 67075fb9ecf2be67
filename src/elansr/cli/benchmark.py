"""`elansr benchmark`: time ELAN and other networks, and count what they compute."""

import dataclasses
import shlex
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from elansr.cli import options as o
from elansr.cli.options import parse_size

if TYPE_CHECKING:
    from elansr.benchmark.complexity import Complexity
    from elansr.benchmark.speed import Stopwatch
    from elansr.benchmark.timed_models import BenchmarkModel, Workload
    from elansr.cli.progress import ProgressBars

MODELS_HELP = (
    "NAME[:PRECISION],...: elan-light, elan-light-authors, elan-light-share0 (2, 3), elan, elan-authors, swinir-light, "
    "swinir, edsr-baseline, imdn, realesrgan-x4plus, released weights, or a weights file. Speed is relative to the "
    "first; --precision applies to those without one. Default: "
    "swinir-light,elan-light-authors,elan-light:fp32,elan-light."
)
SIZE_HELP = "Size of the input picture, in pixels."
ENGINE_HELP = "Engine for ELAN; auto: as in upscale. onnx and openvino export to a temporary folder first."
ROUNDS_HELP = "Number of runs per model. Default: 5 to 200, for about 30 s in total."
JSON_HELP = "Print one JSON document, with every time, the machine and the command."


def benchmark(
    models: Annotated[str | None, typer.Option("-n", "--models", metavar="LIST", help=MODELS_HELP)] = None,
    scale: o.OwnScale = None,
    size: Annotated[str, typer.Option("--size", metavar="WIDTHxHEIGHT", help=SIZE_HELP)] = "320x180",
    rounds: Annotated[int | None, typer.Option("--rounds", min=1, metavar="N", help=ROUNDS_HELP)] = None,
    device: o.Device = "auto",
    precision: o.Precision = "auto",
    engine: Annotated[
        Literal["auto", "torch", "onnx", "openvino"],
        typer.Option("--engine", rich_help_panel=o.SPEED, help=ENGINE_HELP),
    ] = "auto",
    threads: o.Threads = 0,
    json: Annotated[bool, typer.Option("--json", help=JSON_HELP)] = False,
) -> None:
    """Compare the speed and memory of networks.

    Measures multiply-adds, activations, latency, throughput and peak memory on one random picture: ELAN as elansr runs
    it and as its authors' code does, SwinIR, EDSR, IMDN and Real-ESRGAN.
    """
    from elansr.engines.device import cpu_threads, require_torch, set_cpu_threads

    require_torch("elansr benchmark")
    from elansr.benchmark.machine import machine
    from elansr.benchmark.speed import timings
    from elansr.cli.benchmark_table import BenchmarkResult, as_json, as_text
    from elansr.cli.progress import ProgressBars
    from elansr.disk import TemporaryFolder

    set_cpu_threads(threads or cpu_threads())  # as many for PyTorch as for the native library
    workload, found = _plan(models, scale, size, device, precision, engine)
    with ProgressBars() as progress, TemporaryFolder() as folder:
        workload = dataclasses.replace(workload, folder=folder.path)
        _export(found, workload, progress)
        counts, peaks, stopwatch = _prepare(found, workload, progress)
        planned = rounds or stopwatch.enough
        measured = _measure(stopwatch, planned, progress)
    command = shlex.join(["elansr", *sys.argv[1:]])
    result = BenchmarkResult(
        command, machine(workload.device), workload, found, counts, peaks, timings(measured), planned
    )
    typer.echo(as_json(result) if json else as_text(result))
    if len(measured) < planned:
        raise KeyboardInterrupt(f"{len(measured)} of {planned} rounds are done")


def _plan(
    models: str | None, scale: int | None, size: str, device: str, precision: str, engine: str
) -> "tuple[Workload, list[BenchmarkModel]]":
    """Checks all options, and returns the workload and the models."""
    import torch

    from elansr.benchmark import timed_models as b
    from elansr.engines.device import pick_device

    width, height = parse_size(size)
    workload = b.Workload(torch.device(pick_device(device)), width, height, engine)
    specs = b.parse(",".join(b.DEFAULT_MODELS) if models is None else models, precision)
    found = b.benchmark_models(specs, scale, workload.device, engine)
    return workload, b.distinct(found) if models is None else found


def _export(models: "Sequence[BenchmarkModel]", workload: "Workload", progress: "ProgressBars") -> None:
    """Exports ELAN to the workload's folder if the engine runs exported files."""
    from elansr.benchmark.timed_models import SUFFIX_OF_ENGINE, exported_file

    if workload.engine not in SUFFIX_OF_ENGINE:
        return
    from elansr.engines.pytorch import inference_form
    from elansr.export import write_unchecked
    from elansr.nn.elan import ELAN

    ours = [model for model in models if model.ours]
    for model in progress.track("exporting", ours, len(ours)):
        assert isinstance(model.network, ELAN)
        write_unchecked(inference_form(model.network), exported_file(model, workload), workload.engine, model.precision)


def _prepare(
    models: "Sequence[BenchmarkModel]", workload: "Workload", progress: "ProgressBars"
) -> "tuple[list[Complexity], list[int | None], Stopwatch]":
    """Counts, measures memory and warms up."""
    from elansr.benchmark.complexity import complexity
    from elansr.benchmark.peak_memory import peak_memory
    from elansr.benchmark.speed import Stopwatch
    from elansr.benchmark.timed_models import timed_forward

    steps = progress.track("counting", models, len(models))
    counts = [complexity(model.network, workload.width, workload.height) for model in steps]
    peaks = [peak_memory(model, workload) for model in progress.track("peak memory", models, len(models))]
    progress.show("warm-up", 0, None)
    return counts, peaks, Stopwatch([timed_forward(model, workload) for model in models], workload.device)


def _measure(stopwatch: "Stopwatch", planned: int, progress: "ProgressBars") -> list[tuple[float, ...]]:
    """The rounds; after Ctrl-C those that are done, if there are any."""
    measured: list[tuple[float, ...]] = []
    try:
        for seconds in progress.track("rounds", stopwatch.rounds(planned), planned):
            measured.append(seconds)  # noqa: PERF402 - what is there counts when the next round is interrupted
    except KeyboardInterrupt:
        if not measured:
            raise
    return measured
