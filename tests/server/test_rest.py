"""The REST API, in this process: answers, headers, refusals of one shape, the key, metrics, clients that go away."""

import asyncio
import io
import struct
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from PIL import Image

pytest.importorskip("fastapi", reason="needs pip install '.[web]'")

from fastapi import FastAPI
from fastapi.testclient import TestClient

import elansr
from elansr.errors import ConfigError
from elansr.server import security, uploads
from elansr.server.rest import create_app
from elansr.server.service import Service
from tests.command_line import Ended
from tests.server.conftest import PATIENCE, Held

Serving = Callable[..., Service]
FileOf = Callable[..., bytes]
KEY = "s3cret ü"


@pytest.fixture
def service(serving: Serving) -> Service:
    return serving()


@pytest.fixture
def client(service: Service) -> Iterator[TestClient]:
    with TestClient(create_app(service, page=False)) as made:
        yield made


def post(client: TestClient, data: bytes, name: str = "a.png", **fields: object) -> Any:
    return client.post("/v1/upscale", files={"picture": (name, data)}, data={k: str(v) for k, v in fields.items()})


def error_of(response: Any, status: int, code: str) -> dict[str, Any]:
    """The refusal, after a look at its shape."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    assert set(response.json()) == {"error"}
    error: dict[str, Any] = response.json()["error"]
    assert set(error) == {"code", "message", "limit"}
    assert error["code"] == code
    assert error["message"]
    assert error["limit"] is None or set(error["limit"]) == {"name", "value"}
    return error


def png(width: int, height: int, extra: bytes = b"") -> bytes:
    """A PNG that announces a size and holds a thousand bytes of it; `extra` chunks stand behind its header."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + extra + body


def test_a_picture(client: TestClient, service: Service, file_of: FileOf) -> None:
    data = file_of("JPEG")
    response = post(client, data, "photo.jpg")
    assert response.status_code == 200
    assert response.headers["content-type"] == "image/jpeg"
    assert response.headers["content-disposition"] == 'attachment; filename="photo_x2.jpg"'
    assert int(response.headers["content-length"]) == len(response.content)
    assert (response.headers["x-elansr-model"], response.headers["x-elansr-reason"]) == ("tiny_x2", "")
    assert float(response.headers["x-elansr-seconds"]) > 0
    assert response.headers["x-elansr-notes"] == ""
    from elansr.server.processing import RequestOptions

    assert response.content == service.submit(data, "photo.jpg", RequestOptions()).result().data


def test_what_the_result_lacks_stands_in_a_header(client: TestClient) -> None:
    data = io.BytesIO()
    Image.new("RGBA", (8, 6)).save(data, "PNG")
    assert post(client, data.getvalue(), format="jpg").headers["x-elansr-notes"].split("; ") == [
        "transparency replaced by white"
    ]


@pytest.mark.parametrize(
    ("fields", "kind", "size"),
    [
        ({"format": "webp", "quality": 50}, "WEBP", (40, 24)),
        ({"width": 30}, "PNG", (30, 18)),
        ({"height": 30}, "PNG", (50, 30)),
        ({"outscale": 1.5, "scale": 2, "model": "tiny_x2"}, "PNG", (30, 18)),
        ({"format": "jpg", "quality": "", "scale": "", "model": ""}, "JPEG", (40, 24)),
    ],
)
def test_what_is_asked_for(
    fields: dict[str, object], kind: str, size: tuple[int, int], client: TestClient, file_of: FileOf
) -> None:
    found = Image.open(io.BytesIO(post(client, file_of(), **fields).content))
    assert (found.format, found.size) == (kind, size)


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("../../etc/passwd.png", 'attachment; filename="passwd_x2.png"'),
        ("C:\\Users\\me\\a.png", 'attachment; filename="a_x2.png"'),
        ("höhle 山.png", "attachment; filename=\"h_hle __x2.png\"; filename*=UTF-8''h%C3%B6hle%20%E5%B1%B1_x2.png"),
        ("a;b%41.png", "attachment; filename=\"a_b_41_x2.png\"; filename*=UTF-8''a%3Bb%2541_x2.png"),
        ("..", 'attachment; filename="picture_x2.png"'),
        ("n" * 500 + ".png", f'attachment; filename="{"n" * 116}_x2.png"'),
    ],
)
def test_a_file_name_is_text_and_never_a_place(name: str, header: str, client: TestClient, file_of: FileOf) -> None:
    assert post(client, file_of(), name).headers["content-disposition"] == header


def test_a_strength_is_between_the_weights(client: TestClient, file_of: FileOf) -> None:
    """Both ends are the released weights, and what lies between is neither."""
    ends = [post(client, file_of(), model=name).content for name in ("elan-light-x2", "elan-light-x2-real")]
    asked = [post(client, file_of(), model="elan-light-real", scale=2, strength=s).content for s in ("0", "0.5", "1")]
    assert [asked[0], asked[2]] == ends
    assert asked[1] not in ends
    headers = post(client, file_of(), model="elan-light-real", scale=2, strength="0.5").headers
    assert (headers["x-elansr-model"], headers["x-elansr-reason"]) == ("elan-light-x2-real", "strength 0.5")


def test_a_file_name_cannot_add_a_header(client: TestClient, file_of: FileOf) -> None:
    """Line breaks come percent-encoded from honest clients; here they come as they are."""
    for breaks in (b"\r\n", b"\n", b"\\r\\n"):
        body = b'--b\r\nContent-Disposition: form-data; name="picture"; filename="a' + breaks
        body += b'X-Evil: 1.png"\r\n\r\n' + file_of() + b"\r\n--b--\r\n"
        response = client.post("/v1/upscale", content=body, headers={"content-type": "multipart/form-data; boundary=b"})
        assert response.status_code in (200, 422)
        assert "x-evil" not in response.headers


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the file is empty (0 bytes)"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG drawing"),
        (b"%PDF-1.7" + bytes(99), "a PDF document"),
        (b"PK\3\4" + bytes(99), "not a picture"),
        (png(40, 40), "truncated, damaged"),
        (png(20, 20, struct.pack(">I", 2**31 - 1) + b"eXIf"), "truncated"),
    ],
)
def test_bad_files(data: bytes, message: str, client: TestClient) -> None:
    error = error_of(post(client, data, "holiday.png"), 422, "bad_picture")
    assert error["message"].startswith("holiday.png: ")
    assert message in error["message"]
    assert error["limit"] is None


def test_a_decompression_bomb_is_told_by_its_header(client: TestClient) -> None:
    error = error_of(post(client, png(30000, 30000)), 422, "too_many_pixels")
    assert error["limit"] == {"name": "max_pixels", "value": 2**25}
    assert error["message"].startswith("a.png: 30000 x 30000 = 900,000,000: ")


def test_a_truncated_jpeg(client: TestClient, file_of: FileOf) -> None:
    data = file_of("JPEG", 64, 64)
    assert "premature end" in error_of(post(client, data[:-900]), 422, "bad_picture")["message"]


def test_a_huge_exif_block_is_only_metadata(client: TestClient, file_of: FileOf) -> None:
    data = file_of("JPEG")
    block = b"\xff\xe1\xff\xff" + b"Exif\0\0" + b"II*\0\x08\0\0\0" + bytes(65533 - 14)
    assert post(client, data[:2] + block + data[2:], "a.jpg").status_code == 200


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"scale": "two"}, "scale 'two': must be a whole number"),
        ({"scale": "-2"}, "scale '-2': must be a whole number"),
        ({"scale": "0"}, "tiny_x2: weights for x2, not x0"),
        ({"scale": "3"}, "tiny_x2: weights for x2, not x3"),
        (
            {"scale": "3", "model": "elan-light-real"},
            "no weights for x3: choose elan-light-x2-real, elan-light-x4-real",
        ),
        ({"strength": "1.5"}, "`strength=1.5`"),
        ({"strength": "much"}, "strength 'much': must be a number"),
        ({"strength": "0.5", "model": "elan-light-x2"}, "elan-light-x2: these weights are strength 0"),
        ({"quality": "101"}, "quality 101: must be from 1 to 100"),
        ({"outscale": "nan"}, "`outscale=nan`"),
        ({"outscale": "1e999"}, "`outscale=inf`"),
        ({"outscale": "much"}, "outscale 'much': must be a number"),
        ({"width": "10", "height": "10"}, "contradict"),
        ({"width": "0"}, "`width=0`"),
        ({"height": "-5"}, "height '-5': must be a whole number of at most 9 digits, without a sign"),
        ({"width": "abc"}, "width 'abc': must be a whole number"),
        ({"width": "99999"}, "a.png: 20 pixels wide, is too small for 99999"),
        ({"height": "193"}, "a.png: 12 pixels high, is too small for 193"),
        ({"format": "exe"}, "format 'exe': must be one of auto, png"),
        ({"model": "../weights.pt"}, "unknown model '../weights.pt'"),
        ({"output": "/etc/passwd"}, "unknown field 'output'"),
    ],
)
def test_bad_wishes(fields: dict[str, object], message: str, client: TestClient, file_of: FileOf) -> None:
    """The picture is fine: what is told is that the request is not."""
    assert message in error_of(post(client, file_of(), **fields), 422, "invalid_request")["message"]


def test_bad_forms(client: TestClient, file_of: FileOf) -> None:
    url, kind = "/v1/upscale", {"content-type": "multipart/form-data; boundary=b"}
    error_of(client.post(url, json={"picture": "x"}), 415, "not_multipart")
    error_of(client.post(url), 415, "not_multipart")
    error_of(client.post(url, content=b"nonsense", headers=kind), 422, "bad_form")
    error_of(client.post(url, content=b"", headers={"content-type": "multipart/form-data"}), 422, "bad_form")
    assert "no file" in error_of(client.post(url, files={"scale": (None, "2")}), 422, "invalid_request")["message"]
    text = client.post(url, files={"picture": (None, "text")})
    assert "no file" in error_of(text, 422, "invalid_request")["message"]
    two = client.post(url, files=[("picture", ("a.png", file_of())), ("picture", ("b.png", file_of()))])
    assert "Too many files" in error_of(two, 422, "bad_form")["message"]
    twice = client.post(url, files=[("picture", ("a.png", file_of())), ("scale", (None, "2")), ("scale", (None, "2"))])
    assert "scale: given 2 times" in error_of(twice, 422, "invalid_request")["message"]


def test_nowhere_and_the_wrong_method(client: TestClient) -> None:
    for path in ("/nope", "/v1", "/v1/", "/v1/nope", "/v1/upscale/x"):
        error_of(client.get(path), 404, "not_found")
    for method, path, allowed in (
        ("GET", "/v1/upscale", "POST"),
        ("DELETE", "/v1/models", "GET, HEAD"),
        ("PUT", "/healthz", "GET, HEAD"),
        ("POST", "/metrics", "GET, HEAD"),
        ("POST", "/docs", "GET, HEAD"),
    ):
        response = client.request(method, path)
        error = error_of(response, 405, "method_not_allowed")
        assert error["message"].startswith(f"{path}: ")
        assert error["message"].endswith(allowed)
        assert response.headers["allow"] == allowed
    error_of(client.post("/"), 405, "method_not_allowed")


def test_head_is_answered_wherever_get_is(client: TestClient) -> None:
    for path in ("/", "/healthz", "/v1/models", "/metrics", "/docs", "/openapi.json"):
        got, asked = client.get(path), client.head(path)
        assert (asked.status_code, asked.headers["content-type"]) == (200, got.headers["content-type"]), path
    assert client.head("/v1/upscale").status_code == 405
    assert client.head("/nope").status_code == 404


def test_too_many_bytes(serving: Serving, file_of: FileOf) -> None:
    """Announced, or found while reading: a byte too many of the file, or a body without end."""
    service = serving(max_bytes=1000)
    with TestClient(create_app(service, page=False)) as client:
        assert post(client, file_of("PNG", 2, 2)).status_code == 200
        for size in (1001, 200_000):
            error = error_of(post(client, bytes(size)), 413, "too_many_bytes")
            assert error["limit"] == {"name": "max_bytes", "value": 1000}

        def endless() -> Iterator[bytes]:
            yield b'--b\r\nContent-Disposition: form-data; name="picture"; filename="a"\r\n\r\n'
            for _ in range(100):
                yield bytes(1000)

        kind = {"content-type": "multipart/form-data; boundary=b"}
        error_of(client.post("/v1/upscale", content=endless(), headers=kind), 413, "too_many_bytes")


def test_the_queue_is_full(serving: Serving, hold: Callable[[Service], Held], file_of: FileOf) -> None:
    from elansr.server.processing import RequestOptions

    service = serving(at_once=1, queue=0)
    hold(service)
    with TestClient(create_app(service, page=False)) as client:
        service.submit(file_of(), "a.png", RequestOptions())
        response = post(client, file_of())
        assert error_of(response, 429, "queue_full")["limit"] == {"name": "queue", "value": 0}
        assert int(response.headers["retry-after"]) >= 1


def test_too_slow_and_shutting_down(serving: Serving, hold: Callable[[Service], Held], file_of: FileOf) -> None:
    service = serving(seconds=0.2)
    hold(service)
    with TestClient(create_app(service, page=False)) as client:
        response = post(client, file_of())
        assert error_of(response, 503, "too_slow")["limit"] == {"name": "seconds", "value": 0.2}
        assert int(response.headers["retry-after"]) >= 1
        assert client.get("/healthz").json() == {"status": "ok", "version": elansr.__version__}
        service.closing = True
        error_of(post(client, file_of()), 503, "shutting_down")
        error_of(client.get("/healthz"), 503, "shutting_down")


def test_an_upload_that_does_not_end(monkeypatch: pytest.MonkeyPatch, service: Service) -> None:
    monkeypatch.setattr(uploads, "SECONDS", 0.05)
    monkeypatch.setattr(security, "LINGER", 0.05)
    sent = asked(create_app(service, page=False), [b"--b\r\n"], stay=True)
    assert sent[0]["status"] == 408


def test_models(client: TestClient) -> None:
    first, *others = client.get("/v1/models").json()["models"]
    operators = {"name": "tiny_x2", "scale": 2, "scales": [2], "description": "chosen by the operator"}
    assert first == operators | {"default": True}
    rows = {row["name"]: (row["scale"], row["scales"]) for row in others}
    assert rows == {
        "auto": (None, [2, 3, 4]),
        "elan-light": (None, [2, 3, 4]),
        "elan-light-real": (None, [2, 4]),
        "elan-light-x2": (2, [2]),
        "elan-light-x3": (3, [3]),
        "elan-light-x4": (4, [4]),
        "elan-light-x2-real": (2, [2]),
        "elan-light-x4-real": (4, [4]),
    }
    assert not any(row["default"] for row in others)


@pytest.mark.parametrize(
    ("fields", "model"),
    [
        ({"model": "elan-light", "scale": 2}, "elan-light-x2"),
        ({"model": "elan-light"}, "elan-light-x4"),
        ({"model": "elan-light", "outscale": 2.5}, "elan-light-x3"),
        ({"model": "elan-light-real", "width": 7}, "elan-light-x2-real"),
        ({"model": "elan-light-real", "outscale": 3}, "elan-light-x4-real"),
        ({"model": "elan-light-real", "scale": 3}, ""),
        ({"model": "elan-light-x2", "scale": 4}, ""),
        ({"model": "auto", "scale": 3}, "elan-light-x3"),
    ],
)
def test_models_are_named_as_elansr_upscale_takes_them(
    fields: dict[str, object], model: str, client: TestClient, call: Callable[..., Ended], tmp_path: Path
) -> None:
    picture = tmp_path / "a.png"
    Image.new("RGB", (4, 4), (10, 120, 200)).save(picture)
    options = [part for name, value in fields.items() for part in (f"--{name}", value)]
    ended = call("upscale", picture, "-o", tmp_path / "out.png", "--precision", "fp32", "-t", 32, *options)
    response = post(client, picture.read_bytes(), **fields)
    if model:
        assert (ended.code, response.status_code) == (0, 200)
        assert response.headers["x-elansr-model"] == model
        assert response.content == (tmp_path / "out.png").read_bytes()
    else:
        assert ended.code == 2
        error = error_of(response, 422, "invalid_request")
        assert ended.stderr.startswith(f"error: {error['message']}")


def test_metrics(client: TestClient, file_of: FileOf) -> None:
    post(client, file_of())
    post(client, b"")
    client.post("/v1/upscale")
    lines = client.get("/metrics").text.splitlines()
    for line in (
        'elansr_http_responses_total{status="200"} 1.0',
        'elansr_http_responses_total{status="422"} 1.0',
        'elansr_http_responses_total{status="415"} 1.0',
        'elansr_requests_total{status="200"} 1.0',
        'elansr_requests_total{status="422"} 1.0',
        "elansr_request_seconds_count 1.0",
        "elansr_pixels_total 240.0",
        "elansr_queue_length 0.0",
        "elansr_in_work 0.0",
        "elansr_cancelled_total 0.0",
    ):
        assert line in lines


def test_the_key(service: Service, file_of: FileOf) -> None:
    """Everything of REST asks for it, but for health; a browser may send it as a password, though not to /v1."""
    app = create_app(service, api_key=KEY, page=False)
    with TestClient(app) as client:
        assert client.get("/healthz").status_code == 200
        bearer = {"Authorization": f"Bearer {KEY}".encode()}
        for method, path in (
            ("POST", "/v1/upscale"),
            ("GET", "/v1/upscale"),
            ("GET", "/v1/models"),
            ("GET", "/v1/nope"),
            ("GET", "/metrics"),
            ("GET", "/docs"),
            ("GET", "/openapi.json"),
        ):
            response = client.request(method, path)
            error_of(response, 401, "unauthorized")
            assert response.headers["www-authenticate"].startswith("Bearer" if path.startswith("/v1") else "Basic")
            assert client.request(method, path, headers=bearer).status_code != 401
        for wrong in (b"Bearer", b"Bearer ", b"Bearer s3cret", b"Basic !", KEY.encode(), b"Digest " + KEY.encode()):
            assert client.get("/v1/models", headers={"Authorization": wrong}).status_code == 401
        basic = ("anybody", KEY)
        assert client.get("/metrics", auth=basic).status_code == 200
        assert client.get("/metrics", auth=("anybody", "wrong")).status_code == 401
        assert client.get("/v1/models", auth=basic).status_code == 401
        document = client.get("/openapi.json", headers=bearer).json()
        assert document["security"] == [{"key": []}]
        assert document["components"]["securitySchemes"]["key"] == {"type": "http", "scheme": "bearer"}


def test_every_route_of_ours_asks_for_the_key(service: Service) -> None:
    app = create_app(service, api_key=KEY, page=False)
    paths = {getattr(route, "path", "") for route in app.routes}
    assert {path for path in paths if not path.startswith(security.GUARDED)} == {"/", "/healthz"}


def test_without_a_page_there_is_a_sentence(client: TestClient) -> None:
    assert client.get("/").text.startswith("elansr serve: the REST API is at /v1")


def test_the_page_leaves_our_paths_alone(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is mounted at the root and takes every path that nobody else does."""
    stand_in = ModuleType("page")

    def mount(app: FastAPI, service: Service, **_: object) -> FastAPI:
        app.mount("/", _page)
        return app

    stand_in.mount = mount  # type: ignore[attr-defined]
    monkeypatch.setattr("elansr.server.rest.find_spec", lambda name: name == "gradio")
    monkeypatch.setitem(sys.modules, "elansr.server.page.mount", stand_in)
    app = create_app(service)
    with TestClient(app) as client:
        assert client.get("/anything").text == "the page"
        assert client.get("/").text == "the page"
        error_of(client.get("/v1/upscale"), 405, "method_not_allowed")
        error_of(client.get("/v1/nope"), 404, "not_found")
        error_of(client.post("/metrics"), 405, "method_not_allowed")


@pytest.mark.parametrize("key", ["", " ", " key", "key\n", "two\nlines"])
def test_a_key_that_no_client_can_send(key: str, service: Service) -> None:
    with pytest.raises(ConfigError, match="api_key: must be one line, not empty"):
        create_app(service, api_key=key, page=False)


async def _page(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"the page"})


def asked(app: FastAPI, chunks: list[bytes], stay: bool, headers: tuple[tuple[bytes, bytes], ...] = ()) -> list[Any]:
    """What an app sends to a client that uploads chunks, and then stays without a word, or goes away.

    The chunks that were read are taken out of the list.
    """
    sent: list[Any] = []

    async def talk() -> None:
        async def receive() -> dict[str, Any]:
            if chunks:
                return {"type": "http.request", "body": chunks.pop(), "more_body": True}
            if stay:
                await asyncio.sleep(PATIENCE)
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        kind = (b"content-type", b"multipart/form-data; boundary=b")
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/v1/upscale",
            "headers": [kind, *headers],
            "query_string": b"",
        }
        await app(scope, receive, send)

    asyncio.run(talk())
    return sent


def test_a_client_that_goes_away_while_uploading(service: Service) -> None:
    sent = asked(create_app(service, page=False), [b"--b\r\n"], stay=False)
    assert sent[0]["status"] == 499
    assert service.waiting + service.in_work == 0


def test_a_client_that_goes_away_frees_its_work(
    service: Service, hold: Callable[[Service], Held], file_of: FileOf
) -> None:
    held = hold(service)
    body = b'--b\r\nContent-Disposition: form-data; name="picture"; filename="a.png"\r\n\r\n'
    body += file_of("PNG", 128, 128) + b"\r\n--b--\r\n"
    app = create_app(service, page=False)
    sent: list[Any] = []

    async def talk() -> None:
        whole = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> dict[str, Any]:
            if whole:
                return whole.pop()
            while not held.asked.is_set():
                await asyncio.sleep(0.01)
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        headers = [(b"content-type", b"multipart/form-data; boundary=b")]
        await app(
            {"type": "http", "method": "POST", "path": "/v1/upscale", "headers": headers, "query_string": b""},
            receive,
            send,
        )

    asyncio.run(talk())
    held.go.set()
    until = time.monotonic() + PATIENCE
    while service.in_work:
        assert time.monotonic() < until
        time.sleep(0.01)
    assert sent[0]["status"] == 499
    assert held.tiles == 1


def test_a_refusal_waits_for_the_upload_but_not_for_ever(serving: Serving) -> None:
    """Three times the limit is read before the answer, unless more than that, or nothing yet, is announced."""
    service = serving(max_bytes=1000)
    app = create_app(service, page=False)
    service.closing = True
    most = [bytes(1000)] * 4
    assert asked(app, most, stay=False)[0]["status"] == 503
    assert len(most) == 1
    far = [bytes(1000)]
    assert asked(app, far, stay=True, headers=((b"content-length", b"3001"),))[0]["status"] == 503
    assert len(far) == 1
    not_yet = [bytes(1000)]
    assert asked(app, not_yet, stay=True, headers=((b"expect", b"100-continue"),))[0]["status"] == 503
    assert len(not_yet) == 1


def test_a_client_that_does_not_take_its_result(
    serving: Serving, file_of: FileOf, caplog: pytest.LogCaptureFixture
) -> None:
    app = create_app(serving(seconds=1.0), page=False)
    body = (
        b'--b\r\nContent-Disposition: form-data; name="picture"; filename="a.png"\r\n\r\n'
        + file_of()
        + b"\r\n--b--\r\n"
    )
    whole = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        if whole:
            return whole.pop()
        await asyncio.sleep(PATIENCE)
        raise AssertionError

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            await asyncio.sleep(PATIENCE)

    headers = [(b"content-type", b"multipart/form-data; boundary=b")]
    scope = {"type": "http", "method": "POST", "path": "/v1/upscale", "headers": headers, "query_string": b""}
    asyncio.run(app(scope, receive, send))
    assert "within 1 s" in caplog.text
