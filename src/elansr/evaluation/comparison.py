"""Pictures side by side: files, and what models make of a photo, brought to one size.

`compare` gathers them; `elansr.evaluation.comparison_page` makes an HTML page of them and
`elansr.evaluation.contact_sheet` a picture.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from elansr.errors import ConfigError, PictureError
from elansr.evaluation.crops import CropBox, most_different
from elansr.evaluation.datasets import RGB
from elansr.evaluation.metrics import psnr_y
from elansr.evaluation.models import BICUBIC, DEFAULT_SCALE, find_baseline_file, load_model
from elansr.images import (
    DEFAULT_MAX_PIXELS,
    Pixels,
    crop_to_multiple,
    downscale,
    from_float,
    in_8_bits,
    is_picture_name,
    read,
    rounded,
    to_float,
)
from elansr.nn.config import MAX_SCALE
from elansr.text import shown
from elansr.upscaling import TiledNetwork, fit
from elansr.weights.released import SUFFIXES as WEIGHTS_SUFFIXES
from elansr.weights.released import family

Progress = Callable[[str, int, int], None]
"""Called with what is at work, such as the label of a model, and how much of it is done, of how much in all."""

CROP, CROPS = 96, 3
"""Side in pixels, and number, of the crops that are chosen automatically."""


@dataclass(frozen=True, eq=False)
class ComparedPicture:
    """One of the pictures.

    Attributes:
        pixels: uint8, (H, W, 3), RGB.
        icc: the colour profile that the pixels are meant in; None is sRGB.
        note: what was done to it, such as "enlarged x2 by bicubic".
        psnr: PSNR-Y in dB against the reference; None without one, and for the reference itself.
    """

    label: str
    pixels: RGB
    icc: bytes | None = None
    note: str = ""
    psnr: float | None = None


@dataclass(frozen=True, eq=False)
class Comparison:
    """Pictures of one size.

    Attributes:
        pictures: at least two; a reference is the last.
        border: the pixels at each side that PSNR-Y leaves out; None without a reference.
    """

    title: str
    pictures: tuple[ComparedPicture, ...]
    border: int | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of every picture, in pixels."""
        height, width = self.pictures[0].pixels.shape[:2]
        return width, height

    def crops(self) -> list[CropBox]:
        """Up to three places where the pictures differ most, see `most_different`."""
        return most_different([picture.pixels for picture in self.pictures], self.pictures[-1].pixels, CROP, CROPS)


@dataclass(frozen=True)
class Enlarger:
    """A model that runs on a photo, which may be large: ELAN in tiles, bicubic in bands, other networks whole.

    Attributes:
        name: as the user wrote it.
        run: LR uint8 (h, w, 3) to SR uint8 (h * scale, w * scale, 3); called with LR and a function that takes the LR
            pixels done and in all.
    """

    name: str
    scale: int
    run: Callable[[RGB, Callable[[int, int], None]], RGB]

    @property
    def label(self) -> str:
        """The name, of a file without its folder, and the scale where the name does not end with it."""
        path = Path(self.name) if self.name.lower().endswith(WEIGHTS_SUFFIXES) else None
        name, stem = (path.name, path.stem) if path else (self.name, self.name)
        return name if stem.endswith(f"x{self.scale}") else f"{name} x{self.scale}"


def compare(
    names: Sequence[str],
    photo: Path | None = None,
    hr: bool = False,
    *,
    scale: int | None = None,
    device: str = "auto",
    precision: str = "auto",
    max_pixels: int = DEFAULT_MAX_PIXELS,
    check: Callable[[tuple[int, int], int], None] | None = None,
    progress: Progress = lambda label, done, total: None,
) -> Comparison:
    """Gathers pictures to look at side by side.

    Smaller ones are enlarged by MATLAB bicubic to the size of the largest, if that is a whole number of times as wide
    and high; their note says so. Of animations and pages the first is taken, transparency is laid on white.

    Args:
        names: picture files; with a photo also released weights, weights files and "bicubic".
        photo: what models work on: LR, or HR with `hr`.
        hr: the photo is the reference: cropped to a multiple of the scale, it becomes the last picture; models work on
            its MATLAB bicubic LR, in the network's plain form as in an evaluation.
        scale: super-resolution factor; None takes that of the weights, and 4 for a preset or bicubic.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".
        precision: "auto", "fp32", "bf16" or "fp16".
        max_pixels: pictures with more are refused.
        check: called before the models run with (width, height) of the pictures and how many there will be; may raise.
        progress: called during the work of each model.

    Raises:
        ConfigError: models without a photo, fewer than two pictures, or, with `hr`, models of several scales.
        PictureError: a file that cannot be read, or sizes that do not fit.
        WeightsError, DeviceError: see `elansr.load`.
    """
    if scale is not None and not 1 <= scale <= MAX_SCALE:
        raise ConfigError(f"scale {scale}: must be from 1 to {MAX_SCALE}")
    models = _models(names, photo, hr)
    pictures = {name: _read(name, max_pixels) for name in names if name not in models}
    enlargers = _enlargers(models, scale, device, precision, plain=hr)
    scales = sorted({enlarger.scale for enlarger in enlargers.values()}) or [scale or DEFAULT_SCALE]
    border = scales[-1]
    given = None if photo is None else _read(str(photo), max_pixels)
    lr, reference = _lr_and_reference(given, scales, bool(models)) if given and hr else (given, None)
    size = _largest([*pictures.values(), *([reference] if reference else [])], scales if models else [], lr)
    if check:
        check(size, len(names) + hr)
    if lr:
        pictures |= {name: _run(enlarger, lr, progress) for name, enlarger in enlargers.items()}
    compared = [_enlarged(picture, size) for picture in _labelled(names, pictures)]
    title = photo.name if photo else ", ".join(picture.label for picture in compared)
    if reference is None:
        return Comparison(title, tuple(compared))
    scored = [replace(p, psnr=psnr_y(p.pixels, reference.pixels, border)) for p in compared]
    return Comparison(title, (*scored, reference), border)


def _models(names: Sequence[str], photo: Path | None, hr: bool) -> list[str]:
    """The names that are models, once it is clear that there is something to compare."""
    if hr and photo is None:
        raise ConfigError("`hr=True` needs a photo: set `photo`")
    if len(names) + hr < 2:
        raise ConfigError("only one picture: give at least two, or `photo` with `hr=True`")
    models = [name for name in names if not _is_picture(name)]
    if models and photo is None:
        raise ConfigError(f"{shown(models[0])}: no such picture; if it is a model, set `photo`")
    if photo and not (models or hr):
        raise ConfigError("`photo` needs a model, or `hr=True` if the photo is the reference")
    return models


def _is_picture(name: str) -> bool:
    """Whether a name means a picture: by its file extension, or a file that is not called as weights are."""
    return is_picture_name(name) or (Path(name).is_file() and not name.lower().endswith(WEIGHTS_SUFFIXES))


def _read(name: str, max_pixels: int) -> ComparedPicture:
    picture = read(name, max_pixels=max_pixels)
    icc = picture.icc if picture.icc and picture.icc[16:20] == b"RGB " else None
    return ComparedPicture(shown(Path(name).name), rgb_on_white(picture.pages[0]), icc)


def rgb_on_white(page: Pixels) -> RGB:
    """uint8 (H, W, 3): alpha laid on white, 16 bits rounded to 8, grey as three equal channels."""
    if page.shape[2] in (2, 4):
        alpha = to_float(page[..., -1:])
        page = from_float(to_float(page[..., :-1]) * alpha + (1 - alpha), np.uint8)
    return np.ascontiguousarray(np.broadcast_to(in_8_bits(page), (*page.shape[:2], 3)))


def _enlargers(
    names: Sequence[str], scale: int | None, device: str, precision: str, plain: bool
) -> dict[str, Enlarger]:
    """Loads models, by name; bicubic takes the largest scale of the others.

    `plain` takes the paper's cyclic borders and for "auto" fp32, as in an evaluation; else as in `elansr upscale`.
    """
    found = {name: _enlarger(name, scale, device, precision, plain) for name in names if name != BICUBIC}
    common = scale or max((enlarger.scale for enlarger in found.values()), default=DEFAULT_SCALE)
    return found | {name: _bicubic(common) for name in names if name == BICUBIC}


def _enlarger(name: str, scale: int | None, device: str, precision: str, plain: bool) -> Enlarger:
    if name.lower().endswith(WEIGHTS_SUFFIXES) and find_baseline_file(name) is not None:
        model = load_model(name, scale, device, precision)
        return Enlarger(name, model.scale, _whole(lambda lr: rounded(model.super_resolve(lr), np.uint8)))
    asked = DEFAULT_SCALE if scale is None and family(name) else scale
    precision = "fp32" if plain and precision == "auto" else precision
    upscaler = TiledNetwork.open(
        name, scale=asked, device=device, precision=precision, border="cyclic" if plain else "closed"
    )
    return Enlarger(name, upscaler.scale, upscaler)


def _bicubic(scale: int) -> Enlarger:
    def run(lr: RGB) -> RGB:
        return fit(lr, lr.shape[1] * scale, lr.shape[0] * scale).astype(np.uint8, copy=False)

    return Enlarger(BICUBIC, scale, _whole(run))


def _whole(enlarge: Callable[[RGB], RGB]) -> Callable[[RGB, Callable[[int, int], None]], RGB]:
    """What runs a picture in one piece, and reports that it is done."""

    def run(lr: RGB, progress: Callable[[int, int], None]) -> RGB:
        sr = enlarge(lr)
        progress(1, 1)
        return sr

    return run


def _lr_and_reference(
    hr: ComparedPicture, scales: Sequence[int], models: bool
) -> tuple[ComparedPicture | None, ComparedPicture]:
    """LR for the models, if there are any, and the reference that their SR is measured against."""
    if len(scales) > 1:
        found = ", ".join(f"x{scale}" for scale in scales)
        raise ConfigError(
            f"models of {found} with `hr=True`, which needs one scale: set `scale`, or compare them one by one"
        )
    pixels = crop_to_multiple(hr.pixels, scales[0]) if models else hr.pixels
    if not pixels.size:
        raise PictureError(f"{hr.label}: {_by(hr.pixels)} pixels are too few to downscale x{scales[0]}")
    reference = replace(hr, label="HR", pixels=pixels)
    return (replace(hr, pixels=downscale(pixels, scales[0])) if models else None), reference


def _largest(pictures: Sequence[ComparedPicture], scales: Sequence[int], lr: ComparedPicture | None) -> tuple[int, int]:
    """Width and height of the largest picture, those included that models will make of LR."""
    sizes = [(picture.pixels.shape[1], picture.pixels.shape[0]) for picture in pictures]
    if lr:
        sizes += [(lr.pixels.shape[1] * scale, lr.pixels.shape[0] * scale) for scale in scales]
    return max(sizes, key=lambda size: size[0] * size[1])


def _run(enlarger: Enlarger, lr: ComparedPicture, progress: Progress) -> ComparedPicture:
    pixels = enlarger.run(lr.pixels, partial(progress, enlarger.label))
    return replace(lr, label=shown(enlarger.label), pixels=pixels)


def _labelled(names: Sequence[str], pictures: Mapping[str, ComparedPicture]) -> list[ComparedPicture]:
    """The pictures in the order of their names; where two would have one label, by their whole names."""
    labels = Counter(pictures[name].label for name in set(names))
    return [
        replace(pictures[name], label=shown(name)) if labels[pictures[name].label] > 1 else pictures[name]
        for name in names
    ]


def _enlarged(picture: ComparedPicture, size: tuple[int, int]) -> ComparedPicture:
    height, width = picture.pixels.shape[:2]
    times = max(size[0] // width, 1)
    if (width * times, height * times) != size:
        raise PictureError(
            f"{picture.label}: {_by(picture.pixels)} pixels, but the largest picture has {size[0]}x{size[1]}, which "
            "must be a whole multiple; crop or resize one first"
        )
    if times == 1:
        return picture
    pixels = fit(picture.pixels, *size).astype(np.uint8, copy=False)
    return replace(picture, pixels=pixels, note=f"enlarged x{times} with bicubic")


def _by(pixels: RGB) -> str:
    return f"{pixels.shape[1]}x{pixels.shape[0]}"
