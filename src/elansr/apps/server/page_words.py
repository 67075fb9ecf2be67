"""What the page says, as HTML; whatever comes from a client is escaped."""

from collections.abc import Sequence
from html import escape

from elansr.apps.server.limits import Limits
from elansr.apps.server.page_pictures import About
from elansr.apps.server.work import Result

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


def notice(text: str) -> str:
    """What a user may want to know, read out when there is time."""
    return f'<p class="notice" role="status">{escape(text)}</p>'


def chosen(name: str, about: About, size: int, thumbnail: str) -> str:
    """A picture that was sent, with its name and what it is."""
    return (
        f'<figure class="chosen"><img src="{escape(thumbnail)}" alt="The picture you chose">'
        f'<figcaption role="status"><strong>{escape(name)}</strong>'
        f"<span>{facts(about, size)}</span></figcaption></figure>"
    )


def facts(about: About, size: int) -> str:
    """What a file is: "320 x 240 pixels · JPEG, quality 95 · 19 kB"."""
    quality = f", quality {about.quality}" if about.quality else ""
    parts = [
        f"{about.width} x {about.height} pixels",
        _FORMATS.get(about.format, about.format.upper()) + quality,
        *(["16 bit"] if about.bits > 8 else []),
        *([f"{about.pages} pages, shown is the first"] if about.pages > 1 else []),
        amount(size),
    ]
    return " · ".join(parts)


def size_after(about: About | None, scale: int, most: int) -> str:
    """How large the result will be; where the service does not make it, what to do."""
    if about is None:
        return ""
    width, height = about.width * scale, about.height * scale
    text = f"{about.width} x {about.height} becomes {width} x {height} pixels"
    if width * height * about.pages <= most:
        return notice(text)
    return sentence(f"{text}, more than the {megapixels(most)} that this server makes: take a smaller scale")


def progress(share: float, seconds: float | None) -> str:
    """A bar with percent, and an estimate as soon as there is one.

    Args:
        share: of the work that is done, 0 to 1.
        seconds: that it took so far; None while it waits for its turn.
    """
    percent = int(share * 100)
    if seconds is None:
        text = "Waiting for its turn …"
    elif share < SOONEST_ESTIMATE or seconds < 1:
        text = f"{percent} %"
    else:
        text = f"{percent} % · {_rest(seconds * (1 - share) / share)}"
    return (
        f'<div class="work"><div class="bar" role="progressbar" aria-label="Upscaling" aria-valuemin="0" '
        f'aria-valuemax="100" aria-valuenow="{percent}"><i style="width:{percent}%"></i></div><p>{text}</p></div>'
    )


def done(result: Result, link: str) -> str:
    """The download and what was done."""
    why = f" ({escape(result.reason)})" if result.reason else ""
    return (
        f'<div class="done"><a class="download" href="{escape(link)}" download="{escape(result.file_name)}">'
        f"<span>Download {escape(result.file_name)}</span><small>{amount(len(result.data))}</small></a>"
        f'<dl role="status"><dt>Size</dt><dd>{result.width} x {result.height} pixels</dd>'
        f"<dt>Model</dt><dd>{escape(result.model)}{why}</dd><dt>Time</dt><dd>{result.seconds:.1f} s</dd></dl></div>"
    )


def hint(limits: Limits, formats: Sequence[str]) -> str:
    """What may be sent."""
    return f"{', '.join(formats)}<br>up to {amount(limits.max_bytes)} and {megapixels(limits.max_pixels)}"


def megapixels(pixels: int) -> str:
    """A number of pixels in words: "33.6 megapixels"."""
    return f"{pixels / _MEGA:.3g} megapixels"


def amount(size: int) -> str:
    """A number of bytes in words: "19 kB", "3.2 MB"."""
    if size < _MEGA:
        return f"{max(1, round(size / 1000))} kB"
    return f"{size / _MEGA:.1f} MB"


def _rest(seconds: float) -> str:
    if seconds < 1.5:
        return "about a second left"
    return f"about {seconds:.0f} s left" if seconds < 90 else f"about {seconds / 60:.0f} min left"
