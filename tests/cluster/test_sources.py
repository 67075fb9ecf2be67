from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from elansr.cluster.sources import Columns, Item, ParquetCells, find, planned
from elansr.cluster.storage import Store
from elansr.errors import ConfigError, PictureError

COLUMNS = Columns()


def keys(url: object, columns: Columns = COLUMNS) -> list[str]:
    return [item.key for item in find(str(url), columns)[1]]


def test_a_folder_gives_its_pictures_and_those_of_its_folders(pictures: Callable[..., Path]) -> None:
    folder = pictures(4)
    (folder / "notes.txt").write_text("no picture")
    for name in ("raw.CR2", "sub folder/raw.dng", "new.jxl", ".hidden.cr2"):
        (folder / name).write_bytes(b"x")
    (folder / ".hidden.png").write_bytes(b"x")
    (folder / "_elansr").mkdir()
    (folder / "_elansr/x.png").write_bytes(b"x")
    _, items, left_out = find(str(folder), Columns())
    assert left_out == {"camera raw": 2, "JPEG XL": 1}
    assert [item.key for item in items] == ["01.png", "02.png", "sub folder/00.png", "sub folder/03.png"]
    assert [Path(item.path) for item in items] == [folder / item.key for item in items]
    assert all(item.size == Path(item.path).stat().st_size for item in items)


def test_patterns_single_files_and_http_give_the_same_keys(
    pictures: Callable[..., Path], served: Callable[[Path], str]
) -> None:
    folder = pictures(4)
    url = served(folder)
    assert keys(f"{folder}/*.png") == ["01.png", "02.png"]
    assert keys(f"{folder}/**/0[03].png") == ["sub folder/00.png", "sub folder/03.png"]
    assert keys(folder / "01.png") == ["01.png"]
    assert sorted(keys(url)) == ["01.png", "02.png", "sub folder/00.png", "sub folder/03.png"]
    assert keys(f"{url}/01.png") == ["01.png"]


@pytest.mark.parametrize("name", ["empty", "empty/*.png"])
def test_no_pictures_are_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=r"\.parquet"):
        find(str(tmp_path / name), Columns())


@pytest.mark.parametrize("name", ["missing", "missing/*.png"])
def test_what_is_not_there_is_told_from_what_is_empty(served: Callable[[Path], str], tmp_path: Path, name: str) -> None:
    for place in (str(tmp_path), served(tmp_path)):
        with pytest.raises(PictureError, match="/missing: "):
            find(f"{place}/{name}", Columns())


def test_a_server_that_does_not_answer_is_told() -> None:
    with pytest.raises(PictureError, match=r"127\.0\.0\.1:1/in: .*Connect call failed"):
        find("http://127.0.0.1:1/in/", Columns())


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Five rows in groups of two: a name, bytes, and a struct as Hugging Face's data sets have it."""
    cells = [f"picture {n}".encode() if n != 3 else None for n in range(5)]
    columns = {
        "name": [f"set/{n}.jpg" for n in range(5)],
        "raw": pa.array(cells, pa.binary()),
        "image": [{"bytes": cell, "path": None} for cell in cells],
        "same": ["x"] * 5,
    }
    pq.write_table(pa.table(columns), tmp_path / "some.parquet", row_group_size=2)
    return tmp_path / "some.parquet"


def test_the_rows_of_parquet_are_items(table: Path) -> None:
    assert keys(table) == [f"some/{n:08}" for n in range(5)]
    assert keys(table.parent, Columns("image", "name")) == [f"set/{n}.jpg" for n in range(5)]
    _, items, _ = find(str(table), Columns(None, "name"))
    assert [(item.row_group, item.row) for item in items] == [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0)]
    assert items[4].source == f"{table}#raw[4]"


@pytest.mark.parametrize("column", ["raw", "image"])
def test_cells_are_found_again_in_any_order(table: Path, column: str) -> None:
    store, items, _ = find(str(table), Columns(column))
    read = ParquetCells(store, column)
    assert [read(items[n]) for n in (4, 0, 2, 1)] == [b"picture 4", b"picture 0", b"picture 2", b"picture 1"]
    with pytest.raises(PictureError, match=r"some\.parquet#\w+\[3\]: "):
        read(items[3])


@pytest.mark.parametrize(
    ("columns", "complaint"),
    [
        (Columns("nothing"), "'nothing'.*name, raw, image, same"),
        (Columns("name"), "'name'"),
        (Columns(None, "id"), "'id'"),
    ],
)
def test_wrong_columns_are_told(table: Path, columns: Columns, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        find(str(table), columns)


def test_what_is_no_parquet_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"nothing of the kind")
    with pytest.raises(ConfigError, match=r"a\.parquet: "):
        find(str(tmp_path / "a.parquet"), Columns())


def items(*names: str) -> list[Item]:
    return [Item(name, f"in/{name}", name) for name in names]


def test_targets_have_the_names_that_upscale_gives() -> None:
    found = planned(items("a.jpg", "b/c.PNG", "d.v2", "set/0"), "_x4", "auto")
    assert [item.target for item in found] == ["a_x4.jpg", "b/c_x4.PNG", "d.v2_x4.png", "set/0_x4.png"]
    assert planned(items("b/c.jpg"), "", "webp")[0].target == "b/c.webp"
    assert not any(item.problem for item in found)


def test_the_second_for_a_target_and_what_leads_out_are_refused() -> None:
    found = planned(items("a.jpg", "a.png", "b.png", "../c.png", "/d.png", "_elansr/e.png"), "", "png")
    assert [bool(item.problem) for item in found] == [False, True, False, True, True, True]
    assert found[1].problem.startswith("in/a.png: ")
    assert "in/a.jpg" in found[1].problem


def test_keys_that_repeat_are_refused(table: Path) -> None:
    store, found, _ = find(str(table), Columns("raw", "same"))
    assert isinstance(store, Store)
    with pytest.raises(ConfigError, match="'x'"):
        planned(found, "_x2", "auto")


def test_a_damaged_row_group_fails_where_it_is_read(table: Path) -> None:
    store, found, _ = find(str(table), Columns("raw"))
    content = bytearray(table.read_bytes())
    start = content.index(b"picture 2")
    content[start - 40 : start + 40] = b"\0" * 80
    table.write_bytes(content)
    read = ParquetCells(store, "raw")
    assert read(found[0]) == b"picture 0"
    with pytest.raises(ConfigError, match=r"some\.parquet: "):
        read(found[2])


def test_names_that_are_not_utf_8_fail_alone(tmp_path: Path) -> None:
    found = planned(items("a.jpg", "lat\udce9.jpg"), "_x2", "auto")
    assert [bool(item.problem) for item in found] == [False, True]
    assert all("".join((item.key, item.source, item.problem)).isascii() for item in found)
    folder = [Item("a.jpg", "in\udce9/a.jpg", "in\udce9/a.jpg")]
    assert planned(folder, "_x2", "auto")[0].problem


def test_names_that_will_be_too_long_are_refused(tmp_path: Path) -> None:
    found = planned(items(f"{'x' * 248}.jpg", f"{'x' * 249}.jpg"), "_x2", "auto", Store(str(tmp_path)))
    assert [bool(item.problem) for item in found] == [False, True]
