"""The page's layout, and which part calls which of `actions`."""

import json
from collections.abc import AsyncIterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from elansr.server.limits import Limits
from elansr.server.offered_models import ModelFamily
from elansr.server.page import html
from elansr.server.page.actions import Actions, Sent, listed
from elansr.server.page.page_files import MOST_PICTURES, ChosenPicture, KeptResult
from elansr.server.page.runs import HIGH, OWN_SIZE, PERCENT, WIDE, BeforeAfter, Choices, View
from elansr.server.page.words import CHINESE, ENGLISH, Words, words_for
from elansr.upscaling import REAL, Extension

ASSETS = Path(__file__).parent / "static"
TITLE = "elansr: enlarge pictures"
FORMATS = ("JPEG", "PNG", "WebP", "TIFF", "BMP", "GIF", "AVIF")
RESULTS = {"png": "PNG", "jpg": "JPEG", "webp": "WebP", "tiff": "TIFF", "avif": "AVIF"}
DEFAULT_QUALITY = 95
DEFAULT_PERCENT = 200
INTRODUCTION = "Enlarges pictures with ELAN, a super-resolution network. Your pictures are deleted after an hour."
LABELS = "Left: bicubic, right: elansr"
ZOOM = "Drag the line or move it with the arrow keys. Zoom with the mouse wheel or two fingers, or open it full screen."
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
_SHOW_SLIDER = "() => document.querySelector('#slider')?.scrollIntoView({behavior: 'smooth', block: 'nearest'})"
_TAB = "() => [elansrTab()]"
_WITH_ROOM = """(made, across, down, _) => {
    const place = document.querySelector('#closer'), style = getComputedStyle(place);
    const room = place.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    return [made, across, down, Math.floor(room) - 2];  // the border
}"""
_BUTTONS = """element.addEventListener('click', (event) => {
    const button = event.target.closest('button[data-key]');
    if (button) trigger('select', { key: button.dataset.key });
});"""
"""Of a list of pictures: the buttons in its rows."""


class Labels:
    """Labels of Gradio's parts, which the browser translates; it gets those that were asked for.

    Attributes:
        texts: by language and English text, as `gr.I18n` takes them.
    """

    def __init__(self) -> None:
        self.texts: dict[str, dict[str, str]] = {ENGLISH.lang: {}, CHINESE.lang: {}}
        self._label = gr.I18n()

    def __call__(self, text: str, **values: object) -> Any:
        """The label for a text."""
        english = ENGLISH(text, **values)
        key = english.replace(".", "")  # a dot would divide it
        self.texts[ENGLISH.lang][key], self.texts[CHINESE.lang][key] = english, CHINESE(text, **values)
        return self._label(key)


class PageLayout:
    """Builds the page, whose parts call `actions`; the first of the `kinds` of models is chosen when it opens."""

    def __init__(self, actions: Actions, kinds: Mapping[str, ModelFamily], scale: int, limits: Limits) -> None:
        self._actions, self._families, self._limits = actions, kinds, limits
        self._first = next(iter(kinds.values()))
        self._first_scale = scale
        self.labels = Labels()

    def blocks(self) -> Any:
        """The page, as Gradio mounts it."""
        with gr.Blocks(title=TITLE, analytics_enabled=False, fill_width=True) as page:
            gr.HTML(f"<header><h1>elansr</h1><p>{both(INTRODUCTION)}</p></header>", elem_id="top")
            with gr.Row(elem_id="columns"):
                with gr.Column(scale=2, min_width=300, elem_id="choices"):
                    self._choose()
                with gr.Column(scale=3, min_width=300, elem_id="result"):
                    self._result()
            self._connect(page)
        page.queue(api_open=False, default_concurrency_limit=None)
        return page

    def _choose(self) -> None:
        label = self.labels
        self._drop = gr.HTML(
            html_template=asset("drop.html"),
            js_on_load=asset("drop.js"),
            choose=both("Choose pictures"),
            drop=both("or drop or paste them anywhere on this page"),
            hint="".join(word(say, html.hint(say, self._limits, FORMATS)) for say in (ENGLISH, CHINESE)),
            max_bytes=self._limits.max_bytes,
            most=MOST_PICTURES,
            elem_id="drop",
        )
        self._about = gr.HTML(elem_id="about", js_on_load=_BUTTONS)
        self._sent = gr.State(())
        self._tab = gr.Textbox(visible=False)
        self._wanted: Any = gr.State(self._first_scale)
        self._scale = gr.Radio(
            self._scales(self._first.name), value=self._first_scale, label=label("Enlarge"), elem_id="scale"
        )
        with gr.Row(visible=False, elem_id="own") as self._own:
            self._number = gr.Number(DEFAULT_PERCENT, label=label("Size of the result"), precision=0, min_width=120)
            units = {PERCENT: "percent", WIDE: "pixels wide", HIGH: "pixels high"}
            self._unit = gr.Dropdown(
                [(label(text), unit) for unit, text in units.items()],
                value=PERCENT,
                label=label("Unit"),
                filterable=False,
                min_width=120,
            )
        self._size = gr.HTML(elem_id="size")
        self._kind = gr.Dropdown(
            [(label(kind.label, name=kind.name), kind.name) for kind in self._families.values()],
            value=self._first.name,
            label=label("Model"),
            info=label("Automatic chooses by compression, noise and sharpness."),
            filterable=False,
            elem_id="model",
        )
        self._strength = gr.Slider(
            0,
            1,
            1,
            step=0.05,
            label=label("Strength"),
            info=label("0 is elan-light, which changes least; 1 is the chosen model."),
            visible=self._first.name == REAL,
            buttons=[],
            elem_id="strength",
        )
        with gr.Accordion(label("More"), open=False, elem_id="more"):
            self._format = gr.Dropdown(
                [(label("same as the original"), "auto"), *((name, value) for value, name in RESULTS.items())],
                value="auto",
                label=label("File format"),
                filterable=False,
            )
            self._quality = gr.Slider(
                1,
                100,
                DEFAULT_QUALITY,
                step=1,
                label=label("Quality"),
                info=label("For JPEG, WebP and AVIF."),
                buttons=[],
            )
        self._go = gr.Button("Upscale", variant="primary", size="lg", interactive=False, elem_id="go")
        self._stop = gr.Button("Stop", variant="stop", size="lg", visible=False, elem_id="stop")

    def _result(self) -> None:
        label = self.labels
        self._status = gr.HTML(elem_id="status")
        gr.HTML(f'<div class="empty">{both("The result will appear here.")}</div>', elem_id="empty")
        self._slider = gr.ImageSlider(
            label=label(LABELS),
            buttons=["fullscreen"],
            interactive=False,
            visible=False,
            max_height=640,
            elem_id="slider",
        )
        self._zoom = gr.HTML(f'<p class="notice">{both(ZOOM)}</p>', visible=False)
        self._card = gr.HTML(elem_id="card", js_on_load=_BUTTONS)
        self._made = gr.State()
        with gr.Accordion(label("View a detail at 100 %"), open=False, visible=False, elem_id="closer") as self._closer:
            self._detail = gr.ImageSlider(
                label=label(LABELS), show_label=False, buttons=["fullscreen"], interactive=False, elem_id="detail"
            )
            with gr.Row():
                self._overview = gr.Image(
                    label=label("Click the part to view"), interactive=False, buttons=[], height=180, elem_id="overview"
                )
                with gr.Column():
                    self._across = gr.Slider(0, 100, 50, step=1, label=label("Left to right, %"), buttons=[])
                    self._down = gr.Slider(0, 100, 50, step=1, label=label("Top to bottom, %"), buttons=[])
        self._room = gr.Number(0, visible=False)

    def _connect(self, page: Any) -> None:
        size = [self._number, self._unit]
        fit: dict[str, Any] = {
            "fn": self._fitted,
            "inputs": [self._sent, self._kind, self._wanted, *size],
            "outputs": [self._scale, self._own, self._size, self._go],
            "concurrency_limit": 1,  # one after the other, so that the last one is what is seen
            **PRIVATE,
        }
        self._drop.clear(None, self._status, [self._about, self._size, self._status, self._go], js=_CLEAR, **PRIVATE)
        self._drop.upload(
            self._take,
            self._drop,
            [self._about, self._sent],
            trigger_mode="always_last",
            concurrency_limit=4,
            **PRIVATE,
        ).then(**fit)
        self._about.select(
            self._removed,
            self._sent,
            [self._about, self._sent],
            trigger_mode="multiple",
            concurrency_limit=1,
            **PRIVATE,
        ).then(**fit)
        self._kind.input(**fit)
        self._kind.input(_strength_of, self._kind, self._strength, **PRIVATE)
        for control in (self._scale, *size):
            control.input(
                self._sized,
                [self._sent, self._kind, self._scale, *size],
                [self._wanted, self._own, self._size, self._go],
                trigger_mode="always_last",
                **PRIVATE,
            )
        choices = [self._kind, self._scale, *size, self._format, self._quality, self._strength]
        compared = [self._slider, self._zoom, self._overview, self._made, self._closer]
        shown = [self._status, self._card, self._go, self._stop, *compared]
        self._go.click(
            self._upscale, [self._sent, *choices], shown, trigger_mode="once", **PRIVATE
        ).then(None, js=_SHOW_RESULT, **PRIVATE)  # fmt: skip
        self._stop.click(self._stopped, **PRIVATE)
        self._card.select(self._compared, None, compared, **PRIVATE).then(None, js=_SHOW_SLIDER, **PRIVATE)
        found = [self._about, self._sent, self._wanted, *choices]
        page.load(self._found, self._tab, found, js=_TAB, **PRIVATE).then(**fit).then(
            self._look_on, self._tab, shown, js=_TAB, **PRIVATE
        )
        page.unload(self._left)
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

    async def _take(self, message: str, request: gr.Request) -> AsyncIterator[tuple[str, tuple[Sent, ...]]]:
        async for found in self._actions.take(message, _words(request)):
            yield found

    def _removed(self, sent: tuple[Sent, ...], event: gr.EventData, request: gr.Request) -> tuple[str, Any]:
        """The button in a row: its picture is not done."""
        left = tuple(each for each in sent if not isinstance(each, ChosenPicture) or each.key != event.key)
        return listed(left, _words(request)), left

    def _fitted(
        self, sent: tuple[Sent, ...], kind: str, wanted: int | str, number: float, unit: str, request: gr.Request
    ) -> tuple[Any, ...]:
        """Other pictures or another model: the largest scale that fits, up to the one that was chosen."""
        scale = self._actions.scale_for(sent, kind, wanted)
        _, *rest = self._sized(sent, kind, scale, number, unit, request)
        return gr.update(choices=self._scales(kind), value=scale), *rest

    def _sized(
        self, sent: tuple[Sent, ...], kind: str, scale: int | str, number: float, unit: str, request: gr.Request
    ) -> tuple[Any, ...]:
        """A size was chosen: it again, whether it has a number, what becomes of the pictures, and whether it can."""
        text, can_be_done = self._actions.size_after(sent, Choices(kind, scale, number, unit), _words(request))
        return scale, gr.update(visible=scale == OWN_SIZE), text, gr.update(interactive=can_be_done)

    async def _upscale(
        self,
        sent: tuple[Sent, ...],
        kind: str,
        scale: int | str,
        number: float | None,
        unit: str,
        extension: Extension,
        quality: int,
        strength: float,
        request: gr.Request,
    ) -> AsyncIterator[tuple[Any, ...]]:
        choices = Choices(kind, scale, number, unit, extension, quality, strength)
        async for shown in _changes(self._actions.upscale(_session(request), sent, choices, _words(request))):
            yield shown

    def _stopped(self, request: gr.Request) -> None:
        self._actions.stop(_session(request))

    async def _compared(self, event: gr.EventData, request: gr.Request) -> tuple[Any, ...]:
        """The button in a row of results."""
        return _comparison(await self._actions.compare(_session(request), event.key))

    def _found(self, tab: str, request: gr.Request) -> Any:
        """The page was opened or refreshed: what was chosen for the last run of the tab, if there is one."""
        run = self._actions.arrived(_session(request), tab)
        if not run:
            return _unchanged(10)
        it = run.choices
        about, strength = listed(run.chosen, _words(request)), gr.update(value=it.strength, visible=it.kind == REAL)
        return about, run.chosen, it.scale, it.kind, it.scale, it.number, it.unit, it.extension, it.quality, strength

    async def _look_on(self, tab: str, request: gr.Request) -> AsyncIterator[tuple[Any, ...]]:
        run = self._actions.arrived(_session(request), tab)
        if not run:
            yield _unchanged(9)  # no answer at all would empty the parts of the page
            return
        async for shown in _changes(run.views()):
            yield shown

    async def _left(self, request: gr.Request) -> None:
        """The tab was closed or refreshed."""
        self._actions.left(_session(request))

    def _pointed(self, made: KeptResult | None, event: gr.SelectData) -> tuple[float, float]:
        """Where on the overview somebody clicked, in percent."""
        if made is None:
            return 50, 50
        width, height = made.shown
        return round(100 * event.index[0] / width), round(100 * event.index[1] / height)

    def _scales(self, kind: str) -> list[tuple[Any, int | str]]:
        """The scales of a model, and a size of one's own."""
        known = [
            (self.labels("{scale}\N{MULTIPLICATION SIGN}", scale=scale), scale)
            for scale in sorted(self._families[kind].scales)
        ]
        return [*known, (self.labels("Other"), OWN_SIZE)]


def asset(name: str) -> str:
    """A text file of the page."""
    return (ASSETS / name).read_text(encoding="utf-8")


def head() -> str:
    """What stands in the head of the page: its scripts, and the words that they say."""
    scripts = asset("language.js").replace("{TEXTS}", json.dumps(CHINESE.texts)), asset("keys.js"), asset("focus.js")
    return asset("head.html") + "".join(f"<script>{script}</script>" for script in scripts)


def word(say: Words, text: str) -> str:
    """HTML that is seen by those who read the language."""
    return f'<span class="word" lang="{say.lang}">{text}</span>'


def both(text: str) -> str:
    """HTML of a text in both languages, of which the style sheet shows one."""
    return word(ENGLISH, escape(text)) + word(CHINESE, escape(CHINESE(text)))


def _strength_of(kind: str) -> Any:
    """The slider is there for the weights that have a strength."""
    return gr.update(visible=kind == REAL)


def _session(request: gr.Request) -> str:
    return request.session_hash or ""


def _words(request: gr.Request) -> Words:
    return words_for(request.headers.get("accept-language"))


async def _changes(views: AsyncIterator[View]) -> AsyncIterator[tuple[Any, ...]]:
    """What becomes of the parts of the page, in the order of `PageLayout._connect`.

    A comparison that is shown already is left alone, or its line would jump back to the middle.
    """
    before: BeforeAfter | str | None = "nothing is shown yet"
    async for view in views:
        same = view.comparison is before
        before = view.comparison
        parts = _unchanged(5) if same else _comparison(view.comparison)
        yield view.status, view.card, gr.update(visible=not view.working), gr.update(visible=view.working), *parts


def _unchanged(parts: int) -> tuple[Any, ...]:
    return tuple(gr.skip() for _ in range(parts))


def _comparison(comparison: BeforeAfter | None) -> tuple[Any, ...]:
    there = comparison is not None
    return (
        gr.update(value=(comparison.before, comparison.after) if comparison else None, visible=there),
        gr.update(visible=there),
        comparison.after if comparison else None,
        comparison.result if comparison else None,
        gr.update(visible=there, open=False),
    )
