"""Makes the pictures of the web page in docs/images: `python -m tools.page_screenshots`.

Takes the real page with a real picture, in Chromium, in the width of a desk and of a phone; a quarter of a minute.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from time import sleep
from typing import Any

import uvicorn
from fastapi import FastAPI
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from elansr.server.limits import Limits
from elansr.server.page.mount import mount
from elansr.server.service import Service

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "examples" / "otter.jpg"
CHROMIUM = "/usr/bin/chromium"
MOST_BYTES = 150_000
VIEWS: dict[str, dict[str, Any]] = {
    "page_desktop.jpg": {"viewport": {"width": 1200, "height": 860}},
    "page_phone.jpg": {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "is_mobile": True},
}


def main() -> None:
    """Writes both."""
    with serving() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for name, view in VIEWS.items():
            taken = screenshot(browser, address, view)
            (ROOT / "docs" / "images" / name).write_bytes(as_jpeg(taken))


@contextmanager
def serving() -> Iterator[str]:
    """The address of a page that runs as long."""
    service = Service(Limits())
    server = uvicorn.Server(uvicorn.Config(mount(FastAPI(), service), port=0, log_level="warning"))
    thread = Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            sleep(0.1)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"
    finally:
        server.should_exit = True
        thread.join()
        service.close(wait=False)


def screenshot(browser: Browser, address: str, view: dict[str, Any]) -> bytes:
    """A PNG of the page with a result."""
    page: Page = browser.new_context(**view).new_page()
    page.goto(address)
    page.set_input_files("#drop input[type=file]", PICTURE)
    page.wait_for_selector(".chosen")
    page.click("#go")
    page.wait_for_selector("#slider img", timeout=300_000)
    page.wait_for_timeout(1500)  # pictures fade in, and a phone scrolls to the result
    return page.screenshot()


def as_jpeg(png: bytes) -> bytes:
    """The same of the highest quality that is small enough for a repository."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    for quality in range(92, 30, -4):
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=quality, optimize=True)
        if file.tell() < MOST_BYTES:
            break
    return file.getvalue()


if __name__ == "__main__":
    main()
