"""What the tests of the page in a real Chromium share: a server with a tiny network, and what people do in a tab."""

import io
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import uvicorn
from PIL import Image

from elansr.server.limits import Limits
from elansr.server.rest import create_app
from elansr.server.service import Service
from tests.server.conftest import PATIENCE

CHROMIUM = "/usr/bin/chromium"
MILLISECONDS = PATIENCE * 1000
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
LIMITS = Limits(max_bytes=200_000, max_pixels=100_000, at_once=2, seconds=PATIENCE)
IN_CHROMIUM = [
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason=f"no {CHROMIUM}: install Debian's chromium"),
    # of Gradio and what it imports, none of ours
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning", "ignore::UserWarning"),
]
"""Marks of every module of such tests."""


class Site(NamedTuple):
    """A running server."""

    address: str
    service: Service


def running(service: Service, **options: Any) -> Iterator[Site]:
    """A server, until it is closed; the options are those of `create_app`."""
    config = uvicorn.Config(create_app(service, **options), port=0, log_level="error")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + PATIENCE
    while not server.started:
        assert thread.is_alive()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    yield Site(f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", service)
    server.should_exit = server.force_exit = True
    thread.join(PATIENCE)


def picture(kind: str, width: int = 40, height: int = 30, seed: int = 0, **options: Any) -> bytes:
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, kind, **options)
    return file.getvalue()


def choose(page: Any, *files: tuple[str, bytes]) -> None:
    sent = [{"name": name, "mimeType": "application/octet-stream", "buffer": data} for name, data in files]
    page.set_input_files("#drop input[type=file]", sent)


def ready(page: Any) -> None:
    page.wait_for_selector("#size .notice")
    page.wait_for_selector("#go:enabled")


def upscale(page: Any, name: str, data: bytes) -> None:
    choose(page, (name, data))
    page.wait_for_selector(f".chosen:has-text('{name}')")
    page.click("#go")  # which waits until it is enabled
    page.wait_for_selector("#slider img")


def download(page: Any) -> tuple[str, bytes]:
    with page.expect_download() as waited:
        page.click(".download")
    return waited.value.suggested_filename, Path(waited.value.path()).read_bytes()


def sizes(page: Any, part: str) -> list[list[int]]:
    """Width and height of the pictures in a part of the page, once they are there."""
    page.wait_for_function(f"[...document.querySelectorAll('{part} img')].every(image => image.naturalWidth > 0)")
    return page.eval_on_selector_all(
        f"{part} img", "all => all.map(image => [image.naturalWidth, image.naturalHeight])"
    )


def until(true: Any) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)
