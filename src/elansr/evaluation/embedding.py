"""HTML pages that carry everything they show: a frame, styles and scripts of `pages/`, pictures as data URIs.

A page asks the network for nothing and says so to the browser (Content-Security-Policy). Every text that comes from
outside, names above all, goes through `escaped`.
"""

import base64
import html
import os
from functools import lru_cache
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import pyvips
from numpy.typing import NDArray

from elansr.errors import ConfigError, OutputExistsError, WeightsError
from elansr.text import shown
from elansr.weights.disk import write_atomically

RGB = NDArray[np.uint8]

LONGEST_WEBP = 16383
"""Where WebP ends, in pixels."""


def escaped(text: object) -> str:
    """Text for an element or a quoted attribute: printable, on one line, without meaning to HTML."""
    return html.escape(shown(str(text)))


def lossless(picture: RGB, icc: bytes | None = None) -> str:
    """A data URI of lossless WebP, of PNG where a side is too long for WebP.

    Args:
        picture: uint8, (H, W, 3), RGB.
        icc: the colour profile that the pixels are meant in; None is sRGB.
    """
    image = _image(picture, icc)
    if max(image.width, image.height) > LONGEST_WEBP:
        return _data_uri("png", image.pngsave_buffer(compression=6, filter="all"))
    return _data_uri("webp", image.webpsave_buffer(lossless=True, effort=4))


def lossy(picture: RGB, quality: int, icc: bytes | None = None) -> str:
    """A data URI of a JPEG of `quality` 1-100 without chroma subsampling; see `lossless` for the rest."""
    return _data_uri("jpeg", _image(picture, icc).jpegsave_buffer(Q=quality, subsample_mode="off"))


def part(name: str, /, **values: object) -> str:
    """A file of `pages/` with its $placeholders filled in.

    Args:
        name: of the file.
        values: HTML, by placeholder; escape what comes from outside.
    """
    return Template(_resource(name)).substitute({key: str(value) for key, value in values.items()})


def page(title: str, name: str, body: str) -> str:
    """A whole page.

    Args:
        title: plain text.
        name: of its style and script, `NAME.css` and `NAME.js`.
        body: HTML.
    """
    style = _resource("frame.css") + _resource(f"{name}.css")
    return part("frame.html", title=escaped(title), style=style, script=_resource(f"{name}.js"), body=body)


def check_page(path: Path, overwrite: bool) -> None:
    """Refuses before the work what `write_page` would refuse after it.

    Raises:
        OutputExistsError: the file is there and `overwrite` is off.
        ConfigError: a folder, or in a folder that does not exist.
    """
    if path.is_dir():
        raise ConfigError(f"{shown(path)}: is a folder; name a file in it, such as page.html")
    if not path.parent.is_dir():
        raise ConfigError(f"{shown(path)}: the folder {shown(path.parent)} does not exist; create it first")
    if not overwrite and os.path.lexists(path):
        raise OutputExistsError(f"{shown(path)}: the file is already there; give another name or --overwrite")


def write_page(path: Path, text: str, overwrite: bool) -> None:
    """Writes a page, whole or not at all.

    Raises:
        OutputExistsError, ConfigError: see `check_page`; or the file cannot be written.
    """
    check_page(path, overwrite)
    try:
        write_atomically(path, text.encode(), overwrite)
    except WeightsError as error:  # the branch of what else is written that way
        raise ConfigError(str(error)) from error


@lru_cache
def _resource(name: str) -> str:
    return (resources.files("elansr.evaluation") / "pages" / name).read_text(encoding="utf-8")


def _image(picture: RGB, icc: bytes | None) -> Any:
    height, width, bands = picture.shape
    image = pyvips.Image.new_from_memory(np.ascontiguousarray(picture), width, height, bands, "uchar")
    image = image.copy(interpretation="srgb")
    if icc:
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", icc)
    return image


def _data_uri(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
