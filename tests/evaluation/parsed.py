"""A page as a browser reads it: its elements, their attributes and texts, and the pictures that are in it."""

import base64
import io
from html.parser import HTMLParser

import numpy as np
from numpy.typing import NDArray
from PIL import Image

VOID = {"img", "meta", "link", "input", "br"}


class Element:
    """An element with its attributes, and all the text inside."""

    def __init__(self, tag: str, attributes: dict[str, str], path: tuple["Element", ...]) -> None:
        self.tag, self.attributes, self.path, self.text = tag, attributes, path, ""

    def inside(self, other: "Element") -> bool:
        return other in self.path


class Page(HTMLParser):
    """Parses the text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(text)
        self.close()
        assert not self._open, f"not closed: {[element.tag for element in self._open]}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {key: value or "" for key, value in attrs}, tuple(self._open))
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        assert self._open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data

    def all(self, tag: str, **attributes: str) -> list[Element]:
        """The elements of a tag whose attributes have these values; `class_` is class."""
        wanted = {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items()}
        return [e for e in self.elements if e.tag == tag and wanted.items() <= e.attributes.items()]

    def one(self, tag: str, **attributes: str) -> Element:
        (element,) = self.all(tag, **attributes)
        return element

    def require_harmless(self) -> None:
        """One style and one script, both ours; no handler in an attribute; nothing that a browser would fetch."""
        assert len(self.all("script")) == len(self.all("style")) == 1
        for element in self.elements:
            assert element.tag not in {"iframe", "link", "object", "embed", "base", "svg"}
            assert not [name for name in element.attributes if name.startswith("on")]
            assert element.attributes.get("src", "data:image/").startswith("data:image/")
            assert element.attributes.get("href", "#").startswith("#")
        assert "url(" not in self.one("style").text
        assert "@import" not in self.one("style").text
        assert not {"fetch(", "XMLHttpRequest", "import("} & set(self.one("script").text.split())
        policy = self.one("meta", http_equiv="Content-Security-Policy").attributes["content"]
        assert policy.startswith("default-src 'none'; img-src data:;")


def opened(element: Element) -> Image.Image:
    """The picture of an <img>, opened by Pillow."""
    _, _, data = element.attributes["src"].partition(";base64,")
    return Image.open(io.BytesIO(base64.b64decode(data, validate=True)))


def picture(element: Element) -> NDArray[np.uint8]:
    """The pixels of an <img>: uint8 (H, W, 3)."""
    return np.asarray(opened(element).convert("RGB"))


def kind(element: Element) -> str:
    """What an <img> is encoded as: "webp", "png" or "jpeg"."""
    return element.attributes["src"].removeprefix("data:image/").partition(";")[0]
