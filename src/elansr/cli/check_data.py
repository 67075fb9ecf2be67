"""`elansr check-data`: what is wrong with a training set."""

import json as json_format
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from elansr.cli.interrupts import raise_pending

if TYPE_CHECKING:
    from elansr.training.check.check_data import Progress, Report
    from elansr.training.check.picture import Finding, Record

CLEAN, FOUND = 0, 1
WORST = 5
"""So many files of each kind are shown; the JSON document has them all."""
AGAINST_HELP = "A folder of benchmark pictures that must not be trained on; may be given several times."
PATCH_HELP = "Side of the LR crops: pictures under patch * scale are too small."


def check_data(
    folders: Annotated[list[Path], typer.Argument(metavar="FOLDER", help="Folders of pictures, all levels.")],
    against: Annotated[list[Path] | None, typer.Option("--against", metavar="FOLDER", help=AGAINST_HELP)] = None,
    scale: Annotated[int, typer.Option("-s", "--scale", min=1, max=8, metavar="1..8", help="Of the training.")] = 4,
    patch: Annotated[int, typer.Option("--patch", min=1, metavar="PIXELS", help=PATCH_HELP)] = 48,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document with every measure.")] = False,
) -> None:
    """Find what is wrong with a training set. Ends with 1 if something was found."""
    report = _with_bar(folders, against or [], scale, patch)
    typer.echo(_as_json(report) if json else _as_text(report))
    raise typer.Exit(CLEAN if report.clean else FOUND)


def _with_bar(folders: list[Path], against: list[Path], scale: int, patch: int) -> "Report":
    from rich.console import Console
    from rich.progress import Progress as Bars

    from elansr.training.check.check_data import check_data as run

    console = Console(stderr=True)
    with Bars(console=console, transient=True, disable=not console.is_terminal) as bars:
        return run(folders, against, scale, patch, _shown_by(bars))


def _shown_by(bars: Any) -> "Progress":
    tasks: dict[str, Any] = {}

    def show(doing: str, done: int, total: int) -> None:
        raise_pending()
        if doing not in tasks:
            tasks[doing] = bars.add_task(doing, total=total)
        bars.update(tasks[doing], completed=done)

    return show


def _as_text(report: "Report") -> str:
    """A line for each kind of finding, then the worst files of each."""
    from elansr.training.check.picture import KINDS

    side = report.scale * report.patch
    count = len(report.pictures) + sum(finding.kind == "unreadable" for finding in report.findings)
    lines = [f"{count} {'picture' if count == 1 else 'pictures'}, for crops of {side}x{side} (x{report.scale})"]
    if report.clean:
        return "\n".join([*lines, "nothing is wrong"])
    by_kind = {kind: [f for f in report.findings if f.kind == kind] for kind in KINDS}
    lines += ["", f"{'files':>7}  {'finding':<15} what it means"]
    lines += [
        f"{len({f.file for f in found}):>7}  {kind:<15} {KINDS[kind]}" for kind, found in by_kind.items() if found
    ]
    for kind, found in by_kind.items():
        if found:
            more = len(found) - WORST
            lines += ["", f"{kind}:", *(f"  {_line(finding)}" for finding in found[:WORST])]
            lines += [f"  and {more} more: see --json"] if more > 0 else []
    return "\n".join(lines)


def _line(finding: "Finding") -> str:
    from elansr.text import shown

    other = "" if finding.other is None else f" ({shown(finding.other)})"
    return f"{shown(finding.file)}: {finding.detail}{other}"


def _as_json(report: "Report") -> str:
    from elansr.training.check.picture import KINDS

    counts = {kind: len({f.file for f in report.findings if f.kind == kind}) for kind in KINDS}
    return json_format.dumps(
        {
            "folders": [str(folder) for folder in report.folders],
            "against": [str(folder) for folder in report.against],
            "scale": report.scale,
            "patch": report.patch,
            "clean": report.clean,
            "counts": counts,
            "findings": [_finding(finding) for finding in report.findings],
            "pictures": [_record(record) for record in report.pictures],
        },
        indent=2,
    )


def _finding(finding: "Finding") -> dict[str, object]:
    other = None if finding.other is None else str(finding.other)
    return {"kind": finding.kind, "file": str(finding.file), "other": other, "detail": finding.detail}


def _record(record: "Record") -> dict[str, object]:
    """Every measure of a picture; `grid` is the likeliest one, found or not."""
    grid = None
    if record.grid is not None:
        grid = {
            "found": record.grid.found,
            "evidence": round(record.grid.evidence, 2),
            "share": round(record.grid.share, 4),
            "origin": record.grid.origin,
            "quality": record.grid.quality,
        }
    return {
        "file": str(record.file),
        "width": record.width,
        "height": record.height,
        "format": record.format,
        "lossy": record.lossy,
        "quality": record.quality,
        "gradient": round(record.gradient, 3),
        "sharpness": None if record.sharpness is None else round(record.sharpness, 6),
        "jpeg_grid": grid,
    }
