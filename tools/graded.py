"""Grades pictures by noise and blur, for the thresholds of `-n auto`: `python -m tools.graded -s 4 FOLDER`.

LR is the bicubic of each picture, and then noise or blur alone in rising steps, not compressed. Printed is PSNR-Y in dB
of the weights for clean pictures minus that of the weights for everyday photos, the mean over the pictures, and what
`elansr.upscaling.condition` measures in LR: the median, and between which values eight pictures in ten lie.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from elansr.evaluation import RGB, Model, load_model, read_rgb
from elansr.images import crop_to_multiple, downscale
from elansr.training.data import find_pictures
from elansr.upscaling import measure
from tools.degraded import names, score

Grade = Callable[[RGB, np.random.Generator], RGB]

NOISES = (1.0, 2.0, 3.0, 4.0, 6.0, 10.0)
"""Standard deviations in levels, of each colour by itself."""
BLURS = (0.4, 0.5, 0.6, 0.8, 1.0, 1.5)
"""Standard deviations in pixels of LR."""


def noise(sigma: float) -> Grade:
    """Adds normal noise."""
    return lambda lr, rng: np.clip(np.rint(lr + rng.normal(0, sigma, lr.shape)), 0, 255).astype(np.uint8)


def blur(sigma: float) -> Grade:
    """Blurs by a Gaussian."""
    return lambda lr, _rng: np.array(Image.fromarray(lr).filter(ImageFilter.GaussianBlur(sigma)))


GRADES: dict[str, Grade] = {
    "as it is": lambda lr, _rng: lr,
    **{f"noise {sigma:g}": noise(sigma) for sigma in NOISES},
    **{f"blur {sigma:g}": blur(sigma) for sigma in BLURS},
}


def rows(pictures: list[RGB], clean: Model, real: Model) -> Iterator[str]:
    """A row of the table for each grade."""
    hrs = [crop_to_multiple(picture, clean.scale) for picture in pictures]
    lrs = [downscale(hr, clean.scale) for hr in hrs]
    for name, grade in GRADES.items():
        rng = np.random.default_rng(0)
        pairs = [(grade(lr, rng), hr) for lr, hr in zip(lrs, hrs, strict=True)]
        found = [measure(lr) for lr, _ in pairs]
        ahead = score(clean, pairs) - score(real, pairs)
        yield f"{name:9}  {ahead:+5.2f}   {_spread([c.noise for c in found])}   {_spread([c.sharpness for c in found])}"


def _spread(values: list[float | None]) -> str:
    known: NDArray[np.float64] = np.array([value for value in values if value is not None])
    low, middle, high = np.quantile(known, (0.1, 0.5, 0.9))
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def command(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Pictures that took no part in training.")],
    scale: Annotated[int, typer.Option("-s", "--scale", help="Super-resolution factor.")] = 4,
    step: Annotated[int, typer.Option("--every", min=1, help="Take each N-th picture only.")] = 1,
) -> None:
    """Print the table."""
    _, clean, real = (load_model(name, scale, "cpu", "fp32") for name in names(scale))
    pictures = [read_rgb(path) for path in find_pictures([folder])[::step]]
    typer.echo(f"x{scale}        clean   noise                 sharpness")
    for row in rows(pictures, clean, real):
        typer.echo(row)


if __name__ == "__main__":
    typer.run(command)
