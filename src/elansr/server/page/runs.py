"""One press of the button: what was asked for, how far it is, and what the page shows of it.

A run goes on by itself, and tabs look on: one that is refreshed finds its run again.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from elansr.server.limits import Rejected
from elansr.server.page import html
from elansr.server.page.page_files import ChosenPicture, KeptResult
from elansr.server.page.words import PageError, Words
from elansr.server.processing import RequestOptions
from elansr.server.service import QueuedRequest
from elansr.server.throughput import Throughput
from elansr.upscaling import MAX_FACTOR, REAL, Extension, FinalSize

LOOKED_AT = 0.1
"""Seconds between two looks at how far a request is."""
PATIENCE = 2.0
"""Seconds between two attempts to get a place in a full queue."""
OWN_SIZE = "size"
"""In the place of a scale: the size is a number with a unit."""
PERCENT, WIDE, HIGH = "percent", "width", "height"
TOO_FAR = "the result can be at most 16 times as wide as the picture"


@dataclass(frozen=True)
class Choices:
    """What the page's controls say.

    Attributes:
        kind: name of the model's row.
        scale: of the network, or `OWN_SIZE`.
        number, unit: the size, where the scale is `OWN_SIZE`.
        strength: 0 to 1, of `REAL` alone, see `RequestOptions`.
    """

    kind: str
    scale: int | str
    number: float | None
    unit: str
    extension: Extension = "auto"
    quality: int | None = None
    strength: float = 1.0

    @property
    def size(self) -> FinalSize:
        """Of the results.

        Raises:
            PageError: a size that cannot be.
        """
        if self.scale != OWN_SIZE:
            return FinalSize()
        if not self.number or round(self.number) < 1:
            raise PageError("enter a size above 0")
        if self.unit != PERCENT:
            return FinalSize(**{self.unit: round(self.number)})
        if self.number > 100 * MAX_FACTOR:
            raise PageError(TOO_FAR)
        return FinalSize(outscale=self.number / 100)

    def options(self, scales: Mapping[int, str]) -> RequestOptions:
        """What a request asks for.

        Args:
            scales: of the model, and what a request has to name for each.

        Raises:
            PageError: a scale that the model does not have, or a size that cannot be.
        """
        strength = self.strength if self.kind == REAL and self.strength < 1 else None
        if not isinstance(self.scale, int):
            return RequestOptions(self.kind, None, self.size, self.extension, self.quality, strength)
        if self.scale not in scales:
            text = "{model} has no weights for this scale ({scale}): choose another scale"
            raise PageError(text, model=self.kind, scale=self.scale)
        return RequestOptions(
            scales[self.scale], self.scale, extension=self.extension, quality=self.quality, strength=strength
        )


class BeforeAfter(NamedTuple):
    """A result beside the picture that it was made of: the two files that the slider shows, and the result's own."""

    before: str
    after: str
    result: KeptResult


class View(NamedTuple):
    """What the page shows of a run.

    Attributes:
        status: HTML of the progress or of a problem; "" is nothing.
        card: HTML of the downloads; "" is none yet.
        comparison: None is none yet.
        working: whether there is something to stop.
    """

    status: str
    card: str = ""
    comparison: BeforeAfter | None = None
    working: bool = False


class PageRun:
    """One press of the button.

    Args:
        say: the language of whoever pressed it.

    Attributes:
        view: what to show now.
        results: those that there are, in the order of their pictures.
        compared: the one of the results that somebody chose to compare.
        stopped: whether it is to end.
        ended: whether `view` is the last one.
        started: seconds of the monotonic clock.
    """

    def __init__(self, chosen: Sequence[ChosenPicture], choices: Choices, throughput: Throughput, say: Words) -> None:
        self.chosen, self.choices, self.say = tuple(chosen), choices, say
        self.view, self.results = View(""), list[KeptResult]()
        self.compared: BeforeAfter | None = None
        self.stopped = self.ended = False
        self.started = time.monotonic()
        self._number, self._past = len(chosen), 0
        self._pixels, self._done = sum(each.about.pixels for each in chosen), 0
        self._expected = throughput.seconds(self._pixels)
        self._began = 0.0
        self._task: QueuedRequest | None = None

    @property
    def files(self) -> list[Path]:
        """What it cannot be shown without."""
        return [*(each.path for each in self.chosen), *(each.path for each in self.results)]

    def stop(self) -> None:
        """Ends it; what is left is not done."""
        self.stopped = True
        if self._task:
            self._task.cancel()

    async def views(self) -> AsyncIterator[View]:
        """What to show, whenever it changes, until the run has ended."""
        seen = None
        while True:
            view, ended = self.view, self.ended
            if view is not seen:
                seen = view
                yield view
            elif ended:
                return
            else:
                await asyncio.sleep(LOOKED_AT)

    async def watch(self, chosen: ChosenPicture, task: QueuedRequest) -> AsyncIterator[str]:
        """HTML of the progress, whenever it changes, until the request for a picture has ended or this was stopped."""
        self._task, shown = task, ""
        while not task.future.done() and task.remaining and not self.stopped:
            text = self._progress(chosen, task)
            if text != shown:
                shown = text
                yield text
            await asyncio.sleep(LOOKED_AT)

    def passed(self, chosen: ChosenPicture) -> None:
        """The next picture's turn has come, however this one ended."""
        self._past, self._done = self._past + 1, self._done + chosen.about.pixels

    async def submitted(self, submit: Callable[[], Awaitable[QueuedRequest]]) -> QueuedRequest:
        """The request for a picture; after the first of several it waits where the queue is full.

        Raises:
            Rejected: it is not taken on.
        """
        while True:
            try:
                return await submit()
            except Rejected as error:
                if error.code != "queue_full" or self.stopped or not self._past:
                    raise
            await asyncio.sleep(PATIENCE)

    def _progress(self, chosen: ChosenPicture, task: QueuedRequest) -> str:
        """The clock starts with the work, not while it waits."""
        now = time.monotonic()
        if task.in_work:
            self._began = self._began or now
        share = (self._done + task.progress * chosen.about.pixels) / self._pixels
        which = ""
        if self._number > 1:
            which = self.say("{number} of {all}: {name}", number=self._past + 1, all=self._number, name=chosen.name)
        return html.progress(self.say, share, now - self._began if task.in_work else None, self._expected, which)
