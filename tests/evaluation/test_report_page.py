"""The report: what is in the page is what was evaluated, and nothing in it can do harm."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest

from elansr.errors import OutputExistsError, PictureError
from elansr.evaluation.crops import CropBox
from elansr.evaluation.metrics import consistency, psnr_y, ssim_y
from elansr.evaluation.report_page import ReportPage, error_map
from elansr.evaluation.scoring import PROTOCOLS, Score, ScoredPicture, SetScores
from elansr.images import downscale, imresize
from tests.evaluation.parsed import Element, Page, kind, picture

EVIL = """"><script>alert('x')</script><img src=x onerror="alert(1)">$model ${set} &amp;'"""
SCALE = 2
RNG = np.random.default_rng(0)


def example(set_name: str = "Set", name: str = "a", height: int = 120, width: int = 200) -> ScoredPicture:
    """Smooth HR with hard edges, its true LR, and SR that is wrong on one of the edges."""
    hr = np.full((height, width, 3), 60, np.uint8)
    hr[height // 3 :, width // 2 :] = (200, 180, 90)
    hr[:, width // 5] = 255
    sr = np.clip(hr + RNG.normal(0, 3, hr.shape), 0, 255).astype(np.uint8)
    sr[:, width // 5] = 60
    lr = downscale(hr, SCALE)
    score = Score(psnr_y(sr, hr, SCALE), ssim_y(sr, hr, SCALE), consistency(sr, lr, SCALE))
    return ScoredPicture(set_name, name, lr, sr, hr, score, SCALE)


def written(path: Path, *examples: ScoredPicture, model: str = "some-model") -> Page:
    report = ReportPage([model], SCALE)
    for each in examples:
        report.add(model, each)
    results = [
        SetScores(name, {e.name: e.score for e in examples if e.set_name == name})
        for name in dict.fromkeys(e.set_name for e in examples)
    ]
    report.write(path, False, results)
    return Page(path.read_text(encoding="utf-8"))


def crop_of(page: Page, card: Element) -> CropBox:
    """Where the page says the crop is."""
    (text,) = [e.text for e in page.all("figcaption") if e.inside(card) and e.text.startswith("HR")]
    x, y = (int(part.split()[1]) for part in text.removeprefix("HR ").split(","))
    return CropBox(x, y, 80, 80)


def test_the_crops_are_the_pictures_pixels(tmp_path: Path) -> None:
    given = example()
    page = written(tmp_path / "r.html", given)
    card = page.one("article")
    box = crop_of(page, card)
    assert box.x <= 40 < box.x + box.width, "the lost line"
    panels = [e for e in page.all("img") if e.attributes["alt"]]
    assert [e.attributes["alt"] for e in panels] == ["LR, bicubic of a", "SR of a", "HR of a", "error of a"]
    assert {kind(e) for e in panels} == {"webp"}
    enlarged = imresize(given.lr, 120, 200)
    wanted = [box.of(enlarged), box.of(given.sr), box.of(given.hr), error_map(box.of(given.sr), box.of(given.hr))]
    for panel, pixels in zip(panels, wanted, strict=True):
        np.testing.assert_array_equal(picture(panel), pixels)


def test_the_error_map_goes_from_black_to_yellow_at_64_levels() -> None:
    hr = np.full((2, 3, 3), 100, np.uint8)
    sr = hr + np.array([0, 37, 150], np.uint8)[:, None]  # 37 grey levels are 37 * 219 / 255 = 31.8 of luma
    colors = error_map(sr, hr)[0]
    assert tuple(colors[0]) == (0, 0, 4)
    np.testing.assert_allclose(colors[1], (183, 55, 121), atol=2)
    assert tuple(colors[2]) == (252, 253, 191)
    np.testing.assert_array_equal(error_map(hr, sr), error_map(sr, hr))


def test_the_thumbnail_is_the_whole_picture_with_the_crop_marked(tmp_path: Path) -> None:
    given = example(height=300, width=400)
    page = written(tmp_path / "r.html", given)
    (thumbnail,) = [e for e in page.all("img") if not e.attributes["alt"]]
    small = picture(thumbnail)
    assert small.shape == (132, 176, 3)
    assert np.abs(small.astype(float) - imresize(given.sr, 132, 176)).mean() < 3
    box = crop_of(page, page.one("article"))
    (mark,) = [e for e in page.all("i") if e.inside(page.one("article"))]
    values = [float(part.split(":")[1].rstrip("%")) for part in mark.attributes["style"].split(";")]
    assert values == pytest.approx([box.x / 4, box.y / 3, 20, 80 / 3], abs=1e-3)


def test_the_tables_have_every_score(tmp_path: Path) -> None:
    examples = [example("One", "a"), example("One", "b"), example("Two", "a")]
    page = written(tmp_path / "r.html", *examples)
    sets, scores = page.one("table", class_="sets"), page.one("tbody", id="rows")
    cells = [e.text for e in page.all("td") if e.inside(sets)]
    mean = (examples[0].score.psnr + examples[1].score.psnr) / 2
    assert cells[:2] == ["2", f"{mean:.3f}"]
    last = examples[2].score
    assert cells[4:] == ["1", f"{last.psnr:.3f}", f"{last.ssim:.4f}", f"{last.consistency:.2f}"]
    rows = [e for e in page.all("tr") if e.inside(scores)]
    cards = page.all("article")
    assert [e.attributes["data-set"] for e in rows] == ["One", "One", "Two"]
    for given, row, card in zip(examples, rows, cards, strict=True):
        bicubic = psnr_y(imresize(given.lr, *given.hr.shape[:2]), given.hr, SCALE)
        for element in (row, card):
            assert float(element.attributes["data-psnr"]) == given.score.psnr
            assert float(element.attributes["data-gain"]) == pytest.approx(given.score.psnr - bicubic)
        (link,) = [e for e in page.all("a") if e.inside(row)]
        assert link.attributes["href"] == f"#{card.attributes['id']}"
        assert f"{given.score.psnr:.2f} dB" in card.text
    assert PROTOCOLS["paper"] in page.one("header").text


def test_several_models_share_a_card(tmp_path: Path) -> None:
    """Crops are from one place, scores each model's own; cards go by the first model, rows by their own."""
    first = example()
    worse = (first.sr // 2).astype(np.uint8)
    second = dataclasses.replace(first, sr=worse, score=Score(psnr_y(worse, first.hr, SCALE), 0.5, 20.0))
    report = ReportPage(["good", "bad <b>"], SCALE)
    report.add("good", first)
    report.add("bad <b>", second)
    given = {"good": first, "bad <b>": second}
    results = [SetScores("Set", {"a": one.score}, model=name) for name, one in given.items()]
    report.write(tmp_path / "r.html", False, results)
    page = Page((tmp_path / "r.html").read_text(encoding="utf-8"))
    page.require_harmless()
    box = crop_of(page, page.one("article"))
    panels = [e for e in page.all("img") if e.attributes["alt"]]
    names = ["LR, bicubic", "good", "bad <b>", "HR", "error of good", "error of bad <b>"]
    assert [e.attributes["alt"] for e in panels] == [f"{name} of a" for name in names]
    for panel, pixels in zip(panels[1:3], (first.sr, worse), strict=True):
        np.testing.assert_array_equal(picture(panel), box.of(pixels))
    np.testing.assert_array_equal(picture(panels[-1]), error_map(box.of(worse), box.of(first.hr)))
    rows = [e for e in page.all("tr") if "data-psnr" in e.attributes]
    assert [(e.attributes["data-model"], float(e.attributes["data-psnr"])) for e in rows] == [
        (name, one.score.psnr) for name, one in given.items()
    ]
    assert float(page.one("article").attributes["data-psnr"]) == first.score.psnr
    sets = page.one("table", class_="sets")
    assert [e.text for e in page.all("td") if e.inside(sets)][::5] == ["good", "bad <b>"]


def test_the_paper_stands_below_the_scores_of_its_network(tmp_path: Path) -> None:
    pictures = {str(n): Score(30.0, 0.9, 50.0) for n in range(5)}
    results = [SetScores("Set5", pictures, network="ELAN-light"), SetScores("Set14", pictures, network="ELAN-light")]
    results.append(SetScores("Set5", pictures, network=""))
    for protocol in ("paper", "authors"):
        ReportPage(["m"], 2, protocol).write(tmp_path / "r.html", True, results)
        page = Page((tmp_path / "r.html").read_text(encoding="utf-8"))
        sets = page.one("table", class_="sets")
        rows = [e for e in page.all("tr") if e.inside(sets)][1:]
        heads = [next(e.text for e in page.all("th") if e.inside(row)) for row in rows]
        assert heads == ["Set5", "Set5", "paper ELAN-light x2", "Set14", "paper ELAN-light x2"]
        cells = [[e.text for e in page.all("td") if e.inside(row)] for row in rows]
        assert cells[0] == ["5", "30.000", "0.9000", "50.00"]
        assert cells[2][1:3] == ["38.17", "0.9611"]
        assert "-8.17" in cells[2][3]
        assert "14" in cells[4][3], "five pictures are not comparable"


def test_a_picture_that_was_not_added_has_its_scores_only(tmp_path: Path) -> None:
    report = ReportPage(["m"], SCALE)
    report.write(tmp_path / "r.html", False, [SetScores("S", {"a": Score(30.0, 0.9)})])
    page = Page((tmp_path / "r.html").read_text())
    assert not page.all("article")
    assert page.all("tr")[-1].text == "Sa30.000.9000\N{EN DASH}\N{EN DASH}"  # no consistency, no gain
    assert page.all("tr")[-1].attributes["data-gain"] == "NaN"


def test_equal_pictures_have_infinite_psnr(tmp_path: Path) -> None:
    hr = np.full((48, 48, 3), 77, np.uint8)
    perfect = ScoredPicture("S", "a", downscale(hr, SCALE), hr, hr, Score(math.inf, 1.0), SCALE)
    card = written(tmp_path / "r.html", perfect).one("article")
    assert "\N{INFINITY} dB" in card.text
    assert (card.attributes["data-psnr"], card.attributes["data-gain"]) == ("Infinity", "0.0")


@pytest.mark.parametrize("name", [EVIL, "line\nbreak", "bytes \udcff", "\N{SNOWMAN} 图"])
def test_names_are_text_and_nothing_else(tmp_path: Path, name: str) -> None:
    page = written(tmp_path / "r.html", example(name, name), model=name)
    page.require_harmless()
    shown = name if name.isprintable() else ascii(name)
    assert page.one("h3").text == shown
    assert page.one("article").attributes["data-name"] == shown
    assert page.all("option")[-1].text == shown
    assert page.one("title").text == (f"{name} x2" if name.isprintable() else ascii(f"{name} x2"))


def test_a_hundred_pictures_of_noise_stay_under_15_mb(tmp_path: Path) -> None:
    """Noise compresses worst: a photo takes about half."""
    hr, sr = RNG.integers(0, 256, (2, 320, 480, 3), np.uint8)
    page = tmp_path / "r.html"
    written(page, ScoredPicture("S", "a", downscale(hr, SCALE), sr, hr, Score(8.0, 0.1), SCALE))
    one = page.stat().st_size
    assert 100 * one < 15e6


def test_a_file_that_is_there_stays(tmp_path: Path) -> None:
    path = tmp_path / "r.html"
    path.write_text("mine")
    report = ReportPage(["m"], SCALE)
    results = [SetScores("S", {"a": Score(30.0, 0.9)})]
    with pytest.raises(OutputExistsError):
        report.write(path, False, results)
    assert path.read_text() == "mine"
    with pytest.raises(PictureError, match="no"):
        report.write(tmp_path / "no" / "r.html", False, results)
    with pytest.raises(PictureError, match=str(tmp_path)):
        report.write(tmp_path, True, results)
    report.write(path, True, results)
    Page(path.read_text())
    assert [p.name for p in tmp_path.iterdir()] == ["r.html"]
