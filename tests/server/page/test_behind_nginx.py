"""Below a path of a real nginx, in a real Chromium: the page, the API and its description; scripts of other origins."""

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="needs pip install '.[web]'")
pytest.importorskip("gradio", reason="needs pip install '.[web]'")

import httpx

from elansr.server.processing import RequestOptions
from elansr.server.service import Service
from tests.server.conftest import PATIENCE
from tests.server.page.browsing import IN_CHROMIUM, MILLISECONDS, Site, download, picture, running, upscale

NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
PREFIX = "/pictures/sr"
KEY = "s3cret"
pytestmark = [*IN_CHROMIUM, pytest.mark.skipif(not Path(NGINX).exists(), reason=f"no {NGINX}: install Debian's nginx")]

CONFIGURATION = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  server {{
    listen 127.0.0.1:{port};
    location {prefix}/ {{
      proxy_pass {upstream};
      proxy_set_header Host $http_host;
      proxy_buffering off;
      client_max_body_size 64m;
    }}
    location = /other {{ default_type text/html; return 200 "<title>another website</title>"; }}
  }}
}}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """Starts an nginx that passes what is below `PREFIX` to an upstream; returns its address."""
    started: list[subprocess.Popen[bytes]] = []

    def start(upstream: str) -> str:
        folder, port = tmp_path_factory.mktemp("nginx"), free_port()
        file = folder / "nginx.conf"
        file.write_text(CONFIGURATION.format(folder=folder, port=port, prefix=PREFIX, upstream=upstream))
        started.append(subprocess.Popen([NGINX, "-c", file, "-e", folder / "error.log"], stderr=subprocess.DEVNULL))
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                return f"http://127.0.0.1:{port}"
            except ConnectionRefusedError:
                assert started[-1].poll() is None, (folder / "error.log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.02)

    yield start
    for process in started:
        process.terminate()
        process.wait(PATIENCE)


@pytest.fixture(scope="module")
def site(service: Service) -> Iterator[Site]:
    yield from running(service, root_path=PREFIX, allow_origins=["http://localhost:1"])


@pytest.fixture(params=["the prefix removed", "the prefix kept"])
def proxy(request: pytest.FixtureRequest, site: Site, nginx: Callable[[str], str]) -> str:
    return nginx(site.address + ("/" if request.param == "the prefix removed" else "")) + PREFIX


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    context = browser.new_context()
    context.set_default_timeout(MILLISECONDS)
    yield context.new_page()
    context.close()


def test_the_page_works_below_a_path(proxy: str, site: Site, page: Any) -> None:
    """Whatever it asks for is below the path, and found; so is the result. The address may lack its last slash."""
    found: list[tuple[int, str]] = []
    page.on("response", lambda response: found.append((response.status, response.url)))
    page.goto(proxy)
    page.wait_for_selector("#go")
    assert page.url == f"{proxy}/"
    data = picture("PNG")
    upscale(page, "small.png", data)
    assert download(page)[1] == site.service.submit(data, "small.png", RequestOptions(scale=2)).result().data
    asked = [(status, url) for status, url in found if not url.startswith(("data:", "blob:"))]
    assert [row for row in asked if row[0] >= 400] == []
    assert [url for _, url in asked if not url.startswith(f"{proxy}/") and url != proxy] == []


def test_the_description_works_below_a_path_and_tries_the_api(proxy: str, page: Any) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{proxy}/docs")
    page.click("#operations-default-models_v1_models_get button.opblock-summary-control")
    page.click("button.try-out__btn")
    page.click("button.execute")
    page.wait_for_selector(".live-responses-table :text('tiny_x2')")
    assert [url for url in asked if not url.startswith((f"{proxy}/", "data:"))] == []
    assert f"{proxy}/v1/models" in asked


def test_the_server_can_be_asked_without_the_proxy_too(site: Site) -> None:
    for path in ("/v1/models", f"{PREFIX}/v1/models", f"{PREFIX}/", "/"):
        assert httpx.get(f"{site.address}{path}", timeout=PATIENCE).status_code == 200


ASK = """async ([address, key]) => {
    const form = new FormData();
    form.append('picture', new Blob([new Uint8Array([1, 2, 3])]), 'a.png');
    try {
        const headers = {Authorization: `Bearer ${key}`};
        const answer = await fetch(`${address}/v1/upscale`, {method: 'POST', body: form, headers});
        return [answer.status, (await answer.json()).error.code, answer.headers.get('X-Elansr-Model')];
    } catch (error) { return [0, error.name, null]; }
}"""


def test_scripts_of_other_origins_need_to_be_allowed(service: Service, nginx: Callable[[str], str], page: Any) -> None:
    """A page of another port calls the API with a key, which a browser asks for leave to do first."""
    other = nginx("http://127.0.0.1:9")
    for origins, expected in (([], [0, "TypeError", None]), ([other], [422, "bad_picture", None])):
        with_key = running(service, api_key=KEY, allow_origins=origins)
        site = next(with_key)
        page.goto(f"{other}/other")
        assert page.evaluate(ASK, [site.address, KEY]) == expected
        refused = page.evaluate(ASK, [site.address, "wrong"])
        assert refused == ([401, "unauthorized", None] if origins else expected)
        next(with_key, None)
