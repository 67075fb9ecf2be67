"""Whether everybody can use the page, measured in a real Chromium: contrast, touch targets, where the focus goes."""

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="needs pip install '.[web]'")
pytest.importorskip("gradio", reason="needs pip install '.[web]'")

from tests.server.conftest import PATIENCE, Held
from tests.server.page.browsing import IN_CHROMIUM, PHONE, Site, choose, picture, ready

pytestmark = IN_CHROMIUM
Tab = Callable[..., Any]

LEAST_CONTRAST = 4.5
"""Of text on its ground: WCAG 2.2, 1.4.3, level AA."""
LEAST_SIDE = 44
"""Of what a finger is to hit, in CSS pixels: WCAG 2.2, 2.5.5."""

CONTRASTS = """() => {
    const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
    const rgba = (colour) => {
        canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
        const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
        return [r, g, b, a / 255];
    };
    const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
    const ground = (element) => {
        if (!element) return [255, 255, 255, 1];
        const own = rgba(getComputedStyle(element).backgroundColor);
        return own[3] === 1 ? own : over(own, ground(element.parentElement));
    };
    const opacity = (element) => element ? getComputedStyle(element).opacity * opacity(element.parentElement) : 1;
    const light = (colour) => colour.slice(0, 3).map((v) => v / 255)
        .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
    while (walker.nextNode()) {
        const element = walker.currentNode.parentElement, text = walker.currentNode.data.trim();
        const seen = element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
        if (!text || !seen || element.closest(':disabled, script, style')) continue;
        const below = ground(element), colour = rgba(getComputedStyle(element).color);
        colour[3] *= opacity(element);
        const [a, b] = [light(over(colour, below)), light(below)].sort((x, y) => y - x);
        found.push([Math.round(100 * (a + 0.05) / (b + 0.05)) / 100, text.slice(0, 60)]);
    }
    return found;
}"""

TARGETS = """() => [...document.querySelectorAll('main :is(a, button, input, select, [role=slider], label:has(input))')]
    .filter((e) => e.checkVisibility() && !e.disabled && !e.closest('.sr-only'))
    .map((e) => e.querySelector('.icon-wrap')  // what of the slider's line is held
        ?? (e.matches('input') && e.closest('label:has(input[type=radio], input[type=file])') || e))
    .map((e) => [e.getBoundingClientRect(), e])
    .filter(([box]) => box.width > 0 && box.height > 0)
    .map(([box, e]) => [Math.round(box.width), Math.round(box.height), e.outerHTML.slice(0, 120)])"""


def fill(page: Any, *files: tuple[str, bytes]) -> None:
    """Chooses files, opens everything and has it done."""
    choose(page, *files)
    ready(page)
    page.click("#more button")
    page.click("#scale label:has-text('Other')")
    page.wait_for_selector("#own input")
    page.click("#go")
    page.wait_for_selector("#slider img")
    page.click("#closer button")
    page.wait_for_selector("#detail img")
    page.wait_for_timeout(500)  # colours change smoothly
    page.mouse.move(0, 0)


SEVERAL = ("a.png", picture("PNG")), ("b.txt", b"words"), ("c.png", picture("PNG", seed=1))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(tab: Tab, scheme: str) -> None:
    page = tab(color_scheme=scheme)
    before = page.evaluate(CONTRASTS)
    fill(page, *SEVERAL)
    found = [*before, *page.evaluate(CONTRASTS)]
    for button in ("#go", ".download"):
        page.hover(button)
        page.wait_for_timeout(500)
        found += page.evaluate(CONTRASTS)
    assert len(found) > 50
    assert [row for row in found if row[0] < LEAST_CONTRAST] == []


def test_fingers_hit_what_they_aim_at(tab: Tab) -> None:
    page = tab(**PHONE)
    fill(page, *SEVERAL)
    found = page.evaluate(TARGETS)
    assert len(found) > 20
    assert [row for row in found if min(row[:2]) < LEAST_SIDE] == []
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["viewport"]["width"]  # type: ignore[index]


def test_the_focus_stays_on_something(site: Site, tab: Tab, held: Held) -> None:
    """With the keyboard alone, from a press of the button to its end, and through a list that grows shorter."""
    page = tab()
    choose(page, *((f"{n}.png", picture("PNG", seed=n)) for n in range(3)))
    ready(page)
    page.focus(".remove >> nth=1")
    page.keyboard.press("Enter")
    page.wait_for_selector("#size :text('2 pictures')")
    page.wait_for_function("document.activeElement.ariaLabel === 'Remove 2.png'")
    page.keyboard.press("Enter")
    page.wait_for_selector("#size :text('40 x 30 will become')")
    page.wait_for_function("document.activeElement.ariaLabel === 'Remove 0.png'")
    page.focus("#go")
    page.keyboard.press("Enter")
    assert held.asked.wait(PATIENCE)
    page.wait_for_selector("#stop")
    page.wait_for_function("document.activeElement.id === 'stop'")
    page.keyboard.press("Enter")
    page.wait_for_selector("#status :text('Stopped.')")
    page.wait_for_function("document.activeElement.id === 'go'")
    held.go.set()
    page.keyboard.press("Enter")
    page.wait_for_selector(".download")
    page.wait_for_function("document.activeElement.matches('.download, #go')")  # back there if it was quick
    page.focus(".remove")
    page.keyboard.press("Enter")
    page.wait_for_selector(".chosen", state="detached")
    page.wait_for_function("document.activeElement.matches('#drop input')")
