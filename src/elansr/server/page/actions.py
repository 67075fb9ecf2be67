"""What happens when somebody uses the page; `layout` says which part of it shows what comes back."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

from elansr.errors import ElansrError
from elansr.server.limits import Rejected
from elansr.server.page import pictures, words
from elansr.server.page.models import Kind
from elansr.server.page.results import Made, archive, kept
from elansr.server.page.run import Run
from elansr.server.page.scratch import Scratch
from elansr.server.page.uploads import GONE, Chosen, Uploads, link, told
from elansr.server.service import Service, Task
from elansr.server.work import Wanted
from elansr.upscaling.jobs import Extension

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
    made: Made | None = None
    working: bool = False


class Actions:
    """Answers to what users do.

    Args:
        service: does the work.
        kinds: the models on offer, by name.
        scratch: where files are kept for the browser.
    """

    def __init__(self, service: Service, kinds: Mapping[str, Kind], scratch: Scratch) -> None:
        self._service, self._kinds, self._scratch = service, kinds, scratch
        self._uploads = Uploads(scratch, service.limits)
        self._running: dict[str, Run] = {}
        self._threads = ThreadPoolExecutor(PREPARING, "elansr-page")

    def close(self) -> None:
        """Ends what is being prepared."""
        self._threads.shutdown(cancel_futures=True)

    async def take(self, message: str) -> AsyncIterator[tuple[str, tuple[Chosen, ...]]]:
        """Files were sent: what to say of them, and those that are pictures, as one after the other is looked at.

        Args:
            message: see `uploads.told`.
        """
        try:
            sent = told(message)
        except ElansrError as error:
            yield words.sentence(str(error)), ()
            return
        rows: list[str] = []
        found: list[Chosen] = []
        for each in sent:
            row, chosen = await self._threaded(lambda each=each: self._uploads.look(each))  # type: ignore[misc]
            rows.append(row)
            found += [chosen] if chosen else []
            yield rows[0] if len(sent) == 1 else words.several(rows), tuple(found)

    def size_after(self, chosen: Sequence[Chosen], scale: int) -> tuple[str, bool]:
        """How large the results of a scale will be and how long they will take, and whether any can be made."""
        if not chosen:
            return "", False
        most = self._service.limits.max_result_pixels
        fitting = [each.about for each in chosen if each.about.pixels * scale**2 <= most]
        if not fitting:
            return words.too_large(words.size_after([each.about for each in chosen], scale, None), most), False
        seconds = self._service.pace.seconds(sum(about.pixels for about in fitting))
        text = words.size_after([each.about for each in chosen], scale, seconds)
        return words.notice(text), True

    async def upscale(
        self, session: str, chosen: Sequence[Chosen], kind: str, scale: int, extension: Extension, quality: int
    ) -> AsyncIterator[View]:
        """Upscales pictures, one after the other; one press of the button at a time in each tab.

        Args:
            session: the tab.
            chosen: the pictures.
            kind: name of the model's family.
            scale: of the network.
            extension, quality: see `Wanted`.

        Yields:
            What to show, as it goes on.
        """
        self.stop(session)
        try:
            if not chosen:
                raise Rejected(422, "no_picture", "choose a picture first")
            wanted = Wanted(self._name(kind, scale), scale, extension=extension, quality=quality)
        except ElansrError as error:
            yield View(words.sentence(str(error)))
            return
        run = self._running[session] = Run(chosen, self._service.pace)
        views = self._alone(run, chosen[0], wanted) if len(chosen) == 1 else self._in_a_row(run, chosen, wanted)
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

    async def detail(self, made: Made | None, across: float, down: float, room: float) -> tuple[str, str] | None:
        """The two pictures of a detail, pixel for pixel.

        Args:
            made: the result.
            across, down: the middle of the detail, 0 to 100.
            room: width of the place on the page, in its pixels.
        """
        if made is None or not made.path.is_file():
            return None
        width = min(max(int(room), 1), LARGEST_DETAIL)
        box = pictures.box_around(made.size, across / 100, down / 100, width, width * 3 // 4)
        folder, most = self._scratch.new(), self._most(made)
        files = await self._threaded(lambda: pictures.detail(made.source, made.path, folder, box, made.size, most))
        return str(files[0]), str(files[1])

    async def _alone(self, run: Run, chosen: Chosen, wanted: Wanted) -> AsyncIterator[View]:
        """One picture, from its start to what is shown of its result."""
        try:
            task = await self._submitted(run, chosen, wanted)
            async for text in run.watch(chosen, task):
                yield View(text, working=True)
            if run.stopped:
                yield View(words.notice("Stopped."))
                return
            result = task.result()
        except ElansrError as error:
            yield View(words.sentence(str(error), chosen.name))
            return
        made = await self._threaded(lambda: kept(self._scratch, chosen, result))
        card = words.done(result, link(made.path))
        yield View(words.notice("Preparing the comparison …"), card, working=True)
        yield await self._compared(card, made)

    async def _in_a_row(self, run: Run, chosen: Sequence[Chosen], wanted: Wanted) -> AsyncIterator[View]:
        """Several pictures: a list of downloads that grows; one that cannot be done gets its sentence in it."""
        rows: list[str] = []
        made: list[Made] = []
        for each in chosen:
            try:
                task = await self._submitted(run, each, wanted)
                async for text in run.watch(each, task):
                    yield View(text, words.several(rows), working=True)
                if run.stopped:
                    break
                result = task.result()
            except ElansrError as error:
                rows.append(words.of_file(str(error), each.name))
            else:
                made.append(await self._threaded(lambda: kept(self._scratch, each, result)))  # noqa: B023 - awaited
                rows.append(words.made(result, link(made[-1].path), link(each.thumbnail)))
            run.passed(each)
        yield View(words.notice("Packing all of them …"), words.several(rows), working=True)
        tail = await self._archived(made) if len(made) > 1 else ""
        yield View(words.notice(words.ended(len(made), len(chosen), run.stopped)), words.several(rows, tail))

    async def _archived(self, made: Sequence[Made]) -> str:
        try:
            path = await self._threaded(lambda: archive(self._scratch, made))
        except OSError:  # one of them is gone by now, or the disk is full: what there is can be downloaded alone
            return ""
        return words.all_of_them(path.name, link(path), path.stat().st_size)

    async def _submitted(self, run: Run, chosen: Chosen, wanted: Wanted) -> Task:
        return await run.submitted(lambda: self._threaded(lambda: self._submit(chosen, wanted)))

    async def _compared(self, card: str, made: Made) -> View:
        folder, most = made.path.parent, self._most(made)
        try:
            before, after = await self._threaded(lambda: pictures.comparison(made.source, made.path, folder, most))
        except (ElansrError, MemoryError):
            return View(words.notice("It is done, but too large to be shown here: download it."), card)
        return View("", card, (str(before), str(after)), str(after), made)

    def _submit(self, chosen: Chosen, wanted: Wanted) -> Task:
        try:
            data = chosen.path.read_bytes()
        except FileNotFoundError as error:
            raise Rejected(422, "gone", GONE) from error
        return self._service.submit(data, chosen.name, wanted)

    def _most(self, made: Made) -> int:
        """Pixels that a picture file may have: those of what was sent, or of its result."""
        return max(self._service.limits.max_pixels, made.size[0] * made.size[1])

    def _name(self, kind: str, scale: int) -> str:
        """What a request names for a row of the list and a scale."""
        scales = self._kinds[kind].scales if kind in self._kinds else {}
        if scale not in scales:
            raise Rejected(422, "invalid_request", f"{kind} does not enlarge {scale} times: choose another scale")
        return scales[scale]

    async def _threaded(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)
