"""Which weights each picture goes through, and why.

weights_for   what `-n` of `elansr upscale` means for one picture, by how its file is compressed
Upscalers     the same by its size too, with the networks loaded
"""

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from elansr.images import FormatName, Picture
from elansr.upscaling.final_size import FinalSize, scale_for
from elansr.weights.released import AUTO, RELEASED, family, find, is_path, require_strength, resolve

if TYPE_CHECKING:
    from elansr.upscaling.tiled_network import TiledNetwork

CLEAN, REAL = "elan-light", "elan-light-real"
"""The families that "auto" chooses from: for clean pictures and for photos as they are."""

CLEAN_FROM = 85
"""The JPEG quality from which on the weights for clean pictures are taken, because they are ahead there.

Measured on 13 validation pictures, shrunk by bicubic and compressed at 4:2:0, PSNR-Y of `CLEAN` minus that of `REAL` in
dB; a tie is for `REAL`, because photos have noise and blur besides JPEG:

    quality     30     50     70     75     80     85     90     95     98
    x2       -0.75  -0.67  -0.44  -0.29  -0.07  +0.24  +0.73  +1.44  +1.90
    x4       -0.34  -0.33  -0.19  -0.10  +0.02  +0.20  +0.50  +0.84  +1.06

`python -m tools.degraded -s 4 --every 3 VAL_FOLDER` measures it again for other weights.
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


def weights_for(
    model: str,
    scale: int | None,
    lossy: bool,
    file_format: FormatName,
    quality: int | None = None,
    strength: float | None = None,
) -> Choice:
    """What `model` means for a picture.

    Args:
        model: released name, family, path, or "auto": weights for photos as they are if the file was compressed with
            loss, by more than a JPEG of high quality (`CLEAN_FROM`), and there are such weights of that scale; else
            weights for clean pictures.
        scale: of the network; only a released name or a path can go without.
        lossy: whether the file was compressed with loss.
        file_format: of the file, for the reason.
        quality: of a JPEG, 1 to 100; None if it is not known.
        strength: see `Choice`; with "auto" it means -real weights for every picture.

    Raises:
        ConfigError: a strength outside 0 to 1.
        WeightsError: an unknown name, a scale that there are no weights for, or weights that have no strength.
    """
    model = _family_of_strength(model, strength)
    if model != AUTO:
        require_strength(strength, model, scale)
        return Choice(model if is_path(model) else find(model, scale).name, "", strength)
    clean = find(CLEAN, scale)
    real = family(REAL).get(clean.scale)
    found = _in_words(file_format, quality)
    if not lossy:
        return Choice(clean.name, f"lossless {found}")
    if real is None:
        return Choice(clean.name, f"lossy {found}, but no -real weights for x{clean.scale}")
    if quality is not None and quality >= CLEAN_FROM:
        return Choice(clean.name, f"{found}, lightly compressed")
    return Choice(real.name, f"lossy {found}")


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

    def __call__(self, picture: Picture) -> ChosenUpscaler:
        """The upscaler for a picture."""
        scale = self._scale(picture)
        choice = weights_for(self._model, scale, picture.lossy, picture.format, picture.quality, self._strength)
        return ChosenUpscaler(self._load(choice.model, scale), choice)

    def prepare(self) -> None:
        """Loads the weights, or looks whether they are there where the pictures decide which are needed.

        Raises:
            WeightsError: an unknown name or unusable weights.
        """
        cases = [(scale, lossy) for scale in self._scales or (None,) for lossy in (False, True)]
        choices = [
            (weights_for(self._model, scale, lossy, "png", None, self._strength), scale) for scale, lossy in cases
        ]
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


def _in_words(file_format: FormatName, quality: int | None) -> str:
    name = "WebP" if file_format == "webp" else file_format.upper()
    return name if quality is None else f"{name} of quality {quality}"
