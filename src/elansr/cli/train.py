"""`elansr train`: train a network from a recipe."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from elansr.errors import MissingExtraError
from elansr.text import count

if TYPE_CHECKING:
    from elansr.training.recipe import Recipe
    from elansr.training.run_folder import LogEntry

SET_HELP = "Change a value of the recipe, such as schedule.steps=1000 or 'schedule.halve_at=[500, 800]'; repeatable."
TIME_HELP = "Do not train; time N steps, and the same steps as computed by the authors' code."
RESUME_HELP = "Checkpoint to continue from; auto is the newest one of the run, if any."


def train(
    recipe: Annotated[Path, typer.Argument(help="Recipe, a TOML file such as recipes/tiny_cpu.toml.")],
    changes: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help=SET_HELP)] = None,
    resume: Annotated[str, typer.Option("--resume", metavar="auto|PATH", help=RESUME_HELP)] = "auto",
    time_steps: Annotated[int | None, typer.Option("--time-steps", min=1, metavar="N", help=TIME_HELP)] = None,
) -> None:
    """Train a network from a recipe.

    After an interruption, run the same command to continue from the last checkpoint. On several GPUs:
    torchrun --nproc-per-node 4 -m elansr train RECIPE.toml
    """
    try:
        from elansr.training.distributed import is_first_process
        from elansr.training.loop import train as run
        from elansr.training.recipe import load_recipe
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"training needs {error.name}: pip install '.[train]' in elansr's folder") from error
    from elansr.cli.progress import ProgressBars

    settings = load_recipe(recipe, changes or [])
    if time_steps:
        typer.echo(_timed(settings, time_steps))
        return
    seen: list[int] = []

    def progress(step: int, steps: int) -> None:
        seen[1:] = [step]  # the first and the last
        bars.show("steps", step, steps)

    try:
        with ProgressBars(shown=is_first_process()) as bars:
            weights = run(
                settings,
                progress=progress,
                report=lambda entry: bars.print(_line(entry)),
                resume=None if resume == "auto" else Path(resume),
            )
    except KeyboardInterrupt:
        raise KeyboardInterrupt(_how_to_continue(settings, seen[-1] if seen else 0)) from None
    if is_first_process():
        if seen[:1] == [settings.schedule.steps]:
            typer.echo(f"already finished: {settings.schedule.steps} steps")
        typer.echo(_summary(settings, weights, recipe))


def _line(entry: "LogEntry") -> str:
    from elansr.training.run_folder import ValidationEntry

    if isinstance(entry, ValidationEntry):
        return f"step {entry.step}: validation {entry.val_psnr_y:.3f} dB PSNR-Y, sharpness {entry.sharpness or 0:.2f}"
    bad = f", {entry.bad_steps} steps skipped (not finite)" if entry.bad_steps else ""
    return (
        f"step {entry.step}: loss {entry.loss:.5f}, learning rate {entry.learning_rate:.2e}, "
        f"{entry.seconds_per_step:.2f} s per step, {entry.data_share:.1%} waiting for data{bad}"
    )


def _how_to_continue(recipe: "Recipe", step: int) -> str:
    newest = _newest_checkpoint(recipe)
    if newest is None:
        return "there is no checkpoint yet"
    lost = max(step - int(newest.stem.rpartition("_")[2]), 0)
    return (
        f"lost: {count(lost, 'step')} since the last checkpoint; run the same command again to continue from {newest}"
    )


def _newest_checkpoint(recipe: "Recipe") -> Path | None:
    from elansr.training.checkpoint import Checkpoints

    found = Checkpoints(Path(recipe.run.folder), recipe.run.keep_checkpoints).newest_first()
    return found[0] if found else None


def _summary(recipe: "Recipe", weights: Path, file: Path) -> str:
    """The results, and a command that continues this run for as many steps again."""
    folder, steps = recipe.run.folder, recipe.schedule.steps
    longer = f"--set schedule.steps={2 * steps} --set {shlex.quote(f'run.folder={folder}_longer')}"
    resume = f"elansr train {shlex.quote(str(file))} --resume {shlex.quote(str(_newest_checkpoint(recipe)))} {longer}"
    return f"best weights: {weights}\ncurves: {Path(folder) / 'curves.png'}\nto train longer: {resume}"


def _timed(recipe: "Recipe", steps: int) -> str:
    from elansr.training.step_speed import time_steps

    ours, authors = time_steps(recipe, steps)
    rows = [
        f"{name:<14}{way.median:>9.3f}{min(way.seconds):>9.3f}{max(way.seconds):>9.3f}"
        for name, way in (("elansr", ours), ("authors' code", authors))
    ]
    settings = (
        f"{recipe.network.preset} x{recipe.network.scale}, batch {recipe.schedule.batch} of "
        f"{recipe.data.patch}x{recipe.data.patch}, {recipe.run.precision}, median of {steps} steps"
    )
    head = f"{'seconds/step':<14}{'median':>9}{'min':>9}{'max':>9}"
    return "\n".join([settings, head, *rows, f"ratio of the medians: {authors.median / ours.median:.2f}"])
