"""Pages of comics: panels with ink lines, screentone, hatching, heads and balloons.

The channels of the SVG are not its colours. Red is ink (0) or none (255); green is the tone, which the screen turns
into dots (255: none); blue is the second colour (0) or the paper (255). So a shape in front hides all three at once.
"""

import math

import numpy as np

from tools.drawings.svg import (
    SIDE,
    Picture,
    Random,
    between,
    circle,
    ellipse,
    gradient,
    pick,
    polygon,
    polyline,
    rect,
    render,
    spread,
    text,
)
from tools.drawings.words import SCRIPTS

INK, PAPER, SECOND, DARK = "#00ffff", "#ffffff", "#ffff00", "#ff30ff"


def comic(random: Random, factor: int) -> Picture:
    """A page of one to three rows of panels, in black and white or in three colours."""
    rows, body = pick(random, (1, 2, 3), (1, 3, 3)), []
    height = (SIDE - 8) / rows
    for row in range(rows):
        ends = np.cumsum(random.dirichlet([6] * pick(random, (1, 2, 3), (2, 3, 1)))) * (SIDE - 8)
        for left, right in zip([0.0, *ends], ends, strict=False):
            body.append(_panel(random, 8 + left, 8 + row * height, right - left - 8, height - 8))
    channels = render("".join(body), factor)
    dots = _screen(random, factor) > channels[..., 1]
    paper, second, tone = np.full(3, 255), np.full(3, 255), np.zeros(3, int)
    if random.random() < 0.35:
        paper, second, tone = (random.integers(low, high, 3) for low, high in ((225, 256), (60, 256), (0, 160)))
    out = np.empty_like(channels)
    for band in range(3):
        levels = np.linspace(second[band], paper[band], 256).round().astype(np.uint8)[channels[..., 2]]
        levels[dots] = tone[band]
        out[..., band] = (levels.astype(np.uint16) * channels[..., 0] + 127) // 255
    return out


def _screen(random: Random, factor: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """The thresholds of a halftone of dots or lines, 0 to 255."""
    pitch, angle = spread(random, 3, 8) * factor, pick(random, (0.0, math.pi / 4, math.pi / 12))
    at = np.arange(SIDE * factor, dtype=np.float32) * np.float32(2 * math.pi / pitch)
    across, down = at[None], at[:, None]
    c, s = np.float32(math.cos(angle)), np.float32(math.sin(angle))
    waves = np.cos(across * c + down * s)
    if random.random() < 0.8:
        waves = (waves + np.cos(down * c - across * s)) / 2
    return (waves + 1) * np.float32(127.5)


def _tone(random: Random) -> str:
    return f"#ff{int(random.integers(90, 235)):02x}ff"


def _outline(width: float) -> str:
    return f'stroke="{INK}" stroke-width="{width:.2f}" stroke-linejoin="round" stroke-linecap="round"'


def _panel(random: Random, x: float, y: float, w: float, h: float) -> str:
    """One panel, cut off at its frame."""
    inside = [rect(0, 0, w, h, pick(random, (PAPER, SECOND, _tone(random)), (2, 1, 2)))]
    behind = pick(random, (_speed, _hatching, _graded, _skyline, _brush), (3, 2, 3, 2, 2))
    inside += behind(random, w, h)
    if random.random() < 0.8:
        inside += _head(random, w * between(random, 0.3, 0.7), h * 0.62, min(w, h) * between(random, 0.2, 0.42))
    if random.random() < 0.3:
        inside.append(_sound(random, w, h))
    if random.random() < 0.7:
        inside += _balloon(random, w)
    frame = rect(x, y, w, h, "none", _outline(spread(random, 1.5, 4)))
    return f'<svg x="{x:.2f}" y="{y:.2f}" width="{w:.2f}" height="{h:.2f}">{"".join(inside)}</svg>{frame}'


def _speed(random: Random, w: float, h: float) -> list[str]:
    x, y, parts = w * between(random, 0.2, 0.8), h * between(random, 0.2, 0.8), []
    for angle in random.uniform(0, 2 * math.pi, int(random.integers(40, 160))):
        near, wide = (w + h) * between(random, 0.15, 0.4), between(random, 0.002, 0.012)
        ends = ((near, angle), (w + h, angle - wide), (w + h, angle + wide))
        parts.append(polygon([(x + r * math.cos(a), y + r * math.sin(a)) for r, a in ends], f'fill="{INK}"'))
    return parts


def _hatching(random: Random, w: float, h: float) -> list[str]:
    step, lean, wide, parts = spread(random, 3, 9), between(random, -1, 1), spread(random, 0.5, 1.8), []
    for at in np.arange(-h, w + h, step):
        top = h * between(random, 0, 0.5)
        parts.append(polyline([(at + lean * top, top), (at + lean * h, h)], INK, wide))
        if lean > 0.5:  # crossed
            parts.append(polyline([(at - lean * top, top), (at - lean * h, h)], INK, wide))
    return parts


def _graded(random: Random, w: float, h: float) -> list[str]:
    name = f"graded{random.integers(10**9)}"
    return [gradient(random, name, (PAPER, DARK)), rect(0, 0, w, h, f"url(#{name})")]


def _skyline(random: Random, w: float, h: float) -> list[str]:
    parts = []
    for _ in range(9):
        x, y, wide = w * between(random, 0, 1), h * between(random, 0.2, 0.7), w * between(random, 0.1, 0.25)
        parts.append(rect(x, y, wide, h, pick(random, (PAPER, _tone(random))), _outline(1.6)))
        panes, width = (INK, PAPER), max(wide - 8, 1)
        parts += [rect(x + 4, row, width, 4, pick(random, panes), _outline(0.7)) for row in np.arange(y + 6, h, 10)]
    return parts


def _brush(random: Random, w: float, h: float) -> list[str]:
    """Strokes that are thick in the middle and end in a point."""
    parts = []
    for _ in range(int(random.integers(6, 40))):
        (x0, x1, x2), (y0, y1, y2) = random.uniform(-0.1, 1.1, 3) * w, random.uniform(-0.1, 1.1, 3) * h
        wide = spread(random, 2, 16)
        d = f"M{x0:.1f},{y0:.1f}Q{x1:.1f},{y1:.1f} {x2:.1f},{y2:.1f}Q{x1 + wide:.1f},{y1 + wide:.1f} {x0:.1f},{y0:.1f}Z"
        parts.append(f'<path d="{d}" fill="{pick(random, (INK, INK, _tone(random)))}"/>')
    return parts


def _head(random: Random, x: float, y: float, r: float) -> list[str]:
    """Shoulders, face, hair and a look."""
    width = spread(random, 1, 3.5)
    line, scaled = _outline(width), _outline(width / r)
    skin, hair, coat = (
        pick(random, (PAPER, SECOND, INK, _tone(random))[first:last]) for first, last in ((0, 2), (0, 4), (0, 4))
    )
    d = f"M-1,-.2Q-.9,1 0,{between(random, 1.1, 1.35):.2f}Q.9,1 1,-.2A1,1 0 0 0 -1,-.2Z"
    shoulders = [(x - 1.6 * r, y + 4 * r), (x - r, y + 1.2 * r), (x + r, y + 1.2 * r), (x + 1.6 * r, y + 4 * r)]
    place = f'transform="translate({x:.1f} {y:.1f}) scale({r:.2f})"'
    parts = [polygon(shoulders, f'fill="{coat}" {line}'), f'<path d="{d}" {place} fill="{skin}" {scaled}/>']
    spikes = int(random.integers(5, 14))
    reach, crown = between(random, 1.1, 1.6), []
    for number in range(2 * spikes + 1):
        angle, far = math.pi * (1.08 - 1.16 * number / (2 * spikes)), r * (reach if number % 2 else 1)
        crown.append((x + far * math.cos(angle), y - r * 0.1 - far * math.sin(angle)))
    fringe = [(x + r * (0.9 - 1.8 * at / 8), y - r * (0.55 if at % 2 else 0.1)) for at in range(9)]
    parts.append(polygon(crown + fringe, f'fill="{hair}" {line}'))
    wide, look = between(random, 0.1, 0.2) * r, between(random, -0.05, 0.05) * r
    for eye in (x - 0.42 * r, x + 0.42 * r):
        parts.append(ellipse(eye, y + 0.25 * r, wide, 0.24 * r, f'fill="{PAPER}" {line}'))
        parts.append(circle(eye + look, y + 0.28 * r, 0.7 * wide, f'fill="{INK}"'))
        parts.append(circle(eye + look + 0.05 * r, y + 0.2 * r, 0.05 * r, f'fill="{PAPER}"'))
    bend = between(random, -0.25, 0.25)
    return [*parts, f'<path d="M-.25,.8Q0,{0.8 + bend:.2f} .25,.8" {place} fill="none" {scaled}/>']


def _sound(random: Random, w: float, h: float) -> str:
    """A large word that leans and has an outline."""
    word, size = (
        pick(random, ("BANG", "ZOOM", "ドドド", "ゴゴゴ", "バン", "轰", "쾅", "Crash!")),
        min(w, h) * between(random, 0.25, 0.5),
    )
    fill, edge = pick(random, ((INK, PAPER), (PAPER, INK), (SECOND, INK)))
    family = "Comic Neue, Noto Sans CJK JP"
    more = f'font-family="{family}" font-weight="700" stroke="{edge}" stroke-width="{size * 0.05:.2f}"'
    x, y = w * between(random, 0, 0.6), h * between(random, 0.5, 0.95)
    return text(x, y, size, word, fill, f'{more} transform="rotate({between(random, -25, 15):.1f} {x:.1f} {y:.1f})"')


def _balloon(random: Random, w: float) -> list[str]:
    """Speech in an ellipse in the upper part of a panel."""
    script = pick(random, [each for each in SCRIPTS if each.name in ("latin", "chinese", "japanese", "korean")])
    size, lines, look = spread(random, 8, 15), int(random.integers(1, 4)), f'fill="{PAPER}" {_outline(1.6)}'
    rx, ry = min(w * 0.45, 70.0), size * (lines * 0.75 + 0.9)
    x, y = between(random, rx + 3, max(w - rx - 3, rx + 4)), ry + 4
    parts = [polygon([(x - 6, y), (x + 10, y), (x + 2, y + ry + 14)], look), ellipse(x, y, rx, ry, look)]
    style = 'font-family="Comic Neue" font-weight="700"' if script.name == "latin" else script.style(random)
    for number in range(lines):
        baseline = y + (number - lines / 2 + 0.8) * size * 1.25
        line = script.line(random, 1.5 * rx / size)
        parts.append(text(x, baseline, size, line, INK, f'{style} text-anchor="middle"'))
    return parts
