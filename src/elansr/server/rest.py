"""The REST API of a service, and everything that is mounted beside it.

POST /v1/upscale    a picture in, a larger one out
GET  /v1/models     the available models
GET  /healthz       whether it accepts requests
GET  /metrics       for Prometheus
HEAD                for all GET routes
GET  /docs          interactive documentation, from /openapi.json
GET  /              the web page, if gradio is installed
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.responses import PlainTextResponse, Response, StreamingResponse
from prometheus_client import CONTENT_TYPE_LATEST

import elansr
from elansr.server.docs_page import ANSWERS, DOCS, OPENAPI
from elansr.server.limits import answer_errors, cancelled, not_found, refusal, shutting_down, too_slow
from elansr.server.offered_models import ModelRow
from elansr.server.openapi import picture_response, refusals, upscale_form
from elansr.server.processing import UpscaledFile
from elansr.server.prometheus import Metrics
from elansr.server.proxy import RootPath, add_cors, checked_root_path
from elansr.server.security import HEALTH, METRICS, REST, UPSCALE, Gate, checked_key
from elansr.server.service import QueuedRequest, Service
from elansr.server.uploads import read_upload

NO_PAGE = (
    "elansr serve: the REST API is at /v1 and described at /docs. "
    "The web page is disabled, or gradio is missing (pip install '.[web]' in elansr's folder).\n"
)
MODELS = f"{REST}/models"
READ = "GET, HEAD"
METHODS = {UPSCALE: "POST"} | dict.fromkeys((MODELS, HEALTH, METRICS, OPENAPI, *ANSWERS), READ)
PIECE = 2**18
"""Bytes of a result sent at a time: the rest can be dropped if a client is too slow."""


@dataclass(frozen=True)
class ModelList:
    """The answer of `GET /v1/models`."""

    models: list[ModelRow]


@dataclass(frozen=True)
class Health:
    """The answer of `GET /healthz`."""

    status: str
    version: str


def create_app(
    service: Service,
    *,
    api_key: str | None = None,
    page: bool = True,
    root_path: str = "",
    allow_origins: Sequence[str] = (),
) -> FastAPI:
    """The app that serves a service.

    Args:
        api_key: key that clients must send; None for no key.
        page: whether to serve the web page at "/", if gradio is installed.
        root_path: path of the app behind a reverse proxy, such as "/upscaler".
        allow_origins: websites that may call the app from a browser, such as "https://example.com"; "*" allows all.

    Raises:
        ConfigError: a key that no client can send, or an invalid root path or origin.
    """
    api_key, root_path = checked_key(api_key), checked_root_path(root_path)
    metrics = Metrics(service)
    about = {"title": "elansr", "description": "Image super-resolution with ELAN.", "version": elansr.__version__}
    servers = [{"url": root_path}] if root_path else None
    app = FastAPI(**about, docs_url=None, redoc_url=None, servers=servers, redirect_slashes=False)
    answer_errors(app)
    _add_upscale(app, service)
    _add_reads(app, service, metrics)
    _add_nothing_else(app)
    _describe(app, secured=api_key is not None)
    if page and find_spec("gradio"):
        from elansr.server.page.mount import mount

        app = mount(app, service, api_key=api_key, root_path=root_path)
    else:

        async def no_page() -> Response:
            return PlainTextResponse(NO_PAGE)

        _add_read(app, "/", no_page, include_in_schema=False)
    app.add_middleware(Gate, service=service, metrics=metrics, api_key=api_key)
    add_cors(app, allow_origins)
    if root_path:
        app.add_middleware(RootPath, prefix=root_path)
    return app


def _add_upscale(app: FastAPI, service: Service) -> None:
    async def upscale(request: Request) -> Response:
        """Upscales a picture."""
        upload = await read_upload(request, service.limits.max_bytes)
        task = service.submit(*upload)
        del upload
        return _picture(await _finished(task, request))

    names = [offer.name for offer in service.models.offers]
    app.add_api_route(
        UPSCALE,
        upscale,
        methods=["POST"],
        response_class=Response,
        responses={200: picture_response(), **refusals(401, 408, 413, 415, 422, 429, 500, 503)},
        openapi_extra={"requestBody": upscale_form(names, service.limits)},
    )


def _add_reads(app: FastAPI, service: Service, metrics: Metrics) -> None:
    async def models() -> ModelList:
        """Lists the values of `model`."""
        return ModelList(service.models.offers)

    async def healthz() -> Any:
        """Whether the server accepts requests; the default weights are loaded before the first response."""
        if service.closing:
            return refusal(shutting_down())
        return Health("ok", elansr.__version__)

    async def prometheus() -> Response:
        """Counts and times, in Prometheus' text format."""
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)

    _add_read(app, MODELS, models, responses=refusals(401))
    _add_read(app, HEALTH, healthz, response_model=Health, responses=refusals(503))
    text = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}
    _add_read(app, METRICS, prometheus, response_class=Response, responses={**text, **refusals(401)})
    for path, answer in ANSWERS.items():
        _add_read(app, path, answer, include_in_schema=False)


def _add_read(app: FastAPI, path: str, answer: Callable[[], Any], **described: Any) -> None:
    """Adds a route for GET and HEAD; HTTP servers omit the body for HEAD."""
    app.add_api_route(path, answer, methods=["GET"], **described)
    app.add_api_route(path, answer, methods=["HEAD"], **described | {"include_in_schema": False})


def _add_nothing_else(app: FastAPI) -> None:
    """Handles unknown API paths before the page does, which accepts any path."""

    async def nothing(request: Request) -> Response:
        return not_found(request.method, request.url.path, METHODS.get(request.url.path, ""))

    every = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]
    for path in (f"{REST}/{{rest:path}}", HEALTH, METRICS, OPENAPI, DOCS, f"{DOCS}/{{rest:path}}"):
        app.add_api_route(path, nothing, methods=every, include_in_schema=False)


def _describe(app: FastAPI, secured: bool) -> None:
    """Adds what FastAPI does not know to the OpenAPI."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        document: dict[str, Any] = generate()
        if secured:
            document["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
            document["security"] = [{"key": []}]
            document["paths"][HEALTH]["get"]["security"] = []
        return document

    app.openapi = openapi


async def _finished(task: QueuedRequest, request: Request) -> UpscaledFile:
    """Waits for the result; cancels the request if the client disconnects or the time is up.

    Raises:
        Rejected: there is no result.
    """
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    def notify(_future: object) -> None:  # asyncio.wrap_future would keep the result in a reference cycle
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(done.set)

    task.future.add_done_callback(notify)
    gone, ended = asyncio.ensure_future(_gone(request)), asyncio.ensure_future(done.wait())
    waited: set[asyncio.Future[Any]] = {gone, ended}
    try:
        await asyncio.wait(waited, timeout=task.remaining, return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:  # the server ends at once
        task.cancel()
        raise
    finally:
        gone.cancel()
        ended.cancel()
    if task.future.done():
        return task.future.result()
    if gone.done():
        task.cancel()
        raise cancelled()
    task.give_up()
    raise too_slow(task.seconds)


async def _gone(request: Request) -> None:
    """Returns when the client has disconnected."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _picture(result: UpscaledFile) -> Response:
    headers = {
        "Content-Disposition": _attachment(result.file_name),
        "Content-Length": str(len(result.data)),
        "X-Content-Type-Options": "nosniff",
        "X-Elansr-Model": quote(result.model),
        "X-Elansr-Reason": quote(result.reason, safe=" ,"),
        "X-Elansr-Notes": quote("; ".join(result.notes), safe=" ,;"),
        "X-Elansr-Seconds": f"{result.seconds:.3f}",
    }
    return StreamingResponse(_pieces(result.data), headers=headers, media_type=result.media_type)


async def _pieces(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), PIECE):
        yield data[start : start + PIECE]


def _attachment(name: str) -> str:
    """`Content-Disposition` with a name that may have any characters (RFC 6266, RFC 5987)."""
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\%;' else "_" for c in name)
    exact = "" if plain == name else f"; filename*=UTF-8''{quote(name, safe='')}"
    return f'attachment; filename="{plain}"{exact}'
