"""An evaluation as one HTML page: the scores of the sets, and of every picture its scores and a telling crop."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from elansr.evaluation.crops import Box, most_telling
from elansr.evaluation.embedding import escaped, lossless, lossy, page, part, write_page
from elansr.evaluation.evaluate import Example, Score, SetScores
from elansr.evaluation.metrics import psnr_y
from elansr.images import imresize, luma

RGB = NDArray[np.uint8]

CROP = 80
"""Side of the crops in HR pixels; the page shows a pixel as a square of 3x3."""
THUMBNAIL, THUMBNAIL_QUALITY = 176, 80
"""Longest side in pixels, and JPEG quality."""
MAP_END = 64
"""The luma error, of 219 levels between black and white, at which the error map ends."""
MAP_COLORS = ((0, 0, 4), (81, 18, 124), (183, 55, 121), (252, 137, 97), (252, 253, 191))
"""From no error to `MAP_END`, in equal steps: dark violet, red, orange, pale yellow."""


@dataclass(frozen=True)
class Entry:
    """What the page needs of one picture.

    Attributes:
        score: of the model.
        bicubic: PSNR-Y in dB of plain bicubic.
        card: HTML.
    """

    score: Score
    bicubic: float
    card: str


class Report:
    """Collects pictures while a model is evaluated and writes the page at the end.

    Of a picture it keeps the crops and a thumbnail, about 60 KB.

    Args:
        model: what was evaluated, as the user wrote it.
        scale: super-resolution factor.
        protocol: how the scores were measured, in words.
    """

    def __init__(self, model: str, scale: int, protocol: str) -> None:
        self.model, self.scale, self.protocol = model, scale, protocol
        self._entries: dict[tuple[str, str], Entry] = {}

    def add(self, example: Example) -> None:
        """Takes a picture up; its arrays are not kept."""
        enlarged = imresize(example.lr, *example.hr.shape[:2])
        bicubic = psnr_y(enlarged, example.hr, example.scale)
        (box,) = most_telling([example.sr, example.hr], example.hr, CROP, border=example.scale)
        card = part(
            "report_card.html",
            id=f"picture-{len(self._entries)}",
            about=_about(example, bicubic),
            attributes=_attributes(example.set_name, example.name, example.score, bicubic),
            thumbnail=_thumbnail(example, box),
            panels=_panels(example, enlarged, box),
        )
        self._entries[example.set_name, example.name] = Entry(example.score, bicubic, card)

    def write(self, path: Path, overwrite: bool, results: Sequence[SetScores]) -> None:
        """Writes the page, whole or not at all.

        Args:
            path: the file.
            overwrite: whether to replace a file that is already there.
            results: the scores of the sets, in the order of the table; of each picture that was not added, the table
                has its scores only.

        Raises:
            OutputExistsError: the file is there and `overwrite` is off.
            ConfigError: a folder, or the file cannot be written.
        """
        body = part(
            "report.html",
            model=escaped(self.model),
            scale=self.scale,
            protocol=escaped(self.protocol),
            sets="".join(map(_set_row, results)),
            rows="".join(self._rows(results)),
            filters="".join(f"<option>{escaped(result.name)}</option>" for result in results),
            cards="".join(entry.card for entry in self._entries.values()),
            crop=CROP,
            map_end=MAP_END,
            map_colors=", ".join(f"rgb{color}" for color in MAP_COLORS),
        )
        write_page(path, page(f"{self.model} x{self.scale}", "report", body), overwrite)

    def _rows(self, results: Sequence[SetScores]) -> list[str]:
        ids = {key: f"picture-{n}" for n, key in enumerate(self._entries)}
        rows = []
        for result in results:
            for name, score in result.pictures.items():
                entry = self._entries.get((result.name, name))
                bicubic = entry.bicubic if entry else math.nan
                rows.append(_picture_row(result.name, name, score, bicubic, ids.get((result.name, name))))
        return rows


def error_map(sr: RGB, hr: RGB) -> RGB:
    """The absolute luma error of (H, W, 3) pictures in colours: `MAP_COLORS`, from 0 to `MAP_END` and above."""
    error = np.abs(luma(sr) - luma(hr)) / MAP_END
    steps = np.linspace(0, 1, len(MAP_COLORS))
    channels = [np.interp(error, steps, channel) for channel in zip(*MAP_COLORS, strict=True)]
    return np.stack(channels, axis=-1).round().astype(np.uint8)


def _about(example: Example, bicubic: float) -> str:
    height, width = example.hr.shape[:2]
    return part(
        "report_about.html",
        set=escaped(example.set_name),
        name=escaped(example.name),
        size=f"{width}x{height}",
        psnr=_shown(example.score.psnr, ".2f"),
        ssim=_shown(example.score.ssim, ".4f"),
        gain=_shown(_gain(example.score, bicubic), "+.2f"),
    )


def _thumbnail(example: Example, box: Box) -> str:
    """The whole SR, small, and a frame around the crop, placed in per cent."""
    height, width = example.sr.shape[:2]
    factor = min(THUMBNAIL / max(height, width), 1.0)
    small = imresize(example.sr, max(1, round(height * factor)), max(1, round(width * factor)))
    place = {
        "left": 100 * box.x / width,
        "top": 100 * box.y / height,
        "width": 100 * box.width / width,
        "height": 100 * box.height / height,
    }
    style = ";".join(f"{key}:{value:.3f}%" for key, value in place.items())
    source = lossy(small, THUMBNAIL_QUALITY)
    return part("report_thumbnail.html", source=source, style=style, width=small.shape[1], height=small.shape[0])


def _panels(example: Example, enlarged: RGB, box: Box) -> str:
    sr, hr = box.of(example.sr), box.of(example.hr)
    pictures = {"LR, bicubic": box.of(enlarged), "SR": sr, "HR": hr, "error": error_map(sr, hr)}
    name = escaped(example.name)
    return "".join(
        part(
            "report_panel.html",
            label=label,
            name=name,
            source=lossless(picture),
            width=box.width,
            height=box.height,
            place=f"x {box.x}, y {box.y}" if label == "HR" else "",
        )
        for label, picture in pictures.items()
    )


def _set_row(result: SetScores) -> str:
    cells = (str(len(result.pictures)), _shown(result.psnr, ".3f"), _shown(result.ssim, ".4f"))
    return f"<tr><th>{escaped(result.name)}</th>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _picture_row(set_name: str, name: str, score: Score, bicubic: float, card: str | None) -> str:
    shown = f'<a href="#{card}">{escaped(name)}</a>' if card else escaped(name)
    numbers = (_shown(score.psnr, ".2f"), _shown(score.ssim, ".4f"), _shown(_gain(score, bicubic), "+.2f"))
    cells = f"<td>{escaped(set_name)}</td><td>{shown}</td>" + "".join(f"<td>{number}</td>" for number in numbers)
    return f"<tr {_attributes(set_name, name, score, bicubic)}>{cells}</tr>"


def _attributes(set_name: str, name: str, score: Score, bicubic: float) -> str:
    """What the page sorts and filters by."""
    gain = _gain(score, bicubic)
    numbers = f'data-psnr="{_number(score.psnr)}" data-ssim="{_number(score.ssim)}" data-gain="{_number(gain)}"'
    return f'data-set="{escaped(set_name)}" data-name="{escaped(name)}" {numbers}'


def _gain(score: Score, bicubic: float) -> float:
    """PSNR-Y over bicubic in dB; 0 where both are perfect."""
    return 0.0 if score.psnr == bicubic else score.psnr - bicubic


def _shown(value: float, form: str) -> str:
    if math.isnan(value):
        return "&ndash;"
    return ("&infin;" if value > 0 else "&minus;&infin;") if math.isinf(value) else format(value, form)


def _number(value: float) -> str:
    """As JavaScript's `Number` reads it."""
    return repr(float(value)).replace("inf", "Infinity").replace("nan", "NaN")
