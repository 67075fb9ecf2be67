"""What the user sees while files are upscaled, on stderr: bars on a terminal, else a plain line a file and minute."""

import time
from types import TracebackType

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Column

from elansr.cli.interrupts import raise_pending
from elansr.cli.report import line, summary
from elansr.text import shown
from elansr.upscaling.batch import Job, Outcome

TELL_EVERY = 60.0
"""Seconds between two lines about a file that takes long, off a terminal."""


class Display:
    """Shows a run from its start to its summary.

    Args:
        count: of jobs.
        single: one file has one bar and one line; more have a bar over the files and one over the current file.
    """

    def __init__(self, count: int, single: bool) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._single = single
        self._outcomes: list[Outcome] = []
        name = TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis"))
        columns = (name, BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        shown = self._console.is_terminal
        self._bars = Progress(*columns, console=self._console, transient=True, disable=not shown)
        self._all = self._bars.add_task("", total=count, visible=not single)
        self._file = self._bars.add_task("", total=None)
        self._count = count
        self._started = self._told = time.perf_counter()

    def __enter__(self) -> "Display":
        self._bars.start()
        self._advance(0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bars.stop()
        if kind is None:
            self._say(summary(self._outcomes, self._single, time.perf_counter() - self._started))

    def progress(self, job: Job, done: int, total: int) -> None:
        """Moves the bars: `done` of `total` pixels of the job's picture."""
        raise_pending()
        if done == 0:
            self._bars.reset(self._file, total=total, description=job.source.name)
        self._bars.update(self._file, completed=done)
        self._advance(done / total)
        self._tell(job, done / total)

    def finished(self, outcome: Outcome) -> None:
        """Counts a file that is through."""
        self._outcomes.append(outcome)
        self._advance(0)
        if not (self._single or self._console.is_terminal):
            self._say([line(outcome)])
        if len(self._outcomes) < self._count:
            raise_pending()

    def _advance(self, fraction: float) -> None:
        through = len(self._outcomes)
        self._bars.update(self._all, completed=through + fraction, description=f"{through} of {self._count} files")

    def _tell(self, job: Job, fraction: float) -> None:
        """Off a terminal: that a file goes on."""
        now = time.perf_counter()
        if fraction == 0:
            self._told = now
        elif now - self._told >= TELL_EVERY and not self._console.is_terminal:
            self._told = now
            self._say([f"{shown(job.source)}: {fraction:.0%}"])

    def _say(self, lines: list[str]) -> None:
        for text in lines:
            typer.echo(text, err=True)
