"""What the page does when somebody uses it, from pressing the button to the result."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

from elansr.errors import ElansrError
from elansr.server.limits import Rejected
from elansr.server.offered_models import ModelFamily
from elansr.server.page import html, previews
from elansr.server.page.page_files import (
    GONE,
    ChosenPicture,
    KeptResult,
    PageFolder,
    Uploads,
    archive,
    keep_result,
    link,
    sent_files,
)
from elansr.server.processing import RequestOptions
from elansr.server.service import QueuedRequest, Service
from elansr.server.throughput import Throughput
from elansr.upscaling import Extension

LOOKED_AT = 0.1
"""Seconds between two looks at how far a request is."""
PATIENCE = 2.0
"""Seconds between two attempts to get a place in a full queue."""


class PageRun:
    """One press of the button.

    Attributes:
        stopped: whether it is to end.
    """

    def __init__(self, pictures: Sequence[ChosenPicture], throughput: Throughput) -> None:
        self.stopped = False
        self._number, self._ended = len(pictures), 0
        self._pixels, self._done = sum(chosen.about.pixels for chosen in pictures), 0
        self._expected = throughput.seconds(self._pixels)
        self._began = 0.0
        self._task: QueuedRequest | None = None

    def stop(self) -> None:
        """Ends it; what is left is not done."""
        self.stopped = True
        if self._task:
            self._task.cancel()

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
        self._ended, self._done = self._ended + 1, self._done + chosen.about.pixels

    async def submitted(self, submit: Callable[[], Awaitable[QueuedRequest]]) -> QueuedRequest:
        """The request for a picture; after the first of several it waits where the queue is full.

        Raises:
            Rejected: it is not taken on.
        """
        while True:
            try:
                return await submit()
            except Rejected as error:
                if error.code != "queue_full" or self.stopped or not self._ended:
                    raise
            await asyncio.sleep(PATIENCE)

    def _progress(self, chosen: ChosenPicture, task: QueuedRequest) -> str:
        """The clock starts with the work, not while it waits."""
        now = time.monotonic()
        if task.in_work:
            self._began = self._began or now
        share = (self._done + task.progress * chosen.about.pixels) / self._pixels
        which = f"{self._ended + 1} of {self._number}: {chosen.name}" if self._number > 1 else ""
        return html.progress(share, now - self._began if task.in_work else None, self._expected, which)


T = TypeVar("T")

PREPARING = 2
"""Pictures that are prepared for the browser at once; each may take the memory of a whole result."""
LARGEST_DETAIL = 1600
"""The widest cut-out, in pixels."""


class View(NamedTuple):
    """What the page shows of a request.

    Attributes:
        status: HTML of the progress or of a problem; "" is nothing.
        card: HTML of the download; "" is none yet.
        slider: the two pictures to compare; None is none yet.
        overview: the result on which a detail is chosen; None is none yet.
        made: the result, for `Actions.detail`.
        working: whether there is something to stop.
    """

    status: str
    card: str = ""
    slider: tuple[str, str] | None = None
    overview: str | None = None
    made: KeptResult | None = None
    working: bool = False


class Actions:
    """Answers to what users do; `kinds` are the models on offer, by name."""

    def __init__(self, service: Service, kinds: Mapping[str, ModelFamily], folder: PageFolder) -> None:
        self._service, self._families, self._folder = service, kinds, folder
        self._uploads = Uploads(folder, service.limits)
        self._running: dict[str, PageRun] = {}
        self._threads = ThreadPoolExecutor(PREPARING, "elansr-page")

    def close(self) -> None:
        """Ends what is being prepared."""
        self._threads.shutdown(cancel_futures=True)

    async def take(self, message: str) -> AsyncIterator[tuple[str, tuple[ChosenPicture, ...]]]:
        """Files were sent: what to say of them, and those that are pictures, as one after the other is looked at."""
        try:
            sent = sent_files(message)
        except ElansrError as error:
            yield html.sentence(str(error)), ()
            return
        rows: list[str] = []
        found: list[ChosenPicture] = []
        for each in sent:
            row, chosen = await self._threaded(lambda each=each: self._uploads.look(each))  # type: ignore[misc]
            rows.append(row)
            found += [chosen] if chosen else []
            yield rows[0] if len(sent) == 1 else html.several(rows), tuple(found)

    def size_after(self, chosen: Sequence[ChosenPicture], scale: int) -> tuple[str, bool]:
        """How large the results of a scale will be and how long they will take, and whether any can be made."""
        if not chosen:
            return "", False
        most = self._service.limits.max_result_pixels
        fitting = [each.about for each in chosen if each.about.pixels * scale**2 <= most]
        if not fitting:
            return html.too_large(html.size_after([each.about for each in chosen], scale, None), most), False
        seconds = self._service.throughput.seconds(sum(about.pixels for about in fitting))
        text = html.size_after([each.about for each in chosen], scale, seconds)
        return html.notice(text), True

    async def upscale(
        self, session: str, chosen: Sequence[ChosenPicture], kind: str, scale: int, extension: Extension, quality: int
    ) -> AsyncIterator[View]:
        """Upscales pictures, one after the other; one press of the button at a time in each tab.

        Yields:
            What to show, as it goes on.
        """
        self.stop(session)
        try:
            if not chosen:
                raise Rejected(422, "no_picture", "choose a picture first")
            options = RequestOptions(self._name(kind, scale), scale, extension=extension, quality=quality)
        except ElansrError as error:
            yield View(html.sentence(str(error)))
            return
        run = self._running[session] = PageRun(chosen, self._service.throughput)
        views = self._alone(run, chosen[0], options) if len(chosen) == 1 else self._in_a_row(run, chosen, options)
        try:
            async for view in views:
                yield view
        finally:
            run.stop()
            if self._running.get(session) is run:
                del self._running[session]

    def stop(self, session: str) -> None:
        """Ends what a tab has asked for, if it still runs."""
        if run := self._running.pop(session, None):
            run.stop()

    async def detail(self, made: KeptResult | None, across: float, down: float, room: float) -> tuple[str, str] | None:
        """The two pictures of a detail, pixel for pixel.

        Args:
            across, down: the middle of the detail, 0 to 100.
            room: width of the place on the page, in its pixels.
        """
        if made is None or not made.path.is_file():
            return None
        width = min(max(int(room), 1), LARGEST_DETAIL)
        box = previews.box_around(made.size, across / 100, down / 100, width, width * 3 // 4)
        folder, most = self._folder.new(), self._most(made)
        files = await self._threaded(lambda: previews.detail(made.source, made.path, folder, box, made.size, most))
        return str(files[0]), str(files[1])

    async def _alone(self, run: PageRun, chosen: ChosenPicture, options: RequestOptions) -> AsyncIterator[View]:
        """One picture, from its start to what is shown of its result."""
        try:
            task = await self._submitted(run, chosen, options)
            async for text in run.watch(chosen, task):
                yield View(text, working=True)
            if run.stopped:
                yield View(html.notice("Stopped."))
                return
            result = task.result()
        except ElansrError as error:
            yield View(html.sentence(str(error), chosen.name))
            return
        made = await self._threaded(lambda: keep_result(self._folder, chosen, result))
        card = html.done(result, link(made.path))
        yield View(html.notice("Preparing the comparison …"), card, working=True)
        yield await self._compared(card, made)

    async def _in_a_row(
        self, run: PageRun, chosen: Sequence[ChosenPicture], options: RequestOptions
    ) -> AsyncIterator[View]:
        """Several pictures: a list of downloads that grows; one that cannot be done gets its sentence in it."""
        rows: list[str] = []
        made: list[KeptResult] = []
        for each in chosen:
            try:
                task = await self._submitted(run, each, options)
                async for text in run.watch(each, task):
                    yield View(text, html.several(rows), working=True)
                if run.stopped:
                    break
                result = task.result()
            except ElansrError as error:
                rows.append(html.of_file(str(error), each.name))
            else:
                made.append(await self._threaded(lambda: keep_result(self._folder, each, result)))  # noqa: B023 - awaited
                rows.append(html.made(result, link(made[-1].path), link(each.thumbnail)))
            run.passed(each)
        yield View(html.notice("Packing all of them …"), html.several(rows), working=True)
        tail = await self._archived(made) if len(made) > 1 else ""
        yield View(html.notice(html.ended(len(made), len(chosen), run.stopped)), html.several(rows, tail))

    async def _archived(self, made: Sequence[KeptResult]) -> str:
        try:
            path = await self._threaded(lambda: archive(self._folder, made))
        except OSError:  # one of them is gone by now, or the disk is full: what there is can be downloaded alone
            return ""
        return html.archive_download(path.name, link(path), path.stat().st_size)

    async def _submitted(self, run: PageRun, chosen: ChosenPicture, options: RequestOptions) -> QueuedRequest:
        return await run.submitted(lambda: self._threaded(lambda: self._submit(chosen, options)))

    async def _compared(self, card: str, made: KeptResult) -> View:
        folder, most = made.path.parent, self._most(made)
        try:
            before, after = await self._threaded(lambda: previews.comparison(made.source, made.path, folder, most))
        except (ElansrError, MemoryError):
            return View(html.notice("It is done, but too large to be shown here: download it."), card)
        return View("", card, (str(before), str(after)), str(after), made)

    def _submit(self, chosen: ChosenPicture, options: RequestOptions) -> QueuedRequest:
        try:
            data = chosen.path.read_bytes()
        except FileNotFoundError as error:
            raise Rejected(422, "gone", GONE) from error
        return self._service.submit(data, chosen.name, options)

    def _most(self, made: KeptResult) -> int:
        """Pixels that a picture file may have: those of what was sent, or of its result."""
        return max(self._service.limits.max_pixels, made.size[0] * made.size[1])

    def _name(self, kind: str, scale: int) -> str:
        """What a request names for a row of the list and a scale."""
        scales = self._families[kind].scales if kind in self._families else {}
        if scale not in scales:
            raise Rejected(422, "invalid_request", f"{kind} does not enlarge {scale} times: choose another scale")
        return scales[scale]

    async def _threaded(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)
