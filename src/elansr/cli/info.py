"""`elansr info`: list the released weights, or show what is in a weights file."""

import dataclasses
import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from elansr.weights.released import ReleasedWeights

BLANK: tuple[object, ...] = (None, "", 0, {}, [], ())


def info(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME|FILE]", help="Released weights or a weights file.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the contents of a weights file, or list the released weights."""
    if name is None:
        from elansr.weights.released import RELEASED

        records = [_released(row) for row in RELEASED.values()]
        typer.echo(_to_json({"released": records}) if as_json else "\n".join(_table(records)))
    else:
        from elansr.weights.load import describe

        record = dataclasses.asdict(describe(name))
        typer.echo(_to_json(record) if as_json else "\n".join(_lines(record)))


def _released(row: "ReleasedWeights") -> dict[str, object]:
    return {
        "name": row.name,
        "scale": row.scale,
        "degradation": row.degradation,
        "installed": row.path.is_file(),
        "description": row.description,
        "path": str(row.path),
    }


def _table(records: list[dict[str, object]]) -> list[str]:
    header: dict[str, object] = {key: key for key in ("name", "degradation", "description")} | {"installed": True}
    rows = [header, *records]
    widths = [max(len(str(row[key])) for row in rows) for key in ("name", "degradation")]
    return [_row(row, *widths) for row in rows]


def _row(record: dict[str, object], name: int, degradation: int) -> str:
    missing = "" if record["installed"] else "  (file missing)"
    start = f"{record['name']:<{name}}  {record['degradation']:<{degradation}}"
    return f"{start}  {record['description']}{missing}"


def _lines(record: dict[str, object]) -> list[str]:
    """One line per value, nested values indented; unknown ones are omitted."""
    lines: list[str] = []
    for key, stored in record.items():
        value = _opened(stored)
        if isinstance(value, dict) and value:
            lines += [f"{key}:", *(f"  {line}" for line in _lines(value))]
        elif value not in BLANK:
            lines.append(f"{key}: {_text(value)}")
    return lines


def _opened(value: object) -> object:
    """Decodes values stored as JSON, such as the recipe."""
    if not (isinstance(value, str) and value.startswith("{")):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)


def _to_json(record: dict[str, object]) -> str:
    return json.dumps(record, indent=2, default=str)
