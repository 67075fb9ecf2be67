"""Clip art on plain and graded grounds, and pages of text."""

import functools
from pathlib import Path

import numpy as np
import pyvips
from numpy.typing import NDArray

from tools.drawings.svg import SIDE, Picture, Random, between, colour, ground, pick, render, spread, text
from tools.drawings.words import SCRIPTS, Script

CLIP_ART = Path("/usr/share/openclipart/svg")
"""Where Debian's package openclipart-svg puts it."""


@functools.cache
def _clip_art() -> list[list[Path]]:
    """The files by subject; of the hundreds of stars that differ in one number, none; nor trademarks."""
    folders: dict[tuple[str, ...], list[Path]] = {}
    for file in sorted(CLIP_ART.rglob("*.svg")):
        subject = file.relative_to(CLIP_ART).parts[:-1][:2]
        if subject != ("shapes", "stars") and subject[0] != "logos" and file.stem != "firefox":
            folders.setdefault(subject, []).append(file)
    return list(folders.values())


def _cut_off(opaque: NDArray[np.bool_]) -> bool:
    """Whether a drawing goes on beyond an edge of its page: part of the edge is opaque, but not all of it."""
    shares = [edge.mean() for edge in (opaque[0], opaque[-1], opaque[:, 0], opaque[:, -1])]
    return any(0.08 < share < 0.95 for share in shares)


def _drawing(random: Random, side: float) -> Picture:
    """One of the clip art without its empty border, (H, W, 4), the longer side about so many pixels."""
    folders = _clip_art()
    weights = [len(folder) ** 0.75 for folder in folders]  # between each subject and each file as often
    while True:
        file = str(pick(random, pick(random, folders, weights)))
        try:
            page = pyvips.Image.svgload(file)
            preview_scale = 128 / max(page.width, page.height)
            preview = pyvips.Image.svgload(file, scale=preview_scale).numpy()
            rows, columns = np.nonzero(preview[..., 3] > 8)
            if len(rows) < 300 or max(np.ptp(rows), np.ptp(columns)) < 40:  # a hairline, or a corner of its page
                continue
            if _cut_off(preview[..., 3] > 8):
                continue
            scale = preview_scale * side / (max(np.ptp(rows), np.ptp(columns)) + 1)
            drawing = pyvips.Image.svgload(file, scale=scale, unlimited=True).numpy()
        except pyvips.Error:  # a handful are broken
            continue
        rows, columns = (np.flatnonzero(drawing[..., 3].any(axis)) for axis in (1, 0))
        return drawing[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def clip_art(random: Random, factor: int) -> Picture:
    """One, four or nine drawings."""
    plain = pick(random, ("#ffffff", colour(random, 200), colour(random), None), (4, 1, 1, 3))
    picture = render(ground(random, plain), factor)
    cells = pick(random, (1, 2, 3), (4, 3, 2))
    cell = SIDE * factor // cells
    number = 0
    while number < cells * cells:
        drawing = _drawing(random, between(random, 0.6, 0.94) * cell)[:cell, :cell]
        drawing = drawing[:, ::-1] if random.random() < 0.3 else drawing
        top, left = (
            at * cell + (cell - size) // 2 for at, size in zip(divmod(number, cells), drawing.shape[:2], strict=True)
        )
        under = picture[top : top + drawing.shape[0], left : left + drawing.shape[1]]
        alpha = drawing[..., 3:].astype(np.uint16)
        over = ((drawing[..., :3] * alpha + under * (255 - alpha) + 127) // 255).astype(np.uint8)
        if (np.abs(over.astype(np.int16) - under).max(-1) > 24).mean() > 0.05:  # else hardly seen: white on white
            under[:] = over
            number += 1
    return picture


def text_page(random: Random, factor: int) -> Picture:
    """An article, lines of many sizes or a few large words, in one script; dark on light or light on dark."""
    script = pick(random, SCRIPTS, [each.share for each in SCRIPTS])
    dark = random.random() < 0.3
    if dark:
        paper = pick(random, ("#000000", "#1e1e1e", colour(random, 0, 60)))
        ink = pick(random, ("#ffffff", "#cccccc", "#777777", colour(random, 150)), (3, 1, 1, 2))
    else:
        paper = pick(random, ("#ffffff", colour(random, 225)), (5, 1))
        greys = ("#000000", "#333333", "#555555", "#777777", "#999999")
        ink = pick(random, (*greys, colour(random, 0, 150)), (5, 2, 1, 2, 1, 3))
    lines = {"article": _article, "sizes": _sizes, "large": _large}[
        pick(random, ("article", "sizes", "large"), (5, 3, 2))
    ]
    accent = colour(random, 150) if dark else colour(random, 0, 150)
    tilt = between(random, -4, 4) if random.random() < 0.1 else 0.0
    body = lines(random, script, ink, accent)
    return render(ground(random, paper) + f'<g transform="rotate({tilt:.2f} 240 240)">{body}</g>', factor)


def _line(
    random: Random, script: Script, left: float, y: float, width: float, size: float, fill: str, style: str
) -> str:
    """A line of text between left and left + width, aligned as its script is."""
    line = script.line(random, width / size)
    if script.right_to_left:
        return text(left + width, y, size, line, fill, f'{style} text-anchor="end"')
    return text(left, y, size, line, fill, style)


def _article(random: Random, script: Script, ink: str, accent: str) -> str:
    size, gap, margin = spread(random, 7, 24), between(random, 1.45, 1.8), between(random, 8, 40)
    columns = 2 if size < 11 and random.random() < 0.5 else 1
    width, style, parts = (SIDE - margin) / columns - margin, script.style(random), []
    for column in range(columns):
        left, y = margin + column * (width + margin), margin + size
        while y < SIDE:
            if random.random() < 0.06:
                y += size * 1.8 * gap
                parts.append(_line(random, script, left, y, width, size * 1.8, ink, style))
            ends = random.random() < 0.12  # of a paragraph
            reach = width * between(random, 0.2, 0.9) if ends and not script.right_to_left else width
            fill = accent if random.random() < 0.08 else ink
            parts.append(_line(random, script, left, y := y + size * gap, reach, size, fill, style))
            y += size * gap if ends else 0
    return "".join(parts)


def _sizes(random: Random, script: Script, ink: str, accent: str) -> str:
    y, style, parts = between(random, 0, 30), script.style(random), []
    while y < SIDE:
        size, fill = spread(random, 6, 60), pick(random, (ink, accent), (5, 1))
        style = script.style(random) if random.random() < 0.5 else style
        parts.append(_line(random, script, 12, y := y + size * 1.5, SIDE - 24, size, fill, style))
    return "".join(parts)


def _large(random: Random, script: Script, ink: str, accent: str) -> str:
    y, parts = between(random, -30, 20), []
    while y < SIDE:
        size, fill = spread(random, 50, 150), pick(random, (ink, accent), (5, 1))
        parts.append(_line(random, script, 12, y := y + size * 1.4, SIDE - 24, size, fill, script.style(random)))
    return "".join(parts)
