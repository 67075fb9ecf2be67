"""Screenshots: windows with code, tables, charts and forms, light and dark."""

import math
from dataclasses import dataclass
from html import escape

import numpy as np

from tools.drawings.svg import (
    SIDE,
    Picture,
    Random,
    circle,
    colour,
    ground,
    pick,
    polygon,
    polyline,
    rect,
    render,
    spread,
    text,
)
from tools.drawings.words import CODE, LATIN, MONO, SANS


@dataclass(frozen=True)
class Theme:
    """Colours of a screen."""

    desk: str
    page: str
    bar: str
    ink: str
    faint: str
    line: str
    accents: tuple[str, ...]


THEMES = (
    Theme(
        "#3a6ea5", "#ffffff", "#f0f0f0", "#222222", "#777777", "#d4d4d4", ("#0066cc", "#a31515", "#008000", "#af00db")
    ),
    Theme(
        "#14202c", "#1e1e1e", "#323233", "#d4d4d4", "#858585", "#444444", ("#569cd6", "#ce9178", "#6a9955", "#c586c0")
    ),
    Theme(
        "#fdf6e3", "#fdf6e3", "#eee8d5", "#586e75", "#93a1a1", "#d9d2c0", ("#268bd2", "#dc322f", "#859900", "#d33682")
    ),
    Theme(
        "#808080", "#ffffff", "#c0c0c0", "#000000", "#808080", "#000000", ("#000080", "#ff0000", "#008080", "#800080")
    ),
)
END, MIDDLE = 'text-anchor="end"', 'text-anchor="middle"'


def screen(random: Random, factor: int) -> Picture:
    """A window on a desk, or the whole screen."""
    theme, size = pick(random, THEMES), float(random.integers(8, 17))
    face, bar = f'font-family="{pick(random, SANS)}"', int(size * 2.2)
    inset = pick(random, (0, int(random.integers(10, 50))))
    side, corner = SIDE - 2 * inset, f'rx="{pick(random, (0, 4, 9)) if inset else 0}"'
    body = [
        ground(random, pick(random, (theme.desk, None)) if inset else theme.desk),
        rect(inset + 4, inset + 6, side, side, "#000000", f'fill-opacity="0.25" {corner}'),
        rect(inset, inset, side, side, theme.page, f'stroke="{theme.line}" {corner}'),
        rect(inset, inset, side, bar, theme.bar, corner),
        text(inset + 10, inset + bar * 0.68, size, LATIN.line(random, 14), theme.ink, face),
    ]
    for number, fill in enumerate(("#ff5f57", "#febc2e", "#28c840")):
        body.append(circle(inset + side - 14 - 18 * number, inset + bar / 2, 5.5, f'fill="{fill}"'))
    content = pick(random, (_code, _table, _chart, _form), (4, 2, 3, 3))(random, theme, size, face, side, side - bar)
    inside = f'<svg x="{inset}" y="{inset + bar}" width="{side}" height="{side - bar - 2}">{"".join(content)}</svg>'
    return render("".join(body) + inside, factor)


def _code(random: Random, theme: Theme, size: float, face: str, w: float, h: float) -> list[str]:
    face, parts, indent = f'font-family="{pick(random, MONO)}"', [rect(0, 0, w, h, theme.page)], 0
    for number in range(1, int(h / (size * 1.4))):
        y, spans = number * size * 1.4, ""
        parts.append(text(size * 2, y, size, str(number), theme.faint, f"{face} {END}"))
        indent = int(np.clip(indent + random.integers(-1, 2), 0, 5))
        for _ in range(int(random.integers(0, 11))):
            ink = pick(random, (theme.ink, *theme.accents), (4, 1, 1, 1, 1))
            spans += f'<tspan fill="{ink}">{escape(pick(random, CODE))} </tspan>'
        start = f'x="{size * (3 + 2.4 * indent):.1f}" y="{y:.1f}" font-size="{size:.1f}"'
        parts.append(f'<text {start} {face} xml:space="preserve">{spans}</text>')
    return parts


def _table(random: Random, theme: Theme, size: float, face: str, w: float, h: float) -> list[str]:
    row, columns, parts = round(size * 1.9), int(random.integers(3, max(4, int(70 / size)))), []
    wide = round(w / columns)
    digits = int(np.clip(wide / size * 1.7 - 4, 2, 7))
    for number in range(int(h / row) + 1):
        fill = theme.accents[0] if number == 0 else theme.bar if number % 2 else theme.page
        ink = "#ffffff" if number == 0 else theme.ink
        parts += [rect(0, number * row, w, row, fill), rect(0, number * row, w, 1, theme.line)]
        for column in range(columns):
            word = LATIN.line(random, wide / size - 2)
            if column and number:
                word = f"{random.random() * 10 ** random.integers(1, digits):,.2f}"
            parts.append(text(column * wide + wide - 6, (number + 0.68) * row, size, word, ink, f"{face} {END}"))
    return parts + [rect(column * wide, 0, 1, h, theme.line) for column in range(1, columns)]


def _chart(random: Random, theme: Theme, size: float, face: str, w: float, h: float) -> list[str]:
    title = text(w / 2, 25, size * 1.3, LATIN.line(random, 12), theme.ink, f"{face} {MIDDLE}")
    if random.random() < 0.3:
        return [title, *_pie(random, theme, w / 2, h / 2 + 10, min(w, h) * 0.36)]
    left, base, tall, count, parts = 50, h - 40, h - 90, int(random.integers(4, 24)), [title]
    step, bars = (w - left - 20) / count, random.random() < 0.5
    for number in range(6):
        y = round(base - number * tall / 5)
        parts.append(rect(left, y, w - left - 20, 1, theme.line))
        parts.append(text(left - 6, y + 4, size * 0.8, str(number * 20), theme.faint, f"{face} {END}"))
    for series in range(int(random.integers(1, 4))):
        heights, fill = random.uniform(0.05, 1, count) * tall, colour(random)
        points = [(left + (number + 0.5) * step, base - height) for number, height in enumerate(heights)]
        if bars:
            parts += [rect(x + (series - 1.5) * step / 4, y, step / 4.5, base - y, fill) for x, y in points]
        else:
            parts += [
                polyline(points, fill, spread(random, 1, 3)),
                *(circle(x, y, 3, f'fill="{fill}"') for x, y in points),
            ]
    return parts


def _pie(random: Random, theme: Theme, x: float, y: float, r: float) -> list[str]:
    ends, parts = np.cumsum(random.dirichlet([2] * 6)) * 2 * math.pi, []
    for start, end in zip([0.0, *ends], ends, strict=False):
        arc = [(x + r * math.cos(a), y + r * math.sin(a)) for a in np.linspace(start, end, 40)]
        parts.append(polygon([(x, y), *arc], f'fill="{colour(random)}" stroke="{theme.page}" stroke-width="1.5"'))
    return parts


def _form(random: Random, theme: Theme, size: float, face: str, w: float, h: float) -> list[str]:
    menu, row = round(w * 0.3), round(size * 2.6)
    x, reach, accent = menu + 16, w - menu - 40, pick(random, (*theme.accents, colour(random, 0, 180)))
    parts = [rect(0, 0, menu, h, theme.bar), rect(menu, 0, 1, h, theme.line)]
    chosen = int(random.integers(6))
    for number in range(int(h / row)):
        y, baseline, label = number * row + row / 2, (number + 0.64) * row, LATIN.line(random, 6)
        parts.append(rect(4, y - row / 2 + 3, menu - 8, row - 6, accent if number == chosen else theme.bar, 'rx="4"'))
        parts.append(circle(18, y, size * 0.4, f'fill="{pick(random, theme.accents)}"'))
        ink = "#ffffff" if number == chosen else theme.ink
        parts.append(text(32, baseline, size, LATIN.line(random, menu / size - 4), ink, face))
        kind = pick(random, ("field", "button", "check", "slider"))
        if kind == "field":
            parts.append(rect(x, y - row / 2 + 5.5, reach, row - 10, theme.page, f'stroke="{theme.line}" rx="3"'))
            parts.append(text(x + 8, baseline, size, label, theme.faint, face))
        elif kind == "button":
            fill, ink = pick(random, ((accent, "#ffffff"), (theme.bar, theme.ink)))
            parts.append(rect(x, y - row / 2 + 4, size * 9, row - 8, fill, f'stroke="{theme.line}" rx="5"'))
            parts.append(text(x + size * 4.5, baseline, size, label, ink, f"{face} {MIDDLE}"))
        elif kind == "check":
            parts.append(rect(x + 0.5, y - 6.5, 13, 13, theme.page, f'stroke="{theme.faint}"'))
            parts.append(polyline([(x + 3, y), (x + 6, y + 3), (x + 11, y - 4)], accent, 2))
            parts.append(text(x + 22, baseline, size, LATIN.line(random, reach / size - 3), theme.ink, face))
        else:
            parts += [
                rect(x, y - 1, reach, 2, theme.line),
                circle(x + reach * random.random(), y, 6, f'fill="{accent}"'),
            ]
    return parts
