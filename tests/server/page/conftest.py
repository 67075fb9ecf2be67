"""One server and one Chromium for all tests of a module, and tabs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from elansr.server.service import Service
from tests.server.conftest import Held
from tests.server.page.browsing import CHROMIUM, LIMITS, MILLISECONDS, Site, running, until


@pytest.fixture(scope="module")
def service(weights: dict[int, Path]) -> Iterator[Service]:
    made = Service(LIMITS, model=str(weights[2]), precision="fp32", tile=32, threads=1)
    yield made
    made.close(wait=False)


@pytest.fixture(scope="module")
def site(service: Service) -> Iterator[Site]:
    yield from running(service)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api", reason="needs pip install playwright")
    with api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture
def tab(site: Site, browser: Any) -> Iterator[Any]:
    """Opens the page in tabs of their own; fails where one asked another host or had an error."""
    opened, asked, errors = [], [], []

    def open_tab(**view: Any) -> Any:
        context = browser.new_context(**view)
        context.set_default_timeout(MILLISECONDS)
        opened.append(context)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(site.address)
        page.wait_for_selector("#go")
        return page

    yield open_tab
    for context in opened:
        context.close()
    assert errors == []
    assert asked
    assert [url for url in asked if not url.startswith((site.address, "data:", "blob:"))] == []


@pytest.fixture
def held(service: Service) -> Iterator[Held]:
    """The network of the service waits; afterwards it does not."""
    [upscaler] = service.models._loaded.values()
    network = upscaler._network
    waiting = Held(service)
    yield waiting
    waiting.go.set()
    until(lambda: not service.in_work)
    upscaler._network = network
