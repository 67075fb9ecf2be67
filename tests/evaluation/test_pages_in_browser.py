"""What the scripts of the pages do, in Chromium, where there is one: slider, crops, sorting."""

import dataclasses
import html
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elansr.evaluation.comparison import ComparedPicture, Comparison
from elansr.evaluation.comparison_page import write_comparison
from elansr.evaluation.crops import CropBox
from elansr.evaluation.report_page import ReportPage
from elansr.evaluation.scoring import Score, SetScores
from tests.evaluation.test_report_page import example

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: what the scripts of the pages do is not tried")

ACTIONS = """
const log = {};
const pages = [...document.querySelectorAll("iframe")].map((frame) => frame.contentDocument);
const [page, report] = pages;
const view = page.defaultView;
const by = (id) => page.getElementById(id);
const key = (target, name, shiftKey) =>
  target.dispatchEvent(new view.KeyboardEvent("keydown", { key: name, shiftKey, bubbles: true }));
const point = (type, target, x, y) => {
  const frame = by("stage").getBoundingClientRect();
  const place = { clientX: frame.left + x * frame.width, clientY: frame.top + y * frame.height };
  target.dispatchEvent(new view.PointerEvent(type, { ...place, pointerId: 1, bubbles: true, button: 0 }));
};
const split = () => by("handle").getAttribute("aria-valuenow");
const clip = () => view.getComputedStyle(page.querySelector("#stage img.left")).clipPath;
const pixels = () => [...page.querySelectorAll("canvas")].map((canvas) =>
  canvas.getContext("2d").getImageData(0, 0, 1, 1).data.slice(0, 3).join());
view.Element.prototype.setPointerCapture = () => {};
log.start = [split(), clip(), by("place").textContent];
key(by("handle"), "ArrowLeft"); key(by("handle"), "ArrowLeft", true);
log.keys = split();
point("pointerdown", by("handle"), 0.5, 0.5); point("pointermove", by("handle"), 0.75, 0.2);
point("pointerup", by("handle"), 0.75, 0.2); point("pointermove", by("handle"), 0.1, 0.1);
log.dragged = [split(), clip()];
by("zoom").value = "12"; by("zoom").dispatchEvent(new view.Event("change"));
point("pointerdown", by("stage"), 0.6, 0.4); point("pointerup", by("stage"), 0.6, 0.4);
log.clicked = [by("place").textContent, pixels()];
key(by("marker"), "ArrowRight"); key(by("marker"), "ArrowDown", true);
log.moved = [by("place").textContent, pixels()];
by("swap").click();
log.swapped = [page.querySelector(".label.left").textContent, page.querySelector(".label.right").textContent];
const names = () => [...report.querySelectorAll("#cards > :not([hidden])")].map((card) => card.dataset.name);
const choose = (id, value) => {
  report.getElementById(id).value = value;
  report.getElementById(id).dispatchEvent(new Event("change"));
};
log.cards = names();
choose("order", "psnr up"); log.worst = names();
report.querySelector("th[data-by=name] button").click();
report.querySelector("th[data-by=name] button").click(); log.backwards = names();
choose("set", "Two"); log.second = names();
document.body.textContent = JSON.stringify(log);
"""
"""What a user does, and what the pages then show: told as JSON in the text of the harness."""


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    return list(np.random.default_rng(0).integers(0, 256, (2, 200, 300, 3), np.uint8))


@pytest.fixture(scope="module")
def log(pictures: list[np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Both pages in one run of the browser, which takes most of the time to start."""
    folder = tmp_path_factory.mktemp("pages")
    sides = ComparedPicture("first", pictures[0]), ComparedPicture("second", pictures[1])
    write_comparison(Comparison("t", sides), folder / "page.html", [CropBox(100, 50, 20, 20)])
    report, sets = ReportPage(["m"], 2), {"One": {"a": 30.0, "b": 20.0}, "Two": {"c": 25.0}}
    for set_name, scores in sets.items():
        for name in scores:
            given = example(set_name, name, 60, 80)
            report.add("m", dataclasses.replace(given, score=Score(scores[name], 0.9)))
    results = [SetScores(s, {n: Score(v, 0.9) for n, v in scores.items()}) for s, scores in sets.items()]
    report.write(folder / "report.html", False, results)
    return _told(folder)


def _told(folder: Path) -> dict[str, Any]:
    frames = "".join(
        f'<iframe width=1200 height=900 srcdoc="{html.escape((folder / name).read_text())}"></iframe>'
        for name in ("page.html", "report.html")
    )
    harness = folder / "harness.html"
    harness.write_text(f"{frames}<script>onload = () => setTimeout(() => {{ {ACTIONS} }}, 200)</script>")
    quiet = ["--headless", "--no-sandbox", "--disable-gpu", "--no-zygote", "--disable-extensions", "--disable-sync"]
    quiet += ["--disable-background-networking", f"--user-data-dir={folder / 'profile'}"]
    command = [str(CHROMIUM), *quiet, "--virtual-time-budget=1000", "--dump-dom", harness.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    told = html.unescape(done.stdout)
    log: dict[str, Any] = json.loads(told[told.index("<body>") + len("<body>") : told.index("</body>")])
    return log


def test_the_slider_moves_by_keys_and_by_dragging(log: dict[str, Any]) -> None:
    assert log["start"][:2] == ["50", "inset(0px 50% 0px 0px)"]
    assert log["keys"] == "39", "one step and ten with Shift"
    assert log["dragged"] == ["75", "inset(0px 25% 0px 0px)"], "to where it was let go, not beyond"


def test_the_crops_follow_and_show_the_pictures_pixels(log: dict[str, Any], pictures: list[np.ndarray]) -> None:
    x, y, width, height = map(int, log["start"][2].split(","))
    assert (x + width / 2, y + height / 2) == pytest.approx((110, 60), abs=1)
    x, y, width, height = map(int, log["clicked"][0].split(","))
    assert (x + width / 2, y + height / 2) == pytest.approx((180, 80), abs=1)
    assert log["moved"][0] == f"{x + 1},{y + 16},{width},{height}"
    for place, colors in (log["clicked"], log["moved"]):
        x, y = map(int, place.split(",")[:2])
        assert colors == [",".join(map(str, picture[y, x])) for picture in pictures]


def test_left_and_right_are_swapped(log: dict[str, Any]) -> None:
    assert log["swapped"] == ["second", "first"]


def test_the_report_is_sorted_and_filtered(log: dict[str, Any]) -> None:
    assert log["cards"] == ["a", "b", "c"]
    assert log["worst"] == ["b", "c", "a"]
    assert log["backwards"] == ["c", "b", "a"]
    assert log["second"] == ["c"]
