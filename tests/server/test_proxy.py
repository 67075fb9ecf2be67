"""Root paths and origins: what is taken, and what browsers are told. More is in page/test_behind_nginx.py."""

from collections.abc import Callable

import pytest

pytest.importorskip("fastapi", reason="needs pip install '.[web]'")

from fastapi.testclient import TestClient

from elansr.errors import ConfigError
from elansr.server.proxy import checked_origins, checked_root_path
from elansr.server.rest import create_app
from elansr.server.service import Service


@pytest.mark.parametrize(("given", "path"), [("", ""), ("/", ""), ("/sr", "/sr"), ("/a/b.c/", "/a/b.c")])
def test_root_paths(given: str, path: str) -> None:
    assert checked_root_path(given) == path


@pytest.mark.parametrize("given", ["sr", "http://a/sr", "/a b", "/a?b", "//a", "/v1", "/docs/x", "/healthz"])
def test_root_paths_that_cannot_be(given: str) -> None:
    with pytest.raises(ConfigError, match="root_path"):
        checked_root_path(given)


def test_origins() -> None:
    assert checked_origins(["https://Example.com/", "http://a:81", "*"]) == ["https://example.com", "http://a:81", "*"]
    for wrong in ("example.com", "https://a/b", "ftp://a", ""):
        with pytest.raises(ConfigError, match="allow_origins"):
            checked_origins([wrong])


@pytest.mark.parametrize(("allowed", "told"), [([], None), (["https://a.org"], "https://a.org"), (["*"], "*")])
def test_what_a_browser_is_told(serving: Callable[..., Service], allowed: list[str], told: str | None) -> None:
    """Also of refusals, whose reason a script could not read otherwise."""
    app = create_app(serving(), page=False, api_key="key", allow_origins=allowed)
    with TestClient(app) as client:
        answer = client.get("/v1/models", headers={"Origin": "https://a.org"})
        assert answer.status_code == 401
        assert answer.headers.get("access-control-allow-origin") == told
        assert "access-control-allow-credentials" not in answer.headers
        asking = {"Origin": "https://a.org", "Access-Control-Request-Method": "POST"}
        asking["Access-Control-Request-Headers"] = "authorization"
        assert client.options("/v1/upscale", headers=asking).status_code == (200 if told else 400)


def test_paths_are_found_with_the_prefix_and_without(serving: Callable[..., Service]) -> None:
    with TestClient(create_app(serving(), page=False, root_path="/sr/")) as client:
        assert client.get("/sr/healthz").status_code == client.get("/healthz").status_code == 200
        assert client.get("/srv/healthz").status_code == 404
        assert client.get("/sr", follow_redirects=False).headers["location"] == "/sr/"
        assert client.get("/openapi.json").json()["servers"] == [{"url": "/sr"}]
        assert client.get("/sr/docs/swagger-ui.css").headers["content-type"].startswith("text/css")
