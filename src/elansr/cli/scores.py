"""The scores of an evaluation as text, JSON and CSV."""

import csv
import io
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from elansr.evaluation.evaluate import PROTOCOLS, Protocol, Score, SetScores
from elansr.evaluation.models import Model
from elansr.evaluation.published import PICTURES, Published, published
from elansr.text import shown

INFLATED = (
    "inflated: the authors' script rounds means up and does not round SR; do not compare with papers that do otherwise"
)
CONSISTENCY = "no HR: consistency of SR with LR only, in dB"
AUTHORS = ("ELAN-light", "ELAN")
"""The networks of the authors' paper, the only ones shown beside scores of their protocol."""
CSV_COLUMNS = (
    "model",
    "scale",
    "protocol",
    "set",
    "row",
    "picture",
    "psnr_y",
    "ssim_y",
    "consistency",
    "seconds",
    "lr",
)
PICTURE, MEAN = "picture", "mean"


@dataclass(frozen=True)
class Run:
    """One model on all sets.

    Attributes:
        model: what was evaluated.
        protocol: under which.
        checked: whether LR files were compared with HR.
        sets: the scores.
    """

    model: Model
    protocol: Protocol
    checked: bool
    sets: list[SetScores]


def as_text(runs: Sequence[Run]) -> str:
    """For people: of one model every picture, of several the means, in any case with what papers have."""
    first = runs[0]
    models = ", ".join(shown(run.model.name) for run in runs)
    measured = [scores for scores in first.sets if scores.lr_source is not None]
    lines = [f"{models} x{first.model.scale}  ({PROTOCOLS[first.protocol] if measured else CONSISTENCY})"]
    lines += [INFLATED] if measured and first.protocol == "authors" else []
    for scores in first.sets:
        lines += [f"{shown(scores.name)}: {_count(scores)}, {_lr(first, scores)}"]
        if len(runs) == 1:
            lines += _aligned([("  picture", *_HEADS), *_picture_rows(scores)], left=1)
    several = len(runs) > 1
    head = ("set", *(["model"] if several else []), "pictures", *_HEADS)
    return "\n".join([*lines, "", *_aligned([head, *_mean_rows(runs)], left=2 if several else 1)])


def as_json(runs: Sequence[Run]) -> str:
    """For programs: one document for one model, {"models": [...]} for several."""
    records = [_record(run) for run in runs]
    document = records[0] if len(records) == 1 else {"models": records}
    return json.dumps(document, indent=2, allow_nan=False)


def as_csv(runs: Sequence[Run]) -> str:
    """A row "picture" for each picture, and a row "mean" for each set."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for run in runs:
        for scores in run.sets:
            start = (run.model.name, run.model.scale, run.protocol, scores.name)
            pictures = [(PICTURE, name, score) for name, score in scores.pictures.items()]
            rows: list[tuple[str, str, Score | SetScores]] = [*pictures, (MEAN, "", scores)]
            for row, name, score in rows:
                writer.writerow((*start, row, name, *map(_cell, _values(score)), scores.lr_source or "files, no HR"))
    return text.getvalue()


_HEADS = ("PSNR-Y", "SSIM-Y", "consistency", "seconds")


def _values(score: Score | SetScores) -> tuple[float, float, float, float]:
    return score.psnr, score.ssim, score.consistency, score.seconds


def _record(run: Run) -> dict[str, object]:
    sets = {
        scores.name: {
            **_numbers(scores),
            "lr": scores.lr_source or "files, no HR",
            "lr_checked": run.checked and scores.lr_source == "files",
            "pictures": {name: _numbers(score) for name, score in scores.pictures.items()},
        }
        for scores in run.sets
    }
    return {"model": run.model.name, "scale": run.model.scale, "protocol": PROTOCOLS[run.protocol], "sets": sets}


def _numbers(score: Score | SetScores) -> dict[str, float | str | None]:
    return dict(zip(("psnr", "ssim", "consistency", "seconds"), map(_number, _values(score)), strict=True))


def _number(value: float) -> float | str | None:
    """JSON has no infinity and no NaN: "Infinity", which Python and JavaScript read, and null for not measured."""
    if math.isnan(value):
        return None
    return "Infinity" if math.isinf(value) else value


def _cell(value: float) -> str:
    return "" if math.isnan(value) else str(value)


def _count(scores: SetScores) -> str:
    count = len(scores.pictures)
    return "1 picture" if count == 1 else f"{count} pictures"


def _lr(run: Run, scores: SetScores) -> str:
    if scores.lr_source is None:
        return "LR: files, no HR"
    if scores.lr_source != "files":
        return f"LR: {scores.lr_source}"
    return "LR: files" if run.checked else "LR: files, not checked against HR (--no-check)"


def _picture_rows(scores: SetScores) -> Iterator[tuple[str, ...]]:
    for name, score in scores.pictures.items():
        yield f"  {shown(name)}", *_formatted(score, psnr_decimals=3)


def _mean_rows(runs: Sequence[Run]) -> Iterator[tuple[str, ...]]:
    """Of each set a row a model, and under those the published ones."""
    several = len(runs) > 1
    for i, first in enumerate(runs[0].sets):
        for run in runs:
            scores = run.sets[i]
            label = (shown(scores.name), *([shown(run.model.name)] if several else []))
            decimals = 2 if run.protocol == "authors" else 3
            yield *label, str(len(scores.pictures)), *_formatted(scores, decimals)
        for run in runs:
            row = published(run.model.network, run.model.scale, first.name)
            if row and (run.protocol == "paper" or row.network in AUTHORS):
                source = f"{row.source} {row.network} x{row.scale}"
                psnr, ssim = f"{row.psnr:.{row.decimals}f}", f"{row.ssim:.4f}"
                yield *([""] if several else []), source, "", psnr, ssim, _difference(row, run.sets[i])


def _difference(row: Published, scores: SetScores) -> str:
    count = PICTURES[row.set_name]
    if len(scores.pictures) != count:
        return f"(not comparable: {row.set_name} has {count} pictures)"
    difference = round(scores.psnr - row.psnr, row.decimals) + 0.0  # never -0.00
    return f"(difference {difference:+.{row.decimals}f})"


def _formatted(score: Score | SetScores, psnr_decimals: int) -> tuple[str, ...]:
    decimals = (psnr_decimals, 4, 2, 2)
    pairs = zip(_values(score), decimals, strict=True)
    return tuple("-" if math.isnan(value) else f"{value:.{places}f}" for value, places in pairs)


def _aligned(rows: Sequence[Sequence[str]], left: int) -> list[str]:
    """Rows in columns, the first `left` of them flush left; a remark in brackets takes no part."""
    width = [
        max(len(row[i]) for row in rows if i < len(row) and not row[i].startswith("(")) for i in range(len(rows[0]))
    ]
    return [
        "  ".join(
            cell.ljust(width[i]) if i < left or cell.startswith("(") else cell.rjust(width[i])
            for i, cell in enumerate(row)
        ).rstrip()
        for row in rows
    ]
