"""Sizes and scales that are chosen, and `PageRun`: what waits for a place in a full queue, and what a refresh finds."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from elansr.server.limits import Rejected, queue_full, shutting_down
from elansr.server.page import runs
from elansr.server.page.actions import Actions
from elansr.server.page.page_files import ChosenPicture
from elansr.server.page.previews import PictureFacts
from elansr.server.page.runs import OWN_SIZE, PERCENT, WIDE, Choices, PageRun
from elansr.server.page.words import ENGLISH, PageError
from elansr.server.processing import RequestOptions
from elansr.server.service import QueuedRequest
from elansr.server.throughput import Throughput
from elansr.upscaling import FinalSize

CHOICES = Choices("auto", 2, None, PERCENT)
PICTURE = ChosenPicture("a.png", Path("a"), PictureFacts(10, 10, "png", None, 8, 1))


class Queue:
    """Refuses for some reasons before it takes a request on."""

    def __init__(self, *refusals: Rejected) -> None:
        self.left = list(refusals)
        self.task = QueuedRequest(b"", "a.png", RequestOptions(), 60)

    async def submit(self) -> QueuedRequest:
        if self.left:
            raise self.left.pop(0)
        return self.task


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "PATIENCE", 0.001)


def run_of(pictures: int) -> PageRun:
    return PageRun([PICTURE] * pictures, CHOICES, Throughput(), ENGLISH)


def test_the_second_of_several_waits_for_a_place() -> None:
    run, queue = run_of(2), Queue(queue_full(1, 1), queue_full(1, 1))
    run.passed(PICTURE)
    assert asyncio.run(run.submitted(queue.submit)) is queue.task
    assert queue.left == []


@pytest.mark.parametrize("why", [queue_full(1, 1), shutting_down()])
def test_the_first_is_told_at_once(why: Rejected) -> None:
    with pytest.raises(Rejected) as caught:
        asyncio.run(run_of(1).submitted(Queue(why).submit))
    assert caught.value is why


def test_it_waits_for_nothing_else_and_not_when_it_is_stopped() -> None:
    run = run_of(2)
    run.passed(PICTURE)
    with pytest.raises(Rejected, match="shutting down"):
        asyncio.run(run.submitted(Queue(shutting_down()).submit))
    run.stop()
    with pytest.raises(Rejected, match="queue is full"):
        asyncio.run(run.submitted(Queue(queue_full(1, 1)).submit))


def test_progress_is_that_of_all_pictures() -> None:
    """Of three, one is done and one half: 50 % of the pixels, and the clock started with the work."""
    run = run_of(3)
    run.passed(PICTURE)
    task = QueuedRequest(b"", "a.png", RequestOptions(), 60)
    task.progress = 0.5

    async def first() -> str:
        async for text in run.watch(PICTURE, task):
            return text
        return ""

    assert "2 of 3: a.png · Waiting in the queue" in asyncio.run(first())
    task.in_work = True
    assert "<p>2 of 3: a.png · 50 %</p>" in asyncio.run(first())


@pytest.mark.parametrize(
    ("number", "unit", "size"),
    [
        (150, PERCENT, FinalSize(outscale=1.5)),
        (1600, PERCENT, FinalSize(outscale=16)),
        (640, WIDE, FinalSize(width=640)),
    ],
)
def test_sizes(number: float, unit: str, size: FinalSize) -> None:
    assert Choices("auto", OWN_SIZE, number, unit).size == size


@pytest.mark.parametrize(("number", "unit"), [(None, WIDE), (0, PERCENT), (-5, WIDE), (1601, PERCENT)])
def test_sizes_that_cannot_be(number: float | None, unit: str) -> None:
    with pytest.raises(PageError):
        Choices("auto", OWN_SIZE, number, unit).options({2: "auto"})


def test_what_a_request_asks_for() -> None:
    scales = {2: "elan-light-x2", 4: "elan-light-x4"}
    by_scale = Choices("elan-light", 4, 300, PERCENT, "png", 90).options(scales)
    assert by_scale == RequestOptions("elan-light-x4", 4, extension="png", quality=90)
    assert by_scale.strength is None
    real = Choices("elan-light-real", 4, None, PERCENT, strength=0.5).options({4: "elan-light-x4-real"})
    assert real == RequestOptions("elan-light-x4-real", 4, strength=0.5)
    assert Choices("elan-light-real", OWN_SIZE, 300, PERCENT, strength=0.5).options({}).strength == 0.5
    assert Choices("auto", 4, None, PERCENT, strength=0.5).options({4: "auto"}).strength is None
    by_size = Choices("elan-light", OWN_SIZE, 300, PERCENT).options(scales)
    assert by_size == RequestOptions("elan-light", size=FinalSize(outscale=3.0))
    with pytest.raises(PageError):
        Choices("elan-light", 3, None, PERCENT).options(scales)


def test_a_refreshed_tab_finds_its_run_until_its_files_are_gone(tmp_path: Path) -> None:
    chosen = replace(PICTURE, path=tmp_path / "a")
    chosen.path.write_bytes(b"")
    actions = Actions.__new__(Actions)  # without a service, which nothing here needs
    actions._tabs, actions._runs = {}, {"tab": PageRun([chosen], CHOICES, Throughput(), ENGLISH)}
    assert actions.arrived("session", "tab") is actions._runs["tab"]
    assert actions.arrived("another", "other tab") is None
    chosen.path.unlink()
    assert actions.arrived("session", "tab") is None
