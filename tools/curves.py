"""Draws the learning curves of the released weights into docs/images: `python -m tools.curves`.

model_cards/curves.json is the source: for every released name the runs that made it, each going on from the one before,
with what each scored on the validation pictures. A picture carries the hash of the part that it was drawn from, so that
`--check` tells a stale one without drawing. `--add NAME RUN_FOLDER` adds a run from the log in its folder.
"""

import dataclasses
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from elansr.errors import DataError, ElansrError
from elansr.training.run_folder import RECIPE, LogEntry, RunFolder, TrainingEntry, ValidationEntry
from elansr.weights.released import RELEASED
from elansr.weights.weights_file import write_file
from tools.checks import begun
from tools.pages import card_path, read

ROOT = Path(__file__).resolve().parents[1]
DISAGREEMENT, BAD_INPUT = 1, 2
DRAWN_FROM = "Drawn-From"
"""The name of the text in a picture that holds the hash."""
WAY_OUT = "run make figures"
DECIMALS = 3


@dataclass(frozen=True)
class Run:
    """One run of training.

    Attributes:
        recipe: its name in recipes/, or what the run is called.
        steps: optimiser steps.
        seconds: it took.
        points: step of this run and PSNR-Y in dB on the validation pictures, in the order of the steps.
    """

    recipe: str
    steps: int
    seconds: int
    points: tuple[tuple[int, float], ...]


Runs = tuple[Run, ...]


def path_of(root: Path) -> Path:
    """Where the runs are, in the repository `root`."""
    return root / "model_cards" / "curves.json"


def picture_path(root: Path, name: str) -> Path:
    """Where the curve of released weights is."""
    return root / "docs" / "images" / f"curve_{name}.png"


def load(root: Path) -> dict[str, Runs]:
    """The runs of all released weights, by name.

    Raises:
        DataError: no such file, or not what `save` writes.
    """
    path = path_of(root)
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return {name: tuple(_run(**entry) for entry in runs) for name, runs in document.items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: not the runs that --add writes ({error}): restore it") from error


def save(root: Path, curves: Mapping[str, Runs]) -> None:
    """Writes the file whole or not at all, a run a line.

    Raises:
        WeightsError: it cannot be written.
    """
    parts = []
    for name, runs in sorted(curves.items()):
        lines = ",\n".join(f"    {json.dumps(dataclasses.asdict(run), allow_nan=False)}" for run in runs)
        parts.append(f"  {json.dumps(name)}: [\n{lines}\n  ]")
    text = "{\n" + ",\n".join(parts) + "\n}\n"
    write_file(path_of(root), text.encode(), overwrite=True)


def _run(recipe: str, steps: int, seconds: int, points: list[tuple[int, float]]) -> Run:
    found = tuple((int(step), float(psnr)) for step, psnr in points)
    at = [step for step, _ in found]
    if not found or at != sorted(set(at)) or not 0 <= at[0] <= at[-1] <= steps:
        raise ValueError(f"{recipe}: steps of its points must rise, from 0 to {steps}")
    return Run(recipe, steps, seconds, found)


def run_of(name: str, folder: Path) -> tuple[Run, str]:
    """A run, and what it started from, as its folder tells.

    Args:
        name: of the weights that it has to be a run of.
        folder: of the run, called as its recipe.

    Raises:
        DataError: no folder of a run, a run of other weights, or one without a validation.
    """
    try:
        recipe = json.loads((folder / RECIPE).read_text(encoding="utf-8"))
        network, real = recipe["network"], recipe["data"].get("degradation") is not None
        made = f"{network['preset']}-x{network['scale']}{'-real' if real else ''}"
        entries = RunFolder(folder).entries()
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(f"{folder}: not the folder of a run ({error}): name one that elansr train made") from error
    if made != name:
        raise DataError(f"{folder}: a run of {made}, not of {name}: name it so, or take another folder")
    points = tuple(
        (entry.step, round(entry.val_psnr_y, DECIMALS)) for entry in entries if isinstance(entry, ValidationEntry)
    )
    if not points:
        raise DataError(f"{folder}: has no validation yet: wait for one")
    steps = max(entry.step for entry in entries)
    return Run(folder.resolve().name, steps, _seconds(entries), points), network.get("start_from") or ""


def _seconds(entries: Sequence[LogEntry]) -> int:
    """Wall clock of steps and validations; what other things took is not in the log."""
    total, before = 0.0, 0
    for entry in entries:
        if isinstance(entry, TrainingEntry):
            total += (entry.step - before) * entry.seconds_per_step
            before = entry.step
        else:
            total += entry.seconds
    return round(total)


def with_run(runs: Runs, name: str, run: Run, started_from: str) -> Runs:
    """The runs of a name with one more; those before are left out if it did not go on from them.

    Args:
        runs: of the name, so far.
        name: of the weights.
        run: the new one.
        started_from: released name or file that it started from; "" for random weights.

    Raises:
        DataError: there is a run of that recipe already.
    """
    if any(before.recipe == run.recipe for before in runs):
        raise DataError(f"{run.recipe}: is there already: take it out of curves.json to add it anew")
    goes_on = started_from == name or (runs and Path(started_from).parent.name == runs[-1].recipe)
    return (*runs, run) if goes_on else (run,)


def digest(runs: Runs) -> str:
    """The hash of what a picture is drawn from, in hex."""
    return hashlib.sha256(json.dumps([dataclasses.asdict(run) for run in runs]).encode()).hexdigest()


def drawn_from(path: Path) -> str:
    """The hash in a picture; "" where there is no such picture."""
    try:
        with Image.open(path) as picture:
            return str(picture.info.get(DRAWN_FROM, ""))
    except OSError:
        return ""


def draw(runs: Runs) -> bytes:
    """A PNG: PSNR-Y by steps over all runs, a line for each, which begins where the one before ended."""
    figure = Figure(figsize=(7, 3.4), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    done = 0
    last: list[tuple[int, float]] = []
    for run in runs:
        own = [(done + step, psnr) for step, psnr in run.points]
        label = f"{run.recipe}: {run.steps:,} steps, {run.points[-1][1]:.2f} dB"
        axes.plot(
            *zip(*last, *own, strict=True), marker="o", markersize=5, markevery=slice(len(last), None), label=label
        )
        done, last = done + run.steps, own[-1:]
        axes.axvline(done, color="lightgrey", zorder=0)
    lowest, *_, highest = sorted([psnr for run in runs for _, psnr in run.points] * 2)
    axes.set_xlim(0, done * 1.03)
    axes.set_ylim(lowest - 0.2, highest + 0.2)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.yaxis.set_major_formatter("{x:.2f}")
    axes.set_xlabel("steps over all runs shown")
    axes.set_ylabel("validation PSNR-Y, dB")
    axes.grid(alpha=0.3)
    figure.legend(loc="outside upper left", fontsize=9, ncols=2, frameon=False)
    picture = io.BytesIO()
    figure.savefig(picture, dpi=110, format="png", metadata={DRAWN_FROM: digest(runs), "Software": None})
    return picture.getvalue()


def draw_all(root: Path) -> list[Path]:
    """Draws what is not drawn yet; returns the pictures that were written.

    Raises:
        DataError: curves.json cannot be read.
        WeightsError: a picture cannot be written.
    """
    written = []
    for name, runs in load(root).items():
        path = picture_path(root, name)
        if drawn_from(path) != digest(runs):
            write_file(path, draw(runs), overwrite=True)
            written.append(path)
    return written


def problems(root: Path, names: Sequence[str]) -> list[str]:
    """What does not agree, a sentence each; nothing if all is well.

    Args:
        root: the repository.
        names: of the released weights.
    """
    try:
        curves = load(root)
        found = [f"curves.json: {name} is not released: take it out" for name in sorted(curves.keys() - set(names))]
        for name in names:
            path = picture_path(root, name)
            if name not in curves:
                found.append(f"curves.json: no run of {name}: python -m tools.curves --add {name} RUN_FOLDER")
            elif drawn_from(path) != digest(curves[name]):
                found.append(f"{path.name}: not drawn from curves.json as it is: {WAY_OUT}")
            if f"](../docs/images/{path.name})" not in read(card_path(root, name)):
                found.append(f"{name}.md: does not show ../docs/images/{path.name}")
        return found
    except ElansrError as error:
        return [str(error)]


def add(root: Path, name: str, folder: Path) -> Runs:
    """Adds the run of a folder to curves.json; returns the runs of that name.

    Raises:
        ElansrError: see `run_of`, `with_run` and `save`.
    """
    curves = load(root)
    run, started_from = run_of(name, folder)
    curves[name] = with_run(curves.get(name, ()), name, run, started_from)
    save(root, curves)
    return curves[name]


def command(
    check: Annotated[bool, typer.Option("--check", help="Only compare; draw nothing.")] = False,
    new: Annotated[
        tuple[str, Path] | None, typer.Option("--add", metavar="NAME RUN_FOLDER", help="Add a run of NAME first.")
    ] = None,
) -> None:
    """Draw the learning curves of the released weights that have changed."""
    try:
        if new:
            runs = add(ROOT, *new)
            typer.echo(f"{new[0]}: {', then '.join(run.recipe for run in runs)}")
        for path in [] if check else draw_all(ROOT):
            typer.echo(f"drawn: {path.relative_to(ROOT)}")
    except ElansrError as error:
        typer.echo(f"error: {' '.join(str(error).split())}", err=True)
        raise typer.Exit(BAD_INPUT) from error
    found = problems(ROOT, [row.name for row in begun(ROOT, list(RELEASED.values()))])
    typer.echo("\n".join(found) or "curves.json, curves and cards agree", err=bool(found))
    raise typer.Exit(DISAGREEMENT if found else 0)


if __name__ == "__main__":
    typer.run(command)
