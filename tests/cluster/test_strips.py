"""A picture in shares is the picture in one piece."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from elansr.cluster.sources import Columns, find, planned
from elansr.cluster.strips import shares
from elansr.cluster.worker import Worker
from elansr.images import Picture, write
from tests.command_line import Ended

TILE = 16
OPTIONS = {"split_pixels": 9000, "tile": TILE}


@pytest.mark.parametrize("height", [128, 149, 215])
@pytest.mark.parametrize(("suffix", "channels", "deep"), [("png", 3, False), ("tif", 1, True), ("jpg", 3, False)])
def test_shares_join_to_the_file_that_upscale_writes(
    worker: Callable[..., Worker],
    call: Callable[..., Ended],
    weights: dict[int, Path],
    tmp_path: Path,
    height: int,
    suffix: str,
    channels: int,
    deep: bool,
) -> None:
    page = np.random.default_rng(height).integers(0, 65536 if deep else 256, (height, 75, channels))
    path = tmp_path / f"in/large.{suffix}"
    path.parent.mkdir()
    (tmp_path / "out").mkdir()
    write(Picture((page.astype(np.uint16 if deep else np.uint8),), dpi=(300.0, 300.0)), path)
    wanted = planned(find(str(path.parent), Columns())[1], "_x2", "auto")
    there = worker(path.parent, tmp_path / "out", **OPTIONS)
    [row] = there.chunk("p", wanted)
    assert (row.status, row.width, row.height) == ("split", 75, height)
    assert there.manifest.rows() == {}, "it is not done yet"
    count = shares(height, there.settings)
    assert count == height // (4 * TILE) >= 2
    for number in reversed(range(count)):
        assert there.share(f"s{number}", wanted[0], number).status == "split"
    row = there.joined("j", wanted[0], 5.0)
    assert (row.status, row.result_height, row.bytes) == ("upscaled", 2 * height, _size(tmp_path))
    assert row.seconds > 5
    call("upscale", path, "-o", tmp_path / f"one_piece.{suffix}", "-n", weights[2], "--tile", TILE)
    assert (tmp_path / f"out/large_x2.{suffix}").read_bytes() == (tmp_path / f"one_piece.{suffix}").read_bytes()
    assert sorted(there.output.sizes()) == ["_elansr/parts/j.parquet", "_elansr/parts/p.parquet", f"large_x2.{suffix}"]


def _size(folder: Path) -> int:
    [path] = (folder / "out").glob("large_x2.*")
    return path.stat().st_size


def test_a_share_that_is_there_is_not_made_again(worker: Callable[..., Worker], tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    _write(tmp_path / "in/a.png", 3)
    wanted = planned(find(str(tmp_path / "in"), Columns())[1], "_x2", "auto")
    there = worker(tmp_path / "in", tmp_path / "out", **OPTIONS)
    there.share("s", wanted[0], 0)
    [share] = (tmp_path / "out/_elansr/strips").rglob("*.rows")
    before = share.stat().st_mtime_ns
    there.share("again", wanted[0], 0)
    assert share.stat().st_mtime_ns == before


def test_a_missing_share_is_told(worker: Callable[..., Worker], tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    _write(tmp_path / "in/a.png", 3)
    wanted = planned(find(str(tmp_path / "in"), Columns())[1], "_x2", "auto")
    row = worker(tmp_path / "in", tmp_path / "out", **OPTIONS).joined("j", wanted[0], 0.0)
    assert row.status == "failed"
    assert "00000.rows: no such file" in (row.error or "")
    assert not (tmp_path / "out/a_x2.png").exists()


@pytest.mark.parametrize(
    ("name", "channels", "options"),
    [("alpha.png", 4, {}), ("a.webp", 3, {}), ("a.png", 3, {"outscale": 1.5}), ("a.png", 3, {"split_pixels": 0})],
)
def test_other_pictures_are_done_by_one_worker(
    worker: Callable[..., Worker], tmp_path: Path, name: str, channels: int, options: dict[str, object]
) -> None:
    (tmp_path / "out").mkdir()
    _write(tmp_path / "in" / name, channels)
    wanted = planned(find(str(tmp_path / "in"), Columns())[1], "_x2", "auto")
    [row] = worker(tmp_path / "in", tmp_path / "out", **{**OPTIONS, **options}).chunk("p", wanted)
    assert (row.status, row.error) == ("upscaled", None)


def _write(path: Path, channels: int) -> None:
    path.parent.mkdir()
    write(Picture((np.random.default_rng(0).integers(0, 256, (140, 75, channels), dtype=np.uint8),)), path)
