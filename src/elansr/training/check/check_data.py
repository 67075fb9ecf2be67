"""What is wrong with a training set, before time is spent on training with it.

Every picture is looked at by itself (`check_data_picture`), compared with the others (`check_data_likeness`) and with
benchmark pictures (`check_data_overlap`), which must not be trained on.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from elansr.errors import ConfigError, DataError
from elansr.evaluation.datasets import read_rgb
from elansr.images import imresize, is_picture_name
from elansr.text import shown
from elansr.training.check.landmarks import LARGEST, Landmarks
from elansr.training.check.likeness import ALIKE, Print, most_alike, print_of
from elansr.training.check.measures import Luma, luma
from elansr.training.check.overlap import Benchmark, Overlap, both_ways
from elansr.training.check.picture import KINDS, Finding, Record, faults, look_at

LR_FOLDER = "LR_bicubic"
"""Of the EDSR layout; benchmark pictures below are copies of those beside it."""

Item = TypeVar("Item")
Result = TypeVar("Result")
Progress = Callable[[str, int, int], None]
"""Told what is being done, how much of it is through, and of how much."""


@dataclass(frozen=True)
class Report:
    """What was found.

    Attributes:
        folders, against: what was looked at.
        scale, patch: of the training that the set is for.
        pictures: every readable picture.
        findings: by kind in the order of `KINDS`, the worst of each kind first.
    """

    folders: tuple[Path, ...]
    against: tuple[Path, ...]
    scale: int
    patch: int
    pictures: tuple[Record, ...]
    findings: tuple[Finding, ...]

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings


def check_data(
    folders: Sequence[Path],
    against: Sequence[Path] = (),
    scale: int = 4,
    patch: int = 48,
    progress: Progress = lambda doing, done, total: None,
) -> Report:
    """Looks at every picture below the folders.

    Args:
        folders: of the training pictures, searched recursively.
        against: folders of benchmark pictures, searched recursively; LR_bicubic/ in them is left out.
        scale: super-resolution factor.
        patch: side of an LR crop in pixels.
        progress: called in this thread; what it raises ends the run.

    Raises:
        ConfigError: scale or patch under 1.
        DataError: a folder is missing or holds no picture.
        PictureError: a benchmark picture cannot be read.
    """
    if scale < 1 or patch < 1:
        raise ConfigError(f"scale {scale} and patch {patch}: both are at least 1")
    files = _pictures(folders)
    benchmark_files = _benchmark_files(against)
    benchmark, prints = _benchmark(benchmark_files, progress)
    seen = list(_in_threads(lambda file: look_at(file, benchmark), files, "pictures", progress))
    records = [item for item in seen if isinstance(item, Record)]
    findings = [item for item in seen if isinstance(item, Finding)]
    findings += [finding for record in records for finding in faults(record, scale * patch)]
    findings += [*_repeated(records), *_overlapping(records, benchmark_files, prints)]
    order = list(KINDS)
    findings.sort(key=lambda finding: (order.index(finding.kind), -finding.severity, finding.file))
    return Report(tuple(folders), tuple(against), scale, patch, tuple(records), tuple(findings))


def _pictures(folders: Sequence[Path]) -> list[Path]:
    """All picture files below the folders, sorted, each once."""
    found: set[Path] = set()
    for folder in folders:
        if not folder.is_dir():
            raise DataError(f"{shown(folder)}: not a folder; name folders of pictures")
        pictures = {file for file in folder.rglob("*") if is_picture_name(file) and not file.is_dir()}
        if not pictures:
            raise DataError(f"{shown(folder)}: holds no picture; name folders of pictures")
        found |= pictures
    return sorted(found)


def _benchmark_files(against: Sequence[Path]) -> list[Path]:
    files = [file for file in _pictures(against) if LR_FOLDER not in file.parts]
    if against and not files:
        raise DataError(f"{shown(against[0])}: holds LR pictures only; name the folder of the HR ones")
    return files


def _benchmark(files: Sequence[Path], progress: Progress) -> tuple[Benchmark | None, list[Print]]:
    """Benchmark pictures, to be found as parts of others and as wholes."""
    if not files:
        return None, []
    read = list(_in_threads(_benchmark_picture, files, "benchmark", progress))
    return Benchmark([y for y, _, _ in read], [marks for _, marks, _ in read]), [whole for _, _, whole in read]


def _benchmark_picture(file: Path) -> tuple[Luma, tuple[Landmarks, Landmarks], Print]:
    y = luma(read_rgb(file))
    factor = min(1.0, LARGEST / max(y.shape))
    y = imresize(y[..., None], *(max(1, round(side * factor)) for side in y.shape))[..., 0] if factor < 1 else y
    return y, both_ways(y), print_of(y)


def _repeated(records: Sequence[Record]) -> Iterator[Finding]:
    """Pictures that are there before, in the order of the files."""
    first: dict[bytes, Path] = {}
    for record, (index, likeness) in zip(records, most_alike([record.fingerprint for record in records]), strict=True):
        if record.digest in first:
            yield Finding("duplicate", record.file, 1.0, "same pixels", first[record.digest])
        elif likeness >= ALIKE:
            detail = f"likeness {likeness:.2f}"
            yield Finding("near-duplicate", record.file, likeness, detail, records[index].file)
        first.setdefault(record.digest, record.file)


def _overlapping(records: Sequence[Record], files: Sequence[Path], prints: Sequence[Print]) -> Iterator[Finding]:
    """Pictures that share something with a benchmark picture, whole or in part."""
    wholes = most_alike([record.fingerprint for record in records], prints)
    for record, (index, likeness) in zip(records, wholes, strict=True):
        parts = {overlap.index for overlap in record.overlaps}
        for overlap in record.overlaps:
            yield Finding("overlap", record.file, overlap.correlation, _in_words(overlap), files[overlap.index])
        if likeness >= ALIKE and index not in parts:
            yield Finding("overlap", record.file, likeness, f"the whole picture, likeness {likeness:.2f}", files[index])


def _in_words(overlap: Overlap) -> str:
    mirrored = ", mirrored" if overlap.mirrored else ""
    return f"shares {100 * overlap.share:.0f} % of its area{mirrored}, correlation {overlap.correlation:.2f}"


def _in_threads(
    work: Callable[[Item], Result], items: Sequence[Item], doing: str, progress: Progress
) -> Iterator[Result]:
    """The results in order; when something is raised, what has not begun is dropped."""
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        progress(doing, 0, len(items))
        for done, result in enumerate(pool.map(work, items), start=1):
            progress(doing, done, len(items))
            yield result
    finally:
        pool.shutdown(cancel_futures=True)
