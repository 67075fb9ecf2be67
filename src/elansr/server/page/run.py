"""`Run`: what a tab has asked for, one picture or several one after the other, until it is done or stopped."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from elansr.server.limits import Rejected
from elansr.server.pace import Pace
from elansr.server.page import words
from elansr.server.page.uploads import Chosen
from elansr.server.task import Task

LOOKED_AT = 0.1
"""Seconds between two looks at how far a request is."""
PATIENCE = 2.0
"""Seconds between two attempts to get a place in a full queue."""


class Run:
    """One press of the button.

    Args:
        pictures: in their order.
        pace: of the service.

    Attributes:
        stopped: whether it is to end.
    """

    def __init__(self, pictures: Sequence[Chosen], pace: Pace) -> None:
        self.stopped = False
        self._number, self._ended = len(pictures), 0
        self._pixels, self._done = sum(chosen.about.pixels for chosen in pictures), 0
        self._expected = pace.seconds(self._pixels)
        self._began = 0.0
        self._task: Task | None = None

    def stop(self) -> None:
        """Ends it; what is left is not done."""
        self.stopped = True
        if self._task:
            self._task.cancel()

    async def watch(self, chosen: Chosen, task: Task) -> AsyncIterator[str]:
        """HTML of the progress, whenever it changes, until the request for a picture has ended or this was stopped."""
        self._task, told = task, ""
        while not task.future.done() and task.remaining and not self.stopped:
            text = self._told(chosen, task)
            if text != told:
                told = text
                yield text
            await asyncio.sleep(LOOKED_AT)

    def passed(self, chosen: Chosen) -> None:
        """The next picture's turn has come, however this one ended."""
        self._ended, self._done = self._ended + 1, self._done + chosen.about.pixels

    async def submitted(self, submit: Callable[[], Awaitable[Task]]) -> Task:
        """The request for a picture; after the first of several it waits where the queue is full.

        Raises:
            Rejected: it is not taken on.
        """
        while not (task := await self._attempted(submit)):
            await asyncio.sleep(PATIENCE)
        return task

    async def _attempted(self, submit: Callable[[], Awaitable[Task]]) -> Task | None:
        try:
            return await submit()
        except Rejected as error:
            if error.code != "queue_full" or self.stopped or not self._ended:
                raise
            return None

    def _told(self, chosen: Chosen, task: Task) -> str:
        """The clock starts with the work, not while it waits."""
        now = time.monotonic()
        if task.in_work:
            self._began = self._began or now
        share = (self._done + task.progress * chosen.about.pixels) / self._pixels
        which = f"{self._ended + 1} of {self._number}: {chosen.name}" if self._number > 1 else ""
        return words.progress(share, now - self._began if task.in_work else None, self._expected, which)
