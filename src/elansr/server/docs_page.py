"""`/docs`: Swagger UI, with its files served by this server."""

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import FileResponse, Response

DOCS, OPENAPI = "/docs", "/openapi.json"
SCRIPT, STYLE, ICON = f"{DOCS}/swagger-ui-bundle.js", f"{DOCS}/swagger-ui.css", f"{DOCS}/favicon.png"


def _page() -> Response:
    """Its links are relative, so that they work behind any proxy."""
    return get_swagger_ui_html(
        openapi_url=OPENAPI.removeprefix("/"),
        title="elansr: the REST API",
        swagger_js_url=SCRIPT.removeprefix("/"),
        swagger_css_url=STYLE.removeprefix("/"),
        swagger_favicon_url=ICON.removeprefix("/"),
        swagger_ui_parameters={"validatorUrl": None},  # it would contact another server
    )


def _swagger_file(name: str) -> Response:
    """A file of the package fastapi-offline, which is not imported."""
    package = find_spec("fastapi_offline")
    places = package.submodule_search_locations if package else None
    assert places, "`elansr serve` asks for it at its start"
    return FileResponse(Path(places[0], "static", name))


def _icon() -> Response:
    return FileResponse(Path(__file__).parent / "page" / "static" / "favicon.png")


ANSWERS: dict[str, Callable[[], Response]] = {
    DOCS: _page,
    SCRIPT: partial(_swagger_file, Path(SCRIPT).name),
    STYLE: partial(_swagger_file, Path(STYLE).name),
    ICON: _icon,
}
"""By path."""
