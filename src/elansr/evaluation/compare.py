"""Pictures side by side: files, and what models make of a photo, brought to one size.

`compare` gathers them; `elansr.evaluation.comparison_page` makes an HTML page of them and
`elansr.evaluation.contact_sheet` a picture.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from elansr.errors import ConfigError, PictureError
from elansr.evaluation.contenders import Contender, contenders
from elansr.evaluation.metrics import psnr_y
from elansr.evaluation.models import DEFAULT_SCALE
from elansr.images import DEFAULT_MAX_PIXELS, Pixels, crop_to_multiple, downscale, is_picture_name, read
from elansr.nn.config import MAX_SCALE
from elansr.text import shown
from elansr.upscaling.final_size import fit
from elansr.weights.disk import SUFFIXES as WEIGHTS_SUFFIXES

RGB = NDArray[np.uint8]
Progress = Callable[[str, int, int], None]
"""Told what is at work, such as the label of a model, and how much of it is done, of how much in all."""


@dataclass(frozen=True, eq=False)
class Side:
    """One of the pictures.

    Attributes:
        label: what it is called.
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
        title: what is compared.
        sides: at least two; a reference is the last.
        border: the pixels at each side that PSNR-Y leaves out; None without a reference.
    """

    title: str
    sides: tuple[Side, ...]
    border: int | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of every side, in pixels."""
        height, width = self.sides[0].pixels.shape[:2]
        return width, height


@dataclass(frozen=True)
class Setting:
    """How models are run, and what is refused.

    Attributes:
        scale: super-resolution factor; None takes that of the weights, and 4 for a preset or bicubic.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".
        precision: "auto", "fp32", "bf16" or "fp16".
        max_pixels: pictures with more are refused.
        check: told, before the models run, width and height of the sides and how many there will be; may refuse them.
    """

    scale: int | None = None
    device: str = "auto"
    precision: str = "auto"
    max_pixels: int = DEFAULT_MAX_PIXELS
    check: Callable[[tuple[int, int], int], None] = lambda size, count: None


def compare(
    names: Sequence[str],
    photo: Path | None = None,
    hr: bool = False,
    setting: Setting | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Gathers pictures to look at side by side.

    Smaller ones are enlarged by MATLAB bicubic to the size of the largest, if that is a whole number of times as wide
    and high; their note says so. Of animations and pages the first is taken, transparency is laid on white.

    Args:
        names: picture files; with a photo also released weights, weights files and "bicubic".
        photo: what models work on: LR, or HR with `hr`.
        hr: the photo is the reference: cropped to a multiple of the scale, it becomes the last side; models work on
            its MATLAB bicubic LR, in the network's plain form as in an evaluation.
        setting: see there.
        progress: told how each model goes on.

    Raises:
        ConfigError: models without a photo, fewer than two sides, or, with `hr`, models of several scales.
        PictureError: a file that cannot be read, or sizes that do not fit.
        WeightsError, DeviceError: see `elansr.load`.
    """
    setting = setting or Setting()
    if setting.scale is not None and not 1 <= setting.scale <= MAX_SCALE:
        raise ConfigError(f"scale {setting.scale}: must be from 1 to {MAX_SCALE}")
    models = _models(names, photo, hr)
    files = {name: _read(name, setting.max_pixels) for name in names if name not in models}
    ready = contenders(models, setting.scale, setting.device, setting.precision, plain=hr)
    pair = _pair(photo, hr, list(ready.values()), setting)
    size = _largest([*files.values(), *pair.reference], [model.scale for model in ready.values()], pair.lr)
    setting.check(size, len(names) + hr)
    made = {name: _run(model, pair.lr[0], progress) for name, model in ready.items()}
    sides = [_enlarged(side, size) for side in _told_apart(names, files | made)]
    for reference in pair.reference:
        sides = [replace(side, psnr=psnr_y(side.pixels, reference.pixels, pair.border)) for side in sides]
    title = photo.name if photo else ", ".join(side.label for side in sides)
    return Comparison(title, (*sides, *pair.reference), pair.border if hr else None)


@dataclass(frozen=True, eq=False)
class Pair:
    """What models are given and what they are measured against, each a list of one or none.

    Attributes:
        lr: LR.
        reference: HR.
        border: the scale.
    """

    lr: list[Side]
    reference: list[Side]
    border: int


def _models(names: Sequence[str], photo: Path | None, hr: bool) -> list[str]:
    """The names that are models, once it is clear that there is something to compare."""
    if hr and photo is None:
        raise ConfigError("--hr says that the photo is HR, but there is none: give --on PHOTO")
    if len(names) + hr < 2:
        raise ConfigError("one picture alone cannot be compared: name at least two, or give --on PHOTO --hr")
    models = [name for name in names if not _is_picture(name)]
    if models and photo is None:
        raise ConfigError(f"{shown(models[0])}: no such picture; a model needs a photo to work on: give --on PHOTO")
    if photo and not (models or hr):
        raise ConfigError("--on PHOTO is for models to work on: name one, or say with --hr that it is the reference")
    return models


def _is_picture(name: str) -> bool:
    """Whether a name means a picture: by its suffix, or a file that is not called as weights are."""
    return is_picture_name(name) or (Path(name).is_file() and not name.lower().endswith(WEIGHTS_SUFFIXES))


def _read(name: str, max_pixels: int) -> Side:
    picture = read(name, max_pixels=max_pixels)
    icc = picture.icc if picture.icc and picture.icc[16:20] == b"RGB " else None
    return Side(shown(Path(name).name), _rgb(picture.pages[0]), icc)


def _rgb(page: Pixels) -> RGB:
    """uint8 (H, W, 3): 16 bits rounded to 8, grey as three equal channels, alpha on white."""
    white = np.iinfo(page.dtype).max
    pixels: NDArray[np.generic] = page
    if page.shape[2] in (2, 4):
        alpha = page[..., -1:] / np.float32(white)
        pixels = page[..., :-1] * alpha + white * (1 - alpha)
    if pixels.dtype != np.uint8:
        pixels = np.round(pixels / np.float32(white / 255)).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3)))


def _pair(photo: Path | None, hr: bool, models: Sequence[Contender], setting: Setting) -> Pair:
    scales = sorted({model.scale for model in models}) or [setting.scale or DEFAULT_SCALE]
    if photo is None:
        return Pair([], [], scales[-1])
    given = _read(str(photo), setting.max_pixels)
    if not hr:
        return Pair([given], [], scales[-1])
    if len(scales) > 1:
        found = ", ".join(f"x{scale}" for scale in scales)
        raise ConfigError(f"models of {found} with --hr: LR is made for one scale; give -s, or compare them one by one")
    pixels = crop_to_multiple(given.pixels, scales[0]) if models else given.pixels
    if not pixels.size:
        raise PictureError(f"{shown(photo)}: {_by(given.pixels)} pixels are too small to be reduced x{scales[0]}")
    reference = replace(given, label="HR", pixels=pixels)
    lr = [replace(given, pixels=downscale(pixels, scales[0]))] if models else []
    return Pair(lr, [reference], scales[0])


def _largest(sides: Sequence[Side], scales: Sequence[int], lr: Sequence[Side]) -> tuple[int, int]:
    """Width and height of the largest picture, those included that models will make of LR."""
    sizes = [(side.pixels.shape[1], side.pixels.shape[0]) for side in sides]
    sizes += [(side.pixels.shape[1] * scale, side.pixels.shape[0] * scale) for side in lr for scale in scales]
    return max(sizes, key=lambda size: size[0] * size[1])


def _run(model: Contender, lr: Side, progress: Progress | None) -> Side:
    def tell(done: int, total: int) -> None:
        if progress:
            progress(model.label, done, total)

    return replace(lr, label=shown(model.label), pixels=model.run(lr.pixels, tell))


def _told_apart(names: Sequence[str], sides: Mapping[str, Side]) -> list[Side]:
    """The sides in the order of their names; where two would be called the same, by their whole names."""
    called = Counter(sides[name].label for name in set(names))
    return [replace(sides[name], label=shown(name)) if called[sides[name].label] > 1 else sides[name] for name in names]


def _enlarged(side: Side, size: tuple[int, int]) -> Side:
    height, width = side.pixels.shape[:2]
    times = max(size[0] // width, 1)
    if (width * times, height * times) != size:
        raise PictureError(
            f"{side.label}: {_by(side.pixels)} pixels, where the largest picture has {size[0]}x{size[1]}: that must be "
            "a whole number of times as wide and high; crop or resize one first"
        )
    if times == 1:
        return side
    return replace(
        side, pixels=fit(side.pixels, *size).astype(np.uint8, copy=False), note=f"enlarged x{times} by bicubic"
    )


def _by(pixels: RGB) -> str:
    return f"{pixels.shape[1]}x{pixels.shape[0]}"
