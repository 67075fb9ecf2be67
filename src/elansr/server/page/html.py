"""The page's texts as HTML, in the language of the reader; everything from clients is escaped."""

from collections.abc import Sequence
from html import escape

from elansr.server.limits import Limits
from elansr.server.page.previews import PictureFacts
from elansr.server.page.words import Words
from elansr.server.processing import UpscaledFile
from elansr.text import data_size

SOONEST_ESTIMATE = 0.03
"""The share of the work that has to be done before the rest is estimated."""
_FORMATS = {"webp": "WebP"}
_MEGA = 1_000_000


def problem(say: Words, error: Exception, name: str = "") -> str:
    """What went wrong, read out by screen readers at once; a file that it is about is named in front."""
    text = say.of_error(error)
    if name and not text.startswith(name):
        text = f"{name}: {text}"
    elif not name:
        text = text[:1].upper() + text[1:]
    end = "" if text.endswith((".", "。")) else "。" if say.lang.startswith("zh") else "."
    return f'<p class="problem" role="alert">{escape(text)}{end}</p>'


def notice(text: str) -> str:
    """What a user may want to know, read out when there is time."""
    return f'<p class="notice" role="status">{escape(text)}</p>'


def several(rows: Sequence[str], tail: str = "") -> str:
    """A list of pictures that were sent, or of what became of them; `tail` stands below it."""
    items = "".join(f"<li>{row}</li>" for row in rows)
    return f'<ul class="several">{items}</ul>{tail}'


def chosen(say: Words, name: str, about: PictureFacts, size: int, thumbnail: str, key: str) -> str:
    """A picture that was sent: what it is, and a button that removes it, the one of that key."""
    label, title = escape(say("Remove {name}", name=name)), escape(say("Remove"))
    return (
        f'<figure class="chosen"><img src="{escape(thumbnail)}" alt="{escape(say("Your picture"))}">'
        f'<figcaption role="status"><strong>{escape(name)}</strong>'
        f"<span>{escape(facts(say, about, size))}</span></figcaption>"
        f'<button type="button" class="remove" data-key="{key}" aria-label="{label}" title="{title}">'
        '<svg viewBox="0 0 24 24" aria-hidden="true"><path d="M6 6l12 12M18 6L6 18"/></svg></button></figure>'
    )


def facts(say: Words, about: PictureFacts, size: int) -> str:
    """What a file is: "320 x 240 pixels · JPEG, quality 95 · 19 kB"."""
    kind = _FORMATS.get(about.format, about.format.upper())
    parts = [
        say("{width} x {height} pixels", width=about.width, height=about.height),
        say("{format}, quality {quality}", format=kind, quality=about.quality) if about.quality else kind,
        *([say("16 bits")] if about.bits > 8 else []),
        *([say("{pages} pages (first page shown)", pages=about.pages)] if about.pages > 1 else []),
        _unbroken(data_size(size)),
    ]
    return " · ".join(parts)


def becomes(say: Words, abouts: Sequence[PictureFacts], sizes: Sequence[tuple[int, int]], seconds: float | None) -> str:
    """What becomes of pictures: "40 x 30 will become 80 x 60 pixels · about 5 s".

    Args:
        sizes: width and height of each result.
        seconds: that it will take; None where nobody knows.
    """
    if len(abouts) == 1:
        before, after = f"{abouts[0].width} x {abouts[0].height}", f"{sizes[0][0]} x {sizes[0][1]}"
        text = say("{before} will become {after} pixels", before=before, after=after)
    else:
        pixels = sum(about.pixels for about in abouts)
        results = sum(about.pages * width * height for about, (width, height) in zip(abouts, sizes, strict=True))
        words = {"number": len(abouts), "before": f"{pixels / _MEGA:.3g}", "after": megapixels(say, results)}
        text = say("{number} pictures: {before} will become {after}", **words)
    return text if seconds is None else f"{text} · {about(say, seconds)}"


def progress(say: Words, share: float, seconds: float | None, expected: float | None, which: str = "") -> str:
    """A bar with percent, and the time that is left as soon as there is an estimate.

    Args:
        share: of the work that is done, 0 to 1.
        seconds: that it took so far; None while it waits for its turn.
        expected: seconds that it was to take in all, which counts until enough is done; None where nobody knows.
        which: the picture, where there are several.
    """
    percent = int(share * 100)
    rest = _rest(share, seconds, expected) if seconds is not None else None
    state = say("Waiting in the queue …") if seconds is None else f"{percent} %"
    left = say("{time} left", time=about(say, rest)) if rest else ""
    text = escape(" · ".join(part for part in (which, state, left) if part))
    return (
        f'<div class="work"><div class="bar" role="progressbar" aria-label="{escape(say("Upscaling"))}" '
        f'aria-valuemin="0" aria-valuemax="100" aria-valuenow="{percent}"><i style="width:{percent}%"></i></div>'
        f"<p>{text}</p></div>"
    )


def made(say: Words, result: UpscaledFile, link: str, thumbnail: str, number: int) -> str:
    """A result among several: its download, and a button that compares it, the one of that number."""
    facts = [
        say("{width} x {height} pixels", width=result.width, height=result.height),
        result.model,
        _seconds(say, result),
        _unbroken(data_size(len(result.data))),
        *result.notes,
    ]
    label = escape(say("Compare {name}", name=result.file_name))
    return (
        f'<figure class="chosen"><img src="{escape(thumbnail)}" alt=""><figcaption>'
        f'<a href="{escape(link)}" download="{escape(result.file_name)}">{escape(result.file_name)}</a>'
        f"<span>{escape(' · '.join(facts))}</span></figcaption>"
        f'<button type="button" class="compare" data-key="{number}" aria-label="{label}">'
        f"{escape(say('Compare'))}</button></figure>"
    )


def archive_download(say: Words, name: str, link: str, size: int) -> str:
    """The download of several results at once."""
    return (
        f'<div class="done"><a class="download" href="{escape(link)}" download="{escape(name)}">'
        f"<span>{escape(say('Download all'))}</span><small>{escape(name)}, {data_size(size)}</small></a></div>"
    )


def done(say: Words, result: UpscaledFile, link: str) -> str:
    """The download and what was done."""
    why = f" ({result.reason})" if result.reason else ""
    rows = {
        "Size": say("{width} x {height} pixels", width=result.width, height=result.height),
        "Model": result.model + why,
        "Time": _seconds(say, result),
        **({"Note": "; ".join(result.notes)} if result.notes else {}),
    }
    listed = "".join(f"<dt>{escape(say(name))}</dt><dd>{escape(text)}</dd>" for name, text in rows.items())
    text = escape(say("Download {name}", name=result.file_name))
    return (
        f'<div class="done"><a class="download" href="{escape(link)}" download="{escape(result.file_name)}">'
        f"<span>{text}</span><small>{data_size(len(result.data))}</small></a>"
        f'<dl role="status">{listed}</dl></div>'
    )


def hint(say: Words, limits: Limits, formats: Sequence[str]) -> str:
    """What may be sent."""
    most = {"bytes": data_size(limits.max_bytes), "pixels": megapixels(say, limits.max_pixels)}
    return f"{', '.join(formats)}<br>{say('up to {bytes} and {pixels}', **most)}"


def megapixels(say: Words, pixels: int) -> str:
    """A number of pixels in words: "33.6 megapixels"."""
    return say("{megapixels} megapixels", megapixels=f"{pixels / _MEGA:.3g}")


def about(say: Words, seconds: float) -> str:
    """A time in words: "about 20 s"."""
    if seconds < 1.5:
        return say("about a second")
    if seconds < 90:
        return say("about {n}\N{NO-BREAK SPACE}s", n=f"{seconds:.0f}")
    if seconds < 5400:
        return say("about {n}\N{NO-BREAK SPACE}min", n=f"{seconds / 60:.0f}")
    return say("about {n}\N{NO-BREAK SPACE}h", n=f"{seconds / 3600:.0f}")


def _unbroken(text: str) -> str:
    """A number and its unit on one line."""
    return text.replace(" ", "\N{NO-BREAK SPACE}")


def _seconds(say: Words, result: UpscaledFile) -> str:
    return say("{seconds}\N{NO-BREAK SPACE}s", seconds=f"{result.seconds:.1f}")


def _rest(share: float, seconds: float, expected: float | None) -> float | None:
    """Seconds that are left; None where nobody knows, or it takes longer than it was to take."""
    if share >= SOONEST_ESTIMATE and seconds >= 1:
        return seconds * (1 - share) / share
    return max(expected - seconds, 0.0) if expected else None
