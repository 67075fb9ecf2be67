"""A batch run, from settings to manifest.

Whatever dies, nothing is lost and nothing is there twice, because of three rules. A result appears whole, and then its
row. A chunk that is begun again first looks which rows are there. The joined manifest has one row a key, the latest.
What Ray does again, because a worker or a machine was lost, so comes to the same files and rows; and a picture that
kills its workers is given up after a few, because the attempts are counted outside of them.
"""

import secrets
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from elansr.cluster import ray_cluster
from elansr.cluster.lock import OutputLock
from elansr.cluster.manifest import Manifest, ManifestRow
from elansr.cluster.ray_cluster import Assignment, Resources
from elansr.cluster.settings import Settings, identified, weights_bytes
from elansr.cluster.sources import STATE, Columns, Item, find, planned
from elansr.cluster.storage import Store, resolved
from elansr.cluster.strips import shares, tile_of
from elansr.cluster.worker import Worker, WorkerConfig
from elansr.errors import ConfigError

CHUNK, CHUNK_BYTES = 16, 2**23
"""Pictures, and bytes of their files, of a chunk at most."""
CHUNKS_EACH = 4
"""Of a worker, at least, as far as there are pictures: so that all end at about the same time."""


@dataclass(frozen=True)
class RunPlan:
    """What a run will do.

    Attributes:
        total: pictures of the input.
        missing: those to do.
        refused: those whose results have no place.
        there: those done before.
        failed: those that failed before and stay so.
        left_out: pictures of kinds that are not read, by kind; they are no part of the total.
    """

    settings: Settings
    columns: Columns
    overwrite: bool
    source: Store
    output: Store
    total: int
    missing: tuple[Item, ...]
    refused: tuple[Item, ...]
    there: int
    failed: tuple[ManifestRow, ...]
    left_out: Mapping[str, int]


def plan(
    source: str,
    output: str,
    settings: Settings,
    columns: Columns = Columns(),  # noqa: B008 - frozen
    overwrite: bool = False,
    retry_failed: bool = False,
) -> RunPlan:
    """Looks at the input, the output and the manifest; nothing is written.

    Args:
        source: folder, pattern, picture or Parquet, see `sources.find`.
        overwrite: whether everything is made anew.
        retry_failed: whether what failed before is tried again.

    Raises:
        ConfigError: nothing to do, an output that cannot be, or one that holds other results.
        WeightsError: unknown or unusable weights.
    """
    settings, place = identified(settings), Store(resolved(output))
    place.require_place()
    store, items, left_out = find(resolved(source), columns)
    if store.url == place.url:
        raise ConfigError(f"{place.url}: is also the input: choose another folder for the results")
    inside = f"{place.url.removeprefix(store.url + '/')}/" if place.url.startswith(store.url + "/") else None
    items = [item for item in items if not (inside and item.key.startswith(inside))]
    upscalers = settings.upscalers("cpu")
    items = planned(items, upscalers.label if settings.suffix is None else settings.suffix, settings.ext, place)
    there = {name for name in place.sizes() if not name.startswith(f"{STATE}/")}
    wanted = [item for item in items if not item.problem]
    rows = Manifest(place).open(settings, overwrite, [item.target for item in wanted if item.target in there])
    missing = [item for item in wanted if _is_missing(item, rows.get(item.key), there, retry_failed)]
    kept = [rows[item.key] for item in wanted if item.key in rows and rows[item.key].status == "failed"]
    failed = () if retry_failed else tuple(kept)
    refused = tuple(item for item in items if item.problem)
    done = len(wanted) - len(missing) - len(failed)
    return RunPlan(
        settings, columns, overwrite, store, place, len(items), tuple(missing), refused, done, failed, left_out
    )


def _is_missing(item: Item, row: ManifestRow | None, there: set[str], retry_failed: bool) -> bool:
    if row is None:
        return True
    return retry_failed if row.status == "failed" else item.target not in there


def run(
    planned: RunPlan,
    address: str | None = None,
    resources: Resources = Resources(),  # noqa: B008 - frozen
    worker: type[Worker] = Worker,
) -> Generator[ManifestRow, None, None]:
    """Does what is missing and yields a row per finished picture; an interrupted run can be continued.

    Args:
        address: of a cluster, as Ray takes it; None starts one on this machine.

    Raises:
        ElansrError: no cluster, no room in it, or an output that cannot be written.
    """
    book, settings = Manifest(planned.output), planned.settings
    name = secrets.token_hex(4)
    with ExitStack() as stack:
        lock = stack.enter_context(OutputLock(planned.output))

        @stack.callback  # after the workers are gone
        def join() -> None:
            if not lock.is_lost:
                book.join()

        if planned.missing:
            settings.upscalers("cpu").prepare()
            stack.enter_context(ray_cluster.connected(address))
            pool = ray_cluster.fitted(resources, settings.device)
        book.begin(settings, planned.overwrite)
        if planned.refused:
            decided = settings.fingerprint()
            rows = [ManifestRow(i.key, i.source, i.target, "failed", i.problem, decided) for i in planned.refused]
            book.write_part(f"{name}-refused", rows)
            yield from rows
        if planned.missing:
            for row in _Batch(planned, pool, name, worker).upscaled(planned.missing):
                yield row
                lock.require()


def through(planned: RunPlan) -> set[str]:
    """The keys, of pictures to do, whose results are there and on record by now."""
    rows = Manifest(planned.output).rows()
    return {item.key for item in planned.missing if item.key in rows and rows[item.key].status == "upscaled"}


class _Batch:
    """What the workers of a run are given to do; its `name` is unlike that of any other run."""

    def __init__(self, planned: RunPlan, pool: Resources, name: str, worker: type[Worker]) -> None:
        self._planned, self._pool, self.name, self._worker = planned, pool, name, worker
        self._attempts = ray_cluster.attempts()

    def upscaled(self, items: Sequence[Item]) -> Iterator[ManifestRow]:
        """All of the pictures, in chunks; those that come back as split in shares, which are joined."""
        heights: dict[str, int] = {}
        for row in self._done(_chunks(items, self._pool.workers, self.name)):
            if row.status == "split":
                heights[row.key] = row.height or 0
            else:
                yield row
        large = [item for item in items if item.key in heights]
        if large:
            yield from self._joined(large, heights)

    def _joined(self, items: Sequence[Item], heights: dict[str, int]) -> Iterator[ManifestRow]:
        """The rows of pictures that are split; a picture with a share that failed is not joined."""
        settings, shared = self._planned.settings, list[Assignment]()
        for n, item in enumerate(items):
            count = shares(heights[item.key], settings)
            shared += [Assignment("share", f"{self.name}-s{n}-{part}", (item,), part) for part in range(count)]
        failed, seconds = dict[str, ManifestRow](), dict.fromkeys(heights, 0.0)
        for row in self._done(shared, tile_of(settings)):
            seconds[row.key] += row.seconds
            if row.status == "failed":
                failed[row.key] = row
        if failed:
            Manifest(self._planned.output).write_part(f"{self.name}-shares", list(failed.values()))
            yield from failed.values()
        joins = [
            Assignment("join", f"{self.name}-j{n}", (item,), seconds=seconds[item.key])
            for n, item in enumerate(items)
            if item.key not in failed
        ]
        yield from self._done(joins, tile_of(settings))

    def _done(self, work: Sequence[Assignment], tile: int = 0) -> Iterator[ManifestRow]:
        if not work:
            return
        planned, device = self._planned, self._planned.settings.device
        config = WorkerConfig(
            planned.source.given,
            planned.output.given,
            planned.settings,
            planned.columns,
            weights_bytes(planned.settings.model),
            self._pool.cpus,
            "cpu" if device == "auto" and not self._pool.gpus else device,
            tile,
        )
        yield from ray_cluster.done(work, config, self._attempts, self._pool, self._worker)


def _chunks(items: Sequence[Item], workers: int, name: str) -> list[Assignment]:
    """The pictures in chunks, the heaviest first."""
    most = max(1, min(CHUNK, len(items) // (workers * CHUNKS_EACH)))
    chunks: list[list[Item]] = [[]]
    for item in items:
        full = len(chunks[-1]) == most or sum(i.size for i in [*chunks[-1], item]) > CHUNK_BYTES
        if chunks[-1] and full:
            chunks.append([])
        chunks[-1].append(item)
    chunks.sort(key=lambda chunk: -sum(item.size for item in chunk))
    return [Assignment("chunk", f"{name}-{n}", tuple(chunk)) for n, chunk in enumerate(chunks)]
