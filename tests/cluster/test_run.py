"""Runs from their plan to their manifest, with one worker in this process in the place of a cluster."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from elansr.cli import display
from elansr.cli.batch import _so_far
from elansr.cluster import lock, ray_cluster
from elansr.cluster.manifest import ManifestRow
from elansr.cluster.ray_cluster import Assignment, rows_of
from elansr.cluster.settings import Settings
from elansr.cluster.storage import Store
from elansr.cluster.worker import Worker, WorkerConfig
from elansr.images import Picture, write
from tests.command_line import Ended


@pytest.fixture
def handed_out(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The kinds of work that were handed out, to one worker in this process."""
    kinds: list[str] = []

    def done(
        work: Sequence[Assignment], task: WorkerConfig, attempts: object, pool: object, worker: type[Worker]
    ) -> Iterator[ManifestRow]:
        one = worker(task, lambda name: 1)
        for piece in work:
            kinds.append(piece.kind)
            yield from rows_of(one, json.loads(json.dumps(asdict(piece))))

    monkeypatch.setattr(ray_cluster, "connected", lambda address: nullcontext())
    monkeypatch.setattr(ray_cluster, "fitted", lambda resources, device: ray_cluster.Resources(2, 1, 0.0))
    monkeypatch.setattr(ray_cluster, "attempts", lambda: None)
    monkeypatch.setattr(ray_cluster, "done", done)
    return kinds


@pytest.fixture
def batch(
    call: Callable[..., Ended], handed_out: list[str], weights: dict[int, Path], tmp_path: Path
) -> Callable[..., Ended]:
    def run(*arguments: object) -> Ended:
        return call("batch", tmp_path / "in", tmp_path / "out", "-n", weights[2], "--device", "cpu", *arguments)

    return run


def rows(folder: Path) -> dict[str, dict[str, Any]]:
    found = pq.read_table(folder / "out/manifest.parquet").to_pylist()
    assert len({row["key"] for row in found}) == len(found)
    return {row["key"]: row for row in found}


def test_a_second_run_does_only_what_is_missing(
    batch: Callable[..., Ended], pictures: Callable[..., Path], handed_out: list[str], tmp_path: Path
) -> None:
    pictures(9)
    first = batch("--json")
    assert first.code == 0
    assert first.error_lines[0].startswith("9 upscaled, 0 done before, 0 failed in ")
    assert json.loads(first.stdout)["upscaled"] == 9
    assert handed_out == ["chunk"] * 9, "one each, for four chunks of two workers at least"
    handed_out.clear()
    before = (tmp_path / "out/manifest.parquet").read_bytes()
    assert batch().error_lines[0].startswith("0 upscaled, 9 done before, 0 failed in ")
    assert (handed_out, (tmp_path / "out/manifest.parquet").read_bytes()) == ([], before)
    (tmp_path / "out/sub folder/03_x2.png").unlink()
    stamps = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.png")}
    assert batch().error_lines[0].startswith("1 upscaled, 8 done before, 0 failed in ")
    assert handed_out == ["chunk"]
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    assert len(rows(tmp_path)) == 9
    batch("--overwrite")
    assert handed_out == ["chunk"] * 10


def test_what_failed_stays_so_until_it_is_tried_again(
    batch: Callable[..., Ended], pictures: Callable[..., Path], handed_out: list[str], tmp_path: Path
) -> None:
    folder = pictures(2)
    good = (folder / "01.png").read_bytes()
    (folder / "01.png").write_bytes(good[:100])
    first = batch()
    assert (first.code, first.error_lines[1].startswith(f"failed: {folder}/01.png: ")) == (1, True)
    (folder / "01.png").write_bytes(good)
    handed_out.clear()
    second = batch()
    assert (second.code, handed_out) == (1, [])
    assert second.error_lines[-1].startswith("1 of them failed")
    assert "--retry-failed" in second.error_lines[-1]
    third = batch("--retry-failed")
    assert (third.code, rows(tmp_path)["01.png"]["status"]) == (0, "upscaled")


def test_what_has_no_place_is_on_record(
    batch: Callable[..., Ended], photo: Callable[..., Path], tmp_path: Path
) -> None:
    photo("in/a.jpg")
    photo("in/a.png")
    ended = batch("--ext", "png")
    assert ended.code == 1
    assert [rows(tmp_path)[key]["status"] for key in ("a.jpg", "a.png")] == ["upscaled", "failed"]


def test_a_large_picture_is_shared_and_joined(
    batch: Callable[..., Ended],
    call: Callable[..., Ended],
    weights: dict[int, Path],
    photo: Callable[..., Path],
    handed_out: list[str],
    tmp_path: Path,
) -> None:
    photo("in/small.png")
    page = np.random.default_rng(0).integers(0, 256, (200, 40, 3), dtype=np.uint8)
    write(Picture((page,)), tmp_path / "in/tall.png")
    write(Picture((page,)), tmp_path / "in/bad.tif")
    content = (tmp_path / "in/bad.tif").read_bytes()
    (tmp_path / "in/bad.tif").write_bytes(content[:9000] + bytes(9000) + content[18000:])
    ended = batch("--split-pixels", 4000, "--tile", 16)
    assert handed_out == ["chunk"] * 3 + ["share"] * 6 + ["join"]
    assert ended.error_lines[0].startswith("2 upscaled, 0 done before, 1 failed in ")
    assert "bad.tif: truncated, damaged or an unusual TIFF" in ended.error_lines[1]
    call("upscale", tmp_path / "in/tall.png", "-o", tmp_path / "one.png", "-n", weights[2], "--tile", 16)
    assert (tmp_path / "out/tall_x2.png").read_bytes() == (tmp_path / "one.png").read_bytes()
    assert {key: row["status"] for key, row in rows(tmp_path).items()} == {
        "small.png": "upscaled", "tall.png": "upscaled", "bad.tif": "failed",
    }  # fmt: skip


def test_after_ctrl_c_the_manifest_has_what_is_through(
    batch: Callable[..., Ended], pictures: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pictures(8)
    chunk = Worker.chunk

    def interrupted(self: Worker, name: str, items: Any) -> Iterator[ManifestRow]:
        if len(list((tmp_path / "out/_elansr/parts").glob("*"))) == 3:
            list(chunk(self, name, items))  # through, and nobody heard of it
            raise KeyboardInterrupt
        return chunk(self, name, items)

    with monkeypatch.context() as pressed:
        pressed.setattr(Worker, "chunk", interrupted)
        ended = batch()
    assert ended.code == 130
    assert [line.split(";")[0] for line in ended.error_lines] == ["interrupted: 4 of 8 pictures are done"]
    assert len(rows(tmp_path)) == 4
    assert batch().error_lines[0].startswith("4 upscaled, 4 done before, 0 failed in ")
    assert len(rows(tmp_path)) == 8


def test_a_second_run_at_the_same_time_is_refused(
    batch: Callable[..., Ended], pictures: Callable[..., Path], tmp_path: Path
) -> None:
    pictures(1)
    with lock.OutputLock(Store(str(tmp_path / "out"))):
        ended = batch()
    assert ended.code == 2
    assert "/out: another run" in ended.stderr
    assert not (tmp_path / "out/manifest.parquet").exists()


def test_off_a_terminal_lines_tell_how_far_it_is(
    batch: Callable[..., Ended], pictures: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures(3)
    monkeypatch.setattr(display, "LINE_EVERY", 0.0)
    lines = batch().error_lines
    assert lines[:3] == [f"{done} of 3 pictures, about 1 min left" for done in (1, 2, 3)]
    assert len(lines) == 4


def test_the_time_left_goes_by_the_pictures_after_the_first() -> None:
    assert _so_far(done=4, total=64, seconds=30.0) == "4 of 64 pictures, about 10 min left"


def test_other_settings_need_another_output(batch: Callable[..., Ended], pictures: Callable[..., Path]) -> None:
    pictures(1)
    batch()
    ended = batch("--tta")
    assert ended.code == 2
    assert "tta False, not True: " in ended.stderr


def test_a_name_that_is_not_utf_8_fails_alone(
    batch: Callable[..., Ended], photo: Callable[..., Path], tmp_path: Path
) -> None:
    photo("in/a.png")
    try:
        os.rename(photo("in/b.png"), os.fsencode(tmp_path / "in") + b"/lat\xe9.png")
    except OSError:
        pytest.skip("this disk takes only names in UTF-8")
    for _ in range(2):
        assert batch().code == 1
        assert [rows(tmp_path)[key]["status"] for key in ("a.png", r"lat\udce9.png")] == ["upscaled", "failed"]


def test_strengths_are_other_settings() -> None:
    assert len({Settings(strength=strength).fingerprint() for strength in (None, 0.25, 0.5)}) == 3
