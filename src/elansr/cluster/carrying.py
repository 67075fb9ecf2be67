"""Pictures on their way: fetched ahead of the work on them, and brought to their places behind it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from pathlib import Path

from elansr.cluster.stores import Store
from elansr.errors import ElansrError
from elansr.upscaling.groups import FileStages, Opened
from elansr.upscaling.jobs import Job
from elansr.upscaling.outcome import Outcome


class Carried:
    """The stages of files that come from a store and go to one; see `pipeline.Stages`.

    Args:
        inner: the stages of files on the disk.
        fetched: for each file of a job, what is done when it is on the disk.
        output: where results go.
        targets: the names of the results there, by the file that is written first.
        split_size: of a picture, on the disk, that is left to several workers its width and height, else None.

    Attributes:
        bytes: of the results that are in their places, by the file that was written first.
        split: width and height of the sources that are left to several workers.
    """

    def __init__(
        self,
        inner: FileStages,
        fetched: Mapping[Path, "Future[None]"],
        output: Store,
        targets: Mapping[Path, str],
        split_size: Callable[[Job], tuple[int, int] | None],
    ) -> None:
        self._inner, self._fetched, self._output = inner, fetched, output
        self._targets, self._split_size = targets, split_size
        self.bytes: dict[Path, int] = {}
        self.split: dict[Path, tuple[int, int]] = {}

    @property
    def most(self) -> int:
        """See `Stages`."""
        return self._inner.most

    def read(self, job: Job) -> Opened | None:
        """See `Stages`; what could not be fetched tells why when it is done alone."""
        try:
            self._fetched[job.source].result()
            if self._split_size(job):
                return None
        except (ElansrError, OSError):
            return None
        return self._inner.read(job)

    def pixels(self, opened: Opened) -> int:
        """See `Stages`."""
        return self._inner.pixels(opened)

    def upscale(self, window: Sequence[Opened]) -> Iterator[tuple[int, Callable[[], Outcome]]]:
        """See `Stages`."""
        for position, finish in self._inner.upscale(window):
            yield position, partial(self._delivered, finish)

    def alone(self, job: Job) -> Outcome:
        """See `Stages`."""
        try:
            self._fetched[job.source].result()
            if size := self._split_size(job):
                self.split[job.source] = size
                return Outcome(job.source, job.target, "skipped")
        except (ElansrError, OSError) as error:
            return Outcome(job.source, job.target, "failed", str(error))
        return self._delivered(lambda: self._inner.alone(job))

    def _delivered(self, finish: Callable[[], Outcome]) -> Outcome:
        outcome = finish()
        if outcome.status != "done":
            return outcome
        try:
            size = outcome.target.stat().st_size
            self._output.put(outcome.target, self._targets[outcome.target])
        except (ElansrError, OSError) as error:
            return replace(outcome, status="failed", reason=str(error))
        self.bytes[outcome.target] = size
        return outcome
