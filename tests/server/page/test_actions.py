"""`PageRun`: several pictures wait for a place in a full queue; the first does not."""

import asyncio
from pathlib import Path

import pytest

from elansr.server.limits import Rejected, queue_full, shutting_down
from elansr.server.page import actions
from elansr.server.page.actions import PageRun
from elansr.server.page.page_files import ChosenPicture
from elansr.server.page.previews import PictureFacts
from elansr.server.processing import RequestOptions
from elansr.server.service import QueuedRequest
from elansr.server.throughput import Throughput

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
    monkeypatch.setattr(actions, "PATIENCE", 0.001)


def test_the_second_of_several_waits_for_a_place() -> None:
    run, queue = PageRun([PICTURE, PICTURE], Throughput()), Queue(queue_full(1, 1), queue_full(1, 1))
    run.passed(PICTURE)
    assert asyncio.run(run.submitted(queue.submit)) is queue.task
    assert queue.left == []


@pytest.mark.parametrize("why", [queue_full(1, 1), shutting_down()])
def test_the_first_is_told_at_once(why: Rejected) -> None:
    with pytest.raises(Rejected) as caught:
        asyncio.run(PageRun([PICTURE], Throughput()).submitted(Queue(why).submit))
    assert caught.value is why


def test_it_waits_for_nothing_else_and_not_when_it_is_stopped() -> None:
    run = PageRun([PICTURE, PICTURE], Throughput())
    run.passed(PICTURE)
    with pytest.raises(Rejected, match="shutting down"):
        asyncio.run(run.submitted(Queue(shutting_down()).submit))
    run.stop()
    with pytest.raises(Rejected, match="waiting already"):
        asyncio.run(run.submitted(Queue(queue_full(1, 1)).submit))


def test_progress_is_that_of_all_pictures() -> None:
    """Of three, one is done and one half: 50 % of the pixels, and the clock started with the work."""
    run = PageRun([PICTURE] * 3, Throughput())
    run.passed(PICTURE)
    task = QueuedRequest(b"", "a.png", RequestOptions(), 60)
    task.progress = 0.5

    async def first() -> str:
        async for text in run.watch(PICTURE, task):
            return text
        return ""

    assert "2 of 3: a.png · Waiting for its turn" in asyncio.run(first())
    task.in_work = True
    assert "<p>2 of 3: a.png · 50 %</p>" in asyncio.run(first())
