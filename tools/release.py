"""Updates everything that depends on the released files: `make figures`.

What is not measured yet of the files as they are is measured with `elansr evaluate`; then figures.json, the model cards
and the tables of the READMEs are written. Every measurement is kept at once: after Ctrl-C, the same command goes on.
"""

import ast
import dataclasses
import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from elansr.errors import ElansrError, WeightsError
from elansr.text import reason
from elansr.weights.released import RELEASED, ReleasedWeights
from elansr.weights.weights_file import write_file
from tools import figures as stored
from tools.checks import begun, file_path, problems
from tools.figures import KINDS, Figures, Kind, Measurement
from tools.measure import benchmarks, measure
from tools.pages import for_bicubic, read, written

ROOT = Path(__file__).resolve().parents[1]
DISAGREEMENT, BAD_INPUT = 1, 2

Measure = Callable[[ReleasedWeights, Kind], Measurement]


def command(
    check: Annotated[bool, typer.Option("--check", help="Only compare; measure and write nothing.")] = False,
    accept: Annotated[bool, typer.Option("--accept", help="Take files that were replaced: new sha256.")] = False,
    data: Annotated[Path | None, typer.Option("--data", metavar="FOLDER", help="Holds benchmark/.")] = None,
) -> None:
    """Measure released weights, and write the figures into the model cards and the READMEs."""
    rows = list(RELEASED.values())
    try:
        if not check:
            rows = release(ROOT, rows, lambda row, kind: measure(row, kind, benchmarks(ROOT, data)), accept)
    except ElansrError as error:
        typer.echo(f"error: {' '.join(str(error).split())}", err=True)
        raise typer.Exit(BAD_INPUT) from error
    found = problems(ROOT, rows)
    typer.echo("\n".join(found) or "released files, figures, cards and READMEs agree", err=bool(found))
    raise typer.Exit(DISAGREEMENT if found else 0)


def release(root: Path, rows: Sequence[ReleasedWeights], run: Measure, accept: bool) -> list[ReleasedWeights]:
    """Measures what is missing and writes what follows.

    Args:
        root: the repository.
        rows: the released weights.
        run: measures the file of a row.
        accept: write the sha256 of replaced files into released.py; without it they are refused.

    Returns:
        The rows that are released, with the sha256 of their files.

    Raises:
        ElansrError: a file that was replaced, a measurement that fails, a page without a place to write to.
    """
    rows = [_with_its_file(root, row, accept) for row in begun(root, rows)]
    before = stored.load(root)
    figures = {row.name: _still_valid(row, before.get(row.name)) for row in rows}
    _write(root, rows, figures)
    for row, kind in _missing(rows, figures):
        typer.echo(f"measuring {row.name}: {kind}", err=True)
        measurement = run(row, kind)
        if sha256_of(root, row) != row.sha256:
            raise WeightsError(f"{row.file}: was replaced while it was measured: run make figures again")
        figures[row.name] = figures[row.name].having(kind, measurement)
        _write(root, rows, figures)
    return rows


def sha256_of(root: Path, row: ReleasedWeights) -> str:
    """The hash of a row's file, in hex.

    Raises:
        WeightsError: it cannot be read.
    """
    path = file_path(root, row)
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({reason(error)}): put the released file there") from error


def with_sha256(source: str, name: str, sha256: str) -> str:
    """The text of released.py with another hash in one row, everything else as it is.

    Args:
        source: Python with a call that has `name="elan-light-x4"` and `sha256="..."`, in whatever order.
        name: of the row.
        sha256: the new hash, in hex.

    Raises:
        WeightsError: not exactly one such call.
    """
    places = list(_hashes(ast.parse(source), name))
    if len(places) != 1:
        raise WeightsError(f"released.py: {len(places)} rows with name={name!r} and a sha256: must be one")
    line, start, end = places[0]
    lines = source.splitlines(keepends=True)
    text = lines[line].encode()  # Python counts the columns of a source in bytes
    lines[line] = (text[:start] + f'"{sha256}"'.encode() + text[end:]).decode()
    return "".join(lines)


def _hashes(tree: ast.AST, name: str) -> Iterator[tuple[int, int, int]]:
    """Line, first and last column of the `sha256` of every call for `name`, from 0."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            values = {keyword.arg: keyword.value for keyword in node.keywords}
            called, sha256 = values.get("name"), values.get("sha256")
            if isinstance(called, ast.Constant) and called.value == name and isinstance(sha256, ast.Constant):
                yield sha256.lineno - 1, sha256.col_offset, sha256.end_col_offset or sha256.col_offset


def _with_its_file(root: Path, row: ReleasedWeights, accept: bool) -> ReleasedWeights:
    sha256 = sha256_of(root, row)
    if sha256 == row.sha256:
        return row
    if not accept:
        raise WeightsError(f"{row.file}: another file than released.py says: if it is meant, make figures ACCEPT=1")
    path = root / "src" / "elansr" / "weights" / "released.py"
    write_file(path, with_sha256(read(path), row.name, sha256).encode(), overwrite=True)
    return dataclasses.replace(row, sha256=sha256)


def _still_valid(row: ReleasedWeights, figures: Figures | None) -> Figures:
    return figures if figures is not None and figures.sha256 == row.sha256 else Figures(row.sha256)


def _missing(rows: Sequence[ReleasedWeights], figures: dict[str, Figures]) -> list[tuple[ReleasedWeights, Kind]]:
    """What to measure, the slow precisions last."""
    return [(row, kind) for kind in KINDS for row in for_bicubic(rows) if kind in figures[row.name].missing()]


def _write(root: Path, rows: Sequence[ReleasedWeights], figures: dict[str, Figures]) -> None:
    stored.save(root, figures)
    for path, text in written(root, rows, figures).items():
        if read(path) != text:
            write_file(path, text.encode(), overwrite=True)


def main() -> None:
    """The entry point of `python -m tools.release`."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(command)
    app()


if __name__ == "__main__":
    main()
