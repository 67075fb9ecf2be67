"""The whole check of a training set, before time is spent on training with it.

Every picture is looked at by itself (`picture`), and compared with the others and with benchmark pictures, which must
not be trained on (`duplicates`).
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from elansr.errors import ConfigError, DataError
from elansr.evaluation import located, read_rgb
from elansr.text import shown
from elansr.training.check.duplicates import BITS, SAME, Fingerprint, closest, fingerprint
from elansr.training.check.picture_faults import FLAT, KINDS, Finding, Kind, PictureMeasures, faults, measure
from elansr.training.data import find_pictures

LR_FOLDER = "LR_bicubic"
"""Of the EDSR layout; benchmark pictures below are copies of those beside it."""

Item = TypeVar("Item")
Result = TypeVar("Result")
CheckProgress = Callable[[str, int, int], None]
"""Called with what is being looked at, how many of them are done, and how many there are."""


@dataclass(frozen=True)
class DataCheck:
    """What was found.

    Attributes:
        pictures: every readable picture.
        findings: by kind in the order of `KINDS`, the worst of each kind first.
    """

    folders: tuple[Path, ...]
    against: tuple[Path, ...]
    scale: int
    patch: int
    pictures: tuple[PictureMeasures, ...]
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
    progress: CheckProgress = lambda doing, done, total: None,
) -> DataCheck:
    """Looks at every picture below the folders.

    Args:
        folders: of the training pictures, searched recursively.
        against: folders of benchmark pictures, searched without LR_bicubic/, or names of sets in ELANSR_DATA.
        patch: side of an LR crop in pixels.
        progress: called in this thread; what it raises ends the run.

    Raises:
        ConfigError: scale or patch under 1.
        DataError: a folder is missing or holds no picture.
        PictureError: a benchmark picture cannot be read.
    """
    if scale < 1 or patch < 1:
        raise ConfigError(f"scale {scale} and patch {patch}: must be at least 1")
    against = [located(Path(folder)) for folder in against]
    files, benchmark_files = find_pictures(folders), _benchmark_files(against)
    benchmark = list(_in_threads(lambda file: fingerprint(read_rgb(file)), benchmark_files, "benchmark", progress))
    seen = list(_in_threads(measure, files, "pictures", progress))
    pictures = [item for item in seen if isinstance(item, PictureMeasures)]
    findings = [item for item in seen if isinstance(item, Finding)]
    findings += [finding for picture in pictures for finding in faults(picture, scale * patch)]
    findings += [*_exact_duplicates(pictures), *_overlapping(pictures, benchmark_files, benchmark)]
    findings += _near_duplicates(pictures)
    order = list(KINDS)
    findings.sort(key=lambda finding: (order.index(finding.kind), -finding.severity, finding.file))
    return DataCheck(tuple(folders), tuple(against), scale, patch, tuple(pictures), tuple(findings))


def _benchmark_files(against: Sequence[Path]) -> list[Path]:
    files = [file for file in find_pictures(against) if LR_FOLDER not in file.parts]
    if against and not files:
        raise DataError(f"{shown(against[0])}: contains only LR pictures; choose a folder of HR pictures")
    return files


def _exact_duplicates(pictures: Sequence[PictureMeasures]) -> Iterator[Finding]:
    first: dict[bytes, Path] = {}
    for picture in pictures:
        earlier = first.setdefault(picture.fingerprint.digest, picture.file)
        if earlier != picture.file:
            yield Finding("duplicate", picture.file, 1.0, "same pixels", earlier)


def _near_duplicates(pictures: Sequence[PictureMeasures]) -> Iterator[Finding]:
    """Pictures that nearly repeat an earlier one. Flat ones are left out, as nothing tells them apart."""
    distinct = {picture.fingerprint.digest: picture for picture in reversed(pictures) if picture.gradient >= FLAT}
    ordered = sorted(distinct.values(), key=lambda picture: picture.file)
    matches = closest([picture.fingerprint for picture in ordered])
    return _repeats("near-duplicate", ordered, matches, [picture.file for picture in ordered])


def _overlapping(
    pictures: Sequence[PictureMeasures], files: Sequence[Path], benchmark: Sequence[Fingerprint]
) -> Iterator[Finding]:
    """Pictures that are those of a benchmark."""
    compared = [picture for picture in pictures if picture.gradient >= FLAT]
    return _repeats("overlap", compared, closest([picture.fingerprint for picture in compared], benchmark), files)


def _repeats(
    kind: Kind, pictures: Sequence[PictureMeasures], matches: Iterable[tuple[int, int] | None], files: Sequence[Path]
) -> Iterator[Finding]:
    """The pictures whose match in `files` differs in few enough bits."""
    for picture, match in zip(pictures, matches, strict=True):
        if match is not None and match[1] <= SAME:
            detail = f"{match[1]} of {BITS} bits of the hash differ"
            yield Finding(kind, picture.file, -match[1], detail, files[match[0]])


def _in_threads(
    work: Callable[[Item], Result], items: Sequence[Item], doing: str, progress: CheckProgress
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
