"""The page in a real Chromium, on a service with a tiny network; skipped where there is no Chromium."""

import io
import os
import re
import tempfile
import time
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("fastapi", reason="needs pip install '.[web]'")
pytest.importorskip("gradio", reason="needs pip install '.[web]'")
pytest.importorskip("playwright.sync_api", reason="needs pip install playwright")

import httpx
from fastapi import FastAPI
from fastapi.testclient import TestClient

from elansr.server.limits import queue_full
from elansr.server.page import actions, page_files
from elansr.server.page.mount import mount
from elansr.server.page.page_files import PageFolder
from elansr.server.processing import RequestOptions
from elansr.server.service import Service
from tests.server.conftest import PATIENCE, Held
from tests.server.page.browsing import (
    IN_CHROMIUM,
    LIMITS,
    MILLISECONDS,
    PHONE,
    Site,
    choose,
    download,
    picture,
    ready,
    running,
    sizes,
    until,
    upscale,
)  # fmt: skip

KEY = "a key of the operator"
pytestmark = IN_CHROMIUM


def test_a_picture_is_upscaled_compared_and_downloaded(site: Site, tab: Any) -> None:
    name, data = "Über uns #1 (100%25).jpg", picture("JPEG", quality=95)
    page = tab()
    choose(page, (name, data))
    page.wait_for_selector(".chosen img")
    assert f"40 x 30 pixels · JPEG, quality 95 · {round(len(data) / 1000)}\N{NO-BREAK SPACE}kB" in page.inner_text(
        "#about"
    )
    page.wait_for_selector("#size .notice")
    assert re.fullmatch(r"40 x 30 will become 80 x 60 pixels · about (a second|\d+\s(s|min))", page.inner_text("#size"))
    page.click("#go")
    page.wait_for_selector("#slider img")
    assert sizes(page, "#slider") == [[80, 60], [80, 60]]
    wanted = site.service.submit(data, name, RequestOptions(scale=2, quality=95)).result()
    assert download(page) == ("Über uns #1 (100%25)_x2.jpg", wanted.data)
    assert all(text in page.inner_text("#card") for text in ("80 x 60 pixels", "tiny_x2", "\N{NO-BREAK SPACE}s"))
    _look_at_a_detail(page)
    _move_the_line_by_key(page)


def _look_at_a_detail(page: Any) -> None:
    page.click("#closer button")
    page.wait_for_selector("#detail img")
    assert sizes(page, "#detail") == [[80, 60], [80, 60]]  # all of it, as it is smaller than the place


def _move_the_line_by_key(page: Any) -> None:
    line = page.locator("#slider [data-testid=slider]")
    line.focus()
    page.keyboard.press("Home")
    left = line.bounding_box()["x"]
    page.keyboard.press("End")
    assert line.get_attribute("aria-valuenow") == "100"
    assert line.bounding_box()["x"] > left + 100


def test_released_models_offer_the_scales_that_they_have(tab: Any) -> None:
    page = tab()
    page.click("#model input")
    listed = page.locator("ul[role=listbox] li").all_inner_texts()
    assert [re.split(r"[^\w-]", text.strip("✓ \n"))[0] for text in listed] == [
        "tiny_x2", "Automatic", "elan-light", "elan-light-real",
    ]  # fmt: skip
    page.click("ul[role=listbox] li:has-text('elan-light-real')")
    page.wait_for_selector("#scale label:has-text('4\N{MULTIPLICATION SIGN}')")
    scales = [text[0] for text in page.locator("#scale label").all_inner_texts()]
    assert scales == ["2", "4", "O"]


def test_a_phone_shows_it_without_scrolling_sideways(tab: Any) -> None:
    page = tab(**PHONE)
    upscale(page, "a_name_without_any_blank_that_is_longer_than_a_phone_is_wide_0123456789.png", picture("PNG"))
    page.tap("#closer button")
    page.wait_for_selector("#detail img")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    for button in ("#go", ".download", "#scale label >> nth=0"):
        assert page.locator(button).bounding_box()["height"] >= 44
    assert page.locator("#slider").bounding_box()["width"] > 350


def test_what_no_browser_shows_is_shown(tab: Any) -> None:
    deep = np.linspace(0, 65535, 20 * 30, dtype=np.uint16).reshape(20, 30)
    file = io.BytesIO()
    Image.fromarray(deep).save(file, "TIFF")
    page = tab()
    upscale(page, "deep.tif", file.getvalue())
    assert "TIFF · 16 bits" in page.inner_text("#about")
    assert sizes(page, "#slider") == [[60, 40], [60, 40]]
    name, data = download(page)
    assert (name, np.asarray(Image.open(io.BytesIO(data))).dtype.itemsize) == ("deep_x2.tif", 2)


BAD = (
    ("notes.txt", b"just words", "notes.txt: "),
    ("<b>cut.jpg", picture("JPEG")[:900], "<b>cut.jpg: "),
    (
        "wide.jpg",
        picture("JPEG", 50_001, 2, quality=1),
        "100,000 pixels",
    ),
    ("heavy.png", bytes(200_001), "heavy.png: the file has 200 kB"),
)


def test_what_cannot_be_done_gets_a_sentence(site: Site, tab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """One at a time: the sentence goes when another picture comes; and there is no button for what cannot be done."""
    page = tab()
    assert page.is_disabled("#go")
    for name, data, sentence in BAD:
        choose(page, (name, data))
        page.wait_for_function("text => document.querySelector('#choices').innerText.includes(text)", arg=sentence)
        assert "elansr-page" not in page.inner_text("body")
        assert page.locator(".problem").count() == 1
        assert page.is_disabled("#go")
    choose(page, ("small.png", picture("PNG")))
    ready(page)
    assert page.locator(".problem").count() == 0
    monkeypatch.setattr(site.service, "require_room", full)
    page.click("#go")
    page.wait_for_selector("#status .problem:has-text('try again in 7 s')")
    choose(page, ("notes.txt", b"just words"))
    page.wait_for_selector("#about .problem")
    assert page.locator(".problem").count() == 1
    assert page.is_visible("#empty")
    assert page.is_disabled("#go")
    monkeypatch.setattr(site.service, "limits", replace(LIMITS, max_result_pixels=4000))
    choose(page, ("small.png", picture("PNG")))
    page.wait_for_selector("#size .problem:has-text('limit of 0.004 megapixels')")
    assert page.is_disabled("#go")


def test_several_pictures_are_done_one_after_the_other(site: Site, tab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is none, and what is too large as a result, gets its sentence; the others can be downloaded at once."""
    limits = replace(LIMITS, max_result_pixels=20_000)
    monkeypatch.setattr(site.service, "limits", limits)
    same = [picture("PNG", seed=seed) for seed in (1, 2)]
    large = picture("PNG", 80, 80)
    files = [("a.png", same[0]), ("words.txt", b"words"), ("large.png", large), ("a.png", same[1])]
    page = tab()
    choose(page, *((f"{n}.png", b"") for n in range(51)))
    page.wait_for_selector("#about .problem:has-text('51 files are more than the limit of 50')")
    choose(page, *files)
    page.wait_for_selector("#size :text('3 pictures: 0.0088 will become 0.0352 megapixels')")
    rows = page.locator("#about li").all_inner_texts()
    assert [row.split("\n")[0].split(":")[0] for row in rows] == [name for name, _ in files]
    page.click("#go")
    page.wait_for_selector("#status :text('2 of 3 pictures are done.')")
    assert "large.png: the result would be 160 x 160 pixels" in page.inner_text("#card .problem")
    name, data = download(page)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert (name, archive.namelist()) == ("elansr.zip", ["a_x2.png", "a_x2 (2).png"])
        found = [archive.read(inside) for inside in archive.namelist()]
    assert found == [site.service.submit(sent, "a.png", RequestOptions(scale=2)).result().data for sent in same]
    with page.expect_download() as waited:
        page.click("#card li a >> nth=1")
    assert Path(waited.value.path()).read_bytes() == found[1]


def test_stop_ends_all_of_several(site: Site, tab: Any, held: Held) -> None:
    """On a phone, with names that are longer than it is wide."""
    page = tab(**PHONE)
    choose(page, *((f"{n}{'long' * 20}.png", picture("PNG", 200, 200)) for n in range(3)))
    page.click("#go")
    assert held.asked.wait(PATIENCE)
    page.wait_for_selector("#status :text('1 of 3: 0long')")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    inside = page.locator(".work p")
    assert inside.evaluate("line => line.scrollWidth <= line.clientWidth")
    page.click("#stop")
    page.wait_for_selector("#status :text('Stopped: 0 of 3 pictures are done.')")
    held.go.set()
    until(lambda: not site.service.in_work)
    assert held.tiles < 4


def full(*_: Any) -> None:
    raise queue_full(32, 7)


def test_stop_ends_the_request(site: Site, tab: Any, held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tab()
    monkeypatch.setattr(site.service.throughput, "seconds", lambda pixels: pixels / 40)
    choose(page, ("large.png", picture("PNG", 200, 200)))
    page.wait_for_selector("#size :text('200 x 200 will become 400 x 400 pixels · about 17 min')")
    page.click("#go")
    page.wait_for_selector("#stop")
    assert held.asked.wait(PATIENCE)
    page.wait_for_selector(".work :text-matches('^0 % · about 1[0-7].min left$')")
    assert page.get_attribute("[role=progressbar]", "aria-valuenow") == "0"
    choose(page, ("notes.txt", b"just words"))
    page.wait_for_selector("#about .problem")
    assert page.is_visible("[role=progressbar]")  # what is in work goes on
    page.click("#stop")
    page.wait_for_selector("#status :text('Stopped.')")
    page.wait_for_selector("#go")
    held.go.set()
    until(lambda: not site.service.in_work)
    assert held.tiles < 4  # of about fifty


def test_closing_the_tab_ends_the_request(site: Site, tab: Any, held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "AWAY", 0.1)
    page = tab()
    choose(page, ("large.png", picture("PNG", 200, 200)))
    page.click("#go")
    assert held.asked.wait(PATIENCE)
    [task] = site.service._in_work
    page.close()
    until(lambda: task._end is not None)


def test_tabs_keep_their_results_apart(site: Site, tab: Any) -> None:
    first, second = tab(), tab()
    data = [picture("PNG", seed=1), picture("PNG", seed=2)]
    for page, sent in zip((first, second), data, strict=True):
        choose(page, ("same.png", sent))
    for page in (first, second):
        page.click("#go")
    for page, sent in zip((first, second), data, strict=True):
        page.wait_for_selector("#slider img")
        wanted = site.service.submit(sent, "same.png", RequestOptions(scale=2)).result().data
        assert download(page) == ("same_x2.png", wanted)


def test_other_routes_still_answer_and_what_the_page_does_not_need_is_closed(site: Site) -> None:
    with httpx.Client(base_url=site.address, timeout=PATIENCE) as client:
        assert client.get("/healthz").json()["status"] == "ok"
        assert client.head("/healthz").status_code == client.head("/").status_code == 200
        assert client.get("/docs").status_code == client.get("/openapi.json").status_code == 200
        assert "/gradio_api" not in client.get("/openapi.json").text
        for path in (
            "file=http://example.com/a.png",
            "proxy=http://example.com",
            "file=/etc/passwd",
            "info",
            "vibe-code",
        ):
            assert client.get(f"/gradio_api/{path}").status_code == 404, path
        assert client.get("/monitoring").status_code == 404
        too_large = {"files": ("a.png", bytes(300_000))}
        assert client.post("/gradio_api/upload", files=too_large).status_code == 413
        assert client.post("/gradio_api/queue/join", content=bytes(2**20 + 1)).status_code == 413
        assert client.post("/gradio_api/queue/join", content=iter([b"{}"])).status_code == 411


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nonsense", 404, "not_found"),
        ("GET", "/v1/nothing", 404, "not_found"),
        ("GET", "/a/b/c.png", 404, "not_found"),
        ("GET", "/monitoring", 404, "not_found"),
        ("GET", "/manifest.json", 404, "not_found"),
        ("GET", "/gradio_api/info", 404, "not_found"),
        ("POST", "/nonsense", 404, "not_found"),
        ("POST", "/", 405, "method_not_allowed"),
        ("DELETE", "/docs", 405, "method_not_allowed"),
        ("GET", "/v1/upscale", 405, "method_not_allowed"),
        ("PUT", "/v1/models", 405, "method_not_allowed"),
        ("POST", "/healthz", 405, "method_not_allowed"),
        ("GET", "/login", 405, "method_not_allowed"),
        ("POST", "/gradio_api/queue/join", 411, "length_required"),
    ],
)
def test_beside_the_page_every_refusal_has_our_shape(
    method: str, path: str, status: int, code: str, site: Site
) -> None:
    body = iter([b"{}"]) if status == 411 else None
    response = httpx.request(method, f"{site.address}{path}", content=body, timeout=PATIENCE)
    assert (response.status_code, set(response.json())) == (status, {"error"})
    error = response.json()["error"]
    assert (error["code"], error["limit"], set(error)) == (code, None, {"code", "message", "limit"})
    assert path in error["message"] or status == 411
    assert ("allow" in response.headers) == (status == 405)


def test_with_a_key_the_page_asks_for_it(service: Service, browser: Any) -> None:
    with_key = running(service, api_key=KEY)
    site = next(with_key)
    try:
        sent = {"files": ("a.png", picture("PNG"))}
        assert httpx.post(f"{site.address}/gradio_api/upload", files=sent, timeout=PATIENCE).status_code == 401
        context = browser.new_context()
        context.set_default_timeout(MILLISECONDS)
        page = context.new_page()
        page.goto(site.address)
        fill_in(page, "")
        page.wait_for_selector("text=Incorrect")
        fill_in(page, "wrong")
        page.wait_for_selector("text=Incorrect")
        fill_in(page, KEY)
        page.wait_for_selector("#go")
        empty = httpx.post(f"{site.address}/login", data={"username": "me"}, timeout=PATIENCE)
        assert (empty.status_code, empty.json()["error"]["code"]) == (400, "bad_form")
        upscale(page, "small.png", picture("PNG"))
        context.close()
    finally:
        next(with_key, None)


def fill_in(page: Any, key: str) -> None:
    """With no user's name, which is as good as any."""
    page.fill("input[type=password]", key)
    with page.expect_response("**/login"):
        page.click("button:has-text('Login')")


def test_files_are_gone_with_the_server(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    app = mount(FastAPI(), service)
    [folder] = tmp_path.glob("elansr-work-*")
    with TestClient(app):
        assert folder.is_dir()
    assert not folder.exists()


def test_old_files_go_and_the_oldest_of_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(page_files, "KEPT_SECONDS", 1000)
    monkeypatch.setattr(page_files, "MOST_BYTES", 250)
    folder = PageFolder()
    places = [folder.new() for _ in range(4)]
    for place, age in zip(places, (2000, 300, 200, 100), strict=True):
        (place / "picture").write_bytes(bytes(100))
        os.utime(place, (time.time() - age, time.time() - age))
    folder.sweep()
    assert [place.exists() for place in places] == [False, False, True, True]
    folder.close()
    assert not folder.path.exists()


def test_gradio_leaves_nothing_among_the_temporary_files(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gradio.routes.DEFAULT_TEMP_DIR", str(tmp_path / "gradio"))
    mount(FastAPI(), service)
    assert not list(tmp_path.iterdir())
