"""The page of a comparison: a slider between any two pictures, and crops of all of them that follow the pointer."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from elansr.errors import ConfigError
from elansr.evaluation.comparison import ComparedPicture, Comparison, Progress
from elansr.evaluation.crops import CropBox
from elansr.evaluation.html_page import escaped, lossless, lossy, page, part, write_page
from elansr.images import check_place

MOST_LOSSLESS, MOST_JPEG = 40_000_000, 160_000_000
"""Pixels, all pictures of a comparison together, that a browser still shows with ease: pages of up to about 100 MB."""


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
        way_out = "use `jpeg=90`, which allows more, or " if jpeg is None and pixels <= MOST_JPEG else ""
        raise ConfigError(
            f"{count} pictures of {size[0]}x{size[1]} pixels are {pixels / 1e6:.0f} megapixels, more than the "
            f"{limit / 1e6:.0f} allowed in a page: {way_out}write .png, which shows crops of pictures of any size"
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
    body = part(
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
    write_page(path, page(comparison.title, "comparison", body), overwrite)


def _about(comparison: Comparison, jpeg: int | None) -> str:
    """What the reader has to know of the numbers and pixels, in sentences."""
    width, height = comparison.size
    embedded = "without loss" if jpeg is None else f"as JPEG of quality {jpeg}; for fine detail, see the files"
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
    return part("comparison_crop.html", label=escaped(picture.label), psnr=psnr, note=escaped(picture.note))


def _place(number: int, box: CropBox) -> str:
    x, y = box.x + box.width / 2, box.y + box.height / 2
    return f'<button type="button" data-x="{x}" data-y="{y}" title="{box}">{number}</button>'
