"""The page's layout, and which part calls which of `actions`."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import gradio as gr

from elansr.server.limits import Limits
from elansr.server.offered_models import ModelFamily
from elansr.server.page import html
from elansr.server.page.actions import Actions, View
from elansr.server.page.page_files import MOST_PICTURES, ChosenPicture, KeptResult

ASSETS = Path(__file__).parent / "static"
TITLE = "elansr: larger pictures"
FORMATS = ("JPEG", "PNG", "WebP", "TIFF", "BMP", "GIF", "AVIF")
RESULTS = (
    ("as the picture", "auto"),
    ("PNG", "png"),
    ("JPEG", "jpg"),
    ("WebP", "webp"),
    ("TIFF", "tiff"),
    ("AVIF", "avif"),
)
DEFAULT_QUALITY = 95
INTRODUCTION = "Enlarges pictures with ELAN, a network for super-resolution. Your pictures are deleted after an hour."
ABOUT_MODELS = "Automatic goes by compression, noise and sharpness."
LABELS = "Left: bicubic, right: elansr"
ZOOM = (
    '<p class="notice">Drag the line, or move it with the arrow keys. '
    "Zoom with the mouse wheel or two fingers, or open it full screen.</p>"
)
PRIVATE = {"api_visibility": "private", "show_progress": "hidden"}
"""Of every event: programs have REST, and the page has a progress bar of its own."""
_CLEAR = """(status) => {
    const working = document.querySelector('#stop')?.checkVisibility();
    return ['', '', working ? status : '', { __type__: 'update', interactive: false }];
}"""
"""Other files come: what was said of those before no longer holds, at once and without asking the server."""
_SHOW_RESULT = (
    "() => { if (window.innerWidth < 900) document.querySelector('#result').scrollIntoView({behavior: 'smooth'}) }"
)
_WITH_ROOM = """(made, across, down, _) => {
    const place = document.querySelector('#closer'), style = getComputedStyle(place);
    const room = place.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    return [made, across, down, Math.floor(room) - 2];  // the border
}"""


class PageLayout:
    """Builds the page, whose parts call `actions`; the first of the `kinds` of models is chosen when it opens."""

    def __init__(self, actions: Actions, kinds: Mapping[str, ModelFamily], scale: int, limits: Limits) -> None:
        self._actions, self._families, self._limits = actions, kinds, limits
        self._first = next(iter(kinds.values()))
        self._first_scale = scale

    def blocks(self) -> Any:
        """The page, as Gradio mounts it."""
        with gr.Blocks(title=TITLE, analytics_enabled=False, fill_width=True) as page:
            gr.HTML(f"<header><h1>elansr</h1><p>{INTRODUCTION}</p></header>", elem_id="top")
            with gr.Row(elem_id="columns"):
                with gr.Column(scale=2, min_width=300, elem_id="choices"):
                    self._choices()
                with gr.Column(scale=3, min_width=300, elem_id="result"):
                    self._result()
            self._connect()
            page.unload(self._stopped)
        page.queue(api_open=False, default_concurrency_limit=None)
        return page

    def _choices(self) -> None:
        self._drop = gr.HTML(
            html_template=asset("drop.html"),
            js_on_load=asset("drop.js"),
            hint=html.hint(self._limits, FORMATS),
            max_bytes=self._limits.max_bytes,
            most=MOST_PICTURES,
            elem_id="drop",
        )
        self._about = gr.HTML(elem_id="about")
        self._chosen = gr.State(())
        self._scale = gr.Radio(_scales(self._first), value=self._first_scale, label="Enlarge", elem_id="scale")
        self._size = gr.HTML(elem_id="size")
        rows = [(kind.label, kind.name) for kind in self._families.values()]
        self._kind = gr.Dropdown(
            rows, value=self._first.name, label="Model", info=ABOUT_MODELS, filterable=False, elem_id="model"
        )
        with gr.Accordion("More", open=False, elem_id="more"):
            self._format = gr.Dropdown(RESULTS, value="auto", label="Format of the result", filterable=False)
            self._quality = gr.Slider(
                1, 100, DEFAULT_QUALITY, step=1, label="Quality", info="Of JPEG, WebP and AVIF.", buttons=[]
            )
        self._go = gr.Button("Upscale", variant="primary", size="lg", interactive=False, elem_id="go")
        self._stop = gr.Button("Stop", variant="stop", size="lg", visible=False, elem_id="stop")

    def _result(self) -> None:
        self._status = gr.HTML(elem_id="status")
        gr.HTML('<div class="empty">The result will be here.</div>', elem_id="empty")
        self._slider = gr.ImageSlider(
            label=LABELS, buttons=["fullscreen"], interactive=False, visible=False, max_height=640, elem_id="slider"
        )
        self._zoom = gr.HTML(ZOOM, visible=False)
        self._card = gr.HTML(elem_id="card")
        self._made = gr.State()
        with gr.Accordion("Look at a detail at 100 %", open=False, visible=False, elem_id="closer") as self._closer:
            self._detail = gr.ImageSlider(
                label=LABELS, show_label=False, buttons=["fullscreen"], interactive=False, elem_id="detail"
            )
            with gr.Row():
                self._overview = gr.Image(
                    label="Click where to look", interactive=False, buttons=[], height=180, elem_id="overview"
                )
                with gr.Column():
                    self._across = gr.Slider(0, 100, 50, step=1, label="Left to right, %", buttons=[])
                    self._down = gr.Slider(0, 100, 50, step=1, label="Top to bottom, %", buttons=[])
        self._room = gr.Number(0, visible=False)

    def _connect(self) -> None:
        look = {
            "fn": self._size_after, "inputs": [self._chosen, self._scale], "outputs": [self._size, self._go], **PRIVATE
        }  # fmt: skip
        self._drop.clear(None, self._status, [self._about, self._size, self._status, self._go], js=_CLEAR, **PRIVATE)
        self._drop.upload(
            self._actions.take,
            self._drop,
            [self._about, self._chosen],
            trigger_mode="always_last",
            concurrency_limit=4,
            **PRIVATE,
        ).then(**look)
        self._kind.input(self._other_scales, [self._kind, self._scale], self._scale, **PRIVATE).then(**look)
        self._scale.input(**look)
        self._go.click(
            self._upscale,
            [self._chosen, self._kind, self._scale, self._format, self._quality],
            [
                self._status, self._card, self._slider, self._zoom, self._overview, self._made, self._closer,
                self._go, self._stop,
            ],
            trigger_mode="once",
            **PRIVATE,
        ).then(None, js=_SHOW_RESULT, **PRIVATE).then(**look)  # fmt: skip
        self._stop.click(self._stopped, **PRIVATE)
        self._connect_detail()

    def _connect_detail(self) -> None:
        cut = {
            "fn": self._actions.detail,
            "inputs": [self._made, self._across, self._down, self._room],
            "outputs": self._detail,
            "js": _WITH_ROOM,
            "trigger_mode": "always_last",
            "concurrency_limit": 4,
            **PRIVATE,
        }
        self._closer.expand(**cut)
        for place in (self._across, self._down):
            place.change(**cut)
        self._overview.select(self._pointed, self._made, [self._across, self._down], **PRIVATE)

    async def _upscale(
        self,
        chosen: tuple[ChosenPicture, ...],
        kind: str,
        scale: int,
        extension: Any,
        quality: int,
        request: gr.Request,
    ) -> AsyncIterator[tuple[Any, ...]]:
        session = request.session_hash or ""
        async for view in self._actions.upscale(session, chosen, kind, scale, extension, quality):
            yield _shown(view)

    def _stopped(self, request: gr.Request) -> None:
        """The button was pressed, or the tab was closed."""
        self._actions.stop(request.session_hash or "")

    def _size_after(self, chosen: tuple[ChosenPicture, ...], scale: int) -> tuple[str, Any]:
        text, can_be_done = self._actions.size_after(chosen, scale)
        return text, gr.update(interactive=can_be_done)

    def _other_scales(self, kind: str, scale: int) -> Any:
        """The scales that a model has; the one chosen stays, if it can."""
        offered = self._families[kind].scales
        return gr.update(choices=_scales(self._families[kind]), value=scale if scale in offered else max(offered))

    def _pointed(self, made: KeptResult | None, event: gr.SelectData) -> tuple[float, float]:
        """Where on the overview somebody clicked, in percent."""
        if made is None:
            return 50, 50
        width, height = made.shown
        return round(100 * event.index[0] / width), round(100 * event.index[1] / height)


def asset(name: str) -> str:
    """A text file of the page."""
    return (ASSETS / name).read_text(encoding="utf-8")


def _scales(kind: ModelFamily) -> list[tuple[str, int]]:
    return [(f"{scale} times", scale) for scale in sorted(kind.scales)]


def _shown(view: View) -> tuple[Any, ...]:
    """What becomes of the parts of the page, in the order of `PageLayout._connect`."""
    there = view.slider is not None
    return (
        view.status,
        view.card,
        gr.update(value=view.slider, visible=there),
        gr.update(visible=there),
        view.overview,
        view.made,
        gr.update(visible=there, open=False),
        gr.update(visible=not view.working),
        gr.update(visible=view.working),
    )
