"""The results of a run over files, as text for people and as JSON for programs."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from elansr.images import format_of_suffix
from elansr.text import shown
from elansr.upscaling import FileResult

ALL_WELL, SOME_FAILED, BAD_INPUT = 0, 1, 2


def exit_code(results: Sequence[FileResult], single: bool) -> int:
    """0 if every file was done or skipped; else 2 for a single file and 1 for a run of several."""
    if all(result.status != "failed" for result in results):
        return ALL_WELL
    return BAD_INPUT if single else SOME_FAILED


def line(result: FileResult) -> str:
    """One file in one line."""
    if result.status != "done":
        return f"{result.status}: {result.reason}"
    sizes = " -> ".join("{}x{}".format(*size) for size in (result.input_size, result.output_size) if size)
    pages = "" if result.pages == 1 else f", {result.pages} pages"
    files = f"{result.job.shown_source} -> {result.job.shown_target}"
    return f"{files}: {sizes}{pages}, {result.seconds:.1f} s{_weights(result)}"


def note(result: FileResult) -> str:
    """What the result lacks of the source, in one line; "" if nothing."""
    return f"note: {result.job.shown_source}: {'; '.join(result.notes)}" if result.notes else ""


def quality_note(results: Sequence[FileResult], quality: int | None) -> str:
    """A line that says that `--quality` changed no result; "" if it did or was not given."""
    written = {format_of_suffix(result.target) for result in results if result.status == "done"}
    if quality is None or not written or written & {"jpeg", "webp", "avif"}:
        return ""
    kinds = ", ".join(sorted(kind.upper() for kind in written))
    return f"note: --quality {quality} has no effect on {kinds}: it is for JPEG, WebP and AVIF"


def summary(
    results: Sequence[FileResult],
    single: bool,
    seconds: float,
    named: bool = False,
    left_out: Mapping[str, int] = {},
    output: str | None = None,
) -> list[str]:
    """The last lines of a run: the result of a single file, otherwise counts and failures.

    Args:
        left_out: pictures of formats that elansr cannot read, by format.
        named: whether the failures were printed already.
        output: the folder of the results, if the user named it.
    """
    failed = [result for result in results if result.status == "failed"]
    if single:
        return [f"error: {result.reason}" if result in failed else line(result) for result in results]
    done = [result for result in results if result.status == "done"]
    skipped = len(results) - len(done) - len(failed)
    counts = f"{len(done)} done, {skipped} skipped, {len(failed)} failed"
    total = f"{counts} in {seconds:.1f} s{_place(done, output)}{_shares(done)}"
    failures = [f"failed: {result.reason}" for result in failed if not named]
    return [total, *left_out_line(left_out), *failures]


def left_out_line(kinds: Mapping[str, int]) -> list[str]:
    """A line that counts pictures that elansr cannot read, by format; empty if there are none."""
    counts = ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items()))
    way_out = " (for HEIC: pip install '.[heif]' in elansr's folder)" if "HEIC" in kinds else ""
    return [f"skipped, elansr cannot read them: {counts}{way_out}"] if counts else []


def to_json(results: Sequence[FileResult], left_out: Mapping[str, int]) -> str:
    """One JSON document with one record per file; values about the result are null if there is none."""
    return json.dumps({"files": [_record(result) for result in results], "left_out": dict(left_out)}, indent=2)


def _record(result: FileResult) -> dict[str, object]:
    width, height = result.output_size or (None, None)
    choice = result.choice
    return {
        "source": result.job.source_name or str(result.source),
        "target": result.job.target_name or str(result.target),
        "status": result.status,
        "error": result.reason if result.status == "failed" else None,
        "seconds": round(result.seconds, 3),
        "width": width,
        "height": height,
        "pages": result.pages or None,
        "model": choice.model if choice else None,
        "model_reason": (choice.reason or None) if choice else None,
        "strength": choice.strength if choice else None,
        "scale": result.scale,
        "notes": list(result.notes),
    }


def _weights(result: FileResult) -> str:
    """The weights used, and why if they were chosen."""
    if result.choice is None:
        return ""
    reason = f" ({result.choice.reason})" if result.choice.reason else ""
    return f", {shown(result.choice.label)}{reason}"


def _shares(done: Sequence[FileResult]) -> str:
    """How many files used which weights; empty if the user named them."""
    choices = [result.choice for result in done if result.choice]
    counts = Counter(choice.model for choice in choices).most_common()
    if len(counts) < 2 and not any(choice.reason for choice in choices):
        return ""
    return f"; weights: {', '.join(f'{count} {shown(model)}' for model, count in counts)}"


def _place(done: Sequence[FileResult], output: str | None) -> str:
    """The folder of the results, without its subfolders."""
    folders = {result.target.parent for result in done}
    if folders and output:
        return f"; results in {shown(Path(output))}"
    if len(folders) > 1:
        return f"; results in {len(folders)} folders"
    return f"; results in {shown(folders.pop())}" if folders else ""
