"""The page with the slider: what is embedded and what is escaped. What it does: `test_pages_in_browser`."""

from pathlib import Path

import numpy as np
import pytest
from PIL import ImageCms

from elansr.errors import ConfigError, OutputExistsError
from elansr.evaluation import comparison_page, html_page
from elansr.evaluation.comparison import ComparedPicture, Comparison
from elansr.evaluation.comparison_page import check_size, write_comparison
from elansr.evaluation.crops import CropBox
from tests.evaluation.parsed import Page, kind, opened, picture
from tests.evaluation.test_report_page import EVIL

RNG = np.random.default_rng(0)


def comparison(count: int = 3, height: int = 60, width: int = 90, border: int | None = None) -> Comparison:
    pictures = RNG.integers(0, 256, (count, height, width, 3), np.uint8)
    return Comparison("photo.png", tuple(ComparedPicture(f"side {n}", p) for n, p in enumerate(pictures)), border)


def written(path: Path, given: Comparison, crops: list[CropBox] | None = None, jpeg: int | None = None) -> Page:
    write_comparison(given, path, crops or [], jpeg)
    return Page(path.read_text(encoding="utf-8"))


def test_the_pictures_are_embedded_without_loss(tmp_path: Path) -> None:
    given = comparison()
    page = written(tmp_path / "p.html", given)
    page.require_harmless()
    shown = page.all("img")
    for element, side in zip(shown, given.pictures, strict=True):
        assert (kind(element), element.attributes["alt"]) == ("webp", side.label)
        np.testing.assert_array_equal(picture(element), side.pixels)
    assert len(page.all("canvas")) == 3
    assert "90x60 pixels, embedded without loss." in page.one("header").text
    for name in ("left", "right"):
        options = [e.text for e in page.all("option") if e.inside(page.one("select", id=name))]
        assert options == ["side 0", "side 1", "side 2"]


def test_jpeg_is_smaller_and_the_page_says_so(tmp_path: Path) -> None:
    given = comparison()
    page = written(tmp_path / "p.html", given, jpeg=30)
    assert {kind(element) for element in page.all("img")} == {"jpeg"}
    assert "JPEG of quality 30" in page.one("header").text
    written(tmp_path / "q.html", given)
    assert (tmp_path / "p.html").stat().st_size < (tmp_path / "q.html").stat().st_size


def test_a_profile_goes_with_the_pixels(tmp_path: Path) -> None:
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    pixels = comparison().pictures[0].pixels
    given = Comparison("t", (ComparedPicture("a", pixels, icc), ComparedPicture("b", pixels)))
    for jpeg in (None, 90):
        shown = written(tmp_path / f"{jpeg}.html", given, jpeg=jpeg).all("img")
        assert [opened(element).info.get("icc_profile") for element in shown] == [icc, None]


def test_what_is_too_long_for_webp_becomes_png() -> None:
    long = RNG.integers(0, 256, (2, 16384, 3), np.uint8)
    page = Page(f'<img src="{html_page.lossless(long)}">')
    assert kind(page.one("img")) == "png"
    np.testing.assert_array_equal(picture(page.one("img")), long)


def test_scores_and_notes_stand_with_their_pictures(tmp_path: Path) -> None:
    sides = comparison(2).pictures
    named = Comparison(
        "t", (ComparedPicture("a", sides[0].pixels, None, "enlarged x2 by bicubic", 31.234), sides[1]), 4
    )
    page = written(tmp_path / "p.html", named)
    captions = [" ".join(e.text.split()) for e in page.all("figcaption")]
    assert captions == ["a 31.23 dB enlarged x2 by bicubic", "side 1"]
    assert "a border of 4 pixels left out" in page.one("header").text


def test_places_are_those_given_or_where_the_pictures_differ(tmp_path: Path) -> None:
    page = written(tmp_path / "p.html", comparison(), [CropBox(10, 20, 30, 8), CropBox(0, 0, 5, 5)])
    buttons = [e for e in page.all("button") if "data-x" in e.attributes]
    assert [(e.attributes["data-x"], e.attributes["data-y"]) for e in buttons] == [("25.0", "24.0"), ("2.5", "2.5")]
    same = comparison(2, 200, 300).pictures[0].pixels
    other = same.copy()
    other[120:140, 40:60] = 0
    page = written(tmp_path / "q.html", Comparison("t", (ComparedPicture("a", same), ComparedPicture("b", other))))
    first = next(e for e in page.all("button") if "data-x" in e.attributes)
    assert abs(float(first.attributes["data-x"]) - 50) < 48
    assert abs(float(first.attributes["data-y"]) - 130) < 48


@pytest.mark.parametrize("name", [EVIL, "line\nbreak", "bytes \udcff"])
def test_names_are_text_and_nothing_else(tmp_path: Path, name: str) -> None:
    sides = tuple(ComparedPicture(name, side.pixels, None, name) for side in comparison(2).pictures)
    page = written(tmp_path / "p.html", Comparison(name, sides))
    page.require_harmless()
    shown = name if name.isprintable() else ascii(name)
    assert page.one("h1").text == page.one("title").text == shown
    assert {e.attributes["alt"] for e in page.all("img")} == {shown}
    assert {e.text for e in page.all("option") if e.inside(page.one("select", id="left"))} == {shown}


@pytest.mark.parametrize(
    ("size", "count", "jpeg", "words"),
    [
        ((5000, 4001), 2, None, r"5000x4001.*`jpeg=90`.*\.png"),
        ((15360, 8640), 2, None, r"15360x8640 pixels are 265 megapixels, .* 40 [^`]*\.png"),
        ((15360, 8640), 2, 90, r"265 megapixels, .* 160 [^`]*\.png"),
        ((10, 10), 2, 0, "quality 0: .*1 to 100"),
        ((10, 10), 2, 101, "quality 101: "),
    ],
)
def test_too_large_a_page_is_refused(size: tuple[int, int], count: int, jpeg: int | None, words: str) -> None:
    check_size((5000, 4000), 2, None)
    check_size((8000, 5000), 4, 90)
    with pytest.raises(ConfigError, match=words):
        check_size(size, count, jpeg)


def test_what_cannot_be_written_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given, path = comparison(), tmp_path / "p.html"
    path.write_text("mine")
    with pytest.raises(OutputExistsError, match=r"p\.html"):
        write_comparison(given, path)
    with pytest.raises(ConfigError, match="80,0,20,5: .*90x60"):
        write_comparison(given, path, [CropBox(80, 0, 20, 5)], overwrite=True)
    monkeypatch.setattr(comparison_page, "MOST_LOSSLESS", 3 * 90 * 60 - 1)
    with pytest.raises(ConfigError, match="3 pictures of 90x60"):
        write_comparison(given, path, overwrite=True)
    assert path.read_text() == "mine"
    assert [p.name for p in tmp_path.iterdir()] == ["p.html"]
