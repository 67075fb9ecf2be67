"""`elansr convert`: weights from and to other projects' layouts."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from elansr.errors import ConfigError

WINDOWS_HELP = "Attention window sizes, only for files that do not store them. Default: 4,8,16."


def convert(
    input: Annotated[str, typer.Argument(metavar="IN", help="Weights file of any layout, or released weights.")],  # noqa: A002
    output: Annotated[Path, typer.Argument(metavar="OUT", help="File to write.")],
    to: Annotated[
        Literal["elansr", "official", "basicsr", "trainner"], typer.Option("--to", help="Layout to write.")
    ] = "elansr",
    windows: Annotated[str | None, typer.Option("--windows", metavar="W,W,...", help=WINDOWS_HELP)] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT if it exists.")] = False,
) -> None:
    """Convert weights from or to the layout of another project.

    The layout of IN is detected. official: the authors' training code; basicsr: BasicSR; trainner: traiNNer-redux.
    """
    sides = None if windows is None else _sides(windows)
    from elansr.weights.load import convert as rewrite

    path = rewrite(input, output, to=to, windows=sides, overwrite=overwrite)
    typer.echo(f"{input} -> {path}: layout {to}", err=True)


def _sides(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(side) for side in text.split(","))
    except ValueError:
        raise ConfigError(f"--windows {text}: must be whole numbers separated by commas, such as 4,8,16") from None
