"""Bricks, tiles, facades, slats and fences in perspective."""

import numpy as np
from numpy.typing import NDArray

from tools.drawings.svg import SIDE, Picture, Random, between, colour, gradient, ground, hexadecimal, pick, rect, render

Cells = list[tuple[str, tuple[float, float, float, float, float]]]
"""Fill, left, top, right, bottom in the unit square, and by how much the top is shifted to the right."""


def wall(random: Random, factor: int) -> Picture:
    """One of the patterns on a plane seen at an angle, evenly lit or not."""
    corners = np.array([(0, 0), (1, 0), (1, 1), (0, 1)]) - 0.5
    corners = corners * between(random, 1.1, 1.9) + 0.5 + random.uniform(-0.35, 0.35, (4, 2))
    cells, behind = pick(random, (_bricks, _tiles, _windows, _slats, _pickets, _wire), (3, 2, 4, 1, 2, 1))(random)
    transform = _homography(corners * SIDE)
    parts = [ground(random, behind)]
    for fill, (left, top, right, bottom, lean) in cells:
        corners = np.array([(left + lean, top, 1), (right + lean, top, 1), (right, bottom, 1), (left, bottom, 1)])
        projected = corners @ transform.T
        points = projected[:, :2] / projected[:, 2:]
        if points.max(0).min() > -5 and points.min(0).max() < SIDE + 5:
            d = "L".join(f"{x:.2f},{y:.2f}" for x, y in points)
            parts.append(f'<path d="M{d}Z" fill="{fill}"/>')
    if random.random() < 0.5:
        parts.append(gradient(random, "light", ("#ffffff", "#000000")))
        parts.append(rect(0, 0, SIDE, SIDE, "url(#light)", 'fill-opacity="0.15"'))
    return render("".join(parts), factor)


def _homography(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """The 3x3 matrix that takes the corners of the unit square, clockwise from the top left, to these."""
    rows = []
    for (u, v), (x, y) in zip([(0, 0), (1, 0), (1, 1), (0, 1)], corners, strict=True):
        rows += [[u, v, 1, 0, 0, 0, -u * x, -v * x], [0, 0, 0, u, v, 1, -u * y, -v * y]]
    return np.append(np.linalg.solve(np.array(rows, float), corners.ravel()), 1).reshape(3, 3)


def _shades(random: Random, distance: int) -> list[str]:
    """Six colours that differ little, mostly those of stone, brick and wood."""
    natural = (
        (150, 75, 55),
        (175, 110, 80),
        (190, 180, 165),
        (120, 120, 120),
        (205, 195, 180),
        (95, 70, 50),
        (70, 80, 95),
    )
    middle = np.array(pick(random, natural)) if random.random() < 0.75 else random.integers(40, 215, 3)
    shades = middle + random.integers(-distance, distance + 1, (6, 1)) + random.integers(-6, 7, (6, 3))
    return [hexadecimal(shade) for shade in np.clip(shades, 0, 255)]


def _bricks(random: Random) -> tuple[Cells, str]:
    rows, length, shades = int(random.integers(14, 50)), between(random, 1.8, 3.2), _shades(random, 20)
    h, w, cells, gap = 1 / rows, length / rows, [], between(random, 0.05, 0.16) / rows
    for row in range(rows):
        top, bottom, lefts = row * h, (row + 1) * h - gap, np.arange(-(row % 2) * w / 2, 1, w)
        cells += [(pick(random, shades), (left, top, left + w - gap, bottom, 0.0)) for left in lefts]
    return cells, pick(random, ("#c8c4bc", "#e8e8e8", "#444444"))


def _tiles(random: Random) -> tuple[Cells, str]:
    count, lean = int(random.integers(8, 36)), pick(random, (0, 0, 1))
    fills = pick(random, (("#ffffff", "#000000"), (colour(random), colour(random)), (colour(random, 180),) * 2))
    side, cells, gap = 1 / count, [], pick(random, (0.0, 0.04, 0.08)) / count
    for row in range(count):
        for column in range(-count * lean, count):
            left, top = (column + row * lean) * side, row * side
            cells.append((fills[(row + column) % 2], (left, top, left + side - gap, top + side - gap, -side * lean)))
    return cells, pick(random, ("#808080", "#dddddd", "#333333"))


def _windows(random: Random) -> tuple[Cells, str]:
    rows, columns, share = int(random.integers(4, 16)), int(random.integers(4, 16)), between(random, 0.45, 0.85)
    frame, sill, glass = pick(random, ("#ffffff", "#222222", colour(random))), colour(random, 90), _shades(random, 40)
    across, down = pick(random, ((1, 1), (2, 1), (2, 2), (2, 3)))
    w, h, bar = share / columns, 0.7 / rows, 0.06 * share / columns
    cells: Cells = [(pick(random, _shades(random, 10)), (0, 0, 1, 1, 0))]
    for row in range(rows):
        cells.append((sill, (0, (row + 0.95) / rows, 1, (row + 0.99) / rows, 0)))
        for column in range(columns):
            left, top = (column + (1 - share) / 2) / columns, (row + 0.12) / rows
            cells.append((frame, (left, top, left + w, top + h, 0)))
            for pane in range(across * down):
                x = left + bar + pane % across * (w - bar) / across
                y = top + bar + pane // across * (h - bar) / down
                cells.append((pick(random, glass), (x, y, x + (w - bar) / across - bar, y + (h - bar) / down - bar, 0)))
    return cells, pick(random, ("#87b5e0", "#dfe8f0", "#f0f0f0"))


def _slats(random: Random) -> tuple[Cells, str]:
    count, shades = int(random.integers(15, 70)), _shades(random, 12)
    gap, upright, cells = between(random, 0.1, 0.5) / count, random.random() < 0.5, []
    for number in range(count):
        low, high = number / count, (number + 1) / count - gap
        cells.append((pick(random, shades), (low, 0.0, high, 1.0, 0.0) if upright else (0.0, low, 1.0, high, 0.0)))
    return cells, colour(random, 0, 60)


def _pickets(random: Random) -> tuple[Cells, str | None]:
    count, wide = int(random.integers(14, 50)), between(random, 0.25, 0.8)
    fill = pick(random, ("#ffffff", "#20242a", pick(random, _shades(random, 20))))
    cells: Cells = [(fill, (0, at, 1, at + 0.03, 0)) for at in (0.3, 0.75)]
    for number in range(count):
        left, right = number / count, (number + wide) / count
        middle, tip = (left + right) / 2, 0.1 / count
        cells += [(fill, (left, 0.2, right, 0.95, 0)), (fill, (middle - tip, 0.15, middle + tip, 0.2, 0))]
    return cells, pick(random, ("#7fa65a", "#87b5e0", None))


def _wire(random: Random) -> tuple[Cells, str | None]:
    count = int(random.integers(12, 45))
    fill, behind = pick(
        random, (("#e0e0e0", "#40583a"), ("#303030", "#b8c4d0"), ("#303030", "#8fb070"), ("#c0c4c8", None))
    )
    wide = between(random, 0.05, 0.15) / count
    steps = np.arange(0, 2, 1 / count)
    cells: Cells = [(fill, (at - 1, 0, at - 1 + wide, 1, 1)) for at in steps] + [
        (fill, (at, 0, at + wide, 1, -1)) for at in steps
    ]
    return cells, behind
