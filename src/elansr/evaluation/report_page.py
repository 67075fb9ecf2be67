"""The page of an evaluation: the scores of the sets, and of every picture its scores and the crop where SR is worst."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from elansr.evaluation.crops import CropBox, most_different
from elansr.evaluation.datasets import RGB
from elansr.evaluation.html_page import escaped, lossless, lossy, page, part, write_page
from elansr.evaluation.metrics import psnr_y
from elansr.evaluation.published_results import published
from elansr.evaluation.scoring import PROTOCOLS, Protocol, Score, ScoredPicture, SetScores, measures
from elansr.images import imresize, luma, rounded

CROP = 80
"""Side of the crops in HR pixels; the page shows a pixel as a square of 3x3."""
THUMBNAIL, THUMBNAIL_QUALITY = 176, 80
"""Longest side in pixels, and JPEG quality."""
MAP_END = 64
"""The luma error, of 219 levels between black and white, at which the error map ends."""
MAP_COLORS = ((0, 0, 4), (81, 18, 124), (183, 55, 121), (252, 137, 97), (252, 253, 191))
"""From no error to `MAP_END`, in equal steps: dark violet, red, orange, pale yellow."""


class Column(NamedTuple):
    """How a measure is shown: its head, the form of its numbers, of means too, and whether less is better."""

    head: str
    form: str
    mean_form: str
    less_is_better: bool = False


COLUMNS = {
    "psnr": Column("PSNR-Y, dB", ".2f", ".3f"),
    "ssim": Column("SSIM-Y", ".4f", ".4f"),
    "consistency": Column("Consistency, dB", ".2f", ".2f"),
    "lpips": Column("LPIPS", ".4f", ".4f", True),
    "dists": Column("DISTS", ".4f", ".4f", True),
    "niqe": Column("NIQE", ".3f", ".3f", True),
    "gain": Column("Gain, dB", "+.2f", "+.2f"),
}
"""By their names in `measures`; "gain" is PSNR-Y over that of bicubic."""


@dataclass
class _Card:
    """What the report keeps of one picture; `bicubic` is PSNR-Y in dB of plain bicubic."""

    id: str
    box: CropBox
    bicubic: float
    size: str
    thumbnail: str
    lr: str
    hr: str
    sr: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


class ReportPage:
    """Collects pictures while models are evaluated, one after the other, and writes the page at the end.

    Of a picture it keeps the crops and a thumbnail, about 60 KB. Where the first model misses most is shown of all.

    Args:
        models: what is evaluated, as the user wrote it.
        protocol: how PSNR and SSIM are measured.
    """

    def __init__(self, models: Sequence[str], scale: int, protocol: Protocol = "paper") -> None:
        self.models, self.scale, self.protocol = list(models), scale, protocol
        self._several = len(models) > 1
        self._cards: dict[tuple[str, str], _Card] = {}

    def add(self, model: str, picture: ScoredPicture) -> None:
        """Adds what a model made of a picture that has HR; its arrays are not kept."""
        assert picture.hr is not None
        key = (picture.set_name, picture.name)
        card = self._cards[key] = self._cards.get(key) or self._card(picture, picture.hr)
        sr, hr = card.box.of(picture.sr), card.box.of(picture.hr)
        score = picture.score
        numbers = f"{_shown(score.psnr, '.2f')} dB, {_shown(score.ssim, '.4f')}"
        names = (model, f"error of {model}") if self._several else ("SR", "error")
        card.sr.append(_panel(picture.name, sr, names[0], numbers if self._several else ""))
        card.errors.append(_panel(picture.name, error_map(sr, hr), names[1]))

    def write(self, path: Path, overwrite: bool, results: Sequence[SetScores]) -> None:
        """Writes the page, whole or not at all.

        Args:
            results: the scores of the models on the sets, in the order of the table; of each picture that was not
                added, the table has its scores only.

        Raises:
            OutputExistsError: the file is there and `overwrite` is off.
            PictureError: the file cannot be written.
        """
        shown = [name for name in COLUMNS if name == "gain" or name in measures(results[0])]
        names = ", ".join(self.models)
        body = part(
            "report.html",
            models=escaped(names),
            scale=self.scale,
            protocol=escaped(PROTOCOLS[self.protocol]),
            model_head='<th class="text">Model</th>' * self._several,
            heads="".join(f"<th>{COLUMNS[name].head}</th>" for name in shown if name != "gain"),
            sets="".join(self._set_rows(results)),
            orders="".join(map(_orders, shown)),
            score_heads="".join(map(self._score_head, [*["model"] * self._several, "name", *shown])),
            rows="".join(self._rows(results)),
            filters="".join(f"<option>{escaped(name)}</option>" for name in _sets(results)),
            cards="".join(self._card_parts(results)),
            crop=CROP,
            missing=escaped(f"SR of {self.models[0]}" if self._several else "SR"),
            sorted_by=f"<p class=note>Cards are sorted by {escaped(self.models[0])}.</p>" * self._several,
            map_end=MAP_END,
            map_colors=", ".join(f"rgb{color}" for color in MAP_COLORS),
        )
        write_page(path, page(f"{names} x{self.scale}", "report", body), overwrite)

    def _card(self, picture: ScoredPicture, hr: RGB) -> _Card:
        enlarged = imresize(picture.lr, *hr.shape[:2])
        (box,) = most_different([picture.sr, hr], hr, CROP, border=picture.scale)
        return _Card(
            id=f"picture-{len(self._cards)}",
            box=box,
            bicubic=psnr_y(enlarged, hr, picture.scale),
            size=f"{hr.shape[1]}x{hr.shape[0]}",
            thumbnail=_thumbnail(picture.sr, box),
            lr=_panel(picture.name, box.of(enlarged), "LR, bicubic"),
            hr=_panel(picture.name, box.of(hr), "HR", f"x {box.x}, y {box.y}"),
        )

    def _set_rows(self, results: Sequence[SetScores]) -> Iterator[str]:
        """For each set, one row per model, followed by the published results."""
        for name in _sets(results):
            of_set = [scores for scores in results if scores.name == name]
            for scores in of_set:
                values = [_shown(value, COLUMNS[m].mean_form) for m, value in measures(scores).items() if m in COLUMNS]
                yield self._set_row(name, scores.model, str(len(scores.pictures)), *values)
            for scores in of_set:
                row = published(scores.network, self.scale, name, self.protocol)
                if row:
                    source = f"{row.source} {row.network} x{row.scale}"
                    values = [f"{row.psnr:.{row.decimals}f}", f"{row.ssim:.4f}"]
                    remark = f"({row.beside(scores.psnr, len(scores.pictures))})"
                    head = ("", source) if self._several else (source, "")
                    yield self._set_row(*head, "", *values, remark, attributes=' class="soft"')

    def _set_row(self, head: str, model: str, *cells: str, attributes: str = "") -> str:
        """A row of the sets; the cells are HTML."""
        columns = f'<td class="text">{escaped(model)}</td>' * self._several + "".join(
            f"<td>{cell}</td>" for cell in cells
        )
        return f"<tr{attributes}><th>{escaped(head)}</th>{columns}</tr>"

    def _rows(self, results: Sequence[SetScores]) -> Iterator[str]:
        for scores in results:
            for name, score in scores.pictures.items():
                card = self._cards.get((scores.name, name))
                values = _values(score, card)
                link = f'<a href="#{card.id}">{escaped(name)}</a>' if card else escaped(name)
                texts = [escaped(scores.name), *[escaped(scores.model)] * self._several, link]
                cells = [f'<td class="text">{text}</td>' for text in texts]
                cells += [f"<td>{_shown(value, COLUMNS[measure].form)}</td>" for measure, value in values.items()]
                yield f"<tr {_attributes(scores.name, name, scores.model, values)}>{''.join(cells)}</tr>"

    def _card_parts(self, results: Sequence[SetScores]) -> Iterator[str]:
        """The cards, by which they are sorted having the scores of the first model."""
        first = {scores.name: scores for scores in reversed(results)}
        for (set_name, name), card in self._cards.items():
            values = _values(first[set_name].pictures[name], card)
            numbers = {} if self._several else values
            yield part(
                "report_card.html",
                id=card.id,
                attributes=_attributes(set_name, name, "", values),
                thumbnail=card.thumbnail,
                set=escaped(set_name),
                name=escaped(name),
                size=card.size,
                numbers="".join(_fact(measure, value) for measure, value in numbers.items()),
                columns=len(card.sr) + 2 if self._several else 4,
                panels="".join([card.lr, *card.sr, card.hr]),
                errors="".join(['<div class="blank"></div>'] * self._several + card.errors),
            )

    @staticmethod
    def _score_head(name: str) -> str:
        text = {"model": "Model", "name": "Picture"}.get(name)
        kind, head = (' class="text"', text) if text else ("", COLUMNS[name].head)
        return f'<th data-by="{name}"{kind}><button type="button">{head}</button></th>'


def error_map(sr: RGB, hr: RGB) -> RGB:
    """The absolute luma error of (H, W, 3) pictures in colours: `MAP_COLORS`, from 0 to `MAP_END` and above."""
    error = np.abs(luma(sr) - luma(hr)) / MAP_END
    steps = np.linspace(0, 1, len(MAP_COLORS))
    channels = [np.interp(error, steps, channel) for channel in zip(*MAP_COLORS, strict=True)]
    return rounded(np.stack(channels, axis=-1), np.uint8)


def _sets(results: Sequence[SetScores]) -> list[str]:
    return list(dict.fromkeys(scores.name for scores in results))


def _values(score: Score, card: _Card | None) -> dict[str, float]:
    """What the page shows of a picture's score, the gain over bicubic last: 0 where both are perfect."""
    bicubic = card.bicubic if card else math.nan
    gain = 0.0 if score.psnr == bicubic else score.psnr - bicubic
    return {name: value for name, value in measures(score).items() if name in COLUMNS} | {"gain": gain}


def _orders(name: str) -> str:
    """The two choices of sorting by a measure."""
    head, less_is_better = COLUMNS[name].head.removesuffix(", dB"), COLUMNS[name].less_is_better
    worst, best = ("down", "up") if less_is_better else ("up", "down")
    return "".join(
        f'<option value="{name} {way}">{head}, {which} first</option>\n'
        for way, which in ((worst, "worst"), (best, "best"))
    )


def _fact(name: str, value: float) -> str:
    head, _, unit = COLUMNS[name].head.partition(", ")
    return f"<div><dt>{head}</dt><dd>{_shown(value, COLUMNS[name].form)} {unit}</dd></div>"


def _attributes(set_name: str, name: str, model: str, values: dict[str, float]) -> str:
    """What the page sorts and filters by."""
    numbers = " ".join(f'data-{measure}="{_number(value)}"' for measure, value in values.items())
    return f'data-set="{escaped(set_name)}" data-name="{escaped(name)}" data-model="{escaped(model)}" {numbers}'


def _thumbnail(sr: RGB, box: CropBox) -> str:
    """The whole SR, small, and a frame around the crop, placed in per cent."""
    height, width = sr.shape[:2]
    factor = min(THUMBNAIL / max(height, width), 1.0)
    small = imresize(sr, max(1, round(height * factor)), max(1, round(width * factor)))
    place = {
        "left": 100 * box.x / width,
        "top": 100 * box.y / height,
        "width": 100 * box.width / width,
        "height": 100 * box.height / height,
    }
    style = ";".join(f"{key}:{value:.3f}%" for key, value in place.items())
    source = lossy(small, THUMBNAIL_QUALITY)
    return part("report_thumbnail.html", source=source, style=style, width=small.shape[1], height=small.shape[0])


def _panel(name: str, crop: RGB, label: str, note: str = "") -> str:
    return part(
        "report_panel.html",
        label=escaped(label),
        name=escaped(name),
        source=lossless(crop),
        width=crop.shape[1],
        height=crop.shape[0],
        note=note,
    )


def _shown(value: float, form: str) -> str:
    if math.isnan(value):
        return "&ndash;"
    return ("&infin;" if value > 0 else "&minus;&infin;") if math.isinf(value) else format(value, form)


def _number(value: float) -> str:
    """As JavaScript's `Number` reads it."""
    return repr(float(value)).replace("inf", "Infinity").replace("nan", "NaN")
