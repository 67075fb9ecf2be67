"""What the page says of sizes and times, by figures worked out by hand."""

import pytest

from elansr.errors import ElansrError
from elansr.server.page import html
from elansr.server.page.previews import PictureFacts
from elansr.server.page.words import CHINESE, ENGLISH

SMALL, LARGE = PictureFacts(40, 30, "png", None, 8, 1), PictureFacts(1000, 1000, "jpeg", 90, 8, 2)


def test_what_becomes_of_pictures() -> None:
    assert html.becomes(ENGLISH, [SMALL], [(160, 120)], None) == "40 x 30 will become 160 x 120 pixels"
    assert (
        html.becomes(ENGLISH, [SMALL], [(80, 60)], 61.0)
        == "40 x 30 will become 80 x 60 pixels · about 61\N{NO-BREAK SPACE}s"
    )
    both = html.becomes(ENGLISH, [LARGE, LARGE], [(3000, 3000), (3000, 3000)], 0.2)
    assert both == "2 pictures: 4 will become 36 megapixels · about a second"  # of two pages each


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.1, "about a second"),
        (1.6, "about 2\N{NO-BREAK SPACE}s"),
        (89.4, "about 89\N{NO-BREAK SPACE}s"),
        (90, "about 2\N{NO-BREAK SPACE}min"),
        (7200, "about 2\N{NO-BREAK SPACE}h"),
    ],
)
def test_times(seconds: float, text: str) -> None:
    assert html.about(ENGLISH, seconds) == text


@pytest.mark.parametrize(
    ("share", "seconds", "expected", "text"),
    [
        (0.0, None, 20.0, "<p>Waiting in the queue …</p>"),
        (0.0, 5.0, None, "<p>0 %</p>"),
        (0.0, 5.0, 20.0, "<p>0 % · about 15\N{NO-BREAK SPACE}s left</p>"),  # what was expected, less what it took
        (0.02, 30.0, 20.0, "<p>2 %</p>"),  # longer than expected: nobody knows
        (0.25, 10.0, 200.0, "<p>25 % · about 30\N{NO-BREAK SPACE}s left</p>"),  # what it took counts now
    ],
)
def test_the_time_that_is_left(share: float, seconds: float | None, expected: float | None, text: str) -> None:
    assert text in html.progress(ENGLISH, share, seconds, expected)


def test_names_of_clients_are_text() -> None:
    assert "<p>2 of 3: &lt;b&gt;.png · 0 %</p>" in html.progress(ENGLISH, 0, 1, None, "2 of 3: <b>.png")
    assert "<b>" not in html.problem(ENGLISH, ElansrError("broken"), "<b>.png")
    assert html.problem(ENGLISH, ElansrError("a.png: broken"), "a.png").count("a.png") == 1


def test_chinese() -> None:
    assert html.becomes(CHINESE, [SMALL], [(160, 120)], 61.0) == "40 x 30 将变为 160 x 120 像素 · 约 61 秒"
    assert "<p>25 % · 剩余约 30 秒</p>" in html.progress(CHINESE, 0.25, 10.0, None)
