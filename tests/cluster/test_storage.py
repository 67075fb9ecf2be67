import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import fsspec
import pytest

from elansr.cluster import storage
from elansr.cluster.storage import Store, fetch, is_pattern, resolved
from elansr.errors import ConfigError, MissingExtraError, PictureError


@pytest.fixture(params=["", "file://", "local://", "memory://"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"{request.param}{tmp_path}/of/a store"


def test_what_is_written_can_be_listed_read_replaced_and_deleted(place: str) -> None:
    store = Store(place)
    assert store.sizes() == {}
    assert not store.exists("a/b c.bin")
    store.write("a/b c.bin", b"123")
    store.write("a/b c.bin", b"12")
    store.write("d.bin", b"")
    assert store.sizes() == {"a/b c.bin": 2, "d.bin": 0}
    assert store.sizes("a") == {"a/b c.bin": 2}
    assert Store(place).read("a/b c.bin") == b"12"
    store.delete("a/b c.bin")
    store.delete("a/b c.bin")
    assert Store(place).sizes() == {"d.bin": 0}


def test_a_file_is_moved_to_its_place_whole(place: str, tmp_path: Path) -> None:
    store = Store(place)
    for content in (b"first", b"second, longer"):
        file = tmp_path / "finished"
        file.write_bytes(content)
        store.put(file, "x/y.png")
        assert not file.exists()
        assert store.read("x/y.png") == content
    assert list(store.sizes()) == ["x/y.png"], "nothing else is left there"


def test_an_object_is_fetched(place: str, tmp_path: Path) -> None:
    store = Store(place)
    store.write("a.bin", b"abc")
    fetch(store, store.path("a.bin"), tmp_path / "here")
    assert (tmp_path / "here").read_bytes() == b"abc"
    with pytest.raises(PictureError, match=r"b\.bin: "):
        fetch(store, store.path("b.bin"), tmp_path / "here")


def test_over_http_names_are_those_of_the_files(served: Callable[[Path], str], tmp_path: Path) -> None:
    (tmp_path / "www/sub folder").mkdir(parents=True)
    (tmp_path / "www/sub folder/ä b.png").write_bytes(b"1")
    (tmp_path / "www/c.png").write_bytes(b"22")
    store = Store(served(tmp_path / "www"))
    assert sorted(store.sizes()) == ["c.png", "sub folder/ä b.png"]
    fetch(store, store.path("sub%20folder/%C3%A4%20b.png"), tmp_path / "here")
    assert (tmp_path / "here").read_bytes() == b"1"


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        (OSError("could not resolve host"), "; pyarrow, which needs no other package, says: could not resolve host"),
        (ValueError("no"), ""),
    ],
)
def test_where_a_package_is_missing_pyarrow_is_heard_too(
    monkeypatch: pytest.MonkeyPatch, failure: Exception, message: str
) -> None:
    def without(url: str, **options: object) -> object:
        raise ImportError("Install s3fs to access S3")

    def refuses(url: str) -> object:
        raise failure

    monkeypatch.setattr(storage, "url_to_fs", without)
    monkeypatch.setattr(storage.arrow, "FileSystem", SimpleNamespace(from_uri=refuses))
    with pytest.raises(MissingExtraError) as refused:
        Store("s3://bucket/photos")
    assert str(refused.value) == f"s3://bucket/photos: Install s3fs to access S3: install that package{message}"


def test_what_fails_once_is_tried_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(storage.time, "sleep", lambda seconds: None)
    store, calls, failures = Store("memory://flaky"), [], 2
    store.write("a", b"abc")
    there = type(store.files).open

    def fails_twice(self: object, *arguments: object, **named: object) -> object:
        calls.append(arguments)
        if len(calls) <= failures:
            raise ConnectionError("reset")
        return there(self, *arguments, **named)

    monkeypatch.setattr(type(store.files), "open", fails_twice)
    fetch(store, store.path("a"), tmp_path / "here")
    assert (tmp_path / "here").read_bytes() == b"abc"
    calls.clear()
    failures = 3
    with pytest.raises(PictureError, match=r"memory://flaky/a: .*\(reset\)"):
        storage.fetch(store, store.path("a"), tmp_path / "here")


def test_unknown_schemes_are_told_in_one_line() -> None:
    with pytest.raises(ConfigError, match=r"^nowhere://x: .*s3://"):
        Store("nowhere://x")


def test_s3_and_gcs_need_no_package_of_their_own() -> None:
    """pyarrow has both; where s3fs is installed it is preferred."""
    store = Store("s3://bucket/photos?region=eu-west-1")
    assert (store.url, store.root, store.local) == ("s3://bucket/photos", "bucket/photos", False)
    assert store.shown("a.png") == "s3://bucket/photos/a.png"
    assert isinstance(store.files, fsspec.AbstractFileSystem)


def test_a_path_means_the_same_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert resolved("in") == f"{os.getcwd()}/in"
    assert resolved("s3://a/b") == "s3://a/b"


def test_patterns_are_told_from_parameters_and_names(tmp_path: Path) -> None:
    assert is_pattern("a/*.png")
    assert is_pattern("s3://bucket/**/[ab].png")
    assert not is_pattern("s3://bucket/photos?region=x")
    (tmp_path / "a[1]").mkdir()
    assert not is_pattern(f"{tmp_path}/a[1]")


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("file", r"/file: is a file"),
        ("file/below/it", r"/file/below/it: .*/file is a file"),
        ("closed/below", r"/closed/below: .*/closed"),
    ],
)
def test_where_results_cannot_be_written_is_seen_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, complaint: str
) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "closed").mkdir()
    monkeypatch.setattr(os, "access", lambda path, _mode: Path(path).name != "closed")  # root may write anywhere
    with pytest.raises(PictureError, match=complaint):
        Store(str(tmp_path / name)).require_place()
    Store(str(tmp_path / "new" / "folder")).require_place()
