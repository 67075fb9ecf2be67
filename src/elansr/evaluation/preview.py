"""A part of a photo as each choice of weights shows it, before a long run."""

import os
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from elansr.errors import ConfigError
from elansr.evaluation.comparison import rgb_on_white
from elansr.evaluation.contact_sheet import GAP, INK, LABEL, PAPER, below, beside, framed, paper, text_line
from elansr.evaluation.crops import CropBox, most_different
from elansr.evaluation.datasets import RGB
from elansr.images import Picture, check_output, read, write
from elansr.upscaling import CLEAN, REAL, TiledNetwork, fit
from elansr.weights.released import AUTO, family, is_path

REGION = 80
"""Side of the part that is shown, in pixels of the photo."""
AROUND = 32
"""Pixels around it that the network sees too, as it does in the whole photo."""
STRENGTHS = (0.25, 0.5, 0.75)
COLUMNS = 3
JUDGED = 2**19
"""Pixels of the smaller copy in which the most detailed part is looked for."""
LEAST_SIDE = 240
"""Side of a panel, so that its label can be read."""

Load = Callable[[str, int, float | None], TiledNetwork]
"""Gives the upscaler of a released name or a path at a scale and a strength."""


@dataclass(frozen=True)
class Candidate:
    """What a panel shows: weights by name or path, and the strength; None is the weights as they are."""

    model: str
    strength: float | None = None

    @property
    def label(self) -> str:
        """What stands above the panel."""
        return self.model if self.strength is None else f"strength {self.strength:g}"


def candidates(scale: int, model: str = AUTO) -> list[Candidate]:
    """The released weights of a scale, with the strengths between them, and `model` if it is a file.

    Raises:
        ConfigError: there are no weights for the scale.
    """
    clean, real = family(CLEAN).get(scale), family(REAL).get(scale)
    if clean is None:
        raise ConfigError(f"scale={scale}: no released weights: must be one of {sorted(family(CLEAN))}")
    found = [Candidate(clean.name)]
    if real is not None:
        found += [*(Candidate(real.name, strength) for strength in STRENGTHS), Candidate(real.name)]
    return [*found, Candidate(model)] if is_path(model) else found


def preview(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    load: Load,
    *,
    scale: int = 4,
    model: str = AUTO,
    at: tuple[int, int] | None = None,
    overwrite: bool = False,
) -> CropBox:
    """Writes one picture that shows a part of a photo enlarged by bicubic, by all released weights and by a file's.

    Args:
        source: the photo.
        target: the picture to write.
        load: gives the networks.
        scale: super-resolution factor.
        model: as in `elansr upscale`; a file is shown too.
        at: the middle of the part, in pixels of the photo from its upper left corner; None takes the most detailed.
        overwrite: whether a file at `target` may be replaced.

    Returns:
        The part that is shown.

    Raises:
        ConfigError: a place outside the photo, or a scale without weights.
        ElansrError: the photo cannot be read, or the result not be written.
    """
    check_output(target, overwrite=overwrite)
    chosen, picture = candidates(scale, model), read(source)
    pixels = rgb_on_white(picture.pages[0])
    box = most_detailed(pixels) if at is None else around(at, *pixels.shape[:2])
    left, top = max(box.x - AROUND, 0), max(box.y - AROUND, 0)
    seen = pixels[top : box.y + box.height + AROUND, left : box.x + box.width + AROUND]
    inside = CropBox(*(scale * side for side in (box.x - left, box.y - top, box.width, box.height)))
    bicubic = fit(seen, scale * seen.shape[1], scale * seen.shape[0]).astype(np.uint8)
    panels = [_panel("bicubic", inside.of(bicubic))]
    for candidate in chosen:
        upscaler = load(candidate.model, scale, candidate.strength)
        panels.append(_panel(candidate.label, inside.of(upscaler(np.ascontiguousarray(seen)))))
    rows = [beside(panels[start : start + COLUMNS]) for start in range(0, len(panels), COLUMNS)]
    spaced = [part for row in rows for part in (row, paper(GAP, 1))][:-1]
    icc = picture.icc if picture.icc and picture.icc[16:20] == b"RGB " else None
    write(Picture((framed(below(spaced), PAPER, GAP),), icc=icc), target, overwrite=overwrite)
    return box


def most_detailed(pixels: RGB) -> CropBox:
    """The part of a photo (H, W, 3) with the most lines and edges."""
    height, width = pixels.shape[:2]
    step = max(1, round((height * width / JUDGED) ** 0.5))
    small = np.ascontiguousarray(pixels[::step, ::step])
    half = fit(small, -(-small.shape[1] // 2), -(-small.shape[0] // 2))
    soft = fit(half, small.shape[1], small.shape[0]).astype(np.uint8)
    (found,) = most_different([small, soft], small, max(REGION // step, 1))
    return around(((found.x + found.width // 2) * step, (found.y + found.height // 2) * step), height, width)


def around(middle: tuple[int, int], height: int, width: int) -> CropBox:
    """The part whose middle is nearest to a place (x, y).

    Raises:
        ConfigError: the place is outside the photo.
    """
    x, y = middle
    if not (0 <= x < width and 0 <= y < height):
        raise ConfigError(f"{x},{y}: outside the photo of {width}x{height} pixels")
    across, down = min(REGION, width), min(REGION, height)
    left, top = min(max(x - across // 2, 0), width - across), min(max(y - down // 2, 0), height - down)
    return CropBox(left, top, across, down)


def _panel(label: str, part: RGB) -> RGB:
    zoom = max(1, -(-LEAST_SIDE // part.shape[1]))
    tile = part.repeat(zoom, axis=0).repeat(zoom, axis=1)
    return below([text_line(label, LABEL, INK, tile.shape[1]), tile])
