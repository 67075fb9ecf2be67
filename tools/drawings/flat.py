"""Even colours with hard edges, and even gradients."""

import math
from collections.abc import Sequence

import numpy as np

from tools.drawings.svg import (
    SIDE,
    Picture,
    Random,
    between,
    circle,
    colour,
    gradient,
    ground,
    hexadecimal,
    pick,
    polygon,
    polyline,
    rect,
    render,
    spread,
)

PURE = tuple(hexadecimal((r, g, b)) for r in (0, 128, 255) for g in (0, 128, 255) for b in (0, 128, 255))


def flat(random: Random, factor: int) -> Picture:
    """Shapes in up to six colours: pure, any or grey."""
    fills = [pick(random, PURE) if random.random() < 0.9 else colour(random) for _ in range(6)]
    other = random.random()
    if other < 0.25:
        fills = [colour(random) for _ in range(6)]
    elif other < 0.45:
        fills = [hexadecimal([level] * 3) for level in random.integers(0, 256, 6)]
    shape = pick(random, (_mosaic, _checkers, _stripes, _rings, _rays, _polygons, _gradients), (3, 2, 2, 2, 2, 3, 2))
    body = "" if random.random() < 0.06 else shape(random, fills)  # a constant picture now and then
    return render(ground(random, fills[0]) + body, factor)


def _lengths(random: Random, low: float, high: float, count: int) -> list[float]:
    """Log-uniform; in whole pixels more often than not, so that edges lie between pixels."""
    lengths = [spread(random, low, high) for _ in range(count)]
    return [float(round(length)) for length in lengths] if random.random() < 0.6 else lengths


def _mosaic(random: Random, fills: Sequence[str]) -> str:
    parts, count = [], int(random.integers(3, 40))
    for w, h in np.reshape(_lengths(random, 2, 300, 2 * count), (count, 2)):
        x, y = random.integers(-40, SIDE, 2) + (w % 1)
        parts.append(rect(x, y, w, h, pick(random, fills)))
    return "".join(parts)


def _checkers(random: Random, fills: Sequence[str]) -> str:
    (size,) = _lengths(random, pick(random, (1, 4), (1, 4)), 50, 1)
    tilt = 0.0 if size == round(size) else between(random, -45, 45)
    reach = range(-math.ceil(100 / size), math.ceil((SIDE + 100) / size))
    squares = [(x * size, y * size) for y in reach for x in reach if (x + y) % 2]
    d = "".join(f"M{x:.2f},{y:.2f}h{size:.2f}v{size:.2f}h{-size:.2f}z" for x, y in squares)
    return f'<path d="{d}" fill="{fills[1]}" transform="rotate({tilt:.2f} 240 240)"/>'


def _stripes(random: Random, fills: Sequence[str]) -> str:
    widest = spread(random, 2, 50)
    parts, at, lengths = [], -120.0, _lengths(random, 1, widest, 800)
    for wide, gap in zip(lengths[::2], lengths[1::2], strict=True):
        parts.append(rect(at, -120, wide, SIDE + 240, pick(random, fills[1:3])))
        at += wide + gap
    tilt = pick(random, (0.0, 90.0)) if lengths[0] == round(lengths[0]) else between(random, 0, 180)
    return f'<g transform="rotate({tilt:.2f} 240 240)">{"".join(parts)}</g>'


def _rings(random: Random, fills: Sequence[str]) -> str:
    parts = []
    for _ in range(int(random.integers(1, 6))):
        (x, y), step, fill = random.uniform(0, SIDE, 2), spread(random, 4, 40), pick(random, fills[1:])
        wide = min(spread(random, 1, 6), step / 2)
        line, reach = f'fill="none" stroke="{fill}" stroke-width="{wide:.2f}"', spread(random, 40, 300)
        parts += [circle(x, y, r, line) for r in np.arange(step, reach, step)]
        parts.append(circle(x, y, step / 2, f'fill="{pick(random, fills)}"'))
    return "".join(parts)


def _rays(random: Random, fills: Sequence[str]) -> str:
    (x, y), count, wide = random.uniform(0, SIDE, 2), int(random.integers(8, 120)), spread(random, 0.7, 3)
    ends = [(x + 900 * math.cos(a), y + 900 * math.sin(a)) for a in np.arange(count) * 2 * math.pi / count]
    return "".join(polyline([(x, y), end], pick(random, fills[1:3]), wide) for end in ends)


def _polygons(random: Random, fills: Sequence[str]) -> str:
    parts = []
    for _ in range(int(random.integers(4, 30))):
        (x, y), r, fill = random.uniform(0, SIDE, 2), spread(random, 8, 160), f'fill="{pick(random, fills)}"'
        angles = np.sort(random.uniform(0, 2 * math.pi, int(random.integers(3, 9))))
        corners = np.column_stack([x + r * np.cos(angles), y + r * np.sin(angles)])
        parts.append(circle(x, y, r, fill) if random.random() < 0.25 else polygon(corners, fill))
    return "".join(parts)


def _gradients(random: Random, fills: Sequence[str]) -> str:
    count, parts = pick(random, (1, 1, 2, 4)), []
    side = SIDE / count
    for number in range(count * count):
        parts.append(gradient(random, f"g{number}", [pick(random, fills) for _ in range(pick(random, (2, 3)))]))
        parts.append(rect(number % count * side, number // count * side, side, side, f"url(#g{number})"))
    return "".join(parts)
