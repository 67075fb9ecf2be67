"""Draws training pictures of the kinds that photos lack: `python -m tools.drawings -o drawings --count 2000`.

The kinds are those of `tools.drawings.kinds`: clip art, text, comics, walls in perspective, flat colours, screenshots.
All are drawn two to four times too large and reduced, so that edges are as smooth as in a browser or a scan.

A picture depends only on the seed and its number (and on the versions of the fonts and of librsvg). A stopped run
continues where it was, and several processes can share the work (`--part 1/2`, `--part 2/2`). Clip art and fonts come
from Debian; if they are missing, the error says what to install.
"""

import time
from pathlib import Path
from typing import Annotated

import pyvips
import typer

from elansr.errors import ElansrError
from tools.drawings.kinds import check_packages, draw, kind_of

BAD_INPUT = 2


def main(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the pictures.")],
    count: Annotated[int, typer.Option(min=1, help="Pictures in all.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Another one draws other pictures.")] = 0,
    part: Annotated[str, typer.Option(metavar="I/N", help="Draw only each N-th picture.")] = "1/1",
) -> None:
    """Write lossless WebP files of 480x480 pixels; files that exist are kept."""
    check_packages()
    first, parts = (int(number) for number in part.split("/"))
    output.mkdir(parents=True, exist_ok=True)
    started, made = time.monotonic(), 0
    for index in range(first - 1, count, parts):
        kind = kind_of(seed, index)
        file = output / f"{kind}_{index:06d}.webp"
        if file.exists():
            continue
        beside = file.with_name(f"{file.name}.partial")
        pyvips.Image.new_from_array(draw(kind, seed, index)).webpsave(str(beside), lossless=True, effort=1)
        beside.replace(file)
        made += 1
        if made % 50 == 0:
            typer.echo(f"{index + 1} of {count} pictures, {(time.monotonic() - started) / made:.2f} s each", err=True)


if __name__ == "__main__":
    try:
        typer.run(main)
    except ElansrError as error:
        typer.echo(f"error: {error}", err=True)
        raise SystemExit(BAD_INPUT) from error
