"""`elansr train`: a recipe in, a weights file out."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from elansr.errors import MissingExtraError

if TYPE_CHECKING:
    from elansr.training.record import Record


def train(
    recipe: Annotated[Path, typer.Argument(help="The recipe, a TOML file such as recipes/tiny_cpu.toml.")],
) -> None:
    """Train a network as a recipe says.

    Started again after an interrupt, it goes on from the last checkpoint.
    """
    try:
        from elansr.training.config import load_recipe
        from elansr.training.loop import train as run
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"training needs {error.name}: pip install 'elansr[train]'") from error
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    settings = load_recipe(recipe)
    columns = (TextColumn("steps"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("steps", total=settings.schedule.steps)
        weights = run(
            settings,
            progress=lambda step, steps: bar.update(task, completed=step),
            report=lambda record: bar.console.print(_line(record)),
        )
    typer.echo(f"best weights: {weights}")


def _line(record: "Record") -> str:
    return (
        f"step {record.step}: loss {record.loss:.5f}, validation {record.val_psnr_y:.3f} dB PSNR-Y, "
        f"{record.seconds_per_step:.2f} s a step"
    )
