"""`elansr evaluate`: PSNR-Y and SSIM-Y of models on benchmark sets."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from elansr.cli import options as o

if TYPE_CHECKING:
    from elansr.evaluation import MetricName

DATA_HELP = "Benchmark set: a folder of HR pictures, or in the layout of EDSR, BasicSR or DIV2K; repeatable."
LR_HELP = "Folder of LR pictures. With --data: the LR of that set. Alone: measure consistency, without HR."
MODEL_HELP = "Released weights (see `elansr info`), a weights file, or bicubic; repeatable. Default: elan-light."
PROTOCOL_HELP = "paper: as in the literature. authors: as in their script, which does not round SR and rounds means up."
NO_CHECK_HELP = "Do not check LR files against HR."
SAVE_HELP = "Write SR pictures to DIR/SET/PICTURE.png."
CSV_HELP = "Write scores as CSV, one row per picture and per mean."
HTML_HELP = "Write a report with all scores, and the crop with the largest error of every picture."
METRIC_HELP = "Also measure this metric with pyiqa (extra `metrics`); repeatable."
DOWNLOAD_HELP = "Download the weights that --metric needs."
DEFAULT_MODEL = "elan-light"


def evaluate(
    folders: Annotated[list[Path] | None, typer.Argument(metavar="FOLDER", help="Benchmark sets, like --data.")] = None,
    data: Annotated[list[Path] | None, typer.Option("--data", "-d", metavar="FOLDER", help=DATA_HELP)] = None,
    lr: Annotated[Path | None, typer.Option("--lr", metavar="FOLDER", help=LR_HELP)] = None,
    model: Annotated[
        list[str] | None, typer.Option("-n", "--model", metavar="NAME|FILE|bicubic", help=MODEL_HELP)
    ] = None,
    scale: o.OwnScale = None,
    protocol: Annotated[Literal["paper", "authors"], typer.Option("--protocol", help=PROTOCOL_HELP)] = "paper",
    metric: Annotated[list[str] | None, typer.Option("--metric", metavar="lpips|dists|niqe", help=METRIC_HELP)] = None,
    download: Annotated[bool, typer.Option("--download", help=DOWNLOAD_HELP)] = False,
    no_check: Annotated[bool, typer.Option("--no-check", help=NO_CHECK_HELP)] = False,
    device: o.Device = "auto",
    precision: o.Precision = "fp32",
    save: Annotated[
        Path | None, typer.Option("--save", metavar="DIR", rich_help_panel=o.RESULT, help=SAVE_HELP)
    ] = None,
    csv: Annotated[Path | None, typer.Option("--csv", metavar="FILE", rich_help_panel=o.RESULT, help=CSV_HELP)] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", rich_help_panel=o.RESULT, help=HTML_HELP)
    ] = None,
    overwrite: o.Overwrite = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document with every picture's scores.")] = False,
) -> None:
    """Measure PSNR-Y and SSIM-Y on benchmark sets."""
    from elansr.cli.progress import ProgressBars
    from elansr.cli.scores import as_json, as_text
    from elansr.evaluation import evaluate as measure

    with ProgressBars() as bars:
        result = measure(
            model or DEFAULT_MODEL,
            [*(data or []), *(folders or [])],
            lr=lr,
            scale=scale,
            protocol=protocol,
            metrics=cast("list[MetricName]", metric or []),
            download=download,
            check=not no_check,
            device=device,
            precision=precision,
            save=save,
            csv=csv,
            html=html,
            overwrite=overwrite,
            progress=bars.show,
        )
    typer.echo(as_json(result) if json else as_text(result))
