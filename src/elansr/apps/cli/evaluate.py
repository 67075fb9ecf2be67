"""`elansr evaluate`: PSNR-Y and SSIM-Y of a model on benchmark sets."""

import json as json_format
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from elansr.apps.cli import options as o
from elansr.errors import ConfigError

if TYPE_CHECKING:
    from elansr.evaluation.evaluate import SetScores, SuperResolve

DATA_HELP = "A folder of HR pictures, or of HR/ and LR_bicubic/X4/; may be given several times."
MODEL_HELP = "Released weights, see `elansr info`, a weights file, or bicubic."
SCALE_HELP = "Scale of the network. Default: the weights' own, else 4."
DEFAULT_SCALE = 4
UNTILED = 4096
"""Pictures of benchmark sets are evaluated whole, as in the paper."""


def evaluate(
    folders: Annotated[list[Path] | None, typer.Argument(metavar="FOLDER", help="More folders.")] = None,
    data: Annotated[list[Path] | None, typer.Option("--data", "-d", metavar="FOLDER", help=DATA_HELP)] = None,
    model: Annotated[str, typer.Option("-n", "--model", metavar="NAME|FILE|bicubic", help=MODEL_HELP)] = "elan-light",
    scale: Annotated[int | None, typer.Option("-s", "--scale", metavar="2|3|4", help=SCALE_HELP)] = None,
    device: o.Device = "auto",
    precision: o.Precision = "fp32",
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document with every picture's score.")] = False,
) -> None:
    """Measure PSNR-Y and SSIM-Y under the protocol of the literature."""
    from elansr.evaluation.evaluate import evaluate as run

    everything = [*(data or []), *(folders or [])]
    if not everything:
        raise ConfigError("no pictures to evaluate on: give --data FOLDER")
    super_resolve, scale = _model(model, scale, device, precision)
    results = [
        _with_bar(lambda tick, f=folder: run(super_resolve, f, scale, tick), folder.name) for folder in everything
    ]
    names = [result.name for result in results]
    if len(set(names)) < len(names):
        raise ConfigError(f"two folders of the same name among {', '.join(names)}: evaluate them one by one")
    typer.echo(_as_json(model, scale, results) if json else _as_table(model, scale, results))


def _model(model: str, scale: int | None, device: str, precision: str) -> "tuple[SuperResolve, int]":
    if model == "bicubic":
        from elansr.evaluation.evaluate import bicubic

        return bicubic(scale or DEFAULT_SCALE), scale or DEFAULT_SCALE
    from elansr.inference.upscaler import load
    from elansr.nn.elan import PRESETS

    scale = DEFAULT_SCALE if scale is None and model in PRESETS else scale
    upscaler = load(model, scale=scale, device=device, precision=precision, tile=UNTILED, margin=0)
    return upscaler, upscaler.scale


def _with_bar(work: Any, name: str) -> "SetScores":
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(name, total=None)
        result: SetScores = work(lambda done, total: bar.update(task, completed=done, total=total))
        return result


def _as_json(model: str, scale: int, results: "list[SetScores]") -> str:
    from elansr.evaluation.evaluate import PROTOCOL

    sets = {
        r.name: {
            "psnr": r.psnr,
            "ssim": r.ssim,
            "pictures": {name: {"psnr": score.psnr, "ssim": score.ssim} for name, score in r.pictures.items()},
        }
        for r in results
    }
    return json_format.dumps({"model": model, "scale": scale, "protocol": PROTOCOL, "sets": sets}, indent=2)


def _as_table(model: str, scale: int, results: "list[SetScores]") -> str:
    from elansr.evaluation.evaluate import PROTOCOL

    rows = [f"{r.name:<12} {len(r.pictures):>8} {r.psnr:>8.3f} {r.ssim:>8.4f}" for r in results]
    return "\n".join(
        [f"{model} x{scale}  ({PROTOCOL})", f"{'set':<12} {'pictures':>8} {'PSNR-Y':>8} {'SSIM-Y':>8}", *rows]
    )
