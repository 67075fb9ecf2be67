"""Chooses the weights for each picture, and says why.

weights_for   what `-n` of `elansr upscale` means for one picture, by its file and its pixels
Upscalers     the same by its size too, with the networks loaded
"""

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from elansr.images import Picture, PictureFile
from elansr.upscaling.condition import Condition, measure, measure_rows
from elansr.upscaling.final_size import FinalSize, scale_for
from elansr.upscaling.linear_light import LinearLight
from elansr.weights.released import AUTO, RELEASED, family, find, is_path, require_strength, resolve

if TYPE_CHECKING:
    from elansr.upscaling.tiled_network import TiledNetwork

CLEAN, REAL = "elan-light", "elan-light-real"
"""The families that "auto" chooses from: for clean pictures and for everyday photos."""

CLEAN_FROM = 85
"""The JPEG quality from which on a file is as good as lossless.

Measured on 13 validation pictures, shrunk by bicubic and compressed at 4:2:0, PSNR-Y of `CLEAN` minus that of `REAL` in
dB; a tie is for `REAL`, because photos have noise and blur besides JPEG:

    quality     30     50     70     75     80     85     90     95     98
    x2       -0.75  -0.67  -0.44  -0.29  -0.07  +0.24  +0.73  +1.44  +1.90
    x4       -0.34  -0.33  -0.19  -0.10  +0.02  +0.20  +0.50  +0.84  +1.06

`python -m tools.degraded -s 4 --every 3 VAL_FOLDER` measures it again for other weights.
"""

NOISY_FROM, SOFT_BELOW = 2.8, 0.6
"""The noise from which on, and the sharpness below which, a picture needs the weights for everyday photos.

Measured on 7 validation pictures, shrunk by bicubic, with noise in levels of each colour or Gaussian blur in pixels:
PSNR-Y of `CLEAN` minus that of `REAL` in dB, and the medians of what `elansr.upscaling.condition` finds.

    noise               0      1      2      3      4      6     10
    x2 dB           +1.61  +1.42  +0.96  +0.42  -0.07  -0.79  -1.37
       noise         0.44   0.92   1.51   2.13   2.76   4.07   6.53
    x4 dB           +0.87  +0.79  +0.64  +0.44  +0.24  -0.08  -0.41
       noise         0.57   1.15   1.87   2.62   3.15   4.33   6.81

    blur              0.4    0.5    0.6    0.8      1    1.5
    x2 dB           -0.26  -1.44  -2.42  -3.33  -2.17  -0.47
       sharpness     0.73   0.68   0.62   0.50   0.39   0.32
    x4 dB           -0.16  -0.87  -1.49  -2.05  -1.47  -0.40
       sharpness     0.71   0.66   0.60   0.49   0.40   0.31

At x4 fidelity alone would take `REAL` from noise 6 on; by eye, the grain that `CLEAN` amplifies is disturbing from 4
on. `python -m tools.graded -s 4 --every 6 VAL_FOLDER` measures it again for other weights.
"""


class Choice(NamedTuple):
    """The weights for a picture.

    Attributes:
        model: name of the released weights ("elan-light-x4"), or the path of a file as the user wrote it.
        reason: why "auto" chose them, in a few words; "" where the user named them.
        strength: between the weights for clean pictures (0) and these (1); None is these as they are.
    """

    model: str
    reason: str
    strength: float | None = None

    @property
    def label(self) -> str:
        """For people: "elan-light-x4-real at strength 0.5"."""
        return self.model if self.strength is None else f"{self.model} at strength {self.strength:g}"


class ChosenUpscaler(NamedTuple):
    """The upscaler for a picture, and the `Choice` behind it."""

    upscaler: "TiledNetwork"
    choice: Choice


class Evidence(NamedTuple):
    """What "auto" goes by.

    Attributes:
        kind: of the file in words: "JPEG", "PNG", "h264".
        lossy: whether it was compressed with loss.
        quality: of a JPEG, 1 to 100; None if it is not known.
        condition: of its pixels.
    """

    kind: str = ""
    lossy: bool = False
    quality: int | None = None
    condition: Condition = Condition()

    @property
    def label(self) -> str:
        """The file in words: "JPEG quality 72", "lossless PNG"."""
        if self.quality is not None:
            return f"{self.kind} quality {self.quality}"
        return f"{'lossy' if self.lossy else 'lossless'} {self.kind}"

    @property
    def damage(self) -> str:
        """Why the picture needs weights for everyday photos; "" if it does not."""
        noise, sharpness = self.condition
        if self.lossy and (self.quality is None or self.quality < CLEAN_FROM):
            return self.label
        if noise is not None and noise >= NOISY_FROM:
            return f"noisy, sigma {noise:.0f}"
        return "soft" if sharpness is not None and sharpness < SOFT_BELOW else ""


def weights_for(
    model: str, scale: int | None, evidence: Evidence | None = None, strength: float | None = None
) -> Choice:
    """What `model` means for a picture.

    Args:
        model: released name, family, path, or "auto": weights for everyday photos if the file was compressed with loss,
            by more than a JPEG of high quality, or its pixels are noisy or soft, and there are such weights of that
            scale; else weights for clean pictures.
        scale: of the network; only a released name or a path can go without.
        evidence: about the picture; None is a clean one.
        strength: see `Choice`; with "auto" it means -real weights for every picture.

    Raises:
        ConfigError: a strength outside 0 to 1.
        WeightsError: an unknown name, a scale that there are no weights for, or weights that have no strength.
    """
    model, evidence = _family_of_strength(model, strength), evidence or Evidence()
    if model != AUTO:
        require_strength(strength, model, scale)
        return Choice(model if is_path(model) else find(model, scale).name, "", strength)
    clean = find(CLEAN, scale)
    real = family(REAL).get(clean.scale)
    if not evidence.damage:
        return Choice(clean.name, evidence.label)
    if real is None:
        return Choice(clean.name, f"{evidence.damage}, but no -real weights for x{clean.scale}")
    return Choice(real.name, evidence.damage)


class Upscalers:
    """The upscaler for each picture: the same for all, unless scale or weights have to follow from the picture.

    The scale has to where `model` is a family ("elan-light") or "auto", `scale` is not given and `size` is a width or
    a height. The weights have to where `model` is "auto".

    Args:
        model: released name, family, path or "auto".
        scale: the scale asked for; None takes what the weights have, and of a family's the smallest that reaches
            `size`, or the largest.
        size: of the results.
        load: gives the upscaler of a released name or a path at a scale, or at its own for None; called once for each.
        strength: of what `load` gives, see `Choice`.
    """

    def __init__(
        self,
        model: str,
        scale: int | None,
        size: FinalSize,
        load: Callable[[str, int | None], "TiledNetwork"],
        strength: float | None = None,
    ) -> None:
        self._model, self._strength = _family_of_strength(model, strength), strength
        self._size, self._load = size, lru_cache(load)
        self._scales = _scales(self._model, scale, size)

    def __call__(self, source: Picture | PictureFile) -> ChosenUpscaler:
        """The upscaler for a picture, or for one that is read in rows."""
        picture = source if isinstance(source, Picture) else source.picture
        scale = self._scale(picture)
        evidence = _evidence(source) if self._model == AUTO else None
        choice = weights_for(self._model, scale, evidence, self._strength)
        upscaler = self._load(choice.model, scale)
        return ChosenUpscaler(upscaler.through(LinearLight) if picture.is_linear else upscaler, choice)

    def prepare(self) -> None:
        """Loads the weights, or looks whether they are there where the pictures decide which are needed.

        Raises:
            WeightsError: an unknown name or unusable weights.
        """
        cases = [(scale, Evidence(lossy=lossy)) for scale in self._scales or (None,) for lossy in (False, True)]
        choices = [(weights_for(self._model, scale, each, self._strength), scale) for scale, each in cases]
        needed = dict.fromkeys((choice.model, scale) for choice, scale in choices)
        for name, scale in needed:
            resolve(name, scale)
        if len(needed) == 1:
            self._load(*next(iter(needed)))

    @property
    def label(self) -> str:
        """What names of results say, "_x4"; of a weights file that does not show its scale, the file is loaded."""
        return self._size.label or f"_x{self._scales[0] if self._scales else self._load(self._model, None).scale}"

    def _scale(self, picture: Picture) -> int | None:
        if len(self._scales) < 2:
            return self._scales[0] if self._scales else None
        height, width = picture.pages[0].shape[:2]
        return _reaching(self._size.factor(width, height), self._scales)


def _family_of_strength(model: str, strength: float | None) -> str:
    """What "auto" means where a strength is given: the weights that have one, for every picture."""
    return REAL if model == AUTO and strength is not None else model


def _scales(model: str, scale: int | None, size: FinalSize) -> tuple[int, ...]:
    """The scales that pictures may need; none where only a file can tell its own."""
    if scale is not None:
        return (scale,)
    if model in RELEASED:
        return (RELEASED[model].scale,)
    offered = tuple(sorted(family(CLEAN if model == AUTO else model)))
    return offered if size.differs_by_picture or not offered else (_reaching(size.outscale, offered),)


def _reaching(factor: float | None, offered: tuple[int, ...]) -> int:
    """The smallest scale on offer that reaches `factor`, else the largest."""
    wanted = scale_for(factor)
    return next((scale for scale in offered if scale >= wanted), offered[-1])


def _evidence(source: Picture | PictureFile) -> Evidence:
    """About a picture; its pixels are looked at only if compression alone does not decide."""
    picture = source if isinstance(source, Picture) else source.picture
    kind = "WebP" if picture.format == "webp" else picture.format.upper()
    evidence = Evidence(kind, picture.lossy, picture.quality)
    if evidence.damage:
        return evidence
    if isinstance(source, Picture):
        return evidence._replace(condition=measure(picture.pages[0]))
    if source.obstacle:
        return evidence
    with source.rows() as rows:
        return evidence._replace(condition=measure_rows(rows, *picture.pages[0].shape[:2]))
