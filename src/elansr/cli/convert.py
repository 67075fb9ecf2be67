"""`elansr convert`: weights from and to other projects' layouts."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from elansr.errors import ConfigError

WINDOWS_HELP = "Sides of the attention windows, which foreign files do not hold."


def convert(
    input: Annotated[str, typer.Argument(metavar="IN", help="A weights file of any layout, or a released name.")],  # noqa: A002
    output: Annotated[Path, typer.Argument(metavar="OUT", help="The file to write.")],
    to: Annotated[
        Literal["elansr", "official", "basicsr", "trainner"], typer.Option("--to", help="The layout to write.")
    ] = "elansr",
    windows: Annotated[str, typer.Option("--windows", metavar="W,W,...", help=WINDOWS_HELP)] = "4,8,16",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT if it exists.")] = False,
) -> None:
    """Convert weights from and to the layouts of other projects.

    The layout of IN is detected. official: the authors' training code; basicsr: BasicSR; trainner: traiNNer-redux.
    """
    sides = _sides(windows)
    from elansr.weights.load import convert as rewrite

    path = rewrite(input, output, to=to, windows=sides, overwrite=overwrite)
    typer.echo(f"{input} -> {path}: layout {to}", err=True)


def _sides(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(side) for side in text.split(","))
    except ValueError:
        raise ConfigError(f"--windows {text}: must be whole numbers with commas, such as 4,8,16") from None
