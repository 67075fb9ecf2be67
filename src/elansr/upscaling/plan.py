"""Which files a run reads and writes, decided by their names before any is opened.

find_files   what the user named (files, folders, patterns) -> input files
plan_jobs    input files -> one job each: read this file, write that one, or why not
"""

import glob
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import Literal, get_args

from elansr.arguments import require_choice, require_flag, wrong
from elansr.disk import takes_name
from elansr.errors import ConfigError
from elansr.images import SUFFIXES, format_named, is_picture_name, unread_kind
from elansr.text import shown

Extension = Literal["auto", "png", "jpg", "jpeg", "webp", "tiff", "tif", "avif", "gif", "bmp"]
FALLBACK_EXTENSION = ".png"

_EXTENSION = re.compile(r"\.[A-Za-z][A-Za-z0-9]{1,4}")
"""A file extension, as opposed to a dot in the name of a folder."""


@dataclass(frozen=True)
class InputFile:
    """A file to read.

    Attributes:
        path: of the file, or of what was named in its place.
        folder: the input folder in which it was found; None if it was named itself.
        problem: why there is nothing to read; "" if there is.
        unread: a kind of picture that is not read, "camera raw"; such a file of a folder or pattern is left out.
        name: what messages call it; its path if None.
        home: the folder for its result; that of the file if None.
    """

    path: Path
    folder: Path | None = None
    problem: str = ""
    unread: str = ""
    name: str | None = None
    home: Path | None = None


@dataclass(frozen=True)
class Job:
    """One file to read and one to write.

    Attributes:
        source: the file to read.
        target: the file to write.
        status: "planned", or what was decided without opening it: "skipped" or "failed".
        reason: why it was skipped or failed; "" if planned.
        source_name, target_name: what messages call the files; their paths if None.
        data: the bytes of the source, which is no file then; one larger than memory becomes one.
        deliver: takes the bytes of the result, which is no file then, unless it is made on disk.
    """

    source: Path
    target: Path
    status: Literal["planned", "skipped", "failed"] = "planned"
    reason: str = ""
    source_name: str | None = None
    target_name: str | None = None
    data: bytes | None = field(default=None, repr=False)
    deliver: Callable[[bytes], None] | None = field(default=None, repr=False, compare=False)

    @property
    def content(self) -> Path | bytes:
        """The source, as `read` takes it."""
        return self.source if self.data is None else self.data

    @property
    def shown_source(self) -> str:
        """The source in messages."""
        return self.source_name or shown(self.source)

    @property
    def shown_target(self) -> str:
        """The target in messages."""
        return self.target_name or shown(self.target)


def find_files(inputs: Iterable[str | os.PathLike[str]], recursive: bool = False) -> list[InputFile]:
    """The files that `inputs` mean, in the order given, those of a folder sorted by name.

    A file that is named itself is taken whatever its extension; folders and patterns give files with the extension of a
    picture, but no hidden ones.

    Args:
        inputs: files, folders, and patterns as a shell knows them (`*`, `?`, `[...]`, `**`).
        recursive: whether folders inside folders count.

    Returns:
        One `InputFile` a file. What is missing, unreadable or empty is a source with a `problem`; pictures of kinds
        that are not read are among them, for whoever counts them.
    """
    require_flag("recursive", recursive)
    return [source for name in inputs for source in _expand(os.fspath(name), recursive)]


def plan_jobs(
    sources: Sequence[InputFile],
    output: str | os.PathLike[str] | None = None,
    label: str = "_x4",
    suffix: str | None = None,
    extension: Extension = "auto",
) -> list[Job]:
    """Decides which file is written for which, so that no result replaces another one or an input.

    Without `output`, the result of a file goes beside it, and those of a folder into a new folder beside that one,
    `photos` to `photos_x4`. For one file, `output` is a file if it has a picture's extension, else a folder; for
    several it is a folder. Folders inside folders are kept. An input that is the result of another one, from an earlier
    run, is skipped; of two jobs for one target the second fails, or that of a kind that is not read.

    Args:
        sources: from `find_files`.
        output: the file or folder to write.
        label: the enlargement, for names: "_x4".
        suffix: goes between name and extension of every result; None is `label`.
        extension: of the results; "auto" keeps that of the source, or takes .png if that is not one of a picture.

    Raises:
        ConfigError: `output` is not the file or the folder that it has to be, or an unknown extension.
    """
    require_choice("ext", extension, get_args(Extension))
    if not isinstance(suffix, str | None):
        raise wrong("suffix", suffix, "must be text")
    if output is not None and _is_file_name(output, sources):
        _require_agreement(Path(output), extension)
        return _checked([_job(sources[0], Path(output))], label)
    place = None if output is None else _folder(output, sources)
    suffix = label if suffix is None else suffix
    if os.path.basename(suffix) != suffix:
        raise ConfigError(f"suffix {suffix!r}: must not contain a folder: use `output` for that")
    inputs = _outside(sources, place)
    jobs = [_job(s, _folder_of(s, place, label) / result_name(s.path, suffix, extension)) for s in inputs]
    return _checked(jobs, suffix)


def is_single(sources: Sequence[InputFile]) -> bool:
    """Whether a run is about one file that was named itself."""
    return len(sources) == 1 and sources[0].folder is None


def _expand(name: str, recursive: bool) -> list[InputFile]:
    path = Path(name)
    if os.path.isdir(name):
        return _in_folder(path, recursive)
    if not os.path.lexists(name) and glob.has_magic(name):
        return _matching(name)
    return [InputFile(path, problem="" if os.path.lexists(name) else f"{shown(name)}: no such file: check the name")]


def _matching(pattern: str) -> list[InputFile]:
    paths = sorted(path for path in glob.glob(pattern, recursive=True) if os.path.isfile(path))
    found = [file for path in paths if (file := _picture(Path(path), None))]
    none = InputFile(Path(pattern), problem=f"{shown(pattern)}: matches no picture{_only(found)}: check the pattern")
    return found if _readable(found) else [none, *found]


def _picture(path: Path, folder: Path | None) -> InputFile | None:
    """A file that was found, if its name is that of a picture."""
    kind = unread_kind(path)
    return InputFile(path, folder, unread=kind) if kind or is_picture_name(path) else None


def _readable(found: Sequence[InputFile]) -> bool:
    return any(not file.unread for file in found)


def _only(found: Sequence[InputFile]) -> str:
    """What there is where nothing is read, for a message."""
    kinds = Counter(file.unread for file in found)
    return f" that are read, only {', '.join(f'{number} {kind}' for kind, number in kinds.items())}" if kinds else ""


def _in_folder(folder: Path, recursive: bool) -> list[InputFile]:
    sources: list[InputFile] = []

    def refuse(error: OSError) -> None:
        problem = f"{shown(error.filename)}: cannot be read ({error.strerror}): check its permissions"
        sources.append(InputFile(Path(error.filename), folder, problem))

    for parent, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = sorted(name for name in folders if recursive and not name.startswith("."))
        sources += [file for name in sorted(names) if (file := _picture(Path(parent, name), folder))]
    if _readable(sources):
        return sources
    way_out = "choose another folder" if recursive else "`recursive=True` includes subfolders"
    problem = f"{shown(folder)}: contains no pictures{_only(sources)}: {way_out}"
    return [InputFile(folder, folder, problem), *sources]


def _is_file_name(output: str | os.PathLike[str], sources: Sequence[InputFile]) -> bool:
    return is_single(sources) and _has_picture_extension(Path(output)) and not _is_folder_name(output)


def _is_folder_name(output: str | os.PathLike[str]) -> bool:
    """Whether it is a folder already, or written like one."""
    return os.path.isdir(output) or os.fspath(output).endswith(("/", os.sep))


def _has_picture_extension(path: PurePath) -> bool:
    return path.suffix.lower() in SUFFIXES


def _require_agreement(place: Path, extension: Extension) -> None:
    if extension != "auto" and format_named(extension) != SUFFIXES[place.suffix.lower()]:
        raise ConfigError(f"{shown(place)}: contradicts `ext={extension}`: omit one of them")


def _folder(output: str | os.PathLike[str], sources: Sequence[InputFile]) -> Path:
    like_a_file = os.path.lexists(output) or _has_picture_extension(Path(output))
    mistyped = is_single(sources) and _EXTENSION.fullmatch(Path(output).suffix)
    if mistyped and not (like_a_file or _is_folder_name(output)):
        extensions = ", ".join(sorted(SUFFIXES))
        raise ConfigError(
            f"{shown(output)}: not a picture's file extension ({extensions}); for a folder, add a / at the end"
        )
    if _is_folder_name(output) or not like_a_file:
        return Path(output)
    if is_single(sources):
        raise ConfigError(f"{shown(output)}: is a file without a picture's extension: choose a folder or a picture")
    raise ConfigError(f"{shown(output)}: one file cannot hold several results: use a folder")


def _outside(sources: Sequence[InputFile], output: Path | None) -> list[InputFile]:
    """The sources without those found in the output folder, where that lies inside their input folder."""
    if output is None:
        return list(sources)
    results = Path(os.path.realpath(output))
    folders = {source.folder for source in sources if source.folder is not None}
    around = {folder for folder in folders if Path(os.path.realpath(folder)) in results.parents}
    return [s for s in sources if s.folder not in around or results not in Path(os.path.realpath(s.path)).parents]


def _folder_of(source: InputFile, output: Path | None, label: str) -> Path:
    if source.folder is None:
        return output or source.home or source.path.parent
    results = output or _beside(source.folder, label)
    return results if source.path == source.folder else results / source.path.parent.relative_to(source.folder)


def _beside(folder: Path, label: str) -> Path:
    """`photos` -> `photos_x4`; `.` and `..` by the name they stand for."""
    named = Path(os.path.abspath(folder)) if folder.name in ("", "..") else folder
    return named.with_name(named.name + label)


def result_name(path: PurePath, suffix: str, extension: Extension = "auto") -> str:
    """The name of the result of a file: "photo.jpg" -> "photo_x4.jpg"."""
    kept = path.suffix if _has_picture_extension(path) else FALLBACK_EXTENSION
    return f"{path.stem}{suffix}{kept if extension == 'auto' else '.' + extension}"


def _job(source: InputFile, target: Path) -> Job:
    status: Literal["failed", "planned"] = "failed" if source.problem else "planned"
    return Job(source.path, target, status, source.problem, source.name)


def _checked(jobs: Sequence[Job], suffix: str) -> list[Job]:
    """The jobs without repetitions; what would write over a source or another result is no longer planned."""
    unique: dict[tuple[str, str], Job] = {}
    for job in jobs:
        unique.setdefault((_identity(job.source), _identity(job.target)), job)
    planned = [(paths, job) for paths, job in unique.items() if job.status == "planned"]
    sources = {source for (source, _), _ in planned}
    # What is surely read takes the names: a raw file and its JPEG, a phone's HEIC and its JPEG.
    first = sorted(planned, key=lambda item: not _has_picture_extension(item[1].source))
    writers = {target: job for (_, target), job in reversed(first)}
    return [_judged(job, *paths, sources, writers, suffix) for paths, job in unique.items()]


def _judged(job: Job, source: str, target: str, sources: set[str], writers: Mapping[str, Job], suffix: str) -> Job:
    """A job after a look at the others: `writers` has the first one for each file that is written."""
    if job.status != "planned":
        return job
    if source == target:
        return _failed(job, "would overwrite itself: choose another output or suffix")
    if suffix and writers.get(source, job) is not job:
        earlier = writers[source].shown_source
        return replace(job, status="skipped", reason=f"{job.shown_source}: the result of {earlier}")
    if writers[target] is not job:
        if kind := unread_kind(job.source):
            return _failed(job, f"elansr cannot read {kind}: convert it first")
        other = writers[target].shown_source
        return _failed(job, f"would be written to {shown(job.target)}, like {other}: rename one of them")
    if not takes_name(job.target):
        what = f"the name of its result, {shown(job.target.name)}, would be too long"
        return _failed(job, f"{what}: choose a shorter `suffix` or another `output`")
    if target in sources and not suffix:
        return _failed(job, f"would overwrite {shown(job.target)}, which is also an input: choose another output")
    return job


def _failed(job: Job, reason: str) -> Job:
    return replace(job, status="failed", reason=f"{job.shown_source}: {reason}")


def _identity(path: Path) -> str:
    """The same text for every way to name a file."""
    return os.path.normcase(os.path.realpath(path))
