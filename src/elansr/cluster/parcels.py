"""What one worker does: parcels of pictures, each of them once, whatever dies in between.

A parcel is tried with all its pictures at once: while one is in the network, the next are fetched and decoded and the
last is encoded. If a worker dies of it, the next worker takes its pictures one by one and puts each on record before
and after: what is through is not done again, and a picture that kills worker after worker is given up.
"""

import os
import platform
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from elansr.cluster.manifest import Manifest, Row, Status, now
from elansr.cluster.scratch import Scratch
from elansr.cluster.settings import Settings
from elansr.cluster.sources import STATE, Cells, Columns, Item
from elansr.cluster.stores import Store, fetch
from elansr.errors import PictureError
from elansr.text import shown

if TYPE_CHECKING:
    from elansr.cluster.carrying import Carried
    from elansr.cluster.strips import Split
    from elansr.upscaling.batch import Job, Outcome

ATTEMPTS = 2
"""How many workers may die of one picture, after the one that died of its parcel."""
KILLED = f"killed its worker {ATTEMPTS} times: too large for the memory, or it crashes a decoder"
FETCHERS = 8
"""Pictures of a parcel that are fetched at once."""
RECORD_EVERY = 2.0
"""Seconds: of a worker that dies or is stopped, pictures that were through in the last of them are done again."""
UNFINISHED = f"{STATE}/unfinished"

Begin = Callable[[str], int]
"""Puts on record that something is begun, and tells the how many-th time it is."""


@dataclass(frozen=True)
class Task:
    """What every worker of a run is told.

    Attributes:
        source, output: addresses of the stores.
        settings: for all pictures.
        columns: of Parquet.
        weights: the file that `settings.model` is, for machines that do not have it.
        threads: of the CPU, for each worker.
        device: that runs the network.
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
    """Holds the network and does parcels.

    Args:
        task: see there.
        begin: counts attempts for all workers of a run.

    Raises:
        ElansrError: the stores cannot be reached from here, or the network cannot be loaded.
    """

    def __init__(self, task: Task, begin: Begin) -> None:
        _use_threads(task.threads)
        self._scratch = Scratch()
        self.settings, self.options = task.settings, task.settings.options()
        self.source, self.output = Store(task.source), Store(task.output)
        self.manifest = Manifest(self.output)
        self._require_folders()
        self._begin, self._fingerprint = begin, task.settings.fingerprint()
        self._cells = Cells(self.source, task.columns.image)
        with self._scratch.folder() as folder:
            self._weights = _weights_file(task, Path(folder))
            self.upscalers = task.settings.upscalers(task.device, self._weights, task.tile)
            self.upscalers.prepare()

    def parcel(self, name: str, items: Sequence[Item]) -> Iterator[Row]:
        """Upscales the pictures, tells of each in its turn and puts it on record; what is there is not done again."""
        if self._begin(name) == 1:
            yield from self._recorded(name, self.pictures(items, 1))
            return
        there = {row.key: row for row in self.manifest.part(name)}
        for number, item in enumerate(items):
            yield there.get(item.key) or self._alone(f"{name}-{number}", item)

    def share(self, name: str, item: Item, number: int) -> Row:
        """Makes a part of a picture that is split; the row says `split`, or why it failed."""
        return self._on_split(name, item, lambda split, job: split.make(number, self.upscalers, job.target.parent))

    def joined(self, name: str, item: Item, spent: float) -> Row:
        """Joins the parts of a picture, which took so many seconds, and puts it on record."""

        def join(split: "Split", job: "Job") -> Row:
            outcome = split.join(job, self.upscalers, self.options.quality)
            size = job.target.stat().st_size
            self.output.put(job.target, item.target)
            row = self.told(item, replace(outcome, seconds=outcome.seconds + spent), size, 1)
            self.manifest.write_part(name, [row])
            split.delete()
            return row

        if rows := self.manifest.part(name):
            return rows[0]
        row = self._on_split(name, item, join)
        if row.status == "failed":
            self.manifest.write_part(name, [row])
        return row

    def pictures(self, items: Sequence[Item], attempt: int) -> Iterator[Row]:
        """Upscales pictures, brings the results to their places and tells of each; `attempt` is for their rows."""
        from elansr.upscaling.batch import Job
        from elansr.upscaling.pipeline import overlapped

        with self._scratch.folder() as folder, ThreadPoolExecutor(FETCHERS) as pool:
            jobs = [Job(self._file(item, folder, n), self._place(item, folder)) for n, item in enumerate(items)]
            stages = self._stages(items, jobs, pool)
            for item, job, found in zip(items, jobs, overlapped(jobs, stages), strict=True):
                row = self._told(item, found, stages, attempt)
                if self.output.local:
                    _clear(job.target.parent, row.status)
                yield row

    def fetched(self, item: Item, file: Path) -> None:
        """Sees to it that the picture is in the file.

        Raises:
            PictureError: it is not there, or cannot be read.
        """
        if item.row >= 0:
            file.write_bytes(self._cells(item))
        elif not self.source.local:
            fetch(self.source, item.path, file)

    def row(self, item: Item, status: Status, error: str | None = None, **about: Any) -> Row:
        """A row of the manifest, from this worker and of this moment."""
        where: dict[str, Any] = {"worker": os.getpid(), "node": platform.node()}
        return Row(item.key, item.source, item.target, status, error, self._fingerprint, now(), **where, **about)

    def told(self, item: Item, outcome: "Outcome", size: int | None, attempt: int) -> Row:
        """An outcome as a row; messages name the picture as the user knows it."""
        spent: dict[str, Any] = {"seconds": outcome.seconds, "attempt": attempt}
        if outcome.status != "done" or not (outcome.input_size and outcome.output_size and outcome.choice):
            error = outcome.reason.replace(shown(outcome.source), item.source)
            error = error.replace(shown(outcome.target), self.output.shown(item.target))
            return self.row(item, "failed", error, **spent)
        sizes = dict(zip(("width", "height"), outcome.input_size, strict=True))
        results = dict(zip(("result_width", "result_height"), outcome.output_size, strict=True))
        model = self.settings.model if outcome.choice.model == self._weights else outcome.choice.model
        kind: dict[str, Any] = {"pages": outcome.pages, "scale": outcome.scale, "model": model, "bytes": size}
        return self.row(item, "upscaled", None, **sizes, **results, **kind, **spent)

    def _recorded(self, name: str, rows: Iterator[Row]) -> Iterator[Row]:
        """Puts rows on record as they come, not too often: a store may take its time for each part."""
        kept: list[Row] = []
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

    def _on_split(self, name: str, item: Item, work: "Callable[[Split, Job], Row | None]") -> Row:
        """Does some work on a picture that is split, and tells what became of it."""
        from elansr.cluster.strips import Split
        from elansr.upscaling.batch import Job, Outcome
        from elansr.upscaling.outcome import attempt

        def begun() -> Row | None:
            if self._begin(name) > ATTEMPTS:
                raise PictureError(f"{item.source}: {KILLED}; give a smaller --tile")
            self.fetched(item, job.source)
            return work(Split(job.source, item, self.output, self.settings), job)

        started = time.perf_counter()
        with self._scratch.folder() as folder:
            job = Job(self._file(item, folder, 0), self._place(item, folder))
            found = attempt(job, self.options, begun)
        row = self.told(item, found, None, 1) if isinstance(found, Outcome) else found
        if self.output.local:
            _clear(job.target.parent, row.status if row else "split")
        return row or self.row(item, "split", seconds=time.perf_counter() - started)

    def _alone(self, name: str, item: Item) -> Row:
        """One picture of a parcel that a worker died of."""
        if rows := self.manifest.part(name):
            return rows[0]
        attempt = self._begin(name)
        if attempt > ATTEMPTS:
            row = self.row(item, "failed", f"{item.source}: {KILLED}; try it alone with elansr upscale")
        else:
            [row] = self.pictures([item], attempt + 1)
        self.manifest.write_part(name, [row])
        return row

    def _stages(self, items: Sequence[Item], jobs: "Sequence[Job]", pool: ThreadPoolExecutor) -> "Carried":
        from elansr.cluster.carrying import Carried
        from elansr.cluster.strips import split_size
        from elansr.upscaling.batch import Job, Outcome, upscale_file
        from elansr.upscaling.groups import FileStages
        from elansr.upscaling.outcome import attempt

        def alone(job: Job) -> Outcome:
            return attempt(job, self.options, partial(upscale_file, job, self.upscalers, self.options, unwatched))

        both = list(zip(jobs, items, strict=True))
        fetched: dict[Path, Future[None]] = {
            job.source: pool.submit(self.fetched, item, job.source) for job, item in both
        }
        targets = {job.target: item.target for job, item in both}
        stages = FileStages(self.upscalers, self.options, unwatched, alone)
        split = partial(split_size, settings=self.settings, longest=self.options.max_streamed)
        return Carried(stages, fetched, self.output, targets, split)

    def _told(self, item: Item, outcome: "Outcome", stages: "Carried", attempt: int) -> Row:
        if size := stages.split.get(outcome.source):
            return self.row(item, "split", width=size[0], height=size[1])
        return self.told(item, outcome, stages.bytes.get(outcome.target), attempt)

    def _file(self, item: Item, folder: str, number: int) -> Path:
        """Where the picture can be opened."""
        return Path(item.path) if self.source.local and item.row < 0 else Path(folder, str(number))

    def _place(self, item: Item, folder: str) -> Path:
        """Where the result is written before it is moved; the same at the next attempt, which may go on there."""
        around = Path(self.output.path(UNFINISHED)) if self.output.local else Path(folder)
        place = around / sha256(item.key.encode("utf-8", "surrogateescape")).hexdigest()[:16]
        place.mkdir(parents=True, exist_ok=True)
        return place / Path(item.target).name

    def _require_folders(self) -> None:
        """Folders of one machine are no use to the others."""
        for store in (self.source, self.output):
            if store.local and not os.path.isdir(store.root):
                where = f"the machine {platform.node()} does not see this folder"
                raise PictureError(f"{shown(store.root)}: {where}: name one that all machines of the cluster share")


def unwatched(_job: object, _done: int, _total: int) -> None:
    """Progress that nobody watches."""


def _use_threads(threads: int) -> None:
    """Limits the CPU threads of libvips, which looks when it is loaded, and of PyTorch."""
    os.environ["VIPS_CONCURRENCY"] = str(threads)
    from elansr.engines.device import set_cpu_threads

    set_cpu_threads(threads)


def _weights_file(task: Task, folder: Path) -> str | None:
    """The path of the weights on this machine; None where their name suffices."""
    if task.weights is None:
        return None
    path = folder / Path(task.settings.model).name
    path.write_bytes(task.weights)
    return str(path)


def _clear(folder: Path, status: Status) -> None:
    """Deletes the folder in which a result was made; what is to be taken up again stays."""
    with suppress(OSError):
        folder.rmdir()
    if status == "upscaled":
        shutil.rmtree(folder, ignore_errors=True)
