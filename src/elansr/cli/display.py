"""Progress of `elansr upscale` on stderr: bars on a terminal, otherwise a plain line per file and minute."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType

import typer

from elansr.cli.file_results import line, note, summary
from elansr.cli.flags import in_flags
from elansr.cli.progress import ProgressBars
from elansr.text import shown
from elansr.upscaling import FileResult, Job, Observer

LINE_EVERY = 60.0
"""Seconds between two progress lines of one file, if stderr is not a terminal."""


class Display(Observer):
    """Shows a run from its plan to its summary: one file has one bar and one line; more also have a bar over the files.

    Args:
        output: the folder of the results, if the user named it.

    Attributes:
        results: of the files that are done, skipped or failed.
        count: of files; 0 before the run is planned.
        single: whether the run is about one file.
        kinds: number of pictures that elansr cannot read, by format.
    """

    def __init__(self, output: str | None = None) -> None:
        self._output = output
        self.results: list[FileResult] = []
        self.count, self.single = 0, False
        self.kinds: Mapping[str, int] = {}
        self._bars, self._file = ProgressBars(), ""
        self._started = self._last_line = time.perf_counter()

    def __enter__(self) -> "Display":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bars.__exit__(kind, error, traceback)
        if kind is None:
            seconds, named = time.perf_counter() - self._started, not self._bars.on_terminal
            self._say(summary(self.results, self.single, seconds, named, self.kinds, self._output))

    def planned(self, jobs: Sequence[Job], single: bool) -> None:
        """See `Observer`."""
        self.count, self.single = len(jobs), single
        self._started = self._last_line = time.perf_counter()
        self._advance(0)

    def left_out(self, kinds: Mapping[str, int]) -> None:
        """See `Observer`."""
        self.kinds = kinds

    def progress(self, job: Job, done: int, total: int) -> None:
        """Moves the bars: `done` of `total` pixels of the job's picture."""
        if done == 0:
            self._bars.remove(self._file)
            self._file = shown(Path(job.shown_source).name)
        self._bars.show(self._file, done, total, percent=True)
        self._advance(done / total)
        self._print_share(job, done / total)

    def finished(self, result: FileResult) -> None:
        """Counts a finished file."""
        result = replace(result, reason=in_flags(result.reason))
        self.results.append(result)
        if not (self.single or self._bars.on_terminal):
            self._say([line(result)])
        if text := note(result):
            self._bars.print(text)
        if len(self.results) < self.count:
            self._advance(0)

    def _advance(self, fraction: float) -> None:
        if not self.single:
            self._bars.show("files", len(self.results) + fraction, self.count)

    def _print_share(self, job: Job, fraction: float) -> None:
        """Prints progress once a minute if stderr is not a terminal."""
        now = time.perf_counter()
        if fraction == 0:
            self._last_line = now
        elif now - self._last_line >= LINE_EVERY and not self._bars.on_terminal:
            self._last_line = now
            self._say([f"{job.shown_source}: {fraction:.0%}"])

    def _say(self, lines: list[str]) -> None:
        for text in lines:
            typer.echo(text, err=True)
