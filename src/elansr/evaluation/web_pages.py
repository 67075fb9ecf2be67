"""The two HTML pages: a comparison with a slider, and the report of an evaluation.

The comparison has a slider between any two pictures, and crops of all of them that follow the pointer. The report has
the scores of the sets and, of every picture, its scores and the crop where SR misses most.

A page carries everything it shows: styles and scripts of `pages/`, pictures as data URIs. It asks the network for
nothing and says so to the browser (Content-Security-Policy). Every text that comes from outside, names above all, goes
through `escaped`.
"""

import base64
import html
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from pathlib import Path
from string import Template

import numpy as np

from elansr.disk import write_atomically, writing_errors
from elansr.errors import ConfigError, PictureError
from elansr.evaluation.comparison import ComparedPicture, Comparison, Progress, vips_image
from elansr.evaluation.crops import CropBox, most_different
from elansr.evaluation.datasets import RGB
from elansr.evaluation.metrics import psnr_y
from elansr.evaluation.scoring import Score, ScoredPicture, SetScores
from elansr.images import check_place, imresize, luma, rounded
from elansr.text import shown

LONGEST_WEBP = 16383
"""The longest side of a WebP, in pixels."""
MOST_LOSSLESS, MOST_JPEG = 40_000_000, 160_000_000
"""Pixels, all pictures of a comparison together, that a browser still shows with ease: pages of up to about 100 MB."""
REPORT_CROP = 80
"""Side of the crops in HR pixels; the page shows a pixel as a square of 3x3."""
THUMBNAIL, THUMBNAIL_QUALITY = 176, 80
"""Longest side in pixels, and JPEG quality."""
MAP_END = 64
"""The luma error, of 219 levels between black and white, at which the error map ends."""
MAP_COLORS = ((0, 0, 4), (81, 18, 124), (183, 55, 121), (252, 137, 97), (252, 253, 191))
"""From no error to `MAP_END`, in equal steps: dark violet, red, orange, pale yellow."""


def check_size(size: tuple[int, int], count: int, jpeg: int | None) -> None:
    """Refuses pictures that make too large a page.

    Args:
        size: width and height of each, in pixels.
        jpeg: see `write_comparison`.

    Raises:
        ConfigError: too many pixels, or a quality that JPEG has not.
    """
    if jpeg is not None and not 1 <= jpeg <= 100:
        raise ConfigError(f"JPEG quality {jpeg}: must be from 1 to 100, such as 90")
    pixels, limit = size[0] * size[1] * count, MOST_LOSSLESS if jpeg is None else MOST_JPEG
    if pixels > limit:
        way_out = "give --jpeg 90, with which it holds more, or " if jpeg is None and pixels <= MOST_JPEG else ""
        raise ConfigError(
            f"{count} pictures of {size[0]}x{size[1]} pixels are {pixels / 1e6:.0f} megapixels, more than the "
            f"{limit / 1e6:.0f} that a page holds: {way_out}write .png, which shows crops of pictures of any size"
        )


def write_comparison(
    comparison: Comparison,
    path: Path,
    crops: Sequence[CropBox] = (),
    jpeg: int | None = None,
    overwrite: bool = False,
    progress: Progress = lambda label, done, total: None,
) -> None:
    """Writes the page, whole or not at all.

    Args:
        crops: places that a click leads to, the first of them shown at the start; none chooses them where the
            pictures differ most, see `elansr.evaluation.crops`.
        jpeg: the quality, 1-100, of JPEGs to embed instead of lossless pictures.
        progress: called with "page" and the number of pictures embedded and of all.

    Raises:
        OutputExistsError: the file is there and `overwrite` is off.
        ConfigError: too many pixels, or a crop beyond the pictures.
        PictureError: the file cannot be written.
    """
    check_place(path, overwrite)
    pictures, size = comparison.pictures, comparison.size
    check_size(size, len(pictures), jpeg)
    for crop in crops:
        crop.require_inside(*size)
    chosen = list(crops) or comparison.crops()
    body = _part(
        "comparison.html",
        title=escaped(comparison.title),
        about=_about(comparison, jpeg),
        width=size[0],
        height=size[1],
        options="".join(f'<option value="{n}">{escaped(picture.label)}</option>' for n, picture in enumerate(pictures)),
        places="".join(_place(n, box) for n, box in enumerate(chosen, start=1)),
        pictures="".join(_pictures(comparison, jpeg, progress)),
        crops="".join(map(_crop, pictures)),
    )
    _write(path, _page(comparison.title, "comparison", body), overwrite)


def _about(comparison: Comparison, jpeg: int | None) -> str:
    """What the reader has to know of the numbers and pixels, in sentences."""
    width, height = comparison.size
    embedded = "without loss" if jpeg is None else f"as JPEG of quality {jpeg}: judge fine detail by the files"
    sentences = [f"{width}x{height} pixels, embedded {embedded}."]
    if comparison.border is not None:
        sentences.append(
            f"PSNR-Y against HR: BT.601 luma of 8-bit SR, a border of {comparison.border} pixels left out."
        )
    return " ".join(sentences)


def _pictures(comparison: Comparison, jpeg: int | None, progress: Progress) -> Iterator[str]:
    width, height = comparison.size
    for n, picture in enumerate(comparison.pictures):
        progress("page", n, len(comparison.pictures))
        pixels, icc = picture.pixels, picture.icc
        source = lossless(pixels, icc) if jpeg is None else lossy(pixels, jpeg, icc)
        label = escaped(picture.label)
        yield f'<img src="{source}" width="{width}" height="{height}" alt="{label}" draggable="false">\n'


def _crop(picture: ComparedPicture) -> str:
    psnr = "" if picture.psnr is None else f"{picture.psnr:.2f} dB"
    return _part("comparison_crop.html", label=escaped(picture.label), psnr=psnr, note=escaped(picture.note))


def _place(number: int, box: CropBox) -> str:
    x, y = box.x + box.width / 2, box.y + box.height / 2
    return f'<button type="button" data-x="{x}" data-y="{y}" title="{box}">{number}</button>'


@dataclass(frozen=True)
class _Card:
    """What the report keeps of one picture; `bicubic` is PSNR-Y in dB of plain bicubic."""

    id: str
    bicubic: float
    html: str


_NO_CARD = _Card("", math.nan, "")


class ReportPage:
    """Collects pictures while a model is evaluated and writes the page at the end.

    Of a picture it keeps the crops and a thumbnail, about 60 KB.

    Args:
        model: what was evaluated, as the user wrote it.
        protocol: how the scores were measured, in words.
    """

    def __init__(self, model: str, scale: int, protocol: str) -> None:
        self.model, self.scale, self.protocol = model, scale, protocol
        self._cards: dict[tuple[str, str], _Card] = {}

    def add(self, picture: ScoredPicture) -> None:
        """Adds a picture that has HR; its arrays are not kept."""
        assert picture.hr is not None
        enlarged = imresize(picture.lr, *picture.hr.shape[:2])
        bicubic = psnr_y(enlarged, picture.hr, picture.scale)
        (box,) = most_different([picture.sr, picture.hr], picture.hr, REPORT_CROP, border=picture.scale)
        sr, hr = box.of(picture.sr), box.of(picture.hr)
        name = f"picture-{len(self._cards)}"
        card = _part(
            "report_card.html",
            id=name,
            about=_about_picture(picture, bicubic),
            attributes=_attributes(picture.set_name, picture.name, picture.score, bicubic),
            thumbnail=_thumbnail(picture.sr, box),
            panels=_panels(
                picture.name, box, {"LR, bicubic": box.of(enlarged), "SR": sr, "HR": hr, "error": error_map(sr, hr)}
            ),
        )
        self._cards[picture.set_name, picture.name] = _Card(name, bicubic, card)

    def write(self, path: Path, overwrite: bool, results: Sequence[SetScores]) -> None:
        """Writes the page, whole or not at all.

        Args:
            results: the scores of the sets, in the order of the table; of each picture that was not added, the table
                has its scores only.

        Raises:
            OutputExistsError: the file is there and `overwrite` is off.
            PictureError: the file cannot be written.
        """
        body = _part(
            "report.html",
            model=escaped(self.model),
            scale=self.scale,
            protocol=escaped(self.protocol),
            sets="".join(map(_set_row, results)),
            rows="".join(self._rows(results)),
            filters="".join(f"<option>{escaped(result.name)}</option>" for result in results),
            cards="".join(card.html for card in self._cards.values()),
            crop=REPORT_CROP,
            map_end=MAP_END,
            map_colors=", ".join(f"rgb{color}" for color in MAP_COLORS),
        )
        _write(path, _page(f"{self.model} x{self.scale}", "report", body), overwrite)

    def _rows(self, results: Sequence[SetScores]) -> list[str]:
        return [
            _picture_row(result.name, name, score, self._cards.get((result.name, name), _NO_CARD))
            for result in results
            for name, score in result.pictures.items()
        ]


def error_map(sr: RGB, hr: RGB) -> RGB:
    """The absolute luma error of (H, W, 3) pictures in colours: `MAP_COLORS`, from 0 to `MAP_END` and above."""
    error = np.abs(luma(sr) - luma(hr)) / MAP_END
    steps = np.linspace(0, 1, len(MAP_COLORS))
    channels = [np.interp(error, steps, channel) for channel in zip(*MAP_COLORS, strict=True)]
    return rounded(np.stack(channels, axis=-1), np.uint8)


def _about_picture(picture: ScoredPicture, bicubic: float) -> str:
    height, width = picture.sr.shape[:2]
    return _part(
        "report_about.html",
        set=escaped(picture.set_name),
        name=escaped(picture.name),
        size=f"{width}x{height}",
        psnr=_shown(picture.score.psnr, ".2f"),
        ssim=_shown(picture.score.ssim, ".4f"),
        gain=_shown(_gain(picture.score, bicubic), "+.2f"),
    )


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
    return _part("report_thumbnail.html", source=source, style=style, width=small.shape[1], height=small.shape[0])


def _panels(name: str, box: CropBox, crops: Mapping[str, RGB]) -> str:
    return "".join(
        _part(
            "report_panel.html",
            label=label,
            name=escaped(name),
            source=lossless(crop),
            width=box.width,
            height=box.height,
            place=f"x {box.x}, y {box.y}" if label == "HR" else "",
        )
        for label, crop in crops.items()
    )


def _set_row(result: SetScores) -> str:
    cells = (str(len(result.pictures)), _shown(result.psnr, ".3f"), _shown(result.ssim, ".4f"))
    return f"<tr><th>{escaped(result.name)}</th>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _picture_row(set_name: str, name: str, score: Score, card: _Card) -> str:
    shown = f'<a href="#{card.id}">{escaped(name)}</a>' if card.id else escaped(name)
    numbers = (_shown(score.psnr, ".2f"), _shown(score.ssim, ".4f"), _shown(_gain(score, card.bicubic), "+.2f"))
    cells = f"<td>{escaped(set_name)}</td><td>{shown}</td>" + "".join(f"<td>{number}</td>" for number in numbers)
    return f"<tr {_attributes(set_name, name, score, card.bicubic)}>{cells}</tr>"


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


def escaped(text: object) -> str:
    """Text for an element or a quoted attribute: printable, on one line, without meaning to HTML."""
    return html.escape(shown(str(text)))


def lossless(picture: RGB, icc: bytes | None = None) -> str:
    """A data URI of lossless WebP, of PNG where a side is too long for WebP.

    Args:
        picture: uint8, (H, W, 3), RGB.
        icc: the colour profile that the pixels are meant in; None is sRGB.
    """
    image = vips_image(picture, icc)
    if max(image.width, image.height) > LONGEST_WEBP:
        return _data_uri("png", image.pngsave_buffer(compression=6, filter="all"))
    return _data_uri("webp", image.webpsave_buffer(lossless=True, effort=4))


def lossy(picture: RGB, quality: int, icc: bytes | None = None) -> str:
    """A data URI of a JPEG of `quality` 1-100 without chroma subsampling; see `lossless` for the rest."""
    return _data_uri("jpeg", vips_image(picture, icc).jpegsave_buffer(Q=quality, subsample_mode="off"))


def _part(name: str, /, **values: object) -> str:
    """A file of `pages/` with its $placeholders filled in.

    Args:
        values: HTML, by placeholder; escape what comes from outside.
    """
    return Template(_resource(name)).substitute({key: str(value) for key, value in values.items()})


def _page(title: str, name: str, body: str) -> str:
    """A whole page.

    Args:
        name: of its style and script, `NAME.css` and `NAME.js`.
    """
    style = _resource("frame.css") + _resource(f"{name}.css")
    return _part("frame.html", title=escaped(title), style=style, script=_resource(f"{name}.js"), body=body)


def _write(path: Path, text: str, overwrite: bool) -> None:
    check_place(path, overwrite)
    with writing_errors(path, PictureError):
        write_atomically(path, text.encode(), overwrite=overwrite)


@lru_cache
def _resource(name: str) -> str:
    return (resources.files("elansr.evaluation") / "pages" / name).read_text(encoding="utf-8")


def _data_uri(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
