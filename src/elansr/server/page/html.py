"""The page's texts as HTML; everything from clients is escaped."""

from collections.abc import Sequence
from html import escape

from elansr.server.limits import Limits
from elansr.server.page.previews import PictureFacts
from elansr.server.processing import UpscaledFile
from elansr.text import data_size

SOONEST_ESTIMATE = 0.03
"""The share of the work that has to be done before the rest is estimated."""
_FORMATS = {"webp": "WebP"}
_MEGA = 1_000_000


def sentence(text: str, name: str = "") -> str:
    """What went wrong, read out by screen readers at once.

    Args:
        text: in lower case, as errors are.
        name: of a file; it stays as it is where the text starts with it.
    """
    if not (name and text.startswith(name)):
        text = text[:1].upper() + text[1:]
    return f'<p class="problem" role="alert">{escape(text)}{"" if text.endswith(".") else "."}</p>'


def of_file(text: str, name: str) -> str:
    """What went wrong with a file, which is named in front."""
    return sentence(text if text.startswith(name) else f"{name}: {text}", name)


def notice(text: str) -> str:
    """What a user may want to know, read out when there is time."""
    return f'<p class="notice" role="status">{escape(text)}</p>'


def chosen(name: str, about: PictureFacts, size: int, thumbnail: str) -> str:
    """A picture that was sent, with its name and what it is."""
    return (
        f'<figure class="chosen"><img src="{escape(thumbnail)}" alt="The picture you chose">'
        f'<figcaption role="status"><strong>{escape(name)}</strong>'
        f"<span>{facts(about, size)}</span></figcaption></figure>"
    )


def facts(about: PictureFacts, size: int) -> str:
    """What a file is: "320 x 240 pixels · JPEG, quality 95 · 19 kB"."""
    quality = f", quality {about.quality}" if about.quality else ""
    parts = [
        f"{about.width} x {about.height} pixels",
        _FORMATS.get(about.format, about.format.upper()) + quality,
        *(["16 bit"] if about.bits > 8 else []),
        *([f"{about.pages} pages, shown is the first"] if about.pages > 1 else []),
        data_size(size),
    ]
    return " · ".join(parts)


def size_after(abouts: Sequence[PictureFacts], scale: int, seconds: float | None) -> str:
    """What becomes of pictures: "40 x 30 becomes 80 x 60 pixels · about 5 s".

    Args:
        seconds: that it will take; None where nobody knows.
    """
    if len(abouts) == 1:
        width, height = abouts[0].width, abouts[0].height
        text = f"{width} x {height} becomes {width * scale} x {height * scale} pixels"
    else:
        before = sum(about.pixels for about in abouts)
        text = f"{len(abouts)} pictures: {before / _MEGA:.3g} become {megapixels(before * scale**2)}"
    return text if seconds is None else f"{text} · {about(seconds)}"


def too_large(text: str, most: int) -> str:
    """That the service does not make a result, and what to do; `text` says its size."""
    return sentence(f"{text}, more than the {megapixels(most)} that this server makes: take a smaller scale")


def progress(share: float, seconds: float | None, expected: float | None, which: str = "") -> str:
    """A bar with percent, and the time that is left as soon as there is an estimate.

    Args:
        share: of the work that is done, 0 to 1.
        seconds: that it took so far; None while it waits for its turn.
        expected: seconds that it was to take in all, which counts until enough is done; None where nobody knows.
        which: the picture, where there are several.
    """
    percent = int(share * 100)
    rest = _rest(share, seconds, expected) if seconds is not None else None
    state = "Waiting for its turn …" if seconds is None else f"{percent} %"
    text = " · ".join(part for part in (escape(which), state, f"{about(rest)} left" if rest else "") if part)
    return (
        f'<div class="work"><div class="bar" role="progressbar" aria-label="Upscaling" aria-valuemin="0" '
        f'aria-valuemax="100" aria-valuenow="{percent}"><i style="width:{percent}%"></i></div><p>{text}</p></div>'
    )


def several(rows: Sequence[str], tail: str = "") -> str:
    """A list of pictures that were sent, or of what became of them; `tail` stands below it."""
    items = "".join(f"<li>{row}</li>" for row in rows)
    return f'<ul class="several">{items}</ul>{tail}'


def made(result: UpscaledFile, link: str, thumbnail: str) -> str:
    """A result among several: its download."""
    facts = f"{result.width} x {result.height} pixels · {escape(result.model)} · {result.seconds:.1f}&nbsp;s"
    return (
        f'<figure class="chosen"><img src="{escape(thumbnail)}" alt=""><figcaption>'
        f'<a href="{escape(link)}" download="{escape(result.file_name)}">{escape(result.file_name)}</a>'
        f"<span>{facts} · {data_size(len(result.data))}</span></figcaption></figure>"
    )


def ended(done: int, number: int, stopped: bool) -> str:
    """How several pictures ended."""
    return f"{'Stopped: ' if stopped else ''}{done} of {number} pictures are done."


def archive_download(name: str, link: str, size: int) -> str:
    """The download of several results at once."""
    return (
        f'<div class="done"><a class="download" href="{escape(link)}" download="{escape(name)}">'
        f"<span>Download all</span><small>{escape(name)}, {data_size(size)}</small></a></div>"
    )


def done(result: UpscaledFile, link: str) -> str:
    """The download and what was done."""
    notes = f"<dt>Note</dt><dd>{escape('; '.join(result.notes))}</dd>" if result.notes else ""
    why = f" ({escape(result.reason)})" if result.reason else ""
    return (
        f'<div class="done"><a class="download" href="{escape(link)}" download="{escape(result.file_name)}">'
        f"<span>Download {escape(result.file_name)}</span><small>{data_size(len(result.data))}</small></a>"
        f'<dl role="status"><dt>Size</dt><dd>{result.width} x {result.height} pixels</dd>'
        f"<dt>Model</dt><dd>{escape(result.model)}{why}</dd><dt>Time</dt><dd>{result.seconds:.1f} s</dd>"
        f"{notes}</dl></div>"
    )


def hint(limits: Limits, formats: Sequence[str]) -> str:
    """What may be sent."""
    return f"{', '.join(formats)}<br>up to {data_size(limits.max_bytes)} and {megapixels(limits.max_pixels)}"


def megapixels(pixels: int) -> str:
    """A number of pixels in words: "33.6 megapixels"."""
    return f"{pixels / _MEGA:.3g} megapixels"


def about(seconds: float) -> str:
    """A time in words, which does not break between number and unit: "about 20 s"."""
    if seconds < 1.5:
        return "about a second"
    if seconds < 90:
        return f"about {seconds:.0f}\N{NO-BREAK SPACE}s"
    minutes = seconds / 60
    return (
        f"about {minutes:.0f}\N{NO-BREAK SPACE}min" if minutes < 90 else f"about {minutes / 60:.0f}\N{NO-BREAK SPACE}h"
    )


def _rest(share: float, seconds: float, expected: float | None) -> float | None:
    """Seconds that are left; None where nobody knows, or it takes longer than it was to take."""
    if share >= SOONEST_ESTIMATE and seconds >= 1:
        return seconds * (1 - share) / share
    return max(expected - seconds, 0.0) if expected else None
