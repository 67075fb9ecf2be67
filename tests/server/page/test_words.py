"""The two languages: which one is taken, and that no text lacks its Chinese."""

import ast
import re
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="needs pip install '.[web]'")

import elansr.server.page
from elansr.server import offered_models
from elansr.server.limits import queue_full
from elansr.server.page.words import CHINESE, ENGLISH, PageError, Words, words_for

FOLDER = Path(elansr.server.page.__file__).parent
SAYING = {"say", "self.say", "label", "self.labels", "both", "PageError"}
"""What is called with a text of the table first."""


@pytest.mark.parametrize(
    ("accepted", "words"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", CHINESE), ("zh", CHINESE), ("zh-TW", CHINESE), ("zh;q=1", CHINESE),
        ("en-US,zh;q=0.9", ENGLISH), ("de", ENGLISH), ("", ENGLISH), (None, ENGLISH), ("*", ENGLISH),
    ],
)  # fmt: skip
def test_the_language_that_a_browser_puts_first(accepted: str | None, words: Words) -> None:
    assert words_for(accepted) is words


def texts() -> set[str]:
    """Those that the page's code says, in Python and JavaScript."""
    found = set(re.findall(r"elansrSay\('([^']+)'\)", "".join(file.read_text() for file in FOLDER.glob("static/*.js"))))
    for file in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in SAYING and node.args:
                first = node.args[0]
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    found.add(first.value)
    return found


def test_every_text_is_there_in_chinese() -> None:
    found = texts()
    assert len(found) > 40
    assert found - CHINESE.texts.keys() == set()
    assert set(offered_models._FOR.values()) <= CHINESE.texts.keys()


def test_values_stand_in_the_same_places() -> None:
    for english, chinese in CHINESE.texts.items():
        assert sorted(re.findall(r"{\w+}", english)) == sorted(re.findall(r"{\w+}", chinese)), english


def test_errors() -> None:
    assert CHINESE.of_error(queue_full(3, 7)) == CHINESE.errors["queue_full"]
    assert ENGLISH.of_error(queue_full(3, 7)) == str(queue_full(3, 7))
    text = next(text for text in CHINESE.texts if "{bytes}" in text and "file has" in text)
    error = PageError(text, bytes=2, most=1)
    assert ENGLISH.of_error(error) == str(error)
    assert CHINESE.of_error(error) == CHINESE.texts[text].format(bytes=2, most=1)
