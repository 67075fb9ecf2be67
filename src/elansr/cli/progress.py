"""Progress bars on stderr, one per kind of work; none if stderr is not a terminal."""

from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column
from rich.text import Text

from elansr.cli.interrupts import raise_pending

Self = TypeVar("Self", bound="ProgressBars")
Item = TypeVar("Item")


class _Clock(ProgressColumn):
    """The remaining time, or the elapsed time where that is unknown."""

    def __init__(self) -> None:
        super().__init__()
        self._left, self._passed = TimeRemainingColumn(), TimeElapsedColumn()

    def render(self, task: Task) -> Text:
        """See `ProgressColumn`."""
        return (self._passed if task.finished or task.time_remaining is None else self._left).render(task)


class ProgressBars:
    """Bars that appear with their first step, so that an earlier error is not mixed with them.

    Args:
        shown: False shows nothing, for all processes of a run except one.
    """

    def __init__(self, *, shown: bool = True) -> None:
        self._console = Console(stderr=True, highlight=False, quiet=not shown)
        name = TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis"))
        self._bars = Progress(
            name,
            BarColumn(),
            TextColumn("{task.fields[amount]}"),
            _Clock(),
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

    @property
    def on_terminal(self) -> bool:
        """Whether bars can be seen at all."""
        return self._console.is_terminal

    def show(self, label: str, done: float, total: int | None, *, percent: bool = False) -> None:
        """Moves a bar, and raises a pending signal.

        Args:
            label: the kind of work; a new one adds a bar.
            done: the amount done.
            total: the whole amount; None if unknown.
            percent: whether the bar says "37%" instead of "3/8".

        While `done` is 0, the bar pulses and the seconds count.
        """
        raise_pending()
        if label not in self._tasks:
            self._bars.start()
            self._tasks[label] = self._bars.add_task(label, total=total, amount="")
        amount = "" if total is None else f"{done / max(total, 1):.0%}" if percent else f"{int(done)}/{total}"
        self._bars.update(self._tasks[label], completed=done, total=total if done else None, amount=amount)

    def track(self, label: str, items: Iterable[Item], total: int) -> Iterator[Item]:
        """Yields the items, with a bar that counts the finished ones."""
        self.show(label, 0, total)
        for done, item in enumerate(items, start=1):
            yield item
            self.show(label, done, total)

    def remove(self, label: str) -> None:
        """Removes a bar."""
        if label in self._tasks:
            self._bars.remove_task(self._tasks.pop(label))

    def print(self, line: str) -> None:
        """Prints a line above the bars, on a terminal or not."""
        self._console.print(line, markup=False, soft_wrap=True)
