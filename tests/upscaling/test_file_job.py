"""Folder runs without a network: an upscaler that repeats pixels stands in for it."""

import os
import re
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from elansr.errors import ConfigError, DeviceError, OutputExistsError
from elansr.images import Picture, Pixels, imresize, read, write
from elansr.upscaling import (
    Choice,
    ChosenUpscaler,
    FileResult,
    FinalSize,
    Job,
    Options,
    final_size,
    find_files,
    has_work,
    plan_jobs,
    upscale_files,
)
from elansr.upscaling.file_job import Choose


class Repeat:
    """Nearest neighbour, in two steps of progress."""

    def __init__(self, scale: int = 2, fails: Callable[[Pixels], bool] = lambda page: False) -> None:
        self.scale, self.fails, self.calls = scale, fails, 0

    def __call__(self, page: Pixels, progress: Callable[[int, int], None]) -> Pixels:
        self.calls += 1
        if self.fails(page):
            raise DeviceError("not enough memory for even the smallest tile")
        progress(page.shape[0] * page.shape[1] // 2, page.shape[0] * page.shape[1])
        progress(page.shape[0] * page.shape[1], page.shape[0] * page.shape[1])
        return page.repeat(self.scale, axis=0).repeat(self.scale, axis=1)

    def together(self, height: int, width: int) -> int:
        return 1


def picture(path: Path, height: int = 4, width: int = 6, channels: int = 3, pages: int = 1, value: int = 100) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    page = np.full((height, width, channels), value, np.uint8)
    write(Picture((page,) * pages), path)
    return path


def run(jobs: Sequence[Job], upscaler: Repeat | None = None, **options: object) -> list[FileResult]:
    return list(upscale_files(jobs, always(upscaler or Repeat()), Options(**options)))  # type: ignore[arg-type]


def always(upscaler: Repeat) -> Choose:
    ready = ChosenUpscaler(upscaler, Choice("repeat.safetensors", ""))  # type: ignore[arg-type]
    return lambda picture: ready


def names(jobs: Sequence[Job], root: Path) -> dict[str, str]:
    return {job.source.relative_to(root).as_posix(): job.target.relative_to(root).as_posix() for job in jobs}


def files(folder: Path) -> set[str]:
    """Everything below a folder, hidden files too."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def status(outcomes: Sequence[FileResult]) -> list[str]:
    return [outcome.status for outcome in outcomes]


# --- what is read ---


def test_folders_give_their_pictures_and_named_files_are_taken_as_they_are(tmp_path: Path) -> None:
    for name in ("b.PNG", "a.jpeg", "notes.txt", ".hidden.png", "sub/c.tif", ".cache/d.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    flat = [source.path.name for source in find_files([tmp_path])]
    deep = [source.path.name for source in find_files([tmp_path], recursive=True)]
    assert flat == ["a.jpeg", "b.PNG"]
    assert deep == ["a.jpeg", "b.PNG", "c.tif"]
    named = find_files([tmp_path / "notes.txt", tmp_path / ".hidden.png"])
    assert [(source.path.name, source.folder, source.problem) for source in named] == [
        ("notes.txt", None, ""),
        (".hidden.png", None, ""),
    ]


def test_patterns_mean_pictures_unless_a_file_has_that_very_name(tmp_path: Path) -> None:
    for name in ("photo1.png", "photo2.png", "photo[1].png", "photo3.txt", "deep/er/x.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert [s.path.name for s in find_files([f"{tmp_path}/photo?.*"])] == ["photo1.png", "photo2.png"]
    assert [s.path.name for s in find_files([f"{tmp_path}/photo[1].png"])] == ["photo[1].png"]
    assert [s.path.name for s in find_files([f"{tmp_path}/**/x.png"])] == ["x.png"]


@pytest.mark.parametrize(
    ("name", "recursive", "words"),
    [
        ("missing.png", False, "missing.png: "),
        ("*.png", False, "*.png: "),
        ("empty", False, "`recursive=True`"),
        ("empty", True, "empty: "),
        ("dangling.png", False, ""),
    ],
)
def test_nothing_to_read_is_a_source_with_a_problem(tmp_path: Path, name: str, recursive: bool, words: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "dangling.png").symlink_to("nowhere.png")
    if "*" in name:
        name = "empty/" + name
    [source] = find_files([tmp_path / name], recursive)
    assert words in source.problem
    [outcome] = run(plan_jobs([source], tmp_path / "out"))
    assert outcome.status == "failed"
    assert outcome.reason.startswith(str(tmp_path))


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    assert [source.path.name for source in find_files([tmp_path], recursive=True)] == ["a.png"]


# --- what is written where ---


def test_without_an_output_results_go_beside(tmp_path: Path) -> None:
    for name in ("photos/a.png", "photos/sub/b.jpg", "c.webp"):
        picture(tmp_path / name)
    sources = find_files([tmp_path / "photos", tmp_path / "c.webp"], recursive=True)
    assert names(plan_jobs(sources), tmp_path) == {
        "photos/a.png": "photos_x4/a_x4.png",
        "photos/sub/b.jpg": "photos_x4/sub/b_x4.jpg",
        "c.webp": "c_x4.webp",
    }


def test_the_folder_here_gets_a_sibling_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture(tmp_path / "photos" / "a.png")
    monkeypatch.chdir(tmp_path / "photos")
    for name in (".", "./", "../photos", "../photos/"):
        [job] = plan_jobs(find_files([name]))
        assert job.target.resolve() == tmp_path / "photos_x4" / "a_x4.png"


def test_one_file_to_a_file_or_a_folder(tmp_path: Path) -> None:
    source = picture(tmp_path / "a.jpg")
    (tmp_path / "folder.png").mkdir()

    def target(output: str, **options: object) -> str:
        [job] = plan_jobs(find_files([source]), tmp_path / output, **options)  # type: ignore[arg-type]
        return job.target.relative_to(tmp_path).as_posix()

    assert target("new.PNG") == "new.PNG"
    assert target("new.png", suffix="_up") == "new.png"
    assert target("folder") == "folder/a_x4.jpg"
    assert target("folder.png") == "folder.png/a_x4.jpg"
    [job] = plan_jobs(find_files([source]), f"{tmp_path}/new.png/")
    assert job.target == tmp_path / "new.png/a_x4.jpg"
    assert target("folder", suffix="", extension="tiff") == "folder/a.tiff"
    assert target("new.jpeg", extension="jpg") == "new.jpeg"
    with pytest.raises(ConfigError, match=r"new\.jpeg: .*`ext=png`"):
        target("new.jpeg", extension="png")
    (tmp_path / "notes.txt").touch()
    with pytest.raises(ConfigError, match=r"notes\.txt: "):
        target("notes.txt")
    with pytest.raises(ConfigError, match="suffix 'a/b': "):
        target("folder", suffix="a/b")


def test_several_inputs_need_a_folder(tmp_path: Path) -> None:
    sources = find_files([picture(tmp_path / "a.png"), picture(tmp_path / "b.png")])
    for output in (tmp_path / "a.png", tmp_path / "new.png"):
        with pytest.raises(ConfigError, match=output.name):
            plan_jobs(sources, output)
    assert len(plan_jobs(sources, tmp_path / "new")) == 2


def test_a_file_without_a_pictures_ending_gives_png(tmp_path: Path) -> None:
    [job] = plan_jobs(find_files([picture(tmp_path / "a.png").rename(tmp_path / "scan.0001")]))
    assert job.target.name == "scan_x4.png"
    assert status(run([job])) == ["done"]


def test_the_second_job_for_one_target_fails_and_names_both(tmp_path: Path) -> None:
    first, second = picture(tmp_path / "one/a.png"), picture(tmp_path / "two/a.png", value=200)
    jobs = plan_jobs(find_files([first, second, first]), tmp_path / "out")
    assert [job.status for job in jobs] == ["planned", "failed"]
    assert str(first) in jobs[1].reason
    assert str(second) in jobs[1].reason
    assert status(run(jobs)) == ["done", "failed"]
    assert read(tmp_path / "out/a_x4.png").pixels[0, 0, 0] == 100


def test_nothing_is_written_over_what_is_read(tmp_path: Path) -> None:
    one, other = picture(tmp_path / "a.png"), picture(tmp_path / "a.jpg")
    (tmp_path / "link.png").symlink_to(one)
    before = one.read_bytes(), other.read_bytes()
    plans = [
        plan_jobs(find_files([one]), one),
        plan_jobs(find_files([one]), tmp_path / "link.png"),
        plan_jobs(find_files([one]), suffix=""),
        plan_jobs(find_files([tmp_path]), tmp_path, suffix="", extension="png"),
    ]
    for jobs in plans:
        assert set(status(run(jobs, existing="replace"))) == {"failed"}
        assert all(job.reason.startswith(f"{job.source}: ") for job in jobs)
    assert before == (one.read_bytes(), other.read_bytes())


def test_a_second_run_leaves_the_results_of_the_first_alone(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    picture(tmp_path / "sub/b.png")
    for output in (tmp_path, tmp_path / "out"):
        for _ in range(2):
            jobs = plan_jobs(find_files([tmp_path], recursive=True), output)
            run(jobs, existing="skip")
    assert files(tmp_path) == {
        "a.png", "sub/b.png", "a_x4.png", "sub/b_x4.png", "out/a_x4.png", "out/sub/b_x4.png",
        "out/a_x4_x4.png", "out/sub/b_x4_x4.png",
    }  # fmt: skip


def test_results_named_among_the_inputs_are_skipped(tmp_path: Path) -> None:
    """What a shell makes of *.png when it is called a second time."""
    picture(tmp_path / "a.png")
    for _ in range(2):
        outcomes = run(plan_jobs(find_files(sorted(tmp_path.glob("*.png")))), existing="skip")
    assert status(outcomes) == ["skipped", "skipped"]
    assert outcomes[1].reason.startswith(f"{tmp_path}/a_x4.png: ")
    assert outcomes[1].reason.endswith(f"{tmp_path}/a.png")
    assert files(tmp_path) == {"a.png", "a_x4.png"}


def test_a_name_that_will_be_too_long_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    long, upscaler = picture(tmp_path / f"{'x' * 250}.png"), Repeat()
    sources = find_files([tmp_path])
    for output in (None, tmp_path / "out"):
        [result] = run(plan_jobs(sources, output, "_x2"), upscaler)
        assert (result.status, upscaler.calls) == ("failed", 0)
    [result] = run(plan_jobs(find_files([long]), tmp_path / f"{'y' * 252}.png", "_x2"), upscaler)
    assert (result.status, upscaler.calls) == ("failed", 0)
    [result] = run(plan_jobs(sources, tmp_path / "out", suffix="!"), upscaler)
    assert (result.status, read(tmp_path / f"out/{'x' * 250}!.png").pixels.shape) == ("done", (8, 12, 3))


def raw(path: Path) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"II*\0\x10\0\0\0CR\2\0" + bytes(100))
    return path


def test_only_what_is_read_takes_a_name(tmp_path: Path) -> None:
    """A camera's pair. In a folder the raw file is left out; named itself it fails and takes no name."""
    pair = [raw(tmp_path / "in/IMG_1.CR2"), picture(tmp_path / "in/IMG_1.JPG")]
    for inputs in ([tmp_path / "in"], [f"{tmp_path}/in/*"]):
        found = find_files(inputs)
        assert {file.path.name: file.unread for file in found} == {"IMG_1.CR2": "camera raw", "IMG_1.JPG": ""}
    results = run(plan_jobs(find_files(pair), tmp_path / "out", extension="png"))
    assert [(r.source.suffix, r.status) for r in results] == [(".CR2", "failed"), (".JPG", "done")]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["IMG_1_x4.png"]


@pytest.mark.parametrize("name", ["IMG_1.HEIC", "IMG_1.NEF", "IMG_1.unknown"])
def test_a_picture_by_name_goes_before_what_may_be_none(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"no picture")
    found = find_files([tmp_path / name, picture(tmp_path / "IMG_1.png")])
    results = run(plan_jobs(found, tmp_path / "out", extension="png"))
    assert [result.status for result in results] == ["failed", "done"]


def test_a_folder_of_nothing_that_is_read_says_what_is_there(tmp_path: Path) -> None:
    for number in range(3):
        raw(tmp_path / f"in/{number}.NEF")
    for inputs in ([tmp_path / "in"], [f"{tmp_path}/in/*"]):
        problem, *left_out = find_files(inputs)
        assert "3 camera raw" in problem.problem
        assert [file.unread for file in left_out] == ["camera raw"] * 3


def test_an_input_named_twice_is_one_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = picture(tmp_path / "photos/a.png")
    picture(tmp_path / "photos/b.png")
    monkeypatch.chdir(tmp_path)
    jobs = plan_jobs(find_files(["photos/a.png", source, "./photos", "photos/../photos/a.png"]), "out")
    assert [(job.source.name, job.status) for job in jobs] == [("a.png", "planned"), ("b.png", "planned")]


# --- the run ---


def test_a_run_goes_on_past_everything_bad(tmp_path: Path) -> None:
    good = picture(tmp_path / "in/a.png").read_bytes()
    (tmp_path / "in/b_cut.png").write_bytes(good[:-20])
    (tmp_path / "in/c_empty.jpg").touch()
    (tmp_path / "in/d_text.webp").write_text("not a picture")
    (tmp_path / "in/e_folder.png").mkdir()
    (tmp_path / "in/f_link.png").symlink_to("nowhere.png")
    os.mkfifo(tmp_path / "in/g_pipe.png")
    picture(tmp_path / "in/h_heavy.png", value=7)
    picture(tmp_path / "in/i_pages.gif", pages=2)
    picture(tmp_path / "in/z.png")
    jobs = plan_jobs(find_files([tmp_path / "in", tmp_path / "in/e_folder.png"]), tmp_path / "out", extension="png")
    outcomes = run(jobs, Repeat(fails=lambda page: page[0, 0, 0] == 7))
    told = {outcome.source.name: (outcome.status, outcome.reason) for outcome in outcomes}
    assert [name for name, (what, _) in told.items() if what == "done"] == ["a.png", "z.png"]
    assert files(tmp_path / "out") == {"a_x4.png", "z_x4.png"}
    for name, (what, reason) in told.items():
        if what != "done":
            assert str(tmp_path) in reason.split(": ")[0], name
            assert "\n" not in reason


def test_a_result_that_exists(tmp_path: Path) -> None:
    source, target = picture(tmp_path / "a.png"), picture(tmp_path / "a_x2.png", value=0)
    jobs = [Job(source, target)]
    assert not has_work(jobs, Options(existing="skip"))
    assert has_work(jobs, Options(existing="replace"))
    [refused] = run(jobs)
    assert refused.status == "failed"
    assert isinstance(refused.error, OutputExistsError)
    [skipped] = run(jobs, existing="skip")
    assert (skipped.status, skipped.error) == ("skipped", None)
    assert read(target).pixels.shape == (4, 6, 3)
    assert status(run(jobs, existing="replace")) == ["done"]
    assert read(target).pixels.shape == (8, 12, 3)


def test_a_result_that_turns_up_meanwhile_is_kept(tmp_path: Path) -> None:
    source, target = picture(tmp_path / "a.png"), tmp_path / "b.png"

    def another_program(page: Pixels) -> bool:
        picture(target, value=1)
        return False

    [outcome] = run([Job(source, target)], Repeat(fails=another_program), existing="skip")
    assert outcome.status == "skipped"
    assert read(target).pixels[0, 0, 0] == 1


def test_what_no_format_holds_is_refused_before_the_work(tmp_path: Path) -> None:
    upscaler = Repeat(4)
    wide, moving = picture(tmp_path / "wide.png", 1, 5000), picture(tmp_path / "moving.gif", pages=2)
    outcomes = run([Job(wide, tmp_path / "o.webp"), Job(moving, tmp_path / "o.jpg")], upscaler)
    assert status(outcomes) == ["failed", "failed"]
    assert re.search(r"o\.webp: 20000 x 4 .*WEBP", outcomes[0].reason)
    assert re.search(r"o\.jpg: JPEG .* 2 pages", outcomes[1].reason)
    assert upscaler.calls == 0


def test_an_output_folder_that_cannot_be_made_is_told_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    upscaler = Repeat()
    [outcome] = run([Job(picture(tmp_path / "a.png"), tmp_path / "file/sub/a.png")], upscaler)
    assert (outcome.status, upscaler.calls) == ("failed", 0)
    assert outcome.reason.startswith(f"{tmp_path}/file/sub: ")


def test_no_folder_is_made_for_results_that_do_not_come(tmp_path: Path) -> None:
    (tmp_path / "bad.png").touch()
    run(plan_jobs(find_files([tmp_path]), tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_pages_share_one_progress_and_keep_their_times(tmp_path: Path) -> None:
    pages = tuple(np.full((4, 6, 3), value, np.uint8) for value in (10, 120, 250))
    write(Picture(pages, durations=(50, 70, 90), loops=3), tmp_path / "a.webp", quality=100)
    seen: list[tuple[int, int]] = []
    job = Job(tmp_path / "a.webp", tmp_path / "b.webp")
    upscaler = Repeat()
    [outcome] = upscale_files([job], always(upscaler), Options(quality=100), lambda _, *now: seen.append(now))
    assert seen == [(done, 72) for done in (0, 12, 24, 36, 48, 60, 72)]
    assert (outcome.pages, outcome.input_size, outcome.output_size, outcome.scale) == (3, (6, 4), (12, 8), 2)
    result = read(tmp_path / "b.webp")
    assert (result.durations, result.loops) == ((50, 70, 90), 3)
    assert [page[0, 0, 0] for page in result.pages] == [10, 120, 250]


def test_an_interrupted_run_is_taken_up(tmp_path: Path) -> None:
    for name in "abc":
        picture(tmp_path / f"in/{name}.png")
    jobs = plan_jobs(find_files([tmp_path / "in"]), tmp_path / "out")
    calls: list[int] = []

    def interrupt(page: Pixels) -> bool:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return False

    with pytest.raises(KeyboardInterrupt):
        run(jobs, Repeat(fails=interrupt), existing="skip")
    assert files(tmp_path / "out") == {"a_x4.png"}
    assert status(run(jobs, existing="skip")) == ["skipped", "done", "done"]
    assert files(tmp_path / "out") == {"a_x4.png", "b_x4.png", "c_x4.png"}


def test_two_runs_at_once_share_the_work(tmp_path: Path) -> None:
    for number in range(12):
        picture(tmp_path / f"in/{number}.png")
    jobs = plan_jobs(find_files([tmp_path / "in"]), tmp_path / "out")
    outcomes: list[FileResult] = []
    threads = [threading.Thread(target=lambda: outcomes.extend(run(jobs, existing="skip"))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(status(outcomes)) == ["done"] * 12 + ["skipped"] * 12
    assert len(files(tmp_path / "out")) == 12


# --- the size ---


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (FinalSize(), (12, 8)),
        (FinalSize(outscale=1.5), (9, 6)),
        (FinalSize(outscale=0.01), (1, 1)),
        (FinalSize(outscale=16), (96, 64)),
        (FinalSize(width=7), (7, 5)),
        (FinalSize(height=3), (4, 3)),
        (FinalSize(width=96), (96, 64)),
    ],
)
def test_final_sizes_keep_the_aspect(tmp_path: Path, size: FinalSize, expected: tuple[int, int]) -> None:
    job = Job(picture(tmp_path / "a.png"), tmp_path / "b.png")
    [outcome] = run([job], size=size)
    assert outcome.output_size == expected
    assert read(job.target).pixels.shape == (expected[1], expected[0], 3)
    assert (read(job.target).pixels == 100).all()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"outscale": 2.0, "width": 5}, "`outscale`, `width` and `height`"),
        ({"width": 5, "height": 5}, "`outscale`, `width` and `height`"),
        ({"outscale": 0.0}, "`outscale=0.0`"),
        ({"outscale": -1.0}, "`outscale=-1.0`"),
        ({"outscale": 16.1}, "`outscale=16.1`"),
        ({"outscale": float("nan")}, "`outscale=nan`"),
        ({"outscale": float("inf")}, "`outscale=inf`"),
        ({"width": 0}, "`width=0`"),
        ({"height": -3}, "`height=-3`"),
    ],
)
def test_impossible_sizes_are_refused(values: dict[str, float], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        FinalSize(**values)  # type: ignore[arg-type]


def test_a_width_out_of_reach_fails_for_that_file_only(tmp_path: Path) -> None:
    jobs = [Job(picture(tmp_path / "a.png"), tmp_path / "a2.png")]
    jobs += [Job(picture(tmp_path / "b.png", 40, 60), tmp_path / "b2.png")]
    outcomes = run(jobs, size=FinalSize(width=200))
    assert status(outcomes) == ["failed", "done"]
    assert re.search(r"a\.png: 6 .* 200: .* 16 ", outcomes[0].reason)


def test_resizing_is_imresize(monkeypatch: pytest.MonkeyPatch) -> None:
    page = np.random.default_rng(0).integers(0, 2**16, (37, 53, 3), dtype=np.uint16)
    for bands in (1, 1000, 2**22):
        monkeypatch.setattr(final_size, "BAND", bands)
        np.testing.assert_array_equal(final_size.fit(page, 80, 61), imresize(page, 61, 80))
        np.testing.assert_array_equal(final_size.fit(page, 20, 61), imresize(page, 61, 20))


def test_invisible_colours_do_not_bleed_when_resizing() -> None:
    page = np.zeros((40, 40, 4), np.uint8)
    page[:, :20] = (200, 100, 50, 255)
    page[:, 20:] = (0, 255, 0, 0)
    for width in (27, 61):
        resized = final_size.fit(page, width, width)
        visible = resized[resized[..., 3] > 8]
        assert np.abs(visible[:, :3].astype(int) - (200, 100, 50)).max() <= 1
        assert {0, 255} <= set(np.unique(resized[..., 3]))
    opaque = page.copy()
    opaque[..., 3] = 255
    np.testing.assert_array_equal(final_size.fit(opaque, 27, 61), imresize(opaque, 61, 27))


# --- the scale ---


@pytest.mark.parametrize(
    ("factor", "scale"), [(None, 4), (0.5, 2), (2, 2), (2.01, 3), (3, 3), (3.5, 4), (4, 4), (16, 4)]
)
def test_the_smallest_scale_that_reaches(factor: float | None, scale: int) -> None:
    assert final_size.scale_for(factor) == scale


# --- the weights ---


def test_an_outcome_tells_the_weights_that_its_picture_got(tmp_path: Path) -> None:
    picture(tmp_path / "in/a.png")
    picture(tmp_path / "in/b.jpg")
    (tmp_path / "in/c.png").touch()
    upscaler = Repeat()

    def by_format(given: Picture) -> ChosenUpscaler:
        return ChosenUpscaler(upscaler, Choice(f"for-{given.format}", "lossy" if given.lossy else "lossless"))  # type: ignore[arg-type]

    jobs = plan_jobs(find_files([tmp_path / "in"]), tmp_path / "out")
    outcomes = list(upscale_files(jobs, by_format, Options(existing="skip")))
    assert [outcome.choice and outcome.choice[:2] for outcome in outcomes] == [
        ("for-png", "lossless"),
        ("for-jpeg", "lossy"),
        None,
    ]
    again = list(upscale_files(jobs, by_format, Options(existing="skip")))
    assert [outcome.choice for outcome in again] == [None, None, None]
