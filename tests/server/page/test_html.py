"""What the page says of sizes and times, by figures worked out by hand."""

import pytest

from elansr.server.page import html
from elansr.server.page.previews import PictureFacts

SMALL, LARGE = PictureFacts(40, 30, "png", None, 8, 1), PictureFacts(1000, 1000, "jpeg", 90, 8, 2)


def test_what_becomes_of_pictures() -> None:
    assert html.size_after([SMALL], 4, None) == "40 x 30 becomes 160 x 120 pixels"
    assert html.size_after([SMALL], 2, 61.0) == "40 x 30 becomes 80 x 60 pixels · about 61\N{NO-BREAK SPACE}s"
    both = html.size_after([LARGE, LARGE], 3, 0.2)
    assert both == "2 pictures: 4 become 36 megapixels · about a second"  # of two pages each


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
    assert html.about(seconds) == text


@pytest.mark.parametrize(
    ("share", "seconds", "expected", "text"),
    [
        (0.0, None, 20.0, "<p>Waiting for its turn …</p>"),
        (0.0, 5.0, None, "<p>0 %</p>"),
        (0.0, 5.0, 20.0, "<p>0 % · about 15\N{NO-BREAK SPACE}s left</p>"),  # what was expected, less what it took
        (0.02, 30.0, 20.0, "<p>2 %</p>"),  # longer than expected: nobody knows
        (0.25, 10.0, 200.0, "<p>25 % · about 30\N{NO-BREAK SPACE}s left</p>"),  # what it took counts now
    ],
)
def test_the_time_that_is_left(share: float, seconds: float | None, expected: float | None, text: str) -> None:
    assert text in html.progress(share, seconds, expected)


def test_names_of_clients_are_text() -> None:
    assert "<p>2 of 3: &lt;b&gt;.png · 0 %</p>" in html.progress(0, 1, None, "2 of 3: <b>.png")
    assert "<b>" not in html.of_file("broken", "<b>.png")
    assert html.of_file("a.png: broken", "a.png").count("a.png") == 1
