"""`elansr check-data`: find problems in a training set."""

import json as json_format
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from elansr.errors import MissingExtraError
from elansr.text import count, shown

if TYPE_CHECKING:
    from elansr.training.check import DataCheck, Finding, PictureMeasures

CLEAN, FOUND = 0, 1
WORST = 5
"""Maximum number of files shown for each finding; the JSON document has all."""
AGAINST_HELP = "Folder of benchmark pictures that must not be in the training set; repeatable."
PATCH_HELP = "LR crop size of the training: pictures smaller than patch * scale are too small."


def check_data(
    folders: Annotated[list[Path], typer.Argument(metavar="FOLDER", help="Folders of pictures, with all subfolders.")],
    against: Annotated[list[Path] | None, typer.Option("--against", metavar="FOLDER", help=AGAINST_HELP)] = None,
    scale: Annotated[
        int, typer.Option("-s", "--scale", min=1, max=8, metavar="1..8", help="Scale of the training.")
    ] = 4,
    patch: Annotated[int, typer.Option("--patch", min=1, metavar="PIXELS", help=PATCH_HELP)] = 48,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document with all measurements.")] = False,
) -> None:
    """Find problems in a training set.

    Looks for damaged, small, blurry, compressed and duplicate pictures. The exit code is 1 if there are any.
    """
    try:
        from elansr.training.check import check_data as run
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"check-data needs {error.name}: pip install '.[train]' in elansr's folder") from error
    from elansr.cli.progress import ProgressBars

    with ProgressBars() as bars:
        report = run(folders, against or [], scale, patch, bars.show)
    typer.echo(_as_json(report) if json else _as_text(report))
    raise typer.Exit(CLEAN if report.clean else FOUND)


def _as_text(report: "DataCheck") -> str:
    """One line per finding, then the worst files of each."""
    from elansr.training.check import KINDS

    side = report.scale * report.patch
    pictures = len(report.pictures) + sum(finding.kind == "unreadable" for finding in report.findings)
    lines = [f"{count(pictures, 'picture')}, for crops of {side}x{side} (x{report.scale})"]
    if report.clean:
        return "\n".join([*lines, "no problems found"])
    by_kind = {kind: [f for f in report.findings if f.kind == kind] for kind in KINDS}
    lines += ["", f"{'files':>7}  {'finding':<15} meaning"]
    lines += [
        f"{len({f.file for f in found}):>7}  {kind:<15} {KINDS[kind]}" for kind, found in by_kind.items() if found
    ]
    for kind, found in by_kind.items():
        if found:
            more = len(found) - WORST
            lines += ["", f"{kind}:", *(f"  {_line(finding)}" for finding in found[:WORST])]
            lines += [f"  and {more} more, see --json"] if more > 0 else []
    return "\n".join(lines)


def _line(finding: "Finding") -> str:
    other = "" if finding.other is None else f" ({shown(finding.other)})"
    return f"{shown(finding.file)}: {finding.detail}{other}"


def _as_json(report: "DataCheck") -> str:
    from elansr.training.check import KINDS

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
            "pictures": [_picture(picture) for picture in report.pictures],
        },
        indent=2,
    )


def _finding(finding: "Finding") -> dict[str, object]:
    other = None if finding.other is None else str(finding.other)
    return {"kind": finding.kind, "file": str(finding.file), "other": other, "detail": finding.detail}


def _picture(picture: "PictureMeasures") -> dict[str, object]:
    """Every measure of a picture; `grid` is the likeliest one, found or not."""
    grid = None
    if picture.grid is not None:
        grid = {
            "found": picture.grid.found,
            "evidence": round(picture.grid.evidence, 2),
            "share": round(picture.grid.share, 4),
            "origin": picture.grid.origin,
            "quality": picture.grid.quality,
        }
    return {
        "file": str(picture.file),
        "width": picture.width,
        "height": picture.height,
        "format": picture.format,
        "lossy": picture.lossy,
        "quality": picture.quality,
        "gradient": round(picture.gradient, 3),
        "sharpness": None if picture.sharpness is None else round(picture.sharpness, 6),
        "jpeg_grid": grid,
    }
