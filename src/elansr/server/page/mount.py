"""Puts the page beside REST, with a lifespan of its own in that of the application."""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, cast

import gradio as gr
from fastapi import FastAPI
from gradio import routes as gradio_routes
from starlette.routing import Mount

from elansr.server.offered_models import first_scale, kinds
from elansr.server.page.actions import Actions
from elansr.server.page.guard import Guard, Login
from elansr.server.page.layout import ASSETS, PageLayout, asset, head
from elansr.server.page.page_files import PageFolder
from elansr.server.service import Service

SWEEP_SECONDS = 60.0
"""Between two looks for files that are old or too many."""
LOGIN = "Enter the API key as the password. The user name may stay empty."
_LEFT_OUT = {
    "footer_links": [],
    "run_history": False,
    "show_error": False,
    "ssr_mode": False,
    "enable_monitoring": False,
    "pwa": False,
    "mcp_server": False,
    "app_kwargs": {"docs_url": None, "redoc_url": None, "openapi_url": None},
}
"""What Gradio would add to the page."""
FONT = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif")


def mount(app: FastAPI, service: Service, *, api_key: str | None = None, root_path: str = "") -> FastAPI:
    """Adds the page at "/", behind all routes that the application has.

    Args:
        app: the application; add its own routes before.
        api_key: that REST asks for; the page asks for it too then, as a password. None is a page for everybody.
        root_path: below which a reverse proxy serves the application, which gets paths without it.

    Returns:
        The same application. Its lifespan deletes the page's files at the end.
    """
    service.try_out()
    folder = PageFolder()
    rows = {kind.name: kind for kind in kinds(service.models.offers)}
    first = next(iter(rows.values()))
    actions = Actions(service, rows, folder)
    layout = PageLayout(actions, rows, first_scale(service.models.offers, first), service.limits)

    def build() -> None:
        places = {"allowed_paths": [str(folder.path)], "max_file_size": service.limits.max_bytes}
        page, options = layout.blocks(), places | _look() | _login(api_key) | _LEFT_OUT
        gr.mount_gradio_app(app, page, "/", root_path=root_path, i18n=gr.I18n(**layout.labels.texts), **options)
        mounted = cast("Mount", app.routes[-1])
        mounted.app = Guard(Login(mounted.app), folder.path, service.limits.max_bytes)

    with _environment(folder.path):
        _in_loop(build)
    _extend_lifespan(app, actions, folder)
    return app


def _in_loop(build: Callable[[], None]) -> None:
    """Calls what makes locks: Gradio would open an event loop for each, and close none, where none runs."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:

        async def called() -> None:
            build()

        asyncio.run(called())
    else:
        build()


@contextmanager
def _environment(folder: Path) -> Iterator[None]:
    """Settings of Gradio: where files go, and no telemetry.

    It reads one of them when it is imported; that would leave a folder among the temporary ones.
    """
    settings = {"GRADIO_TEMP_DIR": str(folder), "GRADIO_ANALYTICS_ENABLED": "False"}
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    routes: Any = gradio_routes
    imported, routes.DEFAULT_TEMP_DIR = routes.DEFAULT_TEMP_DIR, str(folder)
    try:
        yield
    finally:
        routes.DEFAULT_TEMP_DIR = imported
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _look() -> dict[str, Any]:
    """Colours that can be read in light and dark, and fonts that are on every machine."""
    theme = gr.themes.Default(
        primary_hue="teal", neutral_hue="slate", font=FONT, font_mono=("ui-monospace", "monospace"), radius_size="lg"
    ).set(
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_400",
        block_info_text_color="*neutral_600",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_hover_dark="*primary_800",
        button_primary_text_color="white",
    )
    return {"theme": theme, "css": asset("style.css"), "head": head(), "favicon_path": str(ASSETS / "favicon.png")}


def _login(api_key: str | None) -> dict[str, Any]:
    """Asks for the key before it shows anything, where there is one."""
    if api_key is None:
        return {}
    key = api_key.encode()
    return {"auth": lambda _name, given: secrets.compare_digest(given.encode(), key), "auth_message": LOGIN}


def _extend_lifespan(app: FastAPI, actions: Actions, folder: PageFolder) -> None:
    """Sweeps while the application runs and deletes everything when it ends."""
    around = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(running: FastAPI) -> AsyncIterator[Any]:
        async with around(running) as state:
            sweeping = asyncio.create_task(_sweep(folder))
            try:
                with _environment(folder.path):  # Gradio makes parts anew when they change, and each asks again
                    yield state
            finally:
                sweeping.cancel()
                actions.close()
                folder.close()

    app.router.lifespan_context = lifespan


async def _sweep(folder: PageFolder) -> None:
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        await asyncio.to_thread(folder.sweep)
