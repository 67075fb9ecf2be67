"""`elansr evaluate`: PSNR-Y and SSIM-Y of models on benchmark sets."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from elansr.cli import options as o
from elansr.cli.interrupts import raise_pending
from elansr.errors import ConfigError
from elansr.text import shown

if TYPE_CHECKING:
    from elansr.cli.outputs import Outputs
    from elansr.evaluation.datasets import BenchmarkSet, LRFolder
    from elansr.evaluation.evaluate import Protocol, SetScores
    from elansr.evaluation.models import Model

DATA_HELP = (
    "A set: a folder of HR pictures, or one in the layout of EDSR, BasicSR or DIV2K; may be given several times."
)
LR_HELP = "A folder of LR pictures. Alone: measure consistency, without HR. With one --data: its LR files."
MODEL_HELP = (
    "Released weights, see `elansr info`, a weights file, or bicubic; several for one table. Default: elan-light."
)
SCALE_HELP = "Scale of the network. Default: the weights' own, else 4."
PROTOCOL_HELP = "authors: as their script, SR not rounded and means rounded up."
NO_CHECK_HELP = "Do not compare LR files with their HR first."
SAVE_HELP = "Write the SR pictures as PNG, DIR/SET/PICTURE.png."
CSV_HELP = "Write the scores as CSV: a row for each picture and each mean."
HTML_HELP = "Write a report with a crop of every picture."
DEFAULT_MODEL = "elan-light"

Tick = Callable[[int, int], None]


def evaluate(
    folders: Annotated[list[Path] | None, typer.Argument(metavar="FOLDER", help="More sets.")] = None,
    data: Annotated[list[Path] | None, typer.Option("--data", "-d", metavar="FOLDER", help=DATA_HELP)] = None,
    lr: Annotated[Path | None, typer.Option("--lr", metavar="FOLDER", help=LR_HELP)] = None,
    model: Annotated[
        list[str] | None, typer.Option("-n", "--model", metavar="NAME|FILE|bicubic", help=MODEL_HELP)
    ] = None,
    scale: Annotated[int | None, typer.Option("-s", "--scale", metavar="2|3|4", help=SCALE_HELP)] = None,
    protocol: Annotated[Literal["paper", "authors"], typer.Option("--protocol", help=PROTOCOL_HELP)] = "paper",
    no_check: Annotated[bool, typer.Option("--no-check", help=NO_CHECK_HELP)] = False,
    device: o.Device = "auto",
    precision: o.Precision = "fp32",
    save: Annotated[
        Path | None, typer.Option("--save", metavar="DIR", rich_help_panel=o.RESULT, help=SAVE_HELP)
    ] = None,
    csv: Annotated[Path | None, typer.Option("--csv", metavar="FILE", rich_help_panel=o.RESULT, help=CSV_HELP)] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", rich_help_panel=o.RESULT, help=HTML_HELP)
    ] = None,
    overwrite: o.Overwrite = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document with every picture's score.")] = False,
) -> None:
    """Measure PSNR-Y and SSIM-Y under the protocol of the literature."""
    from elansr.cli.outputs import Outputs
    from elansr.cli.scores import Run, as_json, as_text

    everything = [*(data or []), *(folders or [])]
    _require_data(everything, lr)
    models = _models(model or [DEFAULT_MODEL], scale, device, precision)
    sets = _sets(everything, lr, models[0].scale)
    outputs = Outputs(save, csv, html, overwrite, models, sets, protocol)
    if not no_check:
        _check(sets)
    runs = [Run(each, protocol, not no_check, [_scores(each, s, protocol, outputs) for s in sets]) for each in models]
    typer.echo(as_json(runs) if json else as_text(runs))
    outputs.write(runs)


def _require_data(folders: Sequence[Path], lr: Path | None) -> None:
    if not folders and lr is None:
        raise ConfigError("no pictures to evaluate on: give --data FOLDER, or --lr FOLDER where there is no HR")
    if len(folders) > 1 and lr is not None:
        raise ConfigError(f"--lr {shown(lr)}: LR of which of {len(folders)} sets? give one --data with it")


def _models(names: Sequence[str], scale: int | None, device: str, precision: str) -> "list[Model]":
    from elansr.evaluation.models import super_resolver

    if len(set(names)) < len(names):
        raise ConfigError(f"a model twice among {', '.join(names)}: give each once")
    models = [super_resolver(name, scale, device, precision) for name in names]
    if len({model.scale for model in models}) > 1:
        scales = ", ".join(f"{model.name} x{model.scale}" for model in models)
        raise ConfigError(f"models of different scales, {scales}: give one scale with -s")
    return models


def _sets(folders: Sequence[Path], lr: Path | None, scale: int) -> "list[BenchmarkSet | LRFolder]":
    from elansr.evaluation.datasets import BenchmarkSet, LRFolder

    if not folders and lr is not None:
        return [LRFolder.of(lr)]
    sets: list[BenchmarkSet | LRFolder] = [BenchmarkSet.of(folder, scale, lr) for folder in folders]
    names = [found.name for found in sets]
    if len(set(names)) < len(names):
        raise ConfigError(f"two folders of the same name among {', '.join(names)}: evaluate them one by one")
    return sets


def _check(sets: "Sequence[BenchmarkSet | LRFolder]") -> None:
    from elansr.evaluation.checks import check_pairs
    from elansr.evaluation.datasets import BenchmarkSet

    with _bar("LR against HR") as tick:
        check_pairs([found for found in sets if isinstance(found, BenchmarkSet)], tick)


def _scores(model: "Model", found: "BenchmarkSet | LRFolder", protocol: "Protocol", outputs: "Outputs") -> "SetScores":
    from elansr.evaluation.datasets import LRFolder
    from elansr.evaluation.evaluate import evaluate, evaluate_lr

    run, scale = model.super_resolve, model.scale
    with _bar(f"{model.name}: {found.name}") as tick:
        if isinstance(found, LRFolder):
            return evaluate_lr(run, found, scale, tick, lambda name, sr: outputs.save(model, found.name, name, sr))
        return evaluate(run, found, scale, tick, lambda example: outputs.take(model, example), protocol)


@contextmanager
def _bar(name: str) -> Iterator[Tick]:
    """A progress bar over pictures, on a terminal; it also lets Ctrl-C through between two pictures."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn(shown(name), markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None)

        def tick(done: int, total: int) -> None:
            raise_pending()
            bar.update(task, completed=done, total=total)

        yield tick
