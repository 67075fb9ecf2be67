"""`elansr compare`: pictures and models side by side, as a page with a slider or as a picture."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from elansr.cli import options as o
from elansr.errors import ConfigError
from elansr.text import shown

if TYPE_CHECKING:
    from elansr.evaluation import Comparison

PAGES, SHEETS = (".html", ".htm"), (".png",)

NAMES_HELP = "Pictures. With --on also models: released weights, weights files, or bicubic."
OUTPUT_HELP = "File to write: .html for a page with a slider, .png for a contact sheet."
ON_HELP = "Photo for the models to upscale."
HR_HELP = "Use PHOTO as the reference (HR): models upscale its MATLAB bicubic LR, and PSNR-Y is printed."
CROP_HELP = "Crop to enlarge, in pixels; repeatable. Default: where the pictures differ most."
JPEG_HELP = "Embed pictures as JPEG of this quality, for large pictures. Default: lossless."


def compare(
    names: Annotated[list[str], typer.Argument(metavar="A B [C ...]", help=NAMES_HELP)],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="PAGE.html|SHEET.png", help=OUTPUT_HELP)],
    on: Annotated[Path | None, typer.Option("--on", metavar="PHOTO", help=ON_HELP)] = None,
    hr: Annotated[bool, typer.Option("--hr", help=HR_HELP)] = False,
    scale: o.OwnScale = None,
    crops: Annotated[list[str] | None, typer.Option("--crop", metavar="X,Y,W,H", help=CROP_HELP)] = None,
    jpeg: Annotated[int | None, typer.Option("--jpeg", min=1, max=100, metavar="1..100", help=JPEG_HELP)] = None,
    overwrite: o.Overwrite = False,
    device: o.Device = "auto",
    precision: o.Precision = "auto",
    max_pixels: o.MaxPixels = None,
) -> None:
    """Compare pictures, or the results of models, side by side."""
    is_page = _is_page(output, jpeg)
    _require_no_input(output, [*names, *([str(on)] if on else [])])
    from elansr.evaluation import CropBox, check_size, write_comparison, write_sheet
    from elansr.evaluation import compare as gather
    from elansr.images import DEFAULT_MAX_PIXELS, check_place

    check_place(output, overwrite)
    boxes = [CropBox.parse(crop) for crop in crops or ()]

    def check(size: tuple[int, int], count: int) -> None:
        for box in boxes:
            box.require_inside(*size)
        if is_page:
            check_size(size, count, jpeg)

    from elansr.cli.progress import ProgressBars

    with ProgressBars() as bars:
        comparison = gather(
            names,
            on,
            hr,
            scale=scale,
            device=device,
            precision=precision,
            max_pixels=max_pixels or DEFAULT_MAX_PIXELS,
            check=check,
            progress=bars.show,
        )
        if is_page:
            write_comparison(comparison, output, boxes, jpeg, overwrite, bars.show)
        else:
            write_sheet(comparison, output, boxes, overwrite)
    _say(comparison, output)


def _is_page(output: Path, jpeg: int | None) -> bool:
    suffix = output.suffix.lower()
    if suffix not in (*PAGES, *SHEETS):
        raise ConfigError(f"-o {output}: must end in .html for a page with a slider, or in .png for a contact sheet")
    if jpeg is not None and suffix in SHEETS:
        raise ConfigError(f"--jpeg is only for pages, and {output} is a PNG: omit --jpeg")
    return suffix in PAGES


def _require_no_input(output: Path, inputs: list[str]) -> None:
    if any(os.path.realpath(name) == os.path.realpath(output) for name in inputs):
        raise ConfigError(f"-o {output}: is one of the inputs; choose another name")


def _say(comparison: "Comparison", output: Path) -> None:
    """Prints PSNR-Y on stdout, one line per picture, and the file written on stderr."""
    for picture in comparison.pictures:
        if picture.psnr is not None:
            typer.echo(f"{picture.label}  {picture.psnr:.3f} dB PSNR-Y, border of {comparison.border}")
    width, height = comparison.size
    notes = "".join(f"; {picture.label} {picture.note}" for picture in comparison.pictures if picture.note)
    typer.echo(f"{shown(output)}: {len(comparison.pictures)} pictures of {width}x{height}{notes}", err=True)
