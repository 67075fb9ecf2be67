"""The scores of an evaluation as text and JSON."""

import json
import math
from collections.abc import Iterator, Sequence

from elansr.evaluation import PROTOCOLS, Evaluation, Score, SetScores, measures, published
from elansr.text import count, shown

INFLATED = "too high: the authors' script does not round SR and rounds means up; do not compare with other papers"
CONSISTENCY = "no HR: only consistency of SR with LR, in dB"
HEADS = {"psnr": "PSNR-Y", "ssim": "SSIM-Y", "lpips": "LPIPS", "dists": "DISTS", "niqe": "NIQE"}
DECIMALS = {"consistency": 2, "niqe": 3, "seconds": 2}
"""Of the measures that have not four."""


def as_text(evaluation: Evaluation) -> str:
    """For people: of one model every picture, of several the means, in any case with what papers have."""
    models, sets = _models(evaluation), _sets(evaluation)
    scored = [scores for scores in sets if scores.lr_source != "files, no HR"]
    protocol = PROTOCOLS[evaluation.protocol] if scored else CONSISTENCY
    lines = [f"{', '.join(map(shown, models))} x{evaluation.scale}  ({protocol})"]
    lines += [INFLATED] if scored and evaluation.protocol == "authors" else []
    heads = [HEADS.get(name, name) for name in measures(evaluation.scores[0])]
    for scores in sets:
        lines += [f"{shown(scores.name)}: {count(len(scores.pictures), 'picture')}, {_lr(evaluation, scores)}"]
        if len(models) == 1:
            lines += _aligned([("  picture", *heads), *_picture_rows(scores)], left=1)
    several = len(models) > 1
    head = ("set", *(["model"] if several else []), "pictures", *heads)
    return "\n".join([*lines, "", *_aligned([head, *_mean_rows(evaluation)], left=2 if several else 1)])


def as_json(evaluation: Evaluation) -> str:
    """For programs: one document for one model, {"models": [...]} for several."""
    records = [_record(evaluation, model) for model in _models(evaluation)]
    document = records[0] if len(records) == 1 else {"models": records}
    return json.dumps(document, indent=2, allow_nan=False)


def _models(evaluation: Evaluation) -> list[str]:
    return list(dict.fromkeys(scores.model for scores in evaluation.scores))


def _sets(evaluation: Evaluation) -> list[SetScores]:
    """Of every set the scores of the first model."""
    return [scores for scores in evaluation.scores if scores.model == evaluation.scores[0].model]


def _record(evaluation: Evaluation, model: str) -> dict[str, object]:
    sets = {
        scores.name: {
            **_numbers(scores),
            "lr": scores.lr_source,
            "lr_checked": evaluation.lr_checked and scores.lr_source == "files",
            "pictures": {name: _numbers(score) for name, score in scores.pictures.items()},
        }
        for scores in evaluation.scores
        if scores.model == model
    }
    return {"model": model, "scale": evaluation.scale, "protocol": PROTOCOLS[evaluation.protocol], "sets": sets}


def _numbers(score: Score | SetScores) -> dict[str, float | str | None]:
    return {name: _number(value) for name, value in measures(score).items()}


def _number(value: float) -> float | str | None:
    """JSON has no infinity and no NaN: "Infinity", which Python and JavaScript read, and null for not measured."""
    if math.isnan(value):
        return None
    return "Infinity" if math.isinf(value) else value


def _lr(evaluation: Evaluation, scores: SetScores) -> str:
    unchecked = scores.lr_source == "files" and not evaluation.lr_checked
    return f"LR: {scores.lr_source}{', not checked against HR (--no-check)' if unchecked else ''}"


def _picture_rows(scores: SetScores) -> Iterator[tuple[str, ...]]:
    for name, score in scores.pictures.items():
        yield f"  {shown(name)}", *_formatted(score, psnr_decimals=3)


def _mean_rows(evaluation: Evaluation) -> Iterator[tuple[str, ...]]:
    """For each set, one row per model, followed by the published results."""
    several = len(_models(evaluation)) > 1
    decimals = 2 if evaluation.protocol == "authors" else 3
    for first in _sets(evaluation):
        of_set = [scores for scores in evaluation.scores if scores.name == first.name]
        for scores in of_set:
            label = (shown(scores.name), *([shown(scores.model)] if several else []))
            yield *label, str(len(scores.pictures)), *_formatted(scores, decimals)
        for scores in of_set:
            row = published(scores.network, evaluation.scale, scores.name, evaluation.protocol)
            if row:
                source = f"{row.source} {row.network} x{row.scale}"
                psnr, ssim = f"{row.psnr:.{row.decimals}f}", f"{row.ssim:.4f}"
                remark = f"({row.beside(scores.psnr, len(scores.pictures))})"
                yield *([""] if several else []), source, "", psnr, ssim, remark


def _formatted(score: Score | SetScores, psnr_decimals: int) -> tuple[str, ...]:
    decimals = DECIMALS | {"psnr": psnr_decimals}
    return tuple(
        "-" if math.isnan(value) else f"{value:.{decimals.get(name, 4)}f}" for name, value in measures(score).items()
    )


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
