"""Addresses and streams as inputs, a stream as the output: the bytes are those of the same run over files."""

import io
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

import elansr
from elansr.errors import ConfigError, PictureError
from elansr.images import Picture, read, write
from elansr.upscaling import upscale

OPTIONS = {"model": "elan-light-x2", "device": "cpu", "precision": "fp32"}


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo one.jpg"
    write(Picture((np.random.default_rng(0).integers(0, 256, (9, 14, 3), np.uint8),)), path)
    return path


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """Serves `tmp_path`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def expected(photo: Path, tmp_path: Path) -> bytes:
    upscale(photo, tmp_path / "expected.jpg", **OPTIONS)  # type: ignore[arg-type]
    return (tmp_path / "expected.jpg").read_bytes()


def test_an_address_is_a_file_of_the_working_directory(
    site: str, expected: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    address = f"{site}/photo%20one.jpg?size=large"
    [result] = upscale(address, **OPTIONS)  # type: ignore[arg-type]
    assert (result.status, result.job.shown_source, result.target) == ("done", address, Path("photo one_x2.jpg"))
    assert Path("photo one_x2.jpg").read_bytes() == expected


def test_an_address_that_answers_no_picture_is_one_failure_of_several(site: str, photo: Path, tmp_path: Path) -> None:
    (tmp_path / "page").write_text("<html>")
    inputs = [f"{site}/missing.jpg", photo, f"{site}/page", "http://127.0.0.1:1/a.png"]
    results = upscale(inputs, tmp_path / "out", **OPTIONS)  # type: ignore[arg-type]
    assert [result.status for result in results] == ["failed", "done", "failed", "failed"]
    for name, result in zip(inputs, results, strict=True):
        assert result.status == "done" or result.reason.startswith(f"{name}: ")
    with pytest.raises(PictureError, match=f"^{site}/missing.jpg: .*404"):
        upscale(inputs[0], tmp_path / "out", **OPTIONS)  # type: ignore[arg-type]


def test_streams_in_and_out(photo: Path, expected: bytes) -> None:
    result = io.BytesIO()
    [done] = upscale(io.BytesIO(photo.read_bytes()), result, **OPTIONS)  # type: ignore[arg-type]
    assert result.getvalue() == expected
    assert (done.job.shown_source, done.job.shown_target) == ("<BytesIO>", "<BytesIO>")
    result = io.BytesIO()
    with open(photo, "rb") as file:
        upscale(file, result, ext="png", **OPTIONS)  # type: ignore[arg-type]
    assert read(result.getvalue()).format == "png"


def test_a_failure_writes_nothing_to_the_stream() -> None:
    result = io.BytesIO()
    with pytest.raises(PictureError, match="^<BytesIO>: "):
        upscale(io.BytesIO(b"no picture"), result, **OPTIONS)  # type: ignore[arg-type]
    assert result.getvalue() == b""


def test_streams_that_do_not_fit_are_refused(photo: Path) -> None:
    with pytest.raises(ConfigError, match="`output`"):
        upscale(io.BytesIO(photo.read_bytes()), **OPTIONS)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="^<BytesIO>: "):
        upscale([photo, photo.with_name("b.jpg")], io.BytesIO(), **OPTIONS)  # type: ignore[arg-type]


@pytest.mark.parametrize("inputs", [None, 5, [], [5], np.zeros((3, 3)), [b"bytes"]])
def test_what_is_no_input_is_refused(inputs: object) -> None:
    with pytest.raises(ConfigError, match="^`inputs"):
        upscale(inputs, **OPTIONS)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("existing", "zz"), ("ext", "zz"), ("scale", "2"), ("scale", 8), ("scale", True), ("outscale", "2"),
        ("width", 2.5), ("height", 0), ("quality", "a"), ("quality", 500), ("threads", -1), ("max_pixels", -1),
        ("suffix", 5), ("output", 5), ("recursive", 1), ("pyramid", "yes"), ("tile", 2.5), ("tta", "yes"),
        ("border", "open"), ("margin", 257),
    ],
)  # fmt: skip
def test_a_wrong_argument_is_named_with_its_value(name: str, value: object, photo: Path) -> None:
    with pytest.raises(ConfigError, match=f"^`{name}={value!r}`: "):
        elansr.upscale(photo, **{"model": "elan-light", "device": "cpu", name: value})  # type: ignore[arg-type]
    assert [path.name for path in photo.parent.iterdir()] == [photo.name]


def test_nothing_temporary_is_left(photo: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import tempfile

    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    upscale(io.BytesIO(photo.read_bytes()), io.BytesIO(), **OPTIONS)  # type: ignore[arg-type]
    assert list((tmp_path / "tmp").iterdir()) == []
