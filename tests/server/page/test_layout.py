"""What people choose and find again on the page, in a real Chromium; skipped where there is no Chromium."""

import io
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

pytest.importorskip("fastapi", reason="needs pip install '.[web]'")
pytest.importorskip("gradio", reason="needs pip install '.[web]'")

from elansr.server.page import actions
from tests.server.conftest import PATIENCE, Held
from tests.server.page.browsing import (
    IN_CHROMIUM,
    LIMITS,
    Site,
    choose,
    download,
    picture,
    ready,
    sizes,
    until,
)

pytestmark = IN_CHROMIUM
Tab = Callable[..., Any]


def scale_of(page: Any) -> str:
    text: str = page.locator("#scale label:has(input:checked)").inner_text()
    return text


def test_the_scale_is_the_largest_that_fits_until_somebody_chooses_one(
    site: Site, tab: Tab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """40 x 40 pixels times 16 are too many; what fits comes back with a smaller picture."""
    monkeypatch.setattr(site.service, "limits", replace(LIMITS, max_result_pixels=40 * 40 * 16 - 1))
    page = tab()
    page.click("#model input")
    page.click("ul[role=listbox] li:has-text('Automatic')")
    page.click("#scale label:has-text('4\N{MULTIPLICATION SIGN}')")
    choose(page, ("large.png", picture("PNG", 40, 40)))
    page.wait_for_selector("#size :text('40 x 40 will become 120 x 120 pixels')")
    assert scale_of(page) == "3\N{MULTIPLICATION SIGN}"
    choose(page, ("small.png", picture("PNG", 30, 30)))
    page.wait_for_selector("#size :text('30 x 30 will become 120 x 120 pixels')")
    assert scale_of(page) == "4\N{MULTIPLICATION SIGN}"
    page.click("#scale label:has-text('2\N{MULTIPLICATION SIGN}')")
    choose(page, ("tiny.png", picture("PNG", 10, 10)))
    page.wait_for_selector("#size :text('10 x 10 will become 20 x 20 pixels')")


def test_a_width_or_percent_is_the_size_of_the_result(tab: Tab) -> None:
    page = tab()
    choose(page, ("small.png", picture("PNG", 40, 30)))
    ready(page)
    page.click("#scale label:has-text('Other')")
    page.wait_for_selector("#size :text('40 x 30 will become 80 x 60 pixels')")
    page.fill("#own input[type=number]", "150")
    page.wait_for_selector("#size :text('40 x 30 will become 60 x 45 pixels')")
    page.fill("#own input[type=number]", "1601")
    page.wait_for_selector("#size .problem:has-text('16 times')")
    assert page.is_disabled("#go")
    page.click("#own input >> nth=1")
    page.click("ul[role=listbox] li:has-text('pixels wide')")
    page.fill("#own input[type=number]", "100")
    page.wait_for_selector("#size :text('40 x 30 will become 100 x 75 pixels')")
    page.click("#go")
    page.wait_for_selector("#slider img")
    name, data = download(page)
    assert (name, Image.open(io.BytesIO(data)).size) == ("small_w100.png", (100, 75))


def test_one_of_several_is_removed_and_every_result_is_compared(tab: Tab) -> None:
    page = tab()
    choose(page, *((f"{n}.png", picture("PNG", 20 + 10 * n, 20, seed=n)) for n in range(4)))
    page.wait_for_selector("#size :text('4 pictures')")
    page.click("button[aria-label='Remove 1.png']")
    page.wait_for_selector("#size :text('3 pictures')")
    assert [row.split("\n")[0] for row in page.locator("#about li").all_inner_texts()] == ["0.png", "2.png", "3.png"]
    page.click("#go")
    page.wait_for_selector("#status :text('3 of 3 pictures are done.')")
    assert sizes(page, "#slider") == [[40, 40]] * 2  # that of the first
    for number, width in ((2, 100), (1, 80), (0, 40)):
        page.click(f".compare >> nth={number}")
        page.wait_for_function(f"document.querySelector('#slider img')?.naturalWidth === {width}")
    page.click("button[aria-label='Remove 0.png']")
    page.wait_for_selector("#size :text('2 pictures')")
    page.click("button[aria-label='Remove 2.png']")
    page.wait_for_selector("#size :text('50 x 20 will become 100 x 40 pixels')")
    page.click("button[aria-label='Remove 3.png']")
    page.wait_for_selector("#about .chosen", state="detached")
    until(lambda: page.is_disabled("#go"))


def test_a_refresh_finds_the_work_and_then_the_result(
    site: Site, tab: Tab, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "AWAY", 2.0)
    page = tab()
    choose(page, ("large.png", picture("PNG", 60, 40)))
    ready(page)
    page.click("#scale label:has-text('Other')")
    page.click("#go")
    assert held.asked.wait(PATIENCE)
    page.wait_for_selector("[role=progressbar]")
    [task] = site.service._in_work
    page.reload()
    page.wait_for_selector("[role=progressbar]")
    assert "large.png" in page.inner_text("#about")
    assert scale_of(page) == "Other"
    page.wait_for_timeout(2500)  # longer than a closed tab is waited for
    assert task._end is None
    held.go.set()
    page.wait_for_selector("#slider img")
    assert download(page)[0] == "large_x2.png"
    page.reload()
    page.wait_for_selector("#slider img")
    assert sizes(page, "#slider") == [[120, 80]] * 2
    page.click("#go")
    page.wait_for_selector("#slider img")


def test_chinese(tab: Tab) -> None:
    """Everything that can be read, down to errors, alternative texts and the title; file names and formats stay."""
    page = tab(locale="zh-CN")
    choose(page, ("a.png", picture("PNG")), ("b.txt", b"words"), ("c.png", picture("PNG", seed=1)))
    page.wait_for_selector("#size .notice")
    assert page.get_attribute("html", "lang") == "zh-CN"
    page.click("#more button")
    page.click("#scale label:has-text('其他')")
    page.wait_for_selector("#own input")
    page.click("#go")
    page.wait_for_selector("#status :text('已完成 2/2 张。')")
    page.click("#closer button")
    page.wait_for_selector("#detail img")
    attributes = "['alt', 'aria-label', 'title', 'placeholder']"
    read = page.evaluate(
        "document.title + ' ' + document.body.innerText + ' ' + [...document.querySelectorAll('main *')]"
        f".filter((e) => e.checkVisibility()).flatMap((e) => {attributes}.map((a) => e.getAttribute(a))).join(' ')"
    )
    names = r"elansr(\.zip)?|ELAN|elan-light[\w-]*|tiny_x2|JPEG|PNG|WebP|AVIF|TIFF|BMP|GIF|[abc](_x2)?\.(png|txt)|[kM]B"
    assert re.findall(r"[A-Za-z]{2,}[A-Za-z ]*", re.sub(names, "", read)) == []
    for button in ("#go", ".remove >> nth=0", ".compare >> nth=0"):
        assert page.is_visible(button)


def test_other_languages_get_english(tab: Tab) -> None:
    page = tab(locale="de-DE")
    choose(page, ("a.png", picture("PNG")))
    ready(page)
    assert page.get_attribute("html", "lang") == "en"
    assert page.inner_text("#go") == "Upscale"
    assert "Bild" not in page.inner_text("body")
