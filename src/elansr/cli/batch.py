"""`elansr batch`: upscale a folder, a bucket or a Parquet file on a Ray cluster."""

import time
from collections.abc import Generator, Sequence
from contextlib import closing, suppress
from json import dumps
from typing import TYPE_CHECKING, Annotated, cast

import typer

from elansr.cli import options as o
from elansr.cli.flags import in_flags
from elansr.errors import ConfigError, ElansrError

if TYPE_CHECKING:
    from elansr.cluster.manifest import ManifestRow
    from elansr.cluster.run import RunPlan
    from elansr.upscaling import Extension

WORK, CLUSTER = "Work", "Cluster"
SHOWN = 20
"""Failures that are named at the end; the manifest has all of them."""

INPUT_HELP = "A folder with its subfolders, a pattern, a picture or Parquet: a path, s3://, gs://, http:// ..."
OUTPUT_HELP = "Folder for the results, in the folders of the input, and for manifest.parquet."
IMAGE_HELP = "Parquet column of the pictures. Default: the first of bytes."
KEY_HELP = "Parquet column that names the results. Default: file and row number."
SPLIT_HELP = "Pictures with more pixels are split between several workers; 0: none."
ADDRESS_HELP = "Address of a Ray cluster. Default: this machine's cores and GPUs."
WORKERS_HELP = "Workers at most; 0: as many as fit."
CPUS_HELP = "Cores and threads per worker."
GPUS_HELP = "GPUs per worker, such as 0.5. Default: 1 if the cluster has GPUs."
RETRY_HELP = "Retry the pictures that failed before."
DRY_HELP = "Only show what would be done."


def batch(
    source: Annotated[str, typer.Argument(metavar="INPUT", help=INPUT_HELP)],
    output: Annotated[str, typer.Argument(metavar="OUTPUT", help=OUTPUT_HELP)],
    scale: o.Scale = None,
    model: o.Model = "auto",
    strength: o.Strength = None,
    outscale: o.Outscale = None,
    width: o.Width = None,
    height: o.Height = None,
    ext: o.Ext = "auto",
    quality: o.Quality = None,
    pyramid: o.Pyramid = False,
    suffix: o.Suffix = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", rich_help_panel=WORK, help="Forget the manifest and start over.")
    ] = False,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", rich_help_panel=WORK, help=RETRY_HELP)] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", rich_help_panel=WORK, help=DRY_HELP)] = False,
    image_column: Annotated[str | None, typer.Option(metavar="NAME", rich_help_panel=WORK, help=IMAGE_HELP)] = None,
    key_column: Annotated[str | None, typer.Option(metavar="NAME", rich_help_panel=WORK, help=KEY_HELP)] = None,
    split_pixels: Annotated[int, typer.Option(min=0, metavar="N", rich_help_panel=WORK, help=SPLIT_HELP)] = 2**25,
    address: Annotated[
        str | None, typer.Option(metavar="auto|HOST:PORT", rich_help_panel=CLUSTER, help=ADDRESS_HELP)
    ] = None,
    workers: Annotated[int, typer.Option(min=0, metavar="N", rich_help_panel=CLUSTER, help=WORKERS_HELP)] = 0,
    cpus_per_worker: Annotated[int, typer.Option(min=1, metavar="N", rich_help_panel=CLUSTER, help=CPUS_HELP)] = 1,
    gpus_per_worker: Annotated[
        float | None, typer.Option(min=0, metavar="F", rich_help_panel=CLUSTER, help=GPUS_HELP)
    ] = None,
    tta: o.Tta = False,
    border: o.Border = "closed",
    margin: o.Margin = 0,
    tile: o.Tile = 0,
    device: o.Device = "auto",
    precision: o.Precision = "auto",
    engine: o.Engine = "auto",
    max_pixels: o.MaxPixels = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document about the run.")] = False,
) -> None:
    """Upscale many pictures on several machines.

    The exit code is 1 if some pictures failed; OUTPUT/manifest.parquet has one row per picture.
    Run the command again to do what is missing.
    """
    from elansr.cluster import run as cluster
    from elansr.cluster.ray_cluster import Resources
    from elansr.cluster.settings import Settings
    from elansr.cluster.sources import Columns

    settings = Settings(
        model=model,
        scale=scale,
        strength=strength,
        outscale=outscale,
        width=width,
        height=height,
        ext=cast("Extension", ext),
        quality=quality,
        pyramid=pyramid,
        suffix=suffix,
        tta=tta,
        border=border,
        margin=margin,
        tile=tile,
        device=device,
        precision=precision,
        engine=engine,
        max_pixels=max_pixels,
        split_pixels=split_pixels,
    )
    started = time.perf_counter()
    if overwrite and retry_failed:
        raise ConfigError("--overwrite makes all anew, what failed too: leave --retry-failed out")
    plan = cluster.plan(source, output, settings, Columns(image_column, key_column), overwrite, retry_failed)
    rows: list[ManifestRow] = []
    try:
        if not dry_run:
            _follow(plan, cluster.run(plan, address, Resources(workers, cpus_per_worker, gpus_per_worker)), rows)
    finally:
        if json:
            typer.echo(dumps(_record(plan, rows, time.perf_counter() - started), indent=2))
    if dry_run:
        from elansr.cli.file_results import left_out_line

        for text in [
            _to_do(plan),
            *left_out_line(plan.left_out),
            *(f"no name: {in_flags(item.problem)}" for item in plan.refused[:SHOWN]),
        ]:
            typer.echo(text, err=True)
        return
    for text in _summary(plan, rows, time.perf_counter() - started):
        typer.echo(text, err=True)
    raise typer.Exit(1 if _failed(plan, rows) else 0)


def _follow(plan: "RunPlan", found: "Generator[ManifestRow, None, None]", rows: "list[ManifestRow]") -> None:
    """Collects the rows as they come and shows progress."""
    from elansr.cli.display import LINE_EVERY
    from elansr.cli.progress import ProgressBars

    total = len(plan.missing) + len(plan.refused)
    started = row_of = 0.0
    try:
        with closing(found), ProgressBars() as bars:
            for row in found:
                rows.append(row)
                bars.show("pictures", len(rows), total)
                now = time.perf_counter()
                started, row_of = started or now, row_of or now
                if not bars.on_terminal and now - row_of >= LINE_EVERY:
                    row_of = now
                    typer.echo(_so_far(len(rows), total, now - started), err=True)
    except KeyboardInterrupt:
        through = f"{_through(plan, rows)} of {total} pictures are through; the same command goes on from there"
        raise KeyboardInterrupt(through + (", without --overwrite" if plan.overwrite else "")) from None


def _through(plan: "RunPlan", rows: "Sequence[ManifestRow]") -> int:
    """Pictures whose rows came, and those that the workers had put on record besides."""
    from elansr.cluster import run as cluster

    with suppress(ElansrError):
        return len({row.key for row in rows} | cluster.through(plan))
    return len(rows)


def _so_far(through: int, total: int, seconds: float) -> str:
    """`seconds` are since the first picture: what starting took does not count for the others."""
    minutes = seconds * (total - through) / max(through - 1, 1) / 60
    return f"{through} of {total} pictures, about {max(minutes, 1):.0f} min left"


def _failed(plan: "RunPlan", rows: "Sequence[ManifestRow]") -> "list[ManifestRow]":
    """Of this run and of those before."""
    return [*(row for row in rows if row.status == "failed"), *plan.failed]


def _to_do(plan: "RunPlan") -> str:
    counts = f"{len(plan.missing)} to do, {plan.there} done before, {len(plan.failed)} failed before"
    pictures = "picture" if plan.total == 1 else "pictures"
    return f"{plan.total} {pictures}: {counts}, {len(plan.refused)} without a name for the result"


def _summary(plan: "RunPlan", rows: "Sequence[ManifestRow]", seconds: float) -> list[str]:
    from elansr.cli.file_results import left_out_line

    failed = _failed(plan, rows)
    done = sum(row.status == "upscaled" for row in rows)
    counts = f"{done} upscaled, {plan.there} done before, {len(failed)} failed in {seconds:.1f} s"
    named = [f"failed: {in_flags(row.error or '')}" for row in failed[:SHOWN]]
    more = [f"and {len(failed) - SHOWN} more: see the manifest"] if len(failed) > SHOWN else []
    before = [f"{len(plan.failed)} of them failed before: --retry-failed tries them again"] if plan.failed else []
    return [
        f"{counts}; results and manifest.parquet in {plan.output.url}",
        *left_out_line(plan.left_out),
        *named,
        *more,
        *before,
    ]


def _record(plan: "RunPlan", rows: "Sequence[ManifestRow]", seconds: float) -> dict[str, object]:
    return {
        "input": plan.source.url,
        "output": plan.output.url,
        "manifest": plan.output.shown("manifest.parquet"),
        "pictures": plan.total,
        "to_do": len(plan.missing) + len(plan.refused) - len(rows),
        "upscaled": sum(row.status == "upscaled" for row in rows),
        "done_before": plan.there,
        "failed": len(_failed(plan, rows)),
        "seconds": round(seconds, 3),
        "left_out": dict(plan.left_out),
        "failures": [
            {"key": row.key, "source": row.source, "error": in_flags(row.error or "")} for row in _failed(plan, rows)
        ],
    }
