"""Measures released weights on degraded pictures: `python -m tools.degraded -s 4 VAL_FOLDER`.

LR is made from the pictures of a folder as training for photos makes it (docs/degradation.md), or by bicubic and then
JPEG alone at several qualities, always in the same way. Printed is PSNR-Y in dB, the mean over the pictures, for plain
bicubic upscaling, the weights for clean pictures and those for photos; and from which quality on the weights for clean
pictures are ahead, which is what `-n auto` of `elansr upscale` goes by (`elansr.upscaling.choice.CLEAN_FROM`).
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Annotated

import numpy as np
import typer
from rich.progress import track

from elansr.errors import ConfigError, ElansrError
from elansr.evaluation import BICUBIC, RGB, Model, load_model, psnr_y, read_rgb
from elansr.training.data import find_pictures
from elansr.training.degradation import DegradationRecipe, degrade_pictures
from elansr.upscaling import CLEAN, REAL
from elansr.weights.released import family

SEED = 0
QUALITIES = (30, 50, 70, 75, 80, 85, 90, 95, 98)
DEGRADED = "degraded"
NOTHING = {f"{step}_probability": 0.0 for step in ("clean", "blur", "resize", "noise")}
MARGIN = 0.1
"""dB by which the clean weights must be ahead: photos have noise and blur besides JPEG, so a tie is for the others."""
BAD_INPUT = 2

Scores = tuple[float, ...]
"""PSNR-Y in dB of every model, in their order."""


def kind_of(quality: int) -> str:
    """What the table calls a quality."""
    return f"JPEG quality {quality}"


def jpeg_only(quality: int) -> DegradationRecipe:
    """Bicubic, then JPEG at one quality, colour at half size: as nearly all cameras and web pages store photos."""
    return DegradationRecipe(
        **NOTHING,  # type: ignore[arg-type]
        resize_kinds=("bicubic",),
        jpeg_probability=1.0,
        jpeg_last_probability=1.0,
        jpeg_quality=(quality, quality),
        chroma_420_probability=1.0,
    )


KINDS = {DEGRADED: DegradationRecipe()} | {kind_of(quality): jpeg_only(quality) for quality in QUALITIES}


def names(scale: int) -> tuple[str, str, str]:
    """What is compared at a scale: bicubic and the weights that `auto` chooses from, clean and real.

    Raises:
        ConfigError: there are not both.
    """
    clean, real = family(CLEAN).get(scale), family(REAL).get(scale)
    if not clean or not real:
        both = ", ".join(f"x{each}" for each in sorted(family(CLEAN).keys() & family(REAL).keys()))
        raise ConfigError(f"-s {scale}: {CLEAN} and {REAL} are not both released for x{scale}: choose {both}")
    return BICUBIC, clean.name, real.name


def score(model: Model, pairs: Sequence[tuple[RGB, RGB]]) -> float:
    """Mean PSNR-Y in dB of a model over uint8 (LR, HR) pairs, float32, paper's borders."""
    shown = track(pairs, description=f"{model.name} x{model.scale}", transient=True)
    return fmean(psnr_y(np.rint(model.super_resolve(lr)).astype(np.uint8), hr, model.scale) for lr, hr in shown)


def scores(
    pictures: Sequence[RGB], models: Sequence[Model], kinds: Mapping[str, DegradationRecipe]
) -> Iterator[tuple[str, Scores]]:
    """The scores of all models, a kind of degradation at a time.

    Args:
        pictures: HR, uint8 (H, W, 3).
        models: of one scale.
        kinds: how LR is made, by what it is called.
    """
    for kind, recipe in kinds.items():
        pairs = degrade_pictures(pictures, models[0].scale, recipe, SEED)
        yield kind, tuple(score(model, pairs) for model in models)


def row(kind: str, found: Scores) -> str:
    """A row of the table, the best score bold."""
    cells = [f"{dB:.2f}" for dB in found]
    best = found.index(max(found))
    cells[best] = f"**{cells[best]}**"
    return f"| {kind} | {' | '.join(cells)} |"


def clean_from(found: Mapping[str, Scores]) -> int | None:
    """The lowest quality from which on, at every quality measured, the clean weights are ahead by `MARGIN`.

    Args:
        found: by kind, scores of bicubic, clean and real; kinds that are no quality are left out.

    Returns:
        One of `QUALITIES`; None if they are not ahead at the highest.
    """
    lowest = None
    for quality in sorted(QUALITIES, reverse=True):
        _, clean, real = found[kind_of(quality)]
        if clean - real < MARGIN:
            break
        lowest = quality
    return lowest


def command(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Pictures that took no part in training.")],
    scale: Annotated[int, typer.Option("-s", "--scale", help="Super-resolution factor.")] = 4,
    step: Annotated[int, typer.Option("--every", min=1, help="Take each N-th picture only.")] = 1,
) -> None:
    """Print the table."""
    try:
        models = [load_model(name, scale, "cpu", "fp32") for name in names(scale)]
        pictures = [read_rgb(path) for path in find_pictures([folder])[::step]]
    except ElansrError as error:
        typer.echo(f"error: {' '.join(str(error).split())}", err=True)
        raise typer.Exit(BAD_INPUT) from error
    typer.echo(f"| | {' | '.join(model.name for model in models)} |\n|---|{'---|' * len(models)}")
    found = {}
    for kind, all_scores in scores(pictures, models, KINDS):
        found[kind] = all_scores
        typer.echo(row(kind, all_scores))
    quality = clean_from(found)
    best = f"from quality {quality} on" if quality else "at no quality"
    typer.echo(f"\n{len(pictures)} pictures; {models[1].name} is ahead by {MARGIN} dB {best}")


if __name__ == "__main__":
    typer.run(command)
