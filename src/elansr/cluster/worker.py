"""A worker: upscales chunks of pictures, each picture once, even if workers die.

A chunk is tried with all its pictures at once: while one is in the network, the next are fetched and decoded and the
last is encoded. If a worker dies of it, the next worker takes its pictures one by one and puts each on record before
and after: finished pictures are not done again, and a picture that kills worker after worker is given up.
"""

import os
import platform
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from elansr.cluster.manifest import Manifest, ManifestRow, Status
from elansr.cluster.settings import Settings
from elansr.cluster.sources import STATE, Columns, Item, ParquetCells
from elansr.cluster.storage import Store, fetch, fetch_bytes
from elansr.cluster.strips import SplitPicture, no_progress, split_size
from elansr.disk import TemporaryFolder
from elansr.engines.device import set_cpu_threads
from elansr.errors import ElansrError, PictureError
from elansr.images import set_threads
from elansr.text import shown
from elansr.upscaling import Alone, DecodedFile, FileResult, FileStages, Job, OpenedFile, attempt, overlapped, settled

ATTEMPTS = 2
"""How many workers may die of one picture, after the one that died of its chunk."""
KILLED = f"killed its worker {ATTEMPTS} times: it needs too much memory, or crashes a decoder"
FETCHERS = 8
"""Pictures of a chunk that are fetched at once."""
LARGE_FILE = 2**26
"""Bytes of a file from which on it is fetched to the disk; a chunk of several pictures has fewer in all."""
RECORD_EVERY = 2.0
"""Seconds: of a worker that dies or is stopped, pictures that were through in the last of them are done again."""
UNFINISHED = f"{STATE}/unfinished"

Begin = Callable[[str], int]
"""Counts how often something was begun, this time included."""


class TransferStages:
    """The stages of files that come from a store and go to one; see `pipeline.Stages`.

    Args:
        fetched: for each job, by its source: the bytes of the picture; None where the source is a file.
        targets: the names of the results there, by the file that is written first.
        split_size: of a picture that is left to several workers its width and height, else None.

    Attributes:
        bytes: of the results that are in their places, by the file that was written first.
        split: width and height of the sources that are left to several workers.
    """

    def __init__(
        self,
        inner: FileStages,
        fetched: Mapping[Path, "Future[bytes | None]"],
        output: Store,
        targets: Mapping[Path, str],
        split_size: Callable[[OpenedFile], tuple[int, int] | None],
    ) -> None:
        self._inner, self._fetched, self._output = inner, fetched, output
        self._targets, self._split_size = targets, split_size
        self.bytes: dict[Path, int] = {}
        self.split: dict[Path, tuple[int, int]] = {}

    @property
    def most(self) -> int:
        """See `Stages`."""
        return self._inner.most

    def read(self, job: Job) -> DecodedFile | Alone:
        """See `Stages`."""
        try:
            opened = self._inner.open(self._complete(job))
        except (ElansrError, OSError) as error:
            return settled(FileResult(job, "failed", str(error)))
        if isinstance(opened, FileResult):
            return settled(opened)
        if size := self._split_size(opened):
            self.split[job.source] = size
            return settled(FileResult(job, "skipped"))
        decoded = self._inner.decode(opened)
        return Alone(partial(self._delivered, decoded.work)) if isinstance(decoded, Alone) else decoded

    def pixels(self, decoded: DecodedFile) -> int:
        """See `Stages`."""
        return self._inner.pixels(decoded)

    def upscale(self, window: Sequence[DecodedFile]) -> Iterator[tuple[int, Callable[[], FileResult]]]:
        """See `Stages`."""
        for position, finish in self._inner.upscale(window):
            yield position, partial(self._delivered, finish)

    def _complete(self, job: Job) -> Job:
        """The job with the bytes of its picture, whose result goes to the store; waits until they are here."""

        def deliver(data: bytes) -> None:
            self._output.write(self._targets[job.target], data)
            self.bytes[job.target] = len(data)

        return replace(job, data=self._fetched[job.source].result(), deliver=deliver)

    def _delivered(self, finish: Callable[[], FileResult]) -> FileResult:
        """The result of a job; the file of one that was made on disk is moved to its place."""
        result = finish()
        if result.status != "done" or result.target in self.bytes:
            return result
        try:
            size = result.target.stat().st_size
            self._output.put(result.target, self._targets[result.target])
        except (ElansrError, OSError) as error:
            return replace(result, status="failed", reason=str(error))
        self.bytes[result.target] = size
        return result


@dataclass(frozen=True)
class WorkerConfig:
    """What every worker of a run needs to know.

    Attributes:
        weights: the file that `settings.model` is, for machines that do not have it.
        threads: of the CPU, for each worker.
        tile: in the place of one chosen by the memory; 0 leaves it to that.
    """

    source: str
    output: str
    settings: Settings
    columns: Columns
    weights: bytes | None
    threads: int
    device: str
    tile: int = 0


class Worker:
    """Holds the network and does chunks.

    Raises:
        ElansrError: the stores cannot be reached from here, or the network cannot be loaded.
    """

    def __init__(self, task: WorkerConfig, begin: Begin) -> None:
        set_threads(task.threads)
        set_cpu_threads(task.threads)
        self._folder = TemporaryFolder()
        self.settings, self.options = task.settings, task.settings.options()
        self.source, self.output = Store(task.source), Store(task.output)
        self.manifest = Manifest(self.output)
        self._require_folders()
        self._begin, self._fingerprint = begin, task.settings.fingerprint()
        self._cells = ParquetCells(self.source, task.columns.image)
        with self._folder.folder() as folder:
            self._weights: str | None = None
            if task.weights is not None:
                self._weights = str(folder / Path(task.settings.model).name)
                Path(self._weights).write_bytes(task.weights)
            self.upscalers = task.settings.upscalers(task.device, self._weights, task.tile)
            self.upscalers.prepare()

    def chunk(self, name: str, items: Sequence[Item]) -> Iterator[ManifestRow]:
        """Upscales the pictures, yields and records a row for each; finished ones are not done again."""
        if self._begin(name) == 1:
            yield from self._recorded(name, self.pictures(items, 1))
            return
        there = {row.key: row for row in self.manifest.part(name)}
        for number, item in enumerate(items):
            yield there.get(item.key) or self._alone(f"{name}-{number}", item)

    def share(self, name: str, item: Item, number: int) -> ManifestRow:
        """Makes a part of a picture that is split; the row says `split`, or why it failed."""
        return self._on_split(name, item, lambda split, job: split.make(number, self.upscalers, job.target.parent))

    def joined(self, name: str, item: Item, spent: float) -> ManifestRow:
        """Joins the parts of a picture, which took so many seconds, and puts it on record."""

        def join(split: SplitPicture, job: Job) -> ManifestRow:
            result = split.join(job, self.upscalers, self.options.quality)
            size = job.target.stat().st_size
            self.output.put(job.target, item.target)
            row = self.row_of(item, replace(result, seconds=result.seconds + spent), size, 1)
            self.manifest.write_part(name, [row])
            split.delete()
            return row

        if rows := self.manifest.part(name):
            return rows[0]
        row = self._on_split(name, item, join)
        if row.status == "failed":
            self.manifest.write_part(name, [row])
        return row

    def pictures(self, items: Sequence[Item], attempt: int) -> Iterator[ManifestRow]:
        """Upscales pictures, stores the results and yields their rows, which get the number `attempt`."""
        with self._folder.folder() as folder, ThreadPoolExecutor(FETCHERS) as pool:
            jobs = [self._job(item, folder, n) for n, item in enumerate(items)]
            stages = self._stages(items, jobs, pool)
            for item, job, found in zip(items, jobs, overlapped(jobs, stages), strict=True):
                if size := stages.split.get(found.source):
                    row = self.row(item, "split", width=size[0], height=size[1])
                else:
                    row = self.row_of(item, found, stages.bytes.get(found.target), attempt)
                if self.output.local:
                    _clear(job.target.parent, row.status)
                yield row

    def fetched(self, item: Item, file: Path) -> bytes | None:
        """The bytes of a picture; None where it is in the file, as those are that are local or large.

        Raises:
            PictureError: it is not there, or cannot be read.
        """
        if item.row >= 0:
            return self._cells(item)
        if self.source.local:
            return None
        if item.size <= LARGE_FILE:
            return fetch_bytes(self.source, item.path)
        fetch(self.source, item.path, file)
        return None

    def row(self, item: Item, status: Status, error: str | None = None, **about: Any) -> ManifestRow:
        """A row of the manifest, from this worker and of this moment."""
        where: dict[str, Any] = {"worker": os.getpid(), "node": platform.node()}
        return ManifestRow(item.key, item.source, item.target, status, error, self._fingerprint, **where, **about)

    def row_of(self, item: Item, result: FileResult, size: int | None, attempt: int) -> ManifestRow:
        """The row of a result."""
        spent: dict[str, Any] = {"seconds": result.seconds, "attempt": attempt}
        if result.status != "done" or not (result.input_size and result.output_size and result.choice):
            return self.row(item, "failed", result.reason, **spent)
        sizes = dict(zip(("width", "height"), result.input_size, strict=True))
        results = dict(zip(("result_width", "result_height"), result.output_size, strict=True))
        model = self.settings.model if result.choice.model == self._weights else result.choice.model
        kind: dict[str, Any] = {"pages": result.pages, "scale": result.scale, "model": model, "bytes": size}
        kind["notes"] = "; ".join(result.notes) or None
        return self.row(item, "upscaled", None, **sizes, **results, **kind, **spent)

    def _recorded(self, name: str, rows: Iterator[ManifestRow]) -> Iterator[ManifestRow]:
        """Puts rows on record as they come, not too often: a store may take its time for each part."""
        kept: list[ManifestRow] = []
        written = time.monotonic()
        try:
            for row in rows:
                kept.append(row)
                if time.monotonic() - written >= RECORD_EVERY:
                    self.manifest.write_part(name, kept)
                    written = time.monotonic()
                yield row
        finally:
            self.manifest.write_part(name, kept)

    def _on_split(self, name: str, item: Item, work: Callable[[SplitPicture, Job], ManifestRow | None]) -> ManifestRow:
        """Does some work on a picture that is split; returns its row."""

        def begun() -> ManifestRow | None:
            if self._begin(name) > ATTEMPTS:
                raise PictureError(f"{item.source}: {KILLED}; use a smaller `tile`")
            data = self.fetched(item, job.source)
            if data is not None:
                job.source.write_bytes(data)  # it is read in rows
            return work(SplitPicture(job.source, item, self.output, self.settings), job)

        started = time.perf_counter()
        with self._folder.folder() as folder:
            job = self._job(item, folder, 0)
            found, _ = attempt(job, self.options, begun)
        row = self.row_of(item, found, None, 1) if isinstance(found, FileResult) else found
        if self.output.local:
            _clear(job.target.parent, row.status if row else "split")
        return row or self.row(item, "split", seconds=time.perf_counter() - started)

    def _alone(self, name: str, item: Item) -> ManifestRow:
        """One picture of a chunk that a worker died of."""
        if rows := self.manifest.part(name):
            return rows[0]
        attempt = self._begin(name)
        if attempt > ATTEMPTS:
            row = self.row(item, "failed", f"{item.source}: {KILLED}; try it with elansr upscale")
        else:
            [row] = self.pictures([item], attempt + 1)
        self.manifest.write_part(name, [row])
        return row

    def _stages(self, items: Sequence[Item], jobs: Sequence[Job], pool: ThreadPoolExecutor) -> TransferStages:
        both = list(zip(jobs, items, strict=True))
        fetched: dict[Path, Future[bytes | None]] = {
            job.source: pool.submit(self.fetched, item, job.source) for job, item in both
        }
        targets = {job.target: item.target for job, item in both}
        stages = FileStages(self.upscalers, self.options, no_progress)
        split = partial(split_size, settings=self.settings, longest=self.options.max_streamed)
        return TransferStages(stages, fetched, self.output, targets, split)

    def _job(self, item: Item, folder: Path, number: int) -> Job:
        """Files on this machine, which messages call as the user knows them."""
        source = Path(item.path) if self.source.local and item.row < 0 else folder / str(number)
        around = Path(self.output.path(UNFINISHED)) if self.output.local else folder
        # The same at the next attempt, which may go on there.
        place = around / sha256(item.key.encode("utf-8", "surrogateescape")).hexdigest()[:16]
        place.mkdir(parents=True, exist_ok=True)
        target = place / Path(item.target).name
        return Job(source, target, source_name=item.source, target_name=self.output.shown(item.target))

    def _require_folders(self) -> None:
        """Folders of one machine are no use to the others."""
        for store in (self.source, self.output):
            if store.local and not os.path.isdir(store.root):
                where = f"the machine {platform.node()} cannot see this folder"
                raise PictureError(f"{shown(store.root)}: {where}: use a folder that all machines share")


def _clear(folder: Path, status: Status) -> None:
    """Deletes the folder in which a result was made; what is to be taken up again stays."""
    with suppress(OSError):
        folder.rmdir()
    if status == "upscaled":
        shutil.rmtree(folder, ignore_errors=True)
