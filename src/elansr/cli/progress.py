"""Progress bars on stderr, one for each kind of work; off a terminal there are none."""

from types import TracebackType
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from elansr.cli.interrupts import raise_pending

Self = TypeVar("Self", bound="ProgressBars")


class ProgressBars:
    """Bars that appear with their first step; an error before it is not mixed with any bar.

    Args:
        shown: False shows nothing at all, for all processes of a run but one.
    """

    def __init__(self, *, shown: bool = True) -> None:
        self._console = Console(stderr=True, highlight=False, quiet=not shown)
        columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
        self._bars = Progress(
            *columns,
            TimeRemainingColumn(elapsed_when_finished=True),
            console=self._console,
            transient=True,
            disable=not (shown and self._console.is_terminal),
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bars.stop()

    def show(self, label: str, done: int, total: int) -> None:
        """Moves the bar of `label` to `done` of `total`; a signal that was held back is raised here."""
        raise_pending()
        if label not in self._tasks:
            self._bars.start()
            self._tasks[label] = self._bars.add_task(label)
        self._bars.update(self._tasks[label], completed=done, total=total)

    def print(self, line: str) -> None:
        """Prints a line above the bars, on a terminal or not."""
        self._console.print(line, markup=False, soft_wrap=True)
