"""What the two HTML pages have in common: their files, embedded pictures, texts that can do no harm.

A page carries everything it shows: styles and scripts of `pages/`, pictures as data URIs. It asks the network for
nothing and says so to the browser (Content-Security-Policy). Every text that comes from outside, names above all, goes
through `escaped`.
"""

import base64
import html
from functools import lru_cache
from importlib import resources
from pathlib import Path
from string import Template

from elansr.disk import write_atomically, writing_errors
from elansr.errors import PictureError
from elansr.evaluation.datasets import RGB
from elansr.images import FORMATS, Picture, check_place, encode
from elansr.text import shown


def escaped(text: object) -> str:
    """Text for an element or a quoted attribute: printable, on one line, without meaning to HTML."""
    return html.escape(shown(str(text)))


def lossless(picture: RGB, icc: bytes | None = None) -> str:
    """A data URI of lossless WebP, of PNG where a side is too long for WebP.

    Args:
        picture: uint8, (H, W, 3), RGB.
        icc: the colour profile that the pixels are meant in; None is sRGB.
    """
    return _data_uri(picture, icc, "png" if max(picture.shape) > FORMATS["webp"].longest else "webp", quality=100)


def lossy(picture: RGB, quality: int, icc: bytes | None = None) -> str:
    """A data URI of a JPEG of `quality` 1-100 without chroma subsampling; see `lossless` for the rest."""
    return _data_uri(picture, icc, "jpeg", quality)


def part(name: str, /, **values: object) -> str:
    """A file of `pages/` with its $placeholders filled in.

    Args:
        values: HTML, by placeholder; escape what comes from outside.
    """
    return Template(_resource(name)).substitute({key: str(value) for key, value in values.items()})


def page(title: str, name: str, body: str) -> str:
    """A whole page.

    Args:
        name: of its style and script, `NAME.css` and `NAME.js`.
    """
    style = _resource("frame.css") + _resource(f"{name}.css")
    return part("frame.html", title=escaped(title), style=style, script=_resource(f"{name}.js"), body=body)


def write_page(path: Path, text: str, overwrite: bool) -> None:
    """Writes a page, whole or not at all.

    Raises:
        OutputExistsError: the file is there and `overwrite` is off.
        PictureError: the file cannot be written.
    """
    check_place(path, overwrite)
    with writing_errors(path, PictureError):
        write_atomically(path, text.encode(), overwrite=overwrite)


@lru_cache
def _resource(name: str) -> str:
    return (resources.files("elansr.evaluation") / "pages" / name).read_text(encoding="utf-8")


def _data_uri(pixels: RGB, icc: bytes | None, kind: str, quality: int) -> str:
    data = encode(Picture((pixels,), icc=icc), kind, quality=quality)
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
