"""What became of a run, in words for people and in JSON for programs."""

import json
from collections import Counter
from collections.abc import Sequence

from elansr.text import shown
from elansr.upscaling.batch import Outcome

ALL_WELL, SOME_FAILED, BAD_INPUT = 0, 1, 2


def exit_code(outcomes: Sequence[Outcome], single: bool) -> int:
    """0 if every file was done or skipped; else 2 for a single file and 1 for a run of several."""
    if all(outcome.status != "failed" for outcome in outcomes):
        return ALL_WELL
    return BAD_INPUT if single else SOME_FAILED


def line(outcome: Outcome) -> str:
    """One file in one line."""
    if outcome.status != "done":
        return f"{outcome.status}: {outcome.reason}"
    sizes = " -> ".join("{}x{}".format(*size) for size in (outcome.input_size, outcome.output_size) if size)
    pages = "" if outcome.pages == 1 else f", {outcome.pages} pages"
    files = f"{shown(outcome.source)} -> {shown(outcome.target)}"
    return f"{files}: {sizes}{pages}, {outcome.seconds:.1f} s{_weights(outcome)}"


def summary(outcomes: Sequence[Outcome], single: bool, seconds: float) -> list[str]:
    """The last lines of a run of so many seconds: of a single file what became of it, else counts and failures."""
    failed = [outcome for outcome in outcomes if outcome.status == "failed"]
    if single:
        return [f"error: {outcome.reason}" if outcome in failed else line(outcome) for outcome in outcomes]
    done = [outcome for outcome in outcomes if outcome.status == "done"]
    skipped = len(outcomes) - len(done) - len(failed)
    counts = f"{len(done)} done, {skipped} skipped, {len(failed)} failed"
    result = f"{counts} in {seconds:.1f} s{_place(done)}{_shares(done)}"
    return [result, *(f"failed: {outcome.reason}" for outcome in failed)]


def to_json(outcomes: Sequence[Outcome]) -> str:
    """One document: a record a file; what tells about the result is null unless it was written."""
    return json.dumps({"files": [_record(outcome) for outcome in outcomes]}, indent=2)


def _record(outcome: Outcome) -> dict[str, object]:
    width, height = outcome.output_size or (None, None)
    model, reason = outcome.choice or (None, "")
    return {
        "source": str(outcome.source),
        "target": str(outcome.target),
        "status": outcome.status,
        "error": outcome.reason if outcome.status == "failed" else None,
        "seconds": round(outcome.seconds, 3),
        "width": width,
        "height": height,
        "pages": outcome.pages,
        "model": model,
        "model_reason": reason or None,
        "scale": outcome.scale,
    }


def _weights(outcome: Outcome) -> str:
    """The weights used, and why if they were chosen."""
    if outcome.choice is None:
        return ""
    model, reason = outcome.choice
    return f", {shown(model)} ({reason})" if reason else f", {shown(model)}"


def _shares(done: Sequence[Outcome]) -> str:
    """How many files went through which weights, unless the user named the only ones."""
    choices = [outcome.choice for outcome in done if outcome.choice]
    counts = Counter(choice.model for choice in choices).most_common()
    if len(counts) < 2 and not any(choice.reason for choice in choices):
        return ""
    return f"; weights: {', '.join(f'{count} {shown(model)}' for model, count in counts)}"


def _place(done: Sequence[Outcome]) -> str:
    """Where the results went."""
    folders = {outcome.target.parent for outcome in done}
    if len(folders) > 1:
        return f"; results in {len(folders)} folders"
    return f"; results in {shown(folders.pop())}" if folders else ""
