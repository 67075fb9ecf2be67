"""The training pictures that are drawn: the same again, and each kind with what makes it one."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from elansr.errors import ConfigError
from tools.drawings import kinds
from tools.drawings.__main__ import main
from tools.drawings.kinds import KINDS, Painter, draw, kind_of
from tools.drawings.svg import SIDE
from tools.drawings.words import SCRIPTS, Script


def needs(kind: str) -> None:
    if missing := KINDS[kind].missing():
        pytest.skip(f"Debian packages that are not installed: {' '.join(missing)}")


def ground_share(picture: NDArray[np.uint8]) -> float:
    """The share of the most frequent colour."""
    _, counts = np.unique(picture.reshape(-1, 3), axis=0, return_counts=True)
    return float(counts.max() / counts.sum())


def even_share(picture: NDArray[np.uint8]) -> float:
    """The share of pixels that differ from their right neighbours by at most 2 levels."""
    return float((np.abs(np.diff(picture.astype(int), axis=1)).max(-1) <= 2).mean())


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_depends_on_seed_and_index_alone(kind: str) -> None:
    needs(kind)
    first = draw(kind, 5, 7)
    assert first.shape == (SIDE, SIDE, 3)
    assert first.dtype == np.uint8
    draw(kind, 5, 8)
    np.testing.assert_array_equal(first, draw(kind, 5, 7))
    assert (first != draw(kind, 6, 7)).any()


def test_kinds_come_by_their_shares() -> None:
    drawn = [kind_of(3, index) for index in range(2000)]
    assert sum(painter.share for painter in KINDS.values()) == pytest.approx(1)
    for kind, painter in KINDS.items():
        assert drawn.count(kind) / 2000 == pytest.approx(painter.share, abs=0.04)


def test_most_of_a_page_of_text_is_exactly_its_paper() -> None:
    needs("text")
    shares = [ground_share(draw("text", 0, index)) for index in range(6)]
    assert all(0.6 < share < 0.999 for share in shares), shares


@pytest.mark.parametrize("script", SCRIPTS, ids=[script.name for script in SCRIPTS])
def test_a_line_is_as_long_as_its_room(script: Script) -> None:
    random = np.random.default_rng(0)
    for room in (5, 20, 60):
        line = script.line(random, room).strip("\u200f")
        assert 0.4 * room < len(line) * script.width <= room + script.width * 12


def test_flats_are_even() -> None:
    pictures = [draw("flat", 0, index) for index in range(16)]
    shares = [even_share(picture) for picture in pictures]
    assert np.median(shares) > 0.9
    few = sum(len(np.unique(picture.reshape(-1, 3), axis=0)) <= 8 for picture in pictures)
    assert few >= 3, "edges between pixels leave as many colours as were drawn"


@pytest.mark.parametrize(("kind", "least"), [("clipart", 8), ("comic", 30), ("wall", 4), ("screen", 8)])
def test_nothing_is_empty(kind: str, least: float) -> None:
    needs(kind)
    assert min(draw(kind, 0, index).std() for index in range(2)) > least


def test_comics_are_mostly_neutral() -> None:
    needs("comic")
    neutral = [np.ptp(draw("comic", 0, index), axis=2).max() == 0 for index in range(4)]
    assert sum(neutral) >= 1


def test_files_and_resuming(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "KINDS", {"flat": KINDS["flat"]})
    main(tmp_path, 3, 1, "1/2")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["flat_000000.webp", "flat_000002.webp"]
    np.testing.assert_array_equal(
        np.asarray(Image.open(tmp_path / "flat_000002.webp").convert("RGB")), draw("flat", 1, 2)
    )
    (tmp_path / "flat_000000.webp").write_bytes(b"kept")
    main(tmp_path, 3, 1, "1/1")
    assert (tmp_path / "flat_000000.webp").read_bytes() == b"kept"
    assert (tmp_path / "flat_000001.webp").exists()


def test_missing_packages_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "INSTALLED", tmp_path)
    (tmp_path / "fonts-lato.list").touch()
    painter: Painter = KINDS["clipart"]
    assert "openclipart-svg" in painter.missing()
    assert "fonts-lato" not in painter.missing()
    with pytest.raises(ConfigError, match="openclipart-svg"):
        main(tmp_path / "out", 1, 0, "1/1")
    assert not (tmp_path / "out").exists()
