"""`elansr evaluate`: PSNR-Y and SSIM-Y of a model on benchmark sets."""

import json as json_format
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from elansr.apps.cli import options as o
from elansr.errors import ConfigError

if TYPE_CHECKING:
    from elansr.evaluation.evaluate import SetScores, SuperResolve

UNTILED = 4096
"""Pictures of benchmark sets are evaluated whole, as in the paper."""


def evaluate(
    data: Annotated[
        list[Path], typer.Option("--data", "-d", help="A folder of HR pictures, or of HR/ and LR_bicubic/.")
    ],
    model: Annotated[
        str, typer.Option("--model", "-n", help="Released name, weights file, or bicubic.")
    ] = "elan-light",
    scale: o.Scale = None,
    device: o.Device = "auto",
    precision: o.Precision = "fp32",
    json: o.Json = False,
) -> None:
    """Measure PSNR-Y and SSIM-Y under the protocol of the literature."""
    from elansr.evaluation.evaluate import evaluate as run

    super_resolve, scale = _model(model, scale, device, precision)
    results = [_with_bar(lambda tick, f=folder: run(super_resolve, f, scale, tick), folder.name) for folder in data]
    typer.echo(_as_json(model, scale, results) if json else _as_table(model, scale, results))


def _model(model: str, scale: int | None, device: str, precision: str) -> "tuple[SuperResolve, int]":
    if model == "bicubic":
        from elansr.evaluation.evaluate import bicubic

        if scale is None:
            raise ConfigError("bicubic has no scale of its own: give -s 2, 3 or 4")
        return bicubic(scale), scale
    from elansr.inference.upscaler import load

    upscaler = load(model, scale=scale, device=device, precision=precision, tile=UNTILED, margin=0)
    return upscaler, upscaler.scale


def _with_bar(work: Any, name: str) -> "SetScores":
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
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
