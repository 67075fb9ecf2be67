"""What the page does when somebody uses it, from pressing the button to the result."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from elansr.errors import ElansrError, PictureError
from elansr.server.limits import Rejected
from elansr.server.offered_models import ModelFamily
from elansr.server.page import html, previews
from elansr.server.page.page_files import (
    GONE,
    KEPT_SECONDS,
    ChosenPicture,
    KeptResult,
    PageFolder,
    UnusableFile,
    Uploads,
    archive,
    keep_result,
    link,
    sent_files,
)
from elansr.server.page.runs import TOO_FAR, BeforeAfter, Choices, PageRun, View
from elansr.server.page.words import PageError, Words
from elansr.server.processing import RequestOptions
from elansr.server.service import QueuedRequest, Service

T = TypeVar("T")
Sent = ChosenPicture | UnusableFile

PREPARING = 2
"""Pictures that are prepared for the browser at once; each may take the memory of a whole result."""
LARGEST_DETAIL = 1600
"""The widest cut-out, in pixels."""
LONGEST_TAB = 64
"""Characters of the name of a tab, which comes from a browser."""
AWAY = 30.0
"""Seconds that a run goes on after its tab has gone: a refresh, or a phone between two networks, takes some."""

_LOG = logging.getLogger(__name__)


class Actions:
    """Answers to what users do; `kinds` are the models on offer, by name.

    A session of Gradio ends with a refresh; a tab of the browser, which has a random name of its own, does not.
    """

    def __init__(self, service: Service, kinds: Mapping[str, ModelFamily], folder: PageFolder) -> None:
        self._service, self._families, self._folder = service, kinds, folder
        self._uploads = Uploads(folder, service.limits)
        self._tabs: dict[str, str] = {}
        self._runs: dict[str, PageRun] = {}
        self._work: set[asyncio.Task[None]] = set()
        self._threads = ThreadPoolExecutor(PREPARING, "elansr-page")

    def close(self) -> None:
        """Ends what is in work and what is being prepared."""
        for work in self._work:
            work.cancel()
        self._threads.shutdown(cancel_futures=True)

    def arrived(self, session: str, tab: str) -> PageRun | None:
        """A tab was opened or refreshed; its last run, if its files are still there."""
        tab = self._tabs[session] = tab[:LONGEST_TAB] or session
        oldest = time.monotonic() - KEPT_SECONDS
        self._runs = {name: run for name, run in self._runs.items() if not run.ended or run.started > oldest}
        run = self._runs.get(tab)
        there = run and all(path.is_file() for path in run.files)
        return run if there else None

    def left(self, session: str) -> None:
        """A tab was closed or refreshed: unless it comes back, its run ends."""
        tab = self._tabs.pop(session, session)

        def end_unless_back() -> None:
            if tab not in self._tabs.values() and tab in self._runs:
                self._runs[tab].stop()

        asyncio.get_running_loop().call_later(AWAY, end_unless_back)

    async def take(self, message: str, say: Words) -> AsyncIterator[tuple[str, tuple[Sent, ...]]]:
        """Files were sent: what to say of them, and what they are, as one after the other is looked at."""
        try:
            sent = sent_files(message)
        except PageError as error:
            yield html.problem(say, error), ()
            return
        found: list[Sent] = []
        for each in sent:
            found.append(await self._threaded(lambda each=each: self._uploads.look(each)))  # type: ignore[misc]
            yield listed(found, say), tuple(found)

    def scale_for(self, sent: Sequence[Sent], kind: str, wanted: int | str) -> int | str:
        """The largest scale of a model, up to the wanted one, whose results are not too large for the server."""
        if not isinstance(wanted, int):
            return wanted
        most = self._service.limits.max_result_pixels
        largest = max((each.about.pixels for each in pictures(sent)), default=0)
        scales = sorted(self._families[kind].scales)
        fitting = [scale for scale in scales if largest * scale**2 <= most] or scales[:1]
        return max((scale for scale in fitting if scale <= wanted), default=fitting[0])

    def size_after(self, sent: Sequence[Sent], choices: Choices, say: Words) -> tuple[str, bool]:
        """How large the results will be and how long they will take, and whether any can be made."""
        abouts = [each.about for each in pictures(sent)]
        if not abouts:
            return "", False
        most = self._service.limits.max_result_pixels
        try:
            sizes = [self._sizes(about, choices) for about in abouts]
            fitting = [(about, final) for about, (final, pixels) in zip(abouts, sizes, strict=True) if pixels <= most]
            if not fitting:
                found = html.becomes(say, abouts, [final for final, _ in sizes], None)
                text = "{found} is more than the limit of {most}: choose a smaller size"
                raise PageError(text, found=found, most=html.megapixels(say, most))
        except PageError as error:
            return html.problem(say, error), False
        seconds = self._service.throughput.seconds(sum(about.pixels for about, _ in fitting))
        text = html.becomes(say, abouts, [final for final, _ in sizes], seconds)
        longest = self._service.throughput.seconds(max(about.pixels for about, _ in fitting))
        if longest and longest > self._service.limits.seconds:
            limit = html.about(say, self._service.limits.seconds)
            text += " · " + say("pictures that take more than {time} are stopped", time=limit)
        return html.notice(text), True

    def _sizes(self, about: previews.PictureFacts, choices: Choices) -> tuple[tuple[int, int], int]:
        """Width and height of a result, and the pixels of its pages at their largest, maybe before they are shrunk."""
        scales = sorted(self._families[choices.kind].scales)
        try:
            factor = choices.size.factor(about.width, about.height) or 0.0
        except PictureError:
            raise PageError(TOO_FAR) from None
        chosen = choices.scale if isinstance(choices.scale, int) else None
        scale = chosen or next((scale for scale in scales if scale >= factor), scales[-1])
        final = choices.size.of(about.width, about.height, scale)
        return final, max(final[0] * final[1], about.width * about.height * scale**2) * about.pages

    async def upscale(self, session: str, sent: Sequence[Sent], choices: Choices, say: Words) -> AsyncIterator[View]:
        """Upscales pictures, one after the other; one press of the button at a time in each tab.

        Yields:
            What to show, as it goes on.
        """
        self.stop(session)
        chosen = pictures(sent)
        try:
            if not chosen:
                raise PageError("choose a picture first")
            options = choices.options(self._families[choices.kind].scales if choices.kind in self._families else {})
        except ElansrError as error:
            yield View(html.problem(say, error))
            return
        run = self._runs[self._tab(session)] = PageRun(chosen, choices, self._service.throughput, say)
        work = asyncio.create_task(self._do(run, options))
        self._work.add(work)  # the loop itself keeps no more than a weak reference
        work.add_done_callback(self._work.discard)
        async for view in run.views():
            yield view

    def stop(self, session: str) -> None:
        """Ends what a tab has asked for, if it still runs."""
        if run := self._runs.get(self._tab(session)):
            run.stop()

    async def compare(self, session: str, key: object) -> BeforeAfter | None:
        """One of several results beside its picture; `key` is its number, from a browser."""
        run = self._runs.get(self._tab(session))
        results = {str(number): made for number, made in enumerate(run.results if run else [])}
        if not run or key not in results:
            return None
        run.compared = await self._compared(results[str(key)])
        run.view = run.view._replace(comparison=run.compared)
        return run.compared

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

    def _tab(self, session: str) -> str:
        return self._tabs.get(session, session)

    async def _do(self, run: PageRun, options: RequestOptions) -> None:
        """The work of a run, whoever looks on."""
        try:
            async for view in self._alone(run, options) if len(run.chosen) == 1 else self._in_a_row(run, options):
                run.view = view
        except Exception:  # noqa: BLE001 - whatever it is, the tab must not wait for ever
            _LOG.exception("upscaling from the web page failed")
            why = Rejected(500, "internal", "internal error: see the log of the server")
            run.view = View(html.problem(run.say, why))
        finally:
            run.ended = True

    async def _alone(self, run: PageRun, options: RequestOptions) -> AsyncIterator[View]:
        """One picture, from its start to what is shown of its result."""
        [chosen], say = run.chosen, run.say
        try:
            task = await self._submitted(run, chosen, options)
            async for text in run.watch(chosen, task):
                yield View(text, working=True)
            if run.stopped:
                yield View(html.notice(say("Stopped.")))
                return
            result = task.result()
        except ElansrError as error:
            yield View(html.problem(say, error))
            return
        made = await self._threaded(lambda: keep_result(self._folder, chosen, result))
        run.results.append(made)
        card = html.done(say, result, link(made.path))
        yield View(html.notice(say("Preparing the comparison …")), card, working=True)
        comparison = await self._compared(made)
        too_large = html.notice(say("Done. The result is too large to show here: download it."))
        yield View("" if comparison else too_large, card, comparison)

    async def _in_a_row(self, run: PageRun, options: RequestOptions) -> AsyncIterator[View]:
        """Several pictures: a list of downloads that grows; one that cannot be done gets its sentence in it."""
        rows: list[str] = []
        say = run.say
        for each in run.chosen:
            try:
                task = await self._submitted(run, each, options)
                async for text in run.watch(each, task):
                    yield View(text, html.several(rows), run.compared, working=True)
                if run.stopped:
                    break
                result = task.result()
            except ElansrError as error:
                rows.append(html.problem(say, error, each.name))
            else:
                made = await self._threaded(lambda: keep_result(self._folder, each, result))  # noqa: B023 - awaited
                rows.append(html.made(say, result, link(made.path), link(each.thumbnail), len(run.results)))
                run.results.append(made)
            run.passed(each)
        yield View(html.notice(say("Packing all results …")), html.several(rows), run.compared, working=True)
        tail = await self._archived(run) if len(run.results) > 1 else ""
        if run.results and not run.compared:
            run.compared = await self._compared(run.results[0])
        text = "Stopped: {done} of {all} pictures are done." if run.stopped else "{done} of {all} pictures are done."
        status = html.notice(say(text, done=len(run.results), all=len(run.chosen)))
        yield View(status, html.several(rows, tail), run.compared)

    async def _archived(self, run: PageRun) -> str:
        try:
            path = await self._threaded(lambda: archive(self._folder, run.results))
        except OSError:  # one of them is gone by now, or the disk is full: what there is can be downloaded alone
            return ""
        return html.archive_download(run.say, path.name, link(path), path.stat().st_size)

    async def _submitted(self, run: PageRun, chosen: ChosenPicture, options: RequestOptions) -> QueuedRequest:
        return await run.submitted(lambda: self._threaded(lambda: self._submit(chosen, options)))

    async def _compared(self, made: KeptResult) -> BeforeAfter | None:
        """None where it is too large, or its files are gone."""
        folder, most = made.path.parent, self._most(made)
        try:
            before, after = await self._threaded(lambda: previews.comparison(made.source, made.path, folder, most))
        except (ElansrError, OSError, MemoryError):
            return None
        return BeforeAfter(str(before), str(after), made)

    def _submit(self, chosen: ChosenPicture, options: RequestOptions) -> QueuedRequest:
        try:
            data = chosen.path.read_bytes()
        except FileNotFoundError as error:
            raise PageError(GONE) from error
        return self._service.submit(data, chosen.name, options)

    def _most(self, made: KeptResult) -> int:
        """Pixels that a picture file may have: those of what was sent, or of its result."""
        return max(self._service.limits.max_pixels, made.size[0] * made.size[1])

    async def _threaded(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def pictures(sent: Sequence[Sent]) -> list[ChosenPicture]:
    """Those of the files that are pictures."""
    return [each for each in sent if isinstance(each, ChosenPicture)]


def listed(sent: Sequence[Sent], say: Words) -> str:
    """HTML of files that were sent."""
    rows = [
        html.chosen(say, each.name, each.about, each.size, link(each.thumbnail), each.key)
        if isinstance(each, ChosenPicture)
        else html.problem(say, each.why, each.name)
        for each in sent
    ]
    return html.several(rows) if len(rows) > 1 else "".join(rows)
