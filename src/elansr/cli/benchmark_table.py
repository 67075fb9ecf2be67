"""The result of a benchmark as a table and as JSON."""

import dataclasses
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from elansr.benchmark.complexity import METHOD, Complexity
from elansr.benchmark.machine import Machine
from elansr.benchmark.speed import WARM_UP, Timing
from elansr.benchmark.timed_models import BenchmarkModel, Workload
from elansr.text import count, shown

COLUMNS = (
    "parameters",
    "multiply-adds",
    "activations",
    "median",
    "quartiles",
    "SR megapixels/s",
    "peak memory",
    "speed",
)
LATENCY = {"cuda": "between CUDA events", "cpu": "by the clock", "mps": "by the clock, after waiting for the GPU"}
PEAK = {
    "cuda": "memory allocated by PyTorch in a separate run: weights, features and work space",
    "cpu": "memory growth of a separate process: weights, features and work space",
    "mps": "not measured",
}
UNITS = ((1e9, "G"), (1e6, "M"), (1e3, "K"))
WIDE = 1000


@dataclass(frozen=True)
class BenchmarkResult:
    """A benchmark and how it was made.

    Attributes:
        models: the first is what the others are compared with.
        counts, peaks, timings: one a model.
        planned: rounds; fewer were measured if it was interrupted.
    """

    command: str
    machine: Machine
    workload: Workload
    models: Sequence[BenchmarkModel]
    counts: Sequence[Complexity]
    peaks: Sequence[int | None]
    timings: Sequence[Timing]
    planned: int

    @property
    def megapixels(self) -> float:
        """Of the SR picture."""
        return self.workload.width * self.workload.height * self.models[0].scale ** 2 / 1e6

    @property
    def measured(self) -> int:
        """Rounds."""
        return len(self.timings[0].seconds)

    @property
    def rows(self) -> Iterator[tuple[BenchmarkModel, Complexity, int | None, Timing]]:
        """What belongs to each model."""
        return zip(self.models, self.counts, self.peaks, self.timings, strict=True)


def as_text(result: BenchmarkResult) -> str:
    """For people."""
    table = Table("model", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in COLUMNS:
        table.add_column(column, justify="right")
    for row in result.rows:
        table.add_row(*_cells(result, *row))
    text = io.StringIO()
    Console(file=text, width=WIDE, color_system=None, markup=False).print(table)
    lines = [_head(result), _where(result), "", *text.getvalue().splitlines(), "", *_notes(result)]
    return "\n".join(line.rstrip() for line in lines)


def as_json(result: BenchmarkResult) -> str:
    """For programs."""
    scale = result.models[0].scale
    width, height = result.workload.width, result.workload.height
    document = {
        "command": result.command,
        "machine": dataclasses.asdict(result.machine),
        "scale": scale,
        "lr": {"width": width, "height": height},
        "sr": {"width": width * scale, "height": height * scale},
        "device": str(result.workload.device),
        "engine": result.workload.engine,
        "warm_up": WARM_UP,
        "rounds": {"planned": result.planned, "measured": result.measured},
        "methods": _methods(result),
        "models": [_record(result, *row) for row in result.rows],
    }
    return json.dumps(document, indent=2, allow_nan=False)


def _cells(
    result: BenchmarkResult, model: BenchmarkModel, counts: Complexity, peak: int | None, timing: Timing
) -> tuple[str, ...]:
    lower, middle, upper = (_three_digits(1000 * seconds) for seconds in timing.quartiles)
    return (
        shown(model.label),
        _in_units(counts.parameters),
        _in_units(counts.multiply_adds),
        _in_units(counts.activations),
        f"{middle} ms",
        f"{lower} - {upper}",
        f"{result.megapixels / timing.median:.3g}",
        "-" if peak is None else f"{_in_units(peak)}B",
        f"{timing.times_as_fast:.2f}x",
    )


def _record(
    result: BenchmarkResult, model: BenchmarkModel, counts: Complexity, peak: int | None, timing: Timing
) -> dict[str, object]:
    lower, middle, upper = timing.quartiles
    return {
        "name": model.name,
        "precision": model.precision,
        "weights": model.weights,
        **dataclasses.asdict(counts),
        "latency": {
            "median": middle,
            "lower_quartile": lower,
            "upper_quartile": upper,
            "seconds": list(timing.seconds),
        },
        "sr_megapixels_per_second": result.megapixels / middle,
        "peak_memory": peak,
        "times_as_fast_as_the_first": timing.times_as_fast,
    }


def _head(result: BenchmarkResult) -> str:
    scale, width, height = result.models[0].scale, result.workload.width, result.workload.height
    rounds = str(result.measured) if result.measured == result.planned else f"{result.measured} of {result.planned}"
    noun = "round" if result.planned == 1 else "rounds"
    return f"x{scale}, LR {width}x{height}, SR {width * scale}x{height * scale}, {rounds} {noun}"


def _where(result: BenchmarkResult) -> str:
    it, engine = result.machine, "" if result.workload.engine == "auto" else f", ELAN in {result.workload.engine}"
    if result.workload.device.type != "cpu":
        return f"{it.device}, PyTorch {it.torch}{engine}"
    threads, native = count(it.threads, "thread"), it.native or "none"
    return f"{it.device}, {threads}, PyTorch {it.torch}, native library: {native}{engine}"


def _methods(result: BenchmarkResult) -> dict[str, str]:
    kind = result.workload.device.type
    return {
        "complexity": METHOD,
        "latency": f"forward pass of one picture already on the device, {LATENCY[kind]}; models take turns",
        "peak_memory": PEAK[kind],
        "times_as_fast_as_the_first": "median over rounds of (latency of the first model / latency of this model)",
    }


def _notes(result: BenchmarkResult) -> list[str]:
    """Explains the columns."""
    methods = _methods(result)
    papers = {
        shown(model.name): _in_units(counts.multiply_adds_in_the_paper)
        for model, counts, _, _ in result.rows
        if counts.multiply_adds_in_the_paper is not None
    }
    weights = {shown(model.name): model.weights for model in result.models}
    return [
        methods["complexity"],
        *(
            [f"multiply-adds as counted in the ELAN paper, without the products of shared attention: {_listed(papers)}"]
            if papers
            else []
        ),
        f"latency: {methods['latency']}",
        f"peak memory: {methods['peak_memory']}",
        f"speed: {methods['times_as_fast_as_the_first']}",
        f"weights: {_listed(weights)}; random weights are as fast as trained ones",
    ]


def _listed(by_name: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in by_name.items())


def _in_units(number: int) -> str:
    """Three digits or more: 601 K, 47.9 G, 8.31 M."""
    for unit, name in UNITS:
        if number >= unit:
            return f"{_three_digits(number / unit)} {name}"
    return str(number)


def _three_digits(value: float) -> str:
    return f"{value:.{0 if value >= 100 else 1 if value >= 10 else 2}f}"
