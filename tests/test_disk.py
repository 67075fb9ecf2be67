"""Files whole or not at all, folders that are gone with their process or after it, and locks that end with it."""

import errno
import gc
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from elansr.disk import (
    TemporaryFolder,
    WorkFolder,
    atomic_file,
    delete_abandoned,
    move_into_place,
    only_run,
    require_free,
    takes_name,
    write_atomically,
    writing_errors,
)
from elansr.errors import BusyError, ConfigError, OutputExistsError, PictureError, WeightsError

locks = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no locks that end with their process")


def no_links(*_: object) -> None:
    raise OSError(errno.EOPNOTSUPP, "no hard links here")


# --- files ---


def by_data(path: Path, overwrite: bool) -> None:
    write_atomically(path, b"new", overwrite=overwrite)


def by_file(path: Path, overwrite: bool) -> None:
    with atomic_file(path, overwrite=overwrite) as file:
        file.write(b"n")
        assert not path.exists() or path.read_bytes() == b"old"
        file.write(b"ew")


def by_move(path: Path, overwrite: bool) -> None:
    finished = path.with_name("finished")
    finished.write_bytes(b"new")
    try:
        move_into_place(finished, path, overwrite=overwrite)
    except OutputExistsError:
        finished.unlink()
        raise


@pytest.mark.parametrize("write", [by_data, by_file, by_move])
@pytest.mark.parametrize("links", [True, False])
def test_a_file_is_there_whole_and_replaced_only_when_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Path, bool], None], links: bool
) -> None:
    if not links:
        monkeypatch.setattr(os, "link", no_links)
    path = tmp_path / "x"
    write(path, False)
    assert path.read_bytes() == b"new"
    path.write_bytes(b"old")
    with pytest.raises(OutputExistsError):
        write(path, False)
    assert path.read_bytes() == b"old"
    write(path, True)
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["x"]


def stopped(path: Path) -> None:
    with atomic_file(path, overwrite=True) as file:
        file.write(b"half")
        raise KeyboardInterrupt


def test_what_is_raised_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt):
        stopped(tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["x"]


def test_what_is_in_the_way_is_found_before_the_work(tmp_path: Path) -> None:
    require_free(tmp_path / "x", overwrite=False)
    (tmp_path / "x").symlink_to("nowhere")
    require_free(tmp_path / "x", overwrite=True)
    with pytest.raises(OutputExistsError):
        require_free(tmp_path / "x", overwrite=False)
    with pytest.raises(IsADirectoryError):
        require_free(tmp_path, overwrite=True)


@pytest.mark.parametrize("folder", [".", "not/there/yet"])
@pytest.mark.parametrize("letter", ["x", "\u00e9", "\u9ce5"])
def test_a_name_has_255_bytes_at_most(tmp_path: Path, folder: str, letter: str) -> None:
    longest = tmp_path / folder / (letter * (255 // len(letter.encode())))
    assert takes_name(longest)
    require_free(longest, overwrite=False)
    assert not takes_name(longest.with_name(longest.name + letter))
    for overwrite in (False, True):
        with pytest.raises(OSError, match="name too long"):
            require_free(longest.with_name(longest.name + letter), overwrite)


@pytest.mark.parametrize("kind", [PictureError, WeightsError])
@pytest.mark.parametrize(
    "error",
    [
        IsADirectoryError("x"),
        FileNotFoundError("x"),
        PermissionError("x"),
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.ENAMETOOLONG, "File name too long"),
        ValueError("embedded null byte\nin the name"),
    ],
)
def test_failures_become_one_line_that_names_the_file(
    tmp_path: Path, kind: type[PictureError | WeightsError], error: Exception
) -> None:
    path = tmp_path / "none" / "x.png"
    with pytest.raises(kind) as caught, writing_errors(path, kind):
        raise error
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is error


def test_errors_of_ours_stay_as_they_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigError), writing_errors(tmp_path / "x", PictureError):
        raise ConfigError("a ValueError too")


# --- temporary folders ---

KILLED = """
import os, signal
from elansr.disk import TemporaryFolder
kept = TemporaryFolder()
with kept.folder() as folder:
    (folder / "picture.png").write_bytes(b"some")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_folder_is_gone_after_use(temporary: Path) -> None:
    with TemporaryFolder() as kept:
        with kept.folder() as folder:
            (folder / "picture.png").write_bytes(b"some")
            assert folder.parent == kept.path
            assert len(list(temporary.rglob("picture.png"))) == 1
        assert list(temporary.rglob("picture.png")) == []
        (kept.path / "more").write_bytes(b"some")
    assert list(temporary.iterdir()) == []


def test_a_folder_is_gone_with_its_owner(temporary: Path) -> None:
    kept = TemporaryFolder()
    assert kept.path.is_dir()
    del kept
    gc.collect()
    assert list(temporary.iterdir()) == []


@locks
def test_what_a_killed_process_left_is_deleted_and_what_lives_is_not(temporary: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", KILLED], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert len(list(temporary.rglob("picture.png"))) == 1
    with TemporaryFolder() as kept:
        assert list(temporary.rglob("picture.png")) == []
        delete_abandoned()
        assert kept.path.is_dir()


# --- work folders ---


class Words(WorkFolder):
    """Keeps words, one in a file."""

    kind, error = "words", WeightsError

    def __init__(self, target: Path, settings: dict[str, object]) -> None:
        super().__init__(target, settings)
        self.found: list[str] = []

    @property
    def is_empty(self) -> bool:
        return not self.found

    def load(self) -> None:
        self.found = [word for n in range(9) if (word := self.read_json(f"{n}.json").get("word"))]

    def add(self, word: str) -> None:
        self.write(f"{len(self.found)}.json", [b'{"word": ', f'"{word}"'.encode(), b"}"])
        self.found.append(word)


def test_an_interrupted_run_goes_on(tmp_path: Path) -> None:
    target = tmp_path / "book.txt"
    with Words(target, {"language": "en"}) as words:
        words.add("one")
        (words.folder / ".elansr-1.part").write_text("half")  # what a power cut leaves
    with Words(target, {"language": "en"}) as words:
        assert (words.found, words.changed) == (["one"], [])
        assert not (words.folder / ".elansr-1.part").exists()
        words.add("two")
    with Words(target, {"language": "de"}) as words:
        assert (words.found, words.changed) == ([], ["language"])
    assert list(tmp_path.iterdir()) == []


def test_damaged_settings_begin_anew(tmp_path: Path) -> None:
    with Words(tmp_path / "x", {}) as words:
        words.add("one")
    (words.folder / "settings.json").write_text("{")
    with Words(tmp_path / "x", {}) as words:
        assert words.found == []


def test_a_work_folder_that_cannot_be_made(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="x.txt"), Words(tmp_path / "none" / "x.txt", {}):
        pass


@locks
def test_a_work_folder_belongs_to_one_run(tmp_path: Path) -> None:
    with Words(tmp_path / "x.txt", {}), pytest.raises(BusyError, match="x.txt"), Words(tmp_path / "x.txt", {}):
        pass


# --- locks ---

HOLDS = """
import pathlib, sys
from elansr.disk import only_run
with only_run(pathlib.Path(sys.argv[1]), "x"):
    print("held", flush=True)
    input()
"""


@locks
def test_one_run_at_a_time_and_free_again_when_the_process_is_gone(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS, lock], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(BusyError, match="picture.png"), only_run(lock, "picture.png"):
            pass
        other.kill()
        other.communicate()
    for _ in range(2):
        with only_run(lock, "picture.png"):
            pass
