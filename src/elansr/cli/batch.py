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
"""Maximum number of failures listed at the end; the manifest has all."""

INPUT_HELP = (
    "Folder (with its subfolders), pattern, picture or Parquet file: a path or a URL such as s3://, gs://, http://."
)
OUTPUT_HELP = "Folder for the results and manifest.parquet. The subfolders of INPUT are kept."
IMAGE_HELP = "Parquet column with the picture files. Default: the first column of bytes."
KEY_HELP = "Parquet column with the names of the results. Default: file name and row number."
SPLIT_HELP = "Split pictures with more pixels between several workers; 0 never splits."
ADDRESS_HELP = "Ray cluster to use. Default: start Ray on this machine."
WORKERS_HELP = "Maximum number of workers; 0 means as many as fit."
CPUS_HELP = "CPU cores per worker, one thread each."
GPUS_HELP = "GPUs per worker, such as 0.5. Default: 1 if the cluster has GPUs."
RETRY_HELP = "Retry the pictures that failed before."
DRY_HELP = "Show what would be done, and stop."


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
    Run the same command again to continue an interrupted run.
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
        raise ConfigError("--overwrite already includes failed pictures: omit --retry-failed")
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
            *(f"failed: {in_flags(item.problem)}" for item in plan.refused[:SHOWN]),
        ]:
            typer.echo(text, err=True)
        return
    for text in _summary(plan, rows, time.perf_counter() - started):
        typer.echo(text, err=True)
    raise typer.Exit(1 if _failed(plan, rows) else 0)


def _follow(plan: "RunPlan", found: "Generator[ManifestRow, None, None]", rows: "list[ManifestRow]") -> None:
    """Collects the rows and shows progress."""
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
        done = f"{_done(plan, rows)} of {total} pictures are done; run the same command again to continue"
        raise KeyboardInterrupt(done + (", without --overwrite" if plan.overwrite else "")) from None


def _done(plan: "RunPlan", rows: "Sequence[ManifestRow]") -> int:
    """Counts the pictures in `rows`, and those that workers recorded in the manifest but did not report yet."""
    from elansr.cluster import run as cluster

    with suppress(ElansrError):
        return len({row.key for row in rows} | cluster.through(plan))
    return len(rows)


def _so_far(done: int, total: int, seconds: float) -> str:
    """Progress and remaining time. `seconds` count from the first picture, to leave out the start of Ray."""
    minutes = seconds * (total - done) / max(done - 1, 1) / 60
    return f"{done} of {total} pictures, about {max(minutes, 1):.0f} min left"


def _failed(plan: "RunPlan", rows: "Sequence[ManifestRow]") -> "list[ManifestRow]":
    """Failed pictures of this run and of earlier ones."""
    return [*(row for row in rows if row.status == "failed"), *plan.failed]


def _to_do(plan: "RunPlan") -> str:
    counts = f"{len(plan.missing)} to do, {plan.there} done before, {len(plan.failed)} failed before"
    pictures = "picture" if plan.total == 1 else "pictures"
    return f"{plan.total} {pictures}: {counts}, {len(plan.refused)} that cannot be done"


def _summary(plan: "RunPlan", rows: "Sequence[ManifestRow]", seconds: float) -> list[str]:
    from elansr.cli.file_results import left_out_line

    failed = _failed(plan, rows)
    done = sum(row.status == "upscaled" for row in rows)
    counts = f"{done} upscaled, {plan.there} done before, {len(failed)} failed in {seconds:.1f} s"
    named = [f"failed: {in_flags(row.error or '')}" for row in failed[:SHOWN]]
    more = [f"and {len(failed) - SHOWN} more, see the manifest"] if len(failed) > SHOWN else []
    before = (
        [f"{len(plan.failed)} of them failed in an earlier run: use --retry-failed to try again"] if plan.failed else []
    )
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
