"""What happens when somebody uses the page; `page_layout` says which part of it shows what comes back."""

import asyncio
import json
import shutil
import time
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar
from urllib.parse import quote

from elansr.apps.server import page_pictures as pictures
from elansr.apps.server import page_words as words
from elansr.apps.server.limits import Rejected
from elansr.apps.server.page_models import Kind
from elansr.apps.server.page_scratch import Scratch
from elansr.apps.server.service import Service, Task
from elansr.apps.server.work import Result, Wanted, rejected, safe_name
from elansr.errors import ElansrError
from elansr.inference.jobs import Extension

T = TypeVar("T")

LOOKED_AT = 0.1
"""Seconds between two looks at how far a request is."""
PREPARING = 2
"""Pictures that are prepared for the browser at once; each may take the memory of a whole result."""
LARGEST_DETAIL = 1600
"""The widest cut-out, in pixels."""
LONGEST_NAME = 200
"""Bytes of a result's name, of the 255 that file systems take."""
GONE = "the picture is no longer on the server, which deletes it after a while: choose it again"


@dataclass(frozen=True)
class Chosen:
    """A picture that was sent.

    Attributes:
        name: as the client calls it.
        path: where it lies.
        about: what it is.
    """

    name: str
    path: Path
    about: pictures.About


@dataclass(frozen=True)
class Made:
    """A result that can be looked at.

    Attributes:
        source: the picture file that was sent.
        path: the result's file.
        size: width and height of the result.
        shown: the same of what the browser shows of it.
    """

    source: Path
    path: Path
    size: tuple[int, int]
    shown: tuple[int, int]


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
        self._running: dict[str, Task] = {}
        self._threads = ThreadPoolExecutor(PREPARING, "elansr-page")

    def close(self) -> None:
        """Ends what is being prepared."""
        self._threads.shutdown(cancel_futures=True)

    async def take(self, sent: str) -> tuple[str, Chosen | None]:
        """A picture was sent: what to say of it, and the picture if it is one.

        Args:
            sent: where Gradio put the upload and the client's name for it, as JSON of the browser's making.
        """
        try:
            upload, name = self._named(sent)
        except ElansrError as error:
            return words.sentence(str(error)), None
        try:
            return await self._threaded(lambda: self._taken(upload, name))
        except ElansrError as error:
            return words.sentence(str(error), name), None

    def size_after(self, chosen: Chosen | None, scale: int) -> str:
        """How large the result of a scale will be."""
        return words.size_after(chosen.about if chosen else None, scale, self._service.limits.max_result_pixels)

    async def upscale(
        self, session: str, chosen: Chosen | None, kind: str, scale: int, extension: Extension, quality: int
    ) -> AsyncIterator[View]:
        """Upscales a picture; one at a time in each tab.

        Args:
            session: the tab.
            chosen: the picture.
            kind: name of the model's family.
            scale: of the network.
            extension, quality: see `Wanted`.

        Yields:
            What to show, as it goes on.
        """
        self.stop(session)
        try:
            if chosen is None:
                raise Rejected(422, "no_picture", "choose a picture first")
            wanted = Wanted(self._name(kind, scale), scale, extension=extension, quality=quality)
            task = await self._threaded(lambda: self._submitted(chosen, wanted))
        except ElansrError as error:
            yield View(words.sentence(str(error)))
            return
        self._running[session] = task
        try:
            async for view in self._watched(session, task, chosen):
                yield view
        finally:
            task.cancel()
            if self._running.get(session) is task:
                del self._running[session]

    def stop(self, session: str) -> None:
        """Ends what a tab has asked for, if it still runs."""
        if task := self._running.pop(session, None):
            task.cancel()

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
        folder, most = self._scratch.new(), self._service.limits.max_pixels
        files = await self._threaded(
            lambda: pictures.detail(made.source, made.path, folder, box, made.size, max(most, _area(made.size)))
        )
        return str(files[0]), str(files[1])

    async def _watched(self, session: str, task: Task, chosen: Chosen) -> AsyncIterator[View]:
        """A request from its start to what is shown of its result."""
        async for view in self._progress(session, task):
            yield view
        if self._running.get(session) is not task:
            yield View(words.notice("Stopped."))
            return
        try:
            result = task.result()
        except Rejected as error:
            yield View(words.sentence(str(error), chosen.name))
            return
        made = await self._threaded(lambda: self._kept(chosen, result))
        card = words.done(result, _link(made.path))
        yield View(words.notice("Preparing the comparison …"), card, working=True)
        yield await self._compared(card, made)

    async def _progress(self, session: str, task: Task) -> AsyncIterator[View]:
        """Until the request has ended or was stopped; the clock starts with its work, not while it waits."""
        began, told = 0.0, ""
        while not task.future.done() and task.remaining and self._running.get(session) is task:
            now = time.monotonic()
            began = began or (now if task.in_work else 0.0)
            text = words.progress(task.progress, now - began if began else None)
            if text != told:
                told = text
                yield View(text, working=True)
            await asyncio.sleep(LOOKED_AT)

    async def _compared(self, card: str, made: Made) -> View:
        most = max(self._service.limits.max_pixels, _area(made.size))
        folder = made.path.parent
        try:
            before, after = await self._threaded(lambda: pictures.comparison(made.source, made.path, folder, most))
        except (ElansrError, MemoryError):
            return View(words.notice("It is done, but too large to be shown here: download it."), card)
        return View("", card, (str(before), str(after)), str(after), made)

    def _taken(self, upload: Path, name: str) -> tuple[str, Chosen]:
        """Copies an upload to a folder of its own, where no other tab with the same file has a say, and looks at it."""
        self._scratch.sweep()
        folder = self._scratch.new()
        path = folder / "source"
        try:
            shutil.copyfile(upload, path)
            picture = pictures.opened(path, self._service.limits.max_pixels)
        except OSError as error:
            raise Rejected(422, "gone", GONE) from error
        except ElansrError as error:
            shutil.rmtree(folder)
            raise rejected(error, {path: Path(name)}, self._service.limits) from error
        pictures.thumbnail(picture, folder / "thumbnail.jpg")
        chosen = Chosen(name, path, pictures.about(picture))
        return words.chosen(name, chosen.about, path.stat().st_size, _link(folder / "thumbnail.jpg")), chosen

    def _named(self, sent: str) -> tuple[Path, str]:
        """Where an upload lies and what it is called; only what lies in our folder is one."""
        try:
            told = json.loads(sent)
            upload, name = Path(told["path"]).resolve(), safe_name(told["name"])
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise Rejected(422, "no_picture", "that was no upload: choose the picture again") from error
        if self._scratch.folder.resolve() not in upload.parents:
            raise Rejected(422, "no_picture", GONE)
        return upload, name

    def _submitted(self, chosen: Chosen, wanted: Wanted) -> Task:
        try:
            data = chosen.path.read_bytes()
        except FileNotFoundError as error:
            raise Rejected(422, "gone", GONE) from error
        return self._service.submit(data, chosen.name, wanted)

    def _kept(self, chosen: Chosen, result: Result) -> Made:
        """Writes a result for the download, under its own name."""
        path = self._scratch.new() / _fitting(result.file_name)
        path.write_bytes(result.data)
        size = result.width, result.height
        return Made(chosen.path, path, size, pictures.shown_size(size))

    def _name(self, kind: str, scale: int) -> str:
        """What a request names for a row of the list and a scale."""
        scales = self._kinds[kind].scales if kind in self._kinds else {}
        if scale not in scales:
            raise Rejected(422, "invalid_request", f"{kind} does not enlarge {scale} times: choose another scale")
        return scales[scale]

    async def _threaded(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _link(path: Path) -> str:
    """Where the browser finds a file, from the page's own address."""
    return f"gradio_api/file={quote(str(path))}"


def _fitting(name: str) -> str:
    """A file name that every file system takes: shorter where letters of many bytes make it too long."""
    path = Path(name)
    stem = path.stem.encode()[: LONGEST_NAME - len(path.suffix.encode())].decode(errors="ignore")
    return stem + path.suffix


def _area(size: tuple[int, int]) -> int:
    return size[0] * size[1]
