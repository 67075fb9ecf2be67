"""Random choices and SVG, used by every kind of picture."""

import math
from collections.abc import Sequence
from html import escape
from typing import TypeVar

import numpy as np
import pyvips
from numpy.typing import NDArray

SIDE = 480
"""Of a picture in pixels, and the unit of all coordinates."""

Random = np.random.Generator
Picture = NDArray[np.uint8]
"""(H, W, 3), RGB."""
Points = Sequence[tuple[float, float]] | NDArray[np.float64]
T = TypeVar("T")


def pick(random: Random, options: Sequence[T], weights: Sequence[float] | None = None) -> T:
    """One of the options, drawn by their weights."""
    if weights is None:
        return options[int(random.integers(len(options)))]
    return options[int(random.choice(len(options), p=np.array(weights) / sum(weights)))]


def between(random: Random, low: float, high: float) -> float:
    """Uniform."""
    return float(random.uniform(low, high))


def spread(random: Random, low: float, high: float) -> float:
    """Log-uniform: as often between 10 and 20 as between 20 and 40."""
    return float(low * (high / low) ** random.random())


def colour(random: Random, low: int = 0, high: int = 255) -> str:
    """Any, with all three channels in the range."""
    return hexadecimal(random.integers(low, high + 1, 3))


def hexadecimal(levels: Sequence[int] | NDArray[np.int64]) -> str:
    """#rrggbb of three levels from 0 to 255."""
    return "#" + "".join(f"{level:02x}" for level in levels)


def rect(x: float, y: float, w: float, h: float, fill: str, more: str = "") -> str:
    """A rectangle."""
    return f'<rect x="{x:.2f}" y="{y:.2f}" width="{w:.2f}" height="{h:.2f}" fill="{fill}" {more}/>'


def ellipse(x: float, y: float, rx: float, ry: float, more: str) -> str:
    """An ellipse around (x, y)."""
    return f'<ellipse cx="{x:.2f}" cy="{y:.2f}" rx="{rx:.2f}" ry="{ry:.2f}" {more}/>'


def circle(x: float, y: float, r: float, more: str) -> str:
    """A circle around (x, y)."""
    return ellipse(x, y, r, r, more)


def polygon(points: Points, more: str) -> str:
    """A closed line through the points."""
    return f'<path d="M{"L".join(f"{x:.2f},{y:.2f}" for x, y in points)}Z" {more}/>'


def polyline(points: Points, stroke: str, width: float) -> str:
    """An open line through the points."""
    d = "L".join(f"{x:.2f},{y:.2f}" for x, y in points)
    return f'<path d="M{d}" fill="none" stroke="{stroke}" stroke-width="{width:.2f}"/>'


def text(x: float, y: float, size: float, line: str, fill: str, more: str = "") -> str:
    """A line of text, y of its baseline."""
    return f'<text x="{x:.2f}" y="{y:.2f}" font-size="{size:.2f}" fill="{fill}" {more}>{escape(line)}</text>'


def gradient(random: Random, name: str, stops: Sequence[str]) -> str:
    """A gradient to fill with as `url(#name)`: linear in any direction, or radial."""
    inner = "".join(
        f'<stop offset="{at / (len(stops) - 1):.3f}" stop-color="{stop}"/>' for at, stop in enumerate(stops)
    )
    if random.random() < 0.3:
        x, y = random.random(2)
        return f'<radialGradient id="{name}" cx="{x:.3f}" cy="{y:.3f}" r="0.9">{inner}</radialGradient>'
    angle = pick(random, (0.0, math.pi / 2, between(random, 0, 2 * math.pi)))
    x, y = math.cos(angle) / 2, math.sin(angle) / 2
    ends = f'x1="{0.5 - x:.3f}" y1="{0.5 - y:.3f}" x2="{0.5 + x:.3f}" y2="{0.5 + y:.3f}"'
    return f'<linearGradient id="{name}" {ends}>{inner}</linearGradient>'


def ground(random: Random, fill: str | None = None) -> str:
    """The whole picture in one colour, or graded."""
    if fill:
        return rect(0, 0, SIDE, SIDE, fill)
    return gradient(random, "ground", [colour(random) for _ in range(3)]) + rect(0, 0, SIDE, SIDE, "url(#ground)")


def render(body: str, factor: int) -> Picture:
    """SVG elements over white, `factor` times SIDE wide and high."""
    source = f'<svg xmlns="http://www.w3.org/2000/svg" width="{SIDE}" height="{SIDE}">{body}</svg>'
    image = pyvips.Image.svgload_buffer(source.encode(), scale=factor, unlimited=True)
    return np.array((image.flatten(background=255) if image.hasalpha() else image).numpy())
