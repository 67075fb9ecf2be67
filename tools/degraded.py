"""Judges released weights on degraded pictures: `python -m tools.degraded -s 4 VAL_FOLDER`.

LR is made from the pictures of a folder as training for photos makes it (docs/degradation.md), or by JPEG alone at four
qualities, always in the same way. Printed is PSNR-Y in dB, the mean over the pictures, for plain bicubic upscaling, the
weights for clean pictures and those for photos.
"""

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Annotated

import numpy as np
import typer
from rich.progress import track

from elansr.evaluation.datasets import RGB, read_rgb
from elansr.evaluation.metrics import psnr_y
from elansr.evaluation.models import super_resolver
from elansr.training.data import find_pictures
from elansr.training.degradation import degraded_pairs
from elansr.training.degradation_recipe import DegradationRecipe

SEED = 0
QUALITIES = (30, 50, 70, 90)
NOTHING = {f"{step}_probability": 0.0 for step in ("clean", "blur", "resize", "noise")}


def jpeg_only(quality: int) -> DegradationRecipe:
    """Bicubic, then JPEG at one quality."""
    return DegradationRecipe(
        **NOTHING,  # type: ignore[arg-type]
        resize_kinds=("bicubic",),
        jpeg_probability=1.0,
        jpeg_last_probability=1.0,
        jpeg_quality=(quality, quality),
    )


KINDS = {"degraded": DegradationRecipe()} | {f"JPEG {quality}": jpeg_only(quality) for quality in QUALITIES}


def score(model: str, scale: int, pairs: Sequence[tuple[RGB, RGB]]) -> float:
    """Mean PSNR-Y in dB of a model ("bicubic" or weights) over uint8 (LR, HR) pairs, float32, paper's borders."""
    network = super_resolver(model, scale, "cpu", "fp32")
    shown = track(pairs, description=f"{model} x{scale}", transient=True)
    return fmean(psnr_y(np.rint(network.super_resolve(lr)).astype(np.uint8), hr, scale) for lr, hr in shown)


def command(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Pictures that took no part in training.")],
    scale: Annotated[int, typer.Option("-s", "--scale", help="Super-resolution factor.")] = 4,
) -> None:
    """Print the table."""
    pictures = [read_rgb(path) for path in find_pictures([folder])]
    models = ["bicubic", f"elan-light-x{scale}", f"elan-light-x{scale}-real"]
    typer.echo("| | " + " | ".join(models) + " |\n|---|" + "---|" * len(models))
    for kind, recipe in KINDS.items():
        pairs = degraded_pairs(pictures, scale, recipe, SEED)
        scores = [score(model, scale, pairs) for model in models]
        typer.echo(f"| {kind} | " + " | ".join(f"{dB:.2f}" for dB in scores) + " |")


if __name__ == "__main__":
    typer.run(command)
