"""The order of things in the pipeline, with stages that only keep books."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from elansr.upscaling import pipeline
from elansr.upscaling.file_job import FileResult
from elansr.upscaling.pipeline import WINDOW, Alone, overlapped
from elansr.upscaling.plan import Job


class Books:
    """Stages over numbered jobs: negative pixels stand for a file that is done alone.

    Args:
        pixels: of each file.
        most: files of a window.
        during: called in the network with the number of the file.
        slow: "reading", "network" or "writing".
    """

    def __init__(
        self,
        pixels: Sequence[int],
        most: int = 1,
        during: Callable[[int], None] = lambda number: None,
        slow: str = "",
    ) -> None:
        self.sizes, self.most, self.during, self.slow = pixels, most, during, slow
        self.read_by, self.written_by = set[str](), set[str]()
        self.read_so_far, self.upscaled, self.written = list[int](), list[int](), list[int]()
        self.windows = list[list[int]]()
        self.ahead, self.behind = list[int](), list[int]()

    def jobs(self) -> list[Job]:
        return [Job(Path(str(number)), Path("out")) for number in range(len(self.sizes))]

    def read(self, job: Job) -> int | Alone:
        self.read_by.add(threading.current_thread().name)
        number = int(job.source.name)
        if self.sizes[number] < 0:
            return Alone(partial(self._alone, job))
        self._linger("reading")
        self.read_so_far.append(number)
        self.ahead.append(len(self.read_so_far) - len(self.upscaled))
        return number

    def pixels(self, opened: int) -> int:
        return self.sizes[opened]

    def upscale(self, window: Sequence[int]) -> Iterator[tuple[int, Callable[[], FileResult]]]:
        self.windows.append(list(window))
        for position, number in reversed(list(enumerate(window))):
            self.during(number)
            self._linger("network")
            self.upscaled.append(number)
            self.behind.append(len(self.upscaled) - len(self.written))
            yield position, partial(self._write, number)

    def _write(self, number: int) -> FileResult:
        self.written_by.add(threading.current_thread().name)
        self._linger("writing")
        self.written.append(number)
        return FileResult(self.jobs()[number], "done")

    def _linger(self, stage: str) -> None:
        if stage == self.slow:
            time.sleep(0.02)

    def _alone(self, job: Job) -> FileResult:
        assert threading.current_thread() is threading.main_thread()
        assert len(self.written) == len(self.upscaled) == len(self.read_so_far), "something else is under way"
        return FileResult(job, "failed")


def told(books: Books) -> list[tuple[int, str]]:
    return [(int(outcome.source.name), outcome.status) for outcome in overlapped(books.jobs(), books)]


def until(holds: Callable[[], bool]) -> None:
    """Waits for another thread."""
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end, "the other thread does not do its part"
        time.sleep(0.001)


@pytest.mark.parametrize("most", [1, 3, 100])
def test_outcomes_come_in_the_order_of_the_jobs(most: int) -> None:
    sizes = [5, 5, -1, 5, 5, 5, 5, -1, -1, 5]
    books = Books(sizes, most)
    assert told(books) == [(number, "failed" if size < 0 else "done") for number, size in enumerate(sizes)]
    assert {*books.read_by, *books.written_by} == {"elansr-files_0"}
    assert all(len(window) <= most for window in books.windows)
    assert told(Books([])) == []
    assert told(Books([-1])) == [(0, "failed")]


def test_the_next_is_read_and_the_last_written_while_one_is_in_the_network() -> None:
    def network(number: int) -> None:
        until(lambda: books.read_so_far[-1] == min(number + 1, 4) and len(books.written) == number)

    books = Books([1] * 5, during=network)
    assert len(told(books)) == 5
    assert books.upscaled == books.written == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("slow", ["reading", "network", "writing"])
def test_no_more_than_one_is_ahead_and_one_behind(slow: str) -> None:
    books = Books([1] * 12, slow=slow)
    told(books)
    assert max(books.ahead) <= 2, "the one in the network and the one that is read"
    assert max(books.behind) <= 2, "the one that was made and the one that is written"
    assert slow != "network" or max(books.ahead) == 2
    assert slow != "writing" or max(books.behind) == 2


def test_a_window_is_full_at_so_many_pixels() -> None:
    books = Books([WINDOW // 2, WINDOW // 2 - 1, 7, 7, WINDOW * 2, 1, 1], most=4)
    told(books)
    assert books.windows == [[0, 1, 2], [3, 4], [5, 6]]


def test_an_interrupt_in_the_network_tells_what_was_made() -> None:
    def network(number: int) -> None:
        if number == 3:
            raise KeyboardInterrupt

    books, outcomes = Books([1] * 9, during=network), list[FileResult]()
    with pytest.raises(KeyboardInterrupt):
        keep(outcomes, overlapped(books.jobs(), books))
    assert [int(outcome.source.name) for outcome in outcomes] == [0, 1, 2] == books.written
    assert len(books.read_so_far) <= 5
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("elansr-files")]


@pytest.mark.parametrize("submitted", [False, True])
def test_an_interrupt_as_a_file_is_given_to_the_worker(monkeypatch: pytest.MonkeyPatch, submitted: bool) -> None:
    """Before the worker has it, the file is not made; behind that it is, and is told."""
    submit, written = ThreadPoolExecutor.submit, list[object]()

    def interrupted(self: ThreadPoolExecutor, task: Any, *args: Any) -> Any:
        if task is not pipeline._write:
            return submit(self, task, *args)
        written.append(task)
        if len(written) < 3 or submitted:
            submit(self, task, *args)
        if len(written) == 3:
            raise KeyboardInterrupt
        return None

    monkeypatch.setattr(ThreadPoolExecutor, "submit", interrupted)
    books, outcomes = Books([1] * 9), list[FileResult]()
    with pytest.raises(KeyboardInterrupt):
        keep(outcomes, overlapped(books.jobs(), books))
    assert [int(outcome.source.name) for outcome in outcomes] == books.written == [0, 1, 2][: 2 + submitted]


def keep(seen: list[FileResult], outcomes: Iterator[FileResult]) -> None:
    """What `list.extend` does, keeping what came before an error."""
    for outcome in outcomes:
        seen.append(outcome)


def test_who_stops_listening_leaves_nothing_running() -> None:
    books = Books([1] * 9)
    outcomes = overlapped(books.jobs(), books)
    next(outcomes)
    outcomes.close()  # type: ignore[attr-defined]
    assert books.written == books.upscaled
    assert len(books.read_so_far) <= 4
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("elansr-files")]


def test_a_mistake_in_the_worker_is_not_hidden() -> None:
    books = Books([1] * 3)
    books.pixels = lambda opened: 1 // 0  # type: ignore[method-assign]
    with pytest.raises(ZeroDivisionError):
        told(books)
