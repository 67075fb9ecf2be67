"""What a browser, or somebody who plays one, tells of files: what is taken, and what is answered to the rest."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from elansr.images import Picture, read, write
from elansr.server.limits import Limits
from elansr.server.page.page_files import (
    MOST_PICTURES,
    ChosenPicture,
    PageFolder,
    SentFile,
    UnusableFile,
    Uploads,
    sent_files,
)  # fmt: skip
from elansr.server.page.words import PageError


@pytest.fixture
def folder() -> Iterator[PageFolder]:
    made = PageFolder()
    yield made
    made.close()


def test_what_our_script_tells() -> None:
    rows = [{"name": "../a.png", "bytes": 7, "path": "/tmp/a"}, {"name": "b.png", "bytes": 8}]
    assert sent_files(json.dumps(rows)) == [SentFile("a.png", 7, Path("/tmp/a").resolve()), SentFile("b.png", 8, None)]


@pytest.mark.parametrize(
    "message",
    [
        "", "null", "5", "[5]", "[{}]", '{"name": "a", "bytes": 1}', '[{"name": 5, "bytes": 1}]',
        '[{"name": "a", "bytes": Infinity}]', '[{"name": "a", "bytes": 1, "path": 5}]',
        '[{"name": "a", "bytes": 1, "path": "\\u0000"}]', "[" * 100_000,
    ],
)  # fmt: skip
def test_what_it_does_not_tell(message: str) -> None:
    with pytest.raises(PageError, match="upload"):
        sent_files(message)


def test_how_many() -> None:
    assert len(sent_files(json.dumps([{"name": "a", "bytes": 1}] * MOST_PICTURES))) == MOST_PICTURES
    with pytest.raises(PageError, match=r"51 files .* 50"):
        sent_files(json.dumps([{"name": "a", "bytes": 1}] * (MOST_PICTURES + 1)))


def test_only_what_was_uploaded_is_looked_at(folder: PageFolder, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    write(Picture((pixels,)), tmp_path / "a.png")
    inside = folder.new() / "a.png"
    inside.write_bytes((tmp_path / "a.png").read_bytes())
    uploads = Uploads(folder, replace(Limits(), max_bytes=10_000))
    chosen = uploads.look(SentFile("mine.png", 99, inside))
    assert isinstance(chosen, ChosenPicture)
    assert np.array_equal(read(chosen.path).pixels, pixels)
    assert (chosen.about.pixels, chosen.thumbnail.is_file()) == (600, True)
    assert (chosen.name, chosen.size) == ("mine.png", inside.stat().st_size)
    for sent, sentence in (
        (SentFile("mine.png", 99, tmp_path / "a.png"), "the server has deleted this picture"),
        (SentFile("mine.png", 99, inside.with_name("b")), "the server has deleted this picture"),
        (SentFile("mine.png", 99, None), "the upload failed"),
        (
            SentFile("mine.png", 10_001, None),
            "the file has 10 kB",
        ),
    ):
        found = uploads.look(sent)
        assert isinstance(found, UnusableFile)
        assert str(found.why).startswith(sentence)
