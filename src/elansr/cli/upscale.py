"""`elansr upscale`: upscale pictures."""

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, cast

import typer

from elansr.cli import options as o
from elansr.cli.usage import Command
from elansr.errors import ConfigError, ElansrError

if TYPE_CHECKING:
    from elansr.cli.display import Display
    from elansr.upscaling import Extension

PLACE = re.compile(r"(\d{1,9}),(\d{1,9})", re.ASCII)
MOST_DETAILED = "most-detailed"
"""The value of `--preview` without X,Y."""
PLACE_RULE = "X,Y in pixels of the photo, such as 120,80, or nothing"
NOTHING_KEPT = "the unfinished picture was discarded; run the same command again to start over"


def upscale(
    inputs: o.Inputs,
    output: o.Output = None,
    scale: o.Scale = None,
    model: o.Model = "auto",
    strength: o.Strength = None,
    recursive: o.Recursive = False,
    outscale: o.Outscale = None,
    width: o.Width = None,
    height: o.Height = None,
    ext: o.Ext = "auto",
    quality: o.Quality = None,
    pyramid: o.Pyramid = False,
    suffix: o.Suffix = None,
    overwrite: o.Overwrite = False,
    skip_existing: o.SkipExisting = False,
    tta: o.Tta = False,
    border: o.Border = "closed",
    margin: o.Margin = 0,
    tile: o.Tile = 0,
    device: o.Device = "auto",
    precision: o.Precision = "auto",
    engine: o.Engine = "auto",
    threads: o.Threads = 0,
    max_pixels: o.MaxPixels = None,
    json: o.Json = False,
    preview: o.Preview = None,
) -> None:
    """Upscale pictures.

    The exit code is 1 if some of several files failed, and 2 if a single file failed.
    After an interruption, run the same command to continue.
    """
    existing = _existing(overwrite, skip_existing)
    if preview is not None:
        _preview(inputs, output, scale or 4, model, preview, overwrite, device, precision, json)
        return
    result = _result(inputs, output, json)
    from elansr.cli.display import Display
    from elansr.cli.file_results import exit_code, quality_note, to_json
    from elansr.upscaling import upscale as upscale_paths

    with Display(output) as display:
        try:
            upscale_paths(
                [sys.stdin.buffer if source == "-" else source for source in inputs],
                result,
                scale=scale,
                model=model,
                strength=strength,
                recursive=recursive,
                outscale=outscale,
                width=width,
                height=height,
                ext=cast("Extension", ext),
                quality=quality,
                pyramid=pyramid,
                suffix=suffix,
                existing=existing,
                tta=tta,
                border=border,
                margin=margin,
                tile=tile,
                device=device,
                precision=precision,
                engine=engine,
                threads=threads,
                max_pixels=max_pixels,
                observer=display,
            )
            sys.stdout.flush()  # here a closed pipe is an error that `Commands` answers
        except ElansrError:
            if not display.results:
                raise
        except KeyboardInterrupt as stopped:
            raise KeyboardInterrupt(_how_to_continue(str(stopped), display, overwrite)) from None
        finally:
            if json and display.count:
                typer.echo(to_json(display.results, display.kinds))
    if text := quality_note(display.results, quality):
        typer.echo(text, err=True)
    raise typer.Exit(exit_code(display.results, display.single))


class UpscaleCommand(Command):
    """Accepts `--preview` without a value, and `-i` before inputs, which Typer cannot do."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Adds the value `MOST_DETAILED` to a `--preview` without X,Y, and removes `-i`."""
        args = [argument.removeprefix("--input=") for argument in args if argument not in ("-i", "--input")]
        for number in range(len(args), 0, -1):
            if args[number - 1] == "--preview" and not PLACE.fullmatch("".join(args[number : number + 1])):
                args = [*args[:number], MOST_DETAILED, *args[number:]]
        return super().parse_args(ctx, args)


def _preview(
    inputs: list[str],
    output: str | None,
    scale: int,
    model: str,
    place: str,
    overwrite: bool,
    device: str,
    precision: str,
    json: bool,
) -> None:
    """Writes the preview of one photo and prints its path and the part shown."""
    from json import dumps

    from elansr.evaluation.preview import preview
    from elansr.text import shown
    from elansr.upscaling import TiledNetwork

    if len(inputs) > 1 or Path(inputs[0]).is_dir():
        given = " ".join(shown(name) for name in inputs)
        raise ConfigError(f"{given}: --preview takes one photo, and {PLACE_RULE}")
    found = PLACE.fullmatch(place)
    if not found and place != MOST_DETAILED:
        raise ConfigError(f"--preview {place}: must be {PLACE_RULE}")
    source, suffix = Path(inputs[0]), f"_{found[1]}_{found[2]}" if found else ""
    target = Path(output) if output else source.with_name(f"{source.stem}_preview{suffix}.png")
    box = preview(
        inputs[0],
        target,
        lambda name, of_scale, strength: TiledNetwork.open(
            name, scale=of_scale, strength=strength, device=device, precision=precision
        ),
        scale=scale,
        model=model,
        at=(int(found[1]), int(found[2])) if found else None,
        overwrite=overwrite,
    )
    middle = f"{box.x + box.width // 2},{box.y + box.height // 2}"
    typer.echo(f"{shown(target)}: {box.width}x{box.height} pixels around {middle}, enlarged x{scale}", err=True)
    if json:
        part = {"x": box.x, "y": box.y, "width": box.width, "height": box.height}
        typer.echo(dumps({"source": inputs[0], "target": str(target), **part, "scale": scale}, indent=2))


def _how_to_continue(kept: str, display: "Display", overwrite: bool) -> str:
    """What an interrupted run leaves, and how to continue it."""
    if display.single:
        return kept or NOTHING_KEPT
    done = f"{len(display.results)} of {display.count} files are done; run the same command again to continue"
    return done + (", without --overwrite" if overwrite else "")


def _result(inputs: Sequence[str], output: str | None, json: bool) -> "str | BinaryIO | None":
    """Where the result goes: standard output for "-", and by default for a picture from standard input.

    Raises:
        ConfigError: standard output is a terminal, or already used by --json.
    """
    if output != "-" and (output is not None or "-" not in inputs):
        return output
    if sys.stdout.isatty():
        raise ConfigError("standard output is a terminal: redirect it to a file, or use -o FILE")
    if json:
        raise ConfigError("--json and the picture cannot both go to standard output: use -o FILE")
    return sys.stdout.buffer


def _existing(overwrite: bool, skip_existing: bool) -> Literal["auto", "skip", "replace"]:
    if overwrite and skip_existing:
        raise ConfigError("--overwrite and --skip-existing contradict each other: use one of them")
    return "replace" if overwrite else "skip" if skip_existing else "auto"
