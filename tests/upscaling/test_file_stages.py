"""Small pictures of one size through the network together, from files to files."""

import threading
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import pytest

from elansr.errors import DeviceError, TooManyPixelsError
from elansr.images import Picture, PictureFile, Pixels, open_picture, read, write
from elansr.upscaling import (
    Choice,
    ChosenUpscaler,
    Existing,
    FileResult,
    FinalSize,
    Job,
    Options,
    file_job,
    pipeline,
    upscale_files,
)


class Repeat:
    """Nearest neighbour, of up to `most` pictures at a time; keeps what it was called with."""

    scale = 2

    def __init__(self, most: int = 4, fails: Callable[[Pixels], bool] = lambda page: False) -> None:
        self.most, self.fails = most, fails
        self.single, self.grouped = list[int](), list[list[int]]()

    def together(self, height: int, width: int) -> int:
        return self.most if height * width < 200 else 1

    def __call__(self, page: Pixels, progress: Callable[[int, int], None]) -> Pixels:
        assert threading.current_thread() is threading.main_thread()
        self.single.append(int(page[0, 0, 0]))
        return self._made(page, progress)

    def many(self, pages: Sequence[Pixels], progress: Callable[[int, int], None]) -> list[Pixels]:
        assert len({(page.shape, page.dtype) for page in pages}) == 1
        self.grouped.append([int(page[0, 0, 0]) for page in pages])
        return [self._made(page, progress) for page in pages]

    def _made(self, page: Pixels, progress: Callable[[int, int], None]) -> Pixels:
        if self.fails(page):
            raise DeviceError("not enough memory for even the smallest tile")
        progress(page.shape[0] * page.shape[1], page.shape[0] * page.shape[1])
        return page.repeat(2, axis=0).repeat(2, axis=1)


def pictures(folder: Path, sizes: Sequence[tuple[int, int]], channels: int = 3) -> list[Job]:
    """Jobs for pictures of these heights and widths; the value of every pixel of the n-th is n."""
    jobs = []
    for number, size in enumerate(sizes):
        job = Job(folder / f"{number:02}.png", folder / f"out/{number:02}.png")
        folder.mkdir(exist_ok=True)
        write(Picture((np.full((*size, channels), number, np.uint8),)), job.source)
        jobs.append(job)
    return jobs


def run(jobs: Sequence[Job], upscaler: Repeat, existing: Existing = "skip") -> list[FileResult]:
    ready = ChosenUpscaler(upscaler, Choice("repeat.safetensors", ""))  # type: ignore[arg-type]
    return list(upscale_files(jobs, lambda picture: ready, Options(existing=existing)))


def values(folder: Path) -> dict[str, int]:
    """The value of every result, which is the same in all of its pixels."""
    found = {}
    for path in sorted(folder.glob("*")):
        [value] = np.unique(read(path).pixels)
        found[path.stem] = int(value)
    return found


def test_pictures_of_one_size_go_together_and_outcomes_stay_in_order(tmp_path: Path) -> None:
    sizes = [(4, 6)] * 7 + [(5, 5), (4, 6), (5, 5), (4, 6)] + [(20, 20)] * 2 + [(4, 6)] * 3
    jobs, upscaler = pictures(tmp_path, sizes), Repeat()
    outcomes = run(jobs, upscaler)
    assert [outcome.source for outcome in outcomes] == [job.source for job in jobs]
    assert {outcome.status for outcome in outcomes} == {"done"}
    assert [outcome.output_size for outcome in outcomes] == [(2 * width, 2 * height) for height, width in sizes]
    assert values(tmp_path / "out") == {f"{number:02}": number for number in range(len(sizes))}
    assert max(map(len, upscaler.grouped)) == 4
    assert sorted(chain(upscaler.single, *upscaler.grouped)) == list(range(len(sizes)))
    assert upscaler.grouped[:3] == [[2, 3, 4, 5], [6, 8], [7, 9]], "not only neighbours"


def test_different_kinds_stay_apart(tmp_path: Path) -> None:
    jobs = pictures(tmp_path, [(4, 6)] * 9)
    for job, shape, dtype in zip(
        jobs[3:6], [(4, 6, 1), (4, 6, 4), (4, 6, 3)], [np.uint8, np.uint8, np.uint16], strict=True
    ):
        write(Picture((np.full(shape, 250, dtype),)), job.source, overwrite=True)
    upscaler = Repeat(9)
    assert {outcome.status for outcome in run(jobs, upscaler)} == {"done"}
    assert [read(job.target).pixels.shape for job in jobs[3:6]] == [(8, 12, 1), (8, 12, 4), (8, 12, 3)]
    assert read(jobs[5].target).pixels.dtype == np.uint16
    assert [2, 6, 7, 8] in upscaler.grouped


def test_what_is_bad_in_the_middle_keeps_nobody(tmp_path: Path) -> None:
    jobs = pictures(tmp_path, [(4, 6)] * 12)
    jobs[3].source.write_bytes(jobs[3].source.read_bytes()[:-20])
    jobs[5].source.unlink()
    write(Picture((np.full((4, 6, 3), 99, np.uint8),)), tmp_path / "99.png")
    jobs[8].target.parent.mkdir()
    (tmp_path / "99.png").rename(jobs[8].target)
    jobs[10] = Job(jobs[10].source, jobs[10].target, "skipped", "for a reason")
    for existing, eighth in (("skip", "skipped"), ("refuse", "failed")):
        outcomes = run(jobs, Repeat(), existing)  # type: ignore[arg-type]
        assert [outcome.source for outcome in outcomes] == [job.source for job in jobs]
        assert [outcomes[number].status for number in (3, 5, 8, 10)] == ["failed", "failed", eighth, "skipped"]
        assert str(jobs[3].source) in outcomes[3].reason
        assert outcomes[5].reason.startswith(f"{jobs[5].source}: ")
        good = {f"{number:02}": number for number in (0, 1, 2, 4, 6, 7, 9, 11)}
        assert values(tmp_path / "out") == good | {"08": 99}
        for number in set(range(12)) - {3, 5, 8, 10}:
            jobs[number].target.unlink()


def test_a_group_that_fails_is_done_one_by_one(tmp_path: Path) -> None:
    jobs, upscaler = pictures(tmp_path, [(4, 6)] * 8), Repeat(fails=lambda page: page[0, 0, 0] == 5)
    outcomes = run(jobs, upscaler)
    assert [outcome.status for outcome in outcomes] == ["done"] * 5 + ["failed"] + ["done"] * 2
    assert isinstance(outcomes[5].error, DeviceError)
    assert {"05"} == {f"{number:02}" for number in range(8)} - set(values(tmp_path / "out"))
    assert any(5 in group for group in upscaler.grouped)


def test_a_result_that_cannot_be_written_is_its_own_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = pictures(tmp_path, [(4, 6)] * 6)

    def write_but_third(task: object, result: Picture) -> None:
        if result.pixels[0, 0, 0] == 3:
            raise OSError(28, "No space left on device")
        original(task, result)  # type: ignore[arg-type]

    original = pipeline.FileTask.write
    monkeypatch.setattr(pipeline.FileTask, "write", write_but_third)
    outcomes = run(jobs, Repeat())
    assert [outcome.status for outcome in outcomes] == ["done"] * 3 + ["failed"] + ["done"] * 2
    assert outcomes[3].reason.startswith(f"{jobs[3].source}: OSError: [Errno 28]")


def test_large_pictures_are_not_read_ahead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They come one at a time, in the caller's thread, and with nothing else under way."""
    monkeypatch.setattr(pipeline, "AHEAD", 300)
    jobs = pictures(tmp_path, [(4, 6), (20, 20), (4, 6), (30, 30), (30, 30)])
    opened, in_worker = list[int](), list[bool]()

    def opening(path: Path, name: str | None) -> PictureFile:
        assert threading.current_thread() is not threading.main_thread()
        opened.append(int(path.stem))
        return open_picture(path, name=name)

    def reading(file: PictureFile, max_pixels: int) -> Picture:
        in_worker.append(threading.current_thread() is not threading.main_thread())
        return decode(file, max_pixels=max_pixels)

    decode = PictureFile.read
    monkeypatch.setattr(file_job, "open_picture", opening)
    monkeypatch.setattr(PictureFile, "read", reading)
    upscaler = Repeat()
    assert {outcome.status for outcome in run(jobs, upscaler)} == {"done"}
    assert opened == [0, 1, 2, 3, 4], "each header once"
    assert in_worker == [True, False, True, False, False]
    monkeypatch.undo()
    monkeypatch.setattr(pipeline, "AHEAD", 300)
    assert values(tmp_path / "out") == {f"{number:02}": number for number in range(5)}
    refused = list(
        upscale_files(
            jobs, lambda picture: ChosenUpscaler(upscaler, Choice("", "")), Options(existing="replace", max_pixels=30)
        )
    )  # type: ignore[arg-type]
    assert [outcome.status for outcome in refused] == ["done", "failed", "done", "failed", "failed"]
    assert isinstance(refused[1].error, TooManyPixelsError)
    assert refused[1].error.limit == 30


def test_large_results_do_not_wait_to_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = pictures(tmp_path, [(4, 6)] * 3)
    stages = pipeline.FileStages(lambda picture: None, Options(size=FinalSize(outscale=12)), None)  # type: ignore[arg-type, return-value]
    for limit, ahead in ((24 * 9, True), (24 * 9 - 1, False)):
        monkeypatch.setattr(pipeline, "AHEAD", limit)
        assert isinstance(stages.read(jobs[0]), pipeline.DecodedFile) == ahead


def test_one_file_takes_no_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "overlapped", None)
    [job, *_] = pictures(tmp_path, [(4, 6)])
    [done, skipped] = run([job, Job(tmp_path / "x.png", tmp_path / "y.png", "skipped", "x")], Repeat())
    assert (done.status, skipped.status) == ("done", "skipped")


def test_seconds_are_those_of_the_file(tmp_path: Path) -> None:
    outcomes = run(pictures(tmp_path, [(4, 6)] * 6), Repeat())
    assert all(0 < outcome.seconds < 60 for outcome in outcomes)


def test_progress_of_every_file_begins_at_nothing(tmp_path: Path) -> None:
    jobs, upscaler, seen = pictures(tmp_path, [(4, 6)] * 7), Repeat(), dict[Path, list[int]]()

    def progress(job: Job, done: int, total: int) -> None:
        assert (total, threading.current_thread()) == (24, threading.main_thread())
        seen.setdefault(job.source, []).append(done)

    ready = ChosenUpscaler(upscaler, Choice("", ""))  # type: ignore[arg-type]
    list(upscale_files(jobs, lambda picture: ready, Options(), progress))
    assert list(seen) == [job.source for job in jobs]
    assert all((values[0], values[-1]) == (0, 24) for values in seen.values())
