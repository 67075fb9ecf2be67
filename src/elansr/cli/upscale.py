"""`elansr upscale`: pictures in, larger pictures out."""

from typing import TYPE_CHECKING, Literal

import typer

from elansr.cli import options as o
from elansr.errors import ConfigError, ElansrError

if TYPE_CHECKING:
    from elansr.cli.display import Display

NOTHING_KEPT = "nothing is kept of a picture that was not finished; the same command starts over"


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
) -> None:
    """Upscale pictures.

    A single file that fails ends with exit code 2.
    A run of several goes on past those that fail and ends with exit code 1.
    Started again after an interrupt, it goes on where it was.
    """
    existing = _existing(overwrite, skip_existing)
    from elansr.cli.display import Display
    from elansr.cli.file_results import exit_code, to_json
    from elansr.upscaling import upscale as upscale_paths

    with Display() as display:
        try:
            upscale_paths(
                inputs,
                output,
                scale=scale,
                model=model,
                strength=strength,
                recursive=recursive,
                outscale=outscale,
                width=width,
                height=height,
                ext=ext,
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
        except ElansrError:
            if not display.results:
                raise
        except KeyboardInterrupt as stopped:
            raise KeyboardInterrupt(_how_to_go_on(str(stopped), display, overwrite)) from None
        finally:
            if json and display.count:
                typer.echo(to_json(display.results, display.kinds))
    raise typer.Exit(exit_code(display.results, display.single))


def _how_to_go_on(kept: str, display: "Display", overwrite: bool) -> str:
    """What an interrupted run leaves."""
    if display.single:
        return kept or NOTHING_KEPT
    done = f"{len(display.results)} of {display.count} files are done; the same command goes on from there"
    return done + (", without --overwrite" if overwrite else "")


def _existing(overwrite: bool, skip_existing: bool) -> Literal["auto", "skip", "replace"]:
    if overwrite and skip_existing:
        raise ConfigError("--overwrite and --skip-existing contradict each other: give one of them")
    return "replace" if overwrite else "skip" if skip_existing else "auto"
