"""`elansr batch` on the command line, as far as no cluster is needed; and the example of its page, with one."""

import inspect
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from elansr.cli.batch import batch
from tests.command_line import Ended

pytest.importorskip("ray", reason="elansr batch needs the extra [ray]")

PAGE = Path(__file__).resolve().parents[2] / "docs" / "batch.md"


def test_a_dry_run_tells_what_there_is_to_do(
    call: Callable[..., Ended], photo: Callable[..., Path], tmp_path: Path
) -> None:
    for name in ("in/a.png", "in/a.jpg", "in/b/c.png"):
        photo(name)
    ended = call("batch", tmp_path / "in", tmp_path / "out", "--ext", "png", "--dry-run", "--json")
    assert ended.code == 0
    assert re.findall(r"\d+", ended.error_lines[0]) == ["3", "2", "0", "0", "1"]
    assert re.search(r"/a\.png: .* a_x4\.png, .*/a\.jpg", ended.error_lines[1])
    assert json.loads(ended.stdout)["to_do"] == 3
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["in", "in"], r"/in: "),
        (["nothing", "out"], r"/nothing: "),
        (["in", "in/a.png", "--dry-run"], r"/in/a\.png: "),
        (["in", "out", "-n", "elan-light-x9"], r"elan-light-x9"),
        (["in", "out", "-n", "none.safetensors"], r"none\.safetensors: "),
        (["in", "out", "--overwrite", "--retry-failed"], r"--overwrite .*--retry-failed"),
        (["in", "out", "--image-column", "x"], r"\.parquet"),
        (["in", "nowhere://out"], r"nowhere://out: Protocol not known"),
        (
            ["in", "http://127.0.0.1:1/out", "--dry-run"],
            r"1/out: ",
        ),
        (["in", "out", "--address", "127.0.0.1:1"], r"--address 127\.0\.0\.1:1: "),
    ],
)
def test_wrong_input_is_told_in_one_line(
    call: Callable[..., Ended],
    photo: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    complaint: str,
) -> None:
    photo("in/a.png")
    monkeypatch.chdir(tmp_path)
    ended = call("batch", *arguments)
    assert ended.code == 2
    assert len(ended.error_lines) == 1
    assert re.search(rf"^error: .*{complaint}", ended.stderr)


def test_the_limit_in_the_help_is_the_one_of_the_settings() -> None:
    from elansr.cluster.settings import SPLIT_PIXELS

    assert inspect.signature(batch).parameters["split_pixels"].default == SPLIT_PIXELS


def test_results_of_others_are_not_replaced(
    call: Callable[..., Ended], photo: Callable[..., Path], tmp_path: Path
) -> None:
    photo("in/a.png")
    photo("out/a_x4.png")
    ended = call("batch", tmp_path / "in", tmp_path / "out", "--dry-run")
    assert ended.code == 2
    assert "a_x4.png" in ended.stderr


@pytest.mark.parametrize("package", ["ray", "pyarrow"])
def test_without_the_extra_it_is_named(
    call: Callable[..., Ended],
    photo: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    package: str,
) -> None:
    photo("in/a.png")
    for name in [name for name in sys.modules if name.startswith("elansr.cluster")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    ended = call("batch", tmp_path / "in", tmp_path / "out")
    assert ended.error_lines == [f"error: elansr batch needs {package}: pip install '.[ray]' in elansr's folder"]
    assert ended.code == 2


@pytest.mark.slow
def test_the_example_of_the_page_runs(
    start: Callable[..., "subprocess.Popen[str]"],
    environment: dict[str, str],
    photo: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As it stands; it starts Ray on this machine and stops it."""
    [example] = re.findall(r"^elansr (batch photos photos_large -s 2)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    photo("photos/a.png")
    photo("photos/b/c.jpg")
    monkeypatch.chdir(tmp_path)
    environment["RAY_worker_niceness"] = "0"
    process = start(*example.split())
    stdout, stderr = process.communicate(timeout=300)
    assert process.returncode == 0, stderr
    assert stdout == ""
    assert re.fullmatch(r"2 upscaled, 0 done before, 0 failed in .* in .*/photos_large\n", stderr)
    rows = pq.read_table("photos_large/manifest.parquet").to_pylist()
    assert [(row["key"], row["target"]) for row in rows] == [("a.png", "a_x2.png"), ("b/c.jpg", "b/c_x2.jpg")]
    assert [row["model"] for row in rows] == ["elan-light-x2", "elan-light-x2"]
    assert (tmp_path / "photos_large/b/c_x2.jpg").exists()
