"""A worker without a cluster: what it writes, and what a second one makes of what a first has left."""

import platform
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from elansr.cluster import worker as worker_module
from elansr.cluster.sources import Columns, Item, find, planned
from elansr.cluster.storage import Store, fetch
from elansr.cluster.worker import ATTEMPTS, Worker
from elansr.errors import ElansrError
from tests.command_line import Ended

COLUMNS = Columns()


def items(url: object, columns: Columns = COLUMNS) -> list[Item]:
    return planned(find(str(url), columns)[1], "_x2", "auto")


@pytest.fixture
def expected(
    call: Callable[..., Ended], weights: dict[int, Path], tmp_path: Path
) -> Callable[[Path], dict[str, bytes]]:
    """What `elansr upscale` makes of a folder."""

    def make(folder: Path) -> dict[str, bytes]:
        call("upscale", folder, "-r", "-o", tmp_path / "expected", "-n", weights[2], "--suffix", "_x2")
        files = (path for path in (tmp_path / "expected").rglob("*") if path.is_file())
        return {path.relative_to(tmp_path / "expected").as_posix(): path.read_bytes() for path in files}

    return make


def results(url: str) -> dict[str, bytes]:
    store = Store(url)
    return {name: store.read(name) for name in store.sizes() if not name.startswith("_elansr/")}


@pytest.mark.parametrize("scheme", ["", "local://", "memory://"])
@pytest.mark.parametrize("over_http", [False, True])
def test_the_results_are_those_of_upscale(
    pictures: Callable[..., Path],
    served: Callable[[Path], str],
    worker: Callable[..., Worker],
    expected: Callable[[Path], dict[str, bytes]],
    tmp_path: Path,
    scheme: str,
    over_http: bool,
) -> None:
    folder, output = pictures(4), f"{scheme}{tmp_path}/out {over_http}"
    (folder / "bad.png").write_bytes((folder / "01.png").read_bytes()[:200])
    source = served(folder) if over_http else str(folder)
    Store(output).write("_elansr/settings.json", b"{}")
    there = worker(source, output)
    rows = list(there.chunk("p", items(source)))
    assert results(output) == expected(folder)
    assert there.manifest.part("p") == rows
    found = {row.key: row for row in rows}
    assert [row.status for row in rows].count("upscaled") == 4
    row = found["sub folder/03.png"]
    assert (row.width, row.height, row.result_width, row.result_height, row.scale) == (20, 15, 40, 30, 2)
    assert row.bytes == len(results(output)["sub folder/03_x2.png"])
    assert row.seconds > 0
    assert found["bad.png"].status == "failed"
    assert (found["bad.png"].error or "").startswith(f"{source}/bad.png: truncated")
    assert not [name for name in Store(output).sizes("_elansr") if "/parts/" not in name and "settings" not in name]


@pytest.mark.parametrize("kept_in_memory", [True, False])
def test_only_large_files_are_fetched_to_the_disk(
    pictures: Callable[..., Path],
    worker: Callable[..., Worker],
    expected: Callable[[Path], dict[str, bytes]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    kept_in_memory: bool,
) -> None:
    folder, fetched = pictures(3), list[str]()

    def counted(store: Store, path: str, file: Path) -> None:
        fetched.append(path)
        fetch(store, path, file)

    monkeypatch.setattr(worker_module, "fetch", counted)
    monkeypatch.setattr(worker_module, "LARGE_FILE", 2**20 if kept_in_memory else 10)
    put = list[Path]()
    monkeypatch.setattr(Store, "put", lambda _store, file, _name: put.append(file))
    url, output = f"memory://{tmp_path}/in", f"memory://{tmp_path}/out"
    for file in folder.rglob("*.png"):
        Store(url).write(file.relative_to(folder).as_posix(), file.read_bytes())
    list(worker(url, output).chunk("p", items(url)))
    assert results(output) == expected(folder)
    assert (len(fetched), put) == (0 if kept_in_memory else 3, [])


def test_what_is_not_there_fails_alone(
    pictures: Callable[..., Path], served: Callable[[Path], str], worker: Callable[..., Worker], tmp_path: Path
) -> None:
    folder = pictures(2)
    (tmp_path / "out").mkdir()
    url = served(folder)
    wanted = items(url)
    (folder / "01.png").unlink()
    rows = {row.key: row for row in worker(url, tmp_path / "out").chunk("p", wanted)}
    assert rows["sub folder/00.png"].status == "upscaled"
    assert str(rows["01.png"].error).startswith(f"{url}/01.png: ")


def test_the_cells_of_parquet_become_files(
    pictures: Callable[..., Path],
    worker: Callable[..., Worker],
    expected: Callable[[Path], dict[str, bytes]],
    tmp_path: Path,
) -> None:
    folder = pictures(3)
    names = ["01.png", "02.png", "sub folder/00.png"]
    cells = [(folder / name).read_bytes() for name in names]
    pq.write_table(
        pa.table({"id": [*names, "none"], "image": [*cells, None]}), tmp_path / "t.parquet", row_group_size=2
    )
    (tmp_path / "out").mkdir()
    columns = Columns(None, "id")
    rows = list(worker(tmp_path, tmp_path / "out", columns).chunk("p", items(tmp_path / "t.parquet", columns)))
    assert results(f"{tmp_path}/out") == expected(folder)
    assert str(rows[3].error).startswith(f"{tmp_path}/t.parquet#image[3]: ")


def test_a_parcel_that_is_on_record_is_not_done_again(
    pictures: Callable[..., Path], worker: Callable[..., Worker], tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    source = pictures(2)
    rows = list(worker(source, tmp_path / "out").chunk("p", items(source)))
    (tmp_path / "out/01_x2.png").unlink()
    assert list(worker(source, tmp_path / "out").chunk("p", items(source))) == rows
    assert not (tmp_path / "out/01_x2.png").exists()


def test_what_was_through_when_a_worker_died_is_not_done_again(
    pictures: Callable[..., Path],
    worker: Callable[..., Worker],
    begun: Counter[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    (tmp_path / "out").mkdir()
    source = pictures(4)
    monkeypatch.setattr(worker_module, "RECORD_EVERY", 0.0)
    first = worker(source, tmp_path / "out")
    under_way = first.chunk("p", items(source))
    found = [next(under_way), next(under_way)]
    assert first.manifest.part("p") == found, "they are on record before the others are through"
    for row in found:
        (tmp_path / "out" / row.target).unlink()
    second = list(worker(source, tmp_path / "out").chunk("p", items(source)))
    assert second[:2] == found
    assert [row.attempt for row in second] == [1, 1, 2, 2]
    assert [(tmp_path / "out" / row.target).exists() for row in second] == [False, False, True, True]


def test_after_a_worker_died_of_a_parcel_each_picture_is_on_record_by_itself(
    pictures: Callable[..., Path], worker: Callable[..., Worker], begun: Counter[str], tmp_path: Path
) -> None:
    """The first worker died, the second one of the second picture, again and again; the last one gives it up."""
    (tmp_path / "out").mkdir()
    source = pictures(3)
    wanted = items(source)
    begun["p"] = 1
    there = worker(source, tmp_path / "out")
    upscale = there.pictures

    def dies(items: list[Item], attempt: int) -> object:
        if items[0].key == wanted[1].key:
            raise SystemExit(9)
        return upscale(items, attempt)

    there.pictures = dies  # type: ignore[method-assign, assignment]
    for _ in range(ATTEMPTS):
        with pytest.raises(SystemExit):
            list(there.chunk("p", wanted))
    rows = list(there.chunk("p", wanted))
    assert [row.status for row in rows] == ["upscaled", "failed", "upscaled"]
    assert (rows[1].error or "").startswith(f"{source}/{wanted[1].key}: killed its worker 2 times")
    assert begun["p-0"] == begun["p-2"] == 1, "what is on record is not begun again"
    assert rows[0].attempt == 2
    assert {row.key for row in there.manifest.rows().values()} == {item.key for item in wanted}


def test_a_machine_that_lacks_the_folder_says_so(worker: Callable[..., Worker], tmp_path: Path) -> None:
    with pytest.raises(ElansrError, match=f"/missing: .*{platform.node()}"):
        worker(tmp_path / "missing", tmp_path)


def test_what_a_result_lacks_is_on_record(worker: Callable[..., Worker], tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    Image.new("RGBA", (8, 6)).save(tmp_path / "in/a.png")
    wanted = planned(find(str(tmp_path / "in"), COLUMNS)[1], "_x2", "jpg")
    [row] = worker(tmp_path / "in", tmp_path / "out").chunk("p", wanted)
    assert (row.status, row.notes) == ("upscaled", "transparency replaced by white")
