from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from elansr.cluster.manifest import Manifest, ManifestRow, from_json, to_json
from elansr.cluster.settings import Settings, identified
from elansr.cluster.storage import Store
from elansr.errors import ConfigError

ROW = ManifestRow(
    "a", "in/a.png", "a_x2.png", "upscaled", None, "s", width=3, bytes=7, seconds=0.5, notes="XMP dropped", node="n"
)
SETTINGS = Settings(model="elan-light-x2")


@pytest.fixture(params=["", "memory://"])
def output(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return Store(f"{request.param}{tmp_path}/out")


def test_the_joined_manifest_has_one_row_a_key_the_latest(output: Store) -> None:
    book, later = Manifest(output), ROW.finished_at + timedelta(seconds=1)
    book.begin(SETTINGS, overwrite=False)
    failed = replace(ROW, status="failed", error="why")
    book.write_part("2", [failed, replace(ROW, key="b"), replace(ROW, key="c", status="split")])
    book.write_part("1", [replace(ROW, finished_at=later), replace(ROW, key="b")])
    assert book.part("2")[0] == failed
    assert book.part("3") == []
    for _ in range(2):
        book.join()
        assert book.rows() == {"a": replace(ROW, finished_at=later), "b": replace(ROW, key="b")}
        assert sorted(output.sizes()) == ["_elansr/settings.json", "manifest.parquet"]
    book.write_part("4", [replace(failed, key="b", finished_at=later)])
    book.join()
    assert [row.status for row in book.rows().values()] == ["upscaled", "failed"]


def test_a_join_that_was_stopped_is_done_again(output: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    book = Manifest(output)
    book.write_part("1", [ROW])
    with monkeypatch.context() as stopped:
        stopped.setattr(Store, "delete", lambda self, name: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            book.join()
    assert book.rows() == {"a": ROW}
    book.join()
    assert book.rows() == {"a": ROW}
    assert output.sizes("_elansr/parts") == {}


def test_other_programs_can_read_it(tmp_path: Path) -> None:
    book = Manifest(Store(str(tmp_path)))
    book.write_part("1", [ROW])
    book.join()
    [row] = pq.read_table(tmp_path / "manifest.parquet").to_pylist()
    assert (row["key"], row["status"], row["width"], row["seconds"], row["model"]) == ("a", "upscaled", 3, 0.5, None)
    assert row["notes"] == "XMP dropped"


def test_an_output_is_taken_up_only_with_the_same_settings(output: Store) -> None:
    book = Manifest(output)
    assert book.open(SETTINGS, False, []) == {}
    book.begin(SETTINGS, overwrite=False)
    book.write_part("1", [ROW])
    assert book.open(replace(SETTINGS, device="cuda"), False, ["a_x2.png"]) == {"a": ROW}
    with pytest.raises(ConfigError, match=r"tta False, not True: .*`overwrite=True`"):
        book.open(replace(SETTINGS, tta=True), False, [])
    assert book.open(replace(SETTINGS, tta=True), True, []) == {}
    book.begin(replace(SETTINGS, tta=True), overwrite=True)
    assert book.rows() == {}


def test_results_that_nobody_has_on_record_are_not_replaced(output: Store) -> None:
    with pytest.raises(ConfigError, match=r"b\.png"):
        Manifest(output).open(SETTINGS, False, ["b.png"])


def test_weights_files_are_told_apart_by_what_is_in_them(tmp_path: Path) -> None:
    prints = []
    for name, content in (("a", b"1"), ("a", b"2"), ("b", b"2")):
        (tmp_path / name).mkdir(exist_ok=True)
        path = tmp_path / name / "net.safetensors"
        path.write_bytes(content)
        prints.append(identified(Settings(model=str(path))).fingerprint())
    assert prints[0] != prints[1] == prints[2]
    assert identified(SETTINGS) == SETTINGS


def test_a_row_travels_as_text() -> None:
    assert from_json(to_json(ROW)) == ROW


@pytest.mark.parametrize("name", ["_elansr/settings.json", "_elansr/parts/1.parquet", "manifest.parquet"])
def test_what_is_damaged_is_told(tmp_path: Path, name: str) -> None:
    output = Store(str(tmp_path))
    Manifest(output).begin(SETTINGS, overwrite=False)
    output.write(name, b"nonsense")
    with pytest.raises(ConfigError, match=f"{name}: "):
        Manifest(output).open(SETTINGS, False, [])
    assert Manifest(output).open(SETTINGS, True, []) == {}
