"""How LR pictures are made from HR ones for a network that is meant for photos: every range of the blind degradation.

The model follows BSRGAN (Zhang et al., "Designing a Practical Degradation Model for Deep Blind Image Super-Resolution",
arXiv 2103.14006): blur, resizing, noise and JPEG in random order; with `rounds = 2` also Real-ESRGAN's second order
(Wang et al., arXiv 2107.10833). The ranges are our own, and mild: for everyday photos.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field
from pydantic.dataclasses import dataclass

ResizeKind = Literal["area", "bilinear", "bicubic"]
"""Each antialiased when it shrinks: mean over the pixel's footprint, triangle, cubic of Keys with a = -0.5."""


def _ordered(limits: tuple[float, float]) -> tuple[float, float]:
    low, high = limits
    if low > high:
        raise ValueError(f"a range must run from low to high, but {low} is more than {high}")
    return limits


def _distinct(kinds: tuple[ResizeKind, ...]) -> tuple[ResizeKind, ...]:
    if len(set(kinds)) < len(kinds):
        raise ValueError("a kind is listed twice; all listed kinds are equally likely")
    return kinds


Probability = Annotated[float, Field(ge=0, le=1)]
_BlurSigma = Annotated[float, Field(ge=0, le=16)]
_Degrees = Annotated[float, Field(ge=-180, le=180)]
_Side = Annotated[float, Field(ge=0.25, le=8)]
_Levels = Annotated[float, Field(ge=0, le=255)]
_Quality = Annotated[int, Field(ge=1, le=100)]


@dataclass(config=ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True))
class DegradationRecipe:
    """The table `[data.degradation]`. Ranges are `[low, high]`, both included, and drawn from evenly.

    A pair is either clean (the plain bicubic of the literature) or goes through `rounds` rounds of blur, resizing,
    noise and JPEG, shuffled, and is then brought to LR size and rounded to 8 bits.
    """

    clean_probability: Probability = 0.1
    """That a pair is clean, so that the network does not forget how to leave good pictures alone."""
    rounds: Literal[1, 2] = 1
    """How often the four steps are gone through; 2 is for pictures that were saved and shared twice."""

    blur_probability: Probability = 0.7
    blur_sigma: Annotated[tuple[_BlurSigma, _BlurSigma], AfterValidator(_ordered)] = (0.1, 0.8)
    """Standard deviation of the Gaussian in LR pixels, whatever size the picture has when its turn comes."""
    anisotropic_probability: Probability = 0.5
    """That a blur has two sigmas, along `blur_angle` and across it, instead of one."""
    blur_angle: Annotated[tuple[_Degrees, _Degrees], AfterValidator(_ordered)] = (0.0, 180.0)
    """Degrees from the rows, clockwise as the picture is seen."""

    resize_probability: Probability = 0.5
    """That the picture goes through another size on its way to LR."""
    resize_side: Annotated[tuple[_Side, _Side], AfterValidator(_ordered)] = (0.8, 2.0)
    """Sides of that other size, in sides of LR: below 1 detail is lost; at x4, 4 is HR."""
    resize_kinds: Annotated[tuple[ResizeKind, ...], Field(min_length=1), AfterValidator(_distinct)] = (
        "area",
        "bilinear",
        "bicubic",
    )
    """One of these for each resizing, the last one to LR size among them."""

    noise_probability: Probability = 0.5
    shot_probability: Probability = 0.5
    """That the noise is shot noise (Poisson) instead of Gaussian."""
    noise_sigma: Annotated[tuple[_Levels, _Levels], AfterValidator(_ordered)] = (1.0, 12.0)
    """Standard deviation of Gaussian noise, in levels of 0..255."""
    shot_sigma: Annotated[tuple[_Levels, _Levels], AfterValidator(_ordered)] = (1.0, 12.0)
    """Standard deviation of shot noise where the picture is white, in levels of 0..255; it falls with the square root
    of the brightness. A sigma of s is that of (255 / s)^2 photons at white."""
    grey_probability: Probability = 0.4
    """That noise is the same in R, G and B."""

    jpeg_probability: Probability = 0.8
    jpeg_quality: Annotated[tuple[_Quality, _Quality], AfterValidator(_ordered)] = (30, 95)
    """As libjpeg counts it."""
    chroma_420_probability: Probability = 0.7
    """That JPEG halves the colour planes on both axes, as phones and most programs do."""
    jpeg_last_probability: Probability = 0.8
    """That JPEG comes behind everything else, at LR size, as a photo is stored; else it is shuffled in."""
