"""Reverse proxies (`--root-path`) and requests from other websites (`--allow-origin`, CORS)."""

import re
from collections.abc import Sequence

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from elansr.errors import ConfigError
from elansr.server.security import HEALTH, METRICS, REST

_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)+")
_ORIGIN = re.compile(r"https?://[^/\s?#@]+")
READABLE = ("Content-Disposition", "Retry-After", *(f"X-Elansr-{it}" for it in ("Model", "Notes", "Reason", "Seconds")))
"""Response headers that scripts of other origins may read."""


def checked_root_path(path: str) -> str:
    """The path without a trailing slash; "" for none.

    Raises:
        ConfigError: it does not begin with a slash, or the server uses it itself.
    """
    plain = path.rstrip("/")
    if plain and not _PATH.fullmatch(plain):
        raise ConfigError(f"root_path={path!r}: must be a path such as /upscaler, without host and query")
    if f"{plain}/".startswith(tuple(f"{own}/" for own in (REST, HEALTH, METRICS, "/docs"))):
        raise ConfigError(f"root_path={path!r}: the API uses this path: choose another one")
    return plain


def checked_origins(origins: Sequence[str]) -> list[str]:
    """The same origins as browsers send them.

    Raises:
        ConfigError: one is neither "*" nor a scheme with a host.
    """
    plain = [origin.rstrip("/").lower() for origin in origins]
    for given, origin in zip(origins, plain, strict=True):
        if origin != "*" and not _ORIGIN.fullmatch(origin):
            raise ConfigError(
                f"allow_origins={given!r}: must be * or an origin such as https://example.com, without a path"
            )
    return plain


def add_cors(app: FastAPI, origins: Sequence[str]) -> None:
    """Lets scripts of these origins call the server, without cookies.

    It is also added without origins: if there is no such middleware, Gradio allows all origins, with cookies.
    """
    app.add_middleware(
        CORSMiddleware,
        allow_origins=checked_origins(origins),
        allow_methods=["GET", "HEAD", "POST"],
        allow_headers=["Authorization"],
        expose_headers=READABLE,
    )


class RootPath:
    """ASGI middleware: removes the prefix from paths, unless the proxy did so.

    Args:
        prefix: from `checked_root_path`, not empty.
    """

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self._app, self._prefix = app, prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or redirects a browser to add the trailing slash, which links need."""
        path = scope.get("path", "")
        if path == self._prefix:
            await RedirectResponse(f"{path}/")(scope, receive, send)
            return
        if path.startswith(f"{self._prefix}/"):
            scope = {**scope, "path": path[len(self._prefix) :]}
        await self._app(scope, receive, send)
