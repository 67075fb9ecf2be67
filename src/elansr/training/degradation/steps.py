"""The steps of the blind degradation: what each draws at random, and what it does to pictures.

Random numbers are drawn on the CPU, from the ranges of a recipe. Pictures are float (N, 3, H, W) in [0, 1], changed on
the device where they live.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from elansr.training.degradation.jpeg import jpeg
from elansr.training.degradation.ranges import DegradationRecipe, ResizeKind
from elansr.training.degradation.resampling import resize

StepName = Literal["blur", "resize", "noise", "jpeg", "to_lr"]
ROUND: tuple[StepName, ...] = ("blur", "resize", "noise", "jpeg")


@dataclass(frozen=True)
class BlurDraw:
    """Gaussians of N samples: `sigma` (N, 2) along and across `angle` (N,) in radians, 0 where nothing is blurred."""

    sigma: Tensor
    angle: Tensor


@dataclass(frozen=True)
class NoiseDraw:
    """Noise of N samples: `gaussian` and `shot` sigmas (N,) in levels, of which one or both are 0; `grey` (N,) bool."""

    gaussian: Tensor
    shot: Tensor
    grey: Tensor


_TRANSFORM_MULTIPLE = 32
"""Sides of Fourier transforms are rounded up to a multiple, because large prime factors are slow."""


def random_blur(picture: Tensor, unit: float, recipe: DegradationRecipe, generator: torch.Generator) -> Tensor:
    """Blurs some of the pictures; `unit` is how many of their pixels are one of LR's."""
    draw = draw_blur(recipe, len(picture), generator)
    chosen = draw.sigma.any(1).nonzero()[:, 0]
    blur = BlurDraw(draw.sigma[chosen], draw.angle[chosen])
    return _apply(picture, chosen, lambda part: gaussian_blur(part, blur, unit))


def random_resize(
    picture: Tensor, size: tuple[int, int], recipe: DegradationRecipe, generator: torch.Generator
) -> Tensor:
    """Resizes all pictures to another size or none; `size` is LR's height and width."""
    factor, kind = draw_resize(recipe, generator)
    if factor is None:
        return picture
    height, width = (max(1, round(side * factor)) for side in size)
    return resize(picture, height, width, kind).clamp(0, 1)


def random_noise(picture: Tensor, recipe: DegradationRecipe, generator: torch.Generator) -> Tensor:
    """Adds noise to some of the pictures."""
    draw = draw_noise(recipe, len(picture), generator)
    chosen = (draw.gaussian + draw.shot).nonzero()[:, 0]
    noise = NoiseDraw(draw.gaussian[chosen], draw.shot[chosen], draw.grey[chosen])
    field = torch.randn(len(chosen), *picture.shape[1:], generator=generator)
    return _apply(picture, chosen, lambda part: add_noise(part, noise, field.to(part)))


def random_jpeg(picture: Tensor, recipe: DegradationRecipe, generator: torch.Generator) -> Tensor:
    """Takes some of the pictures through JPEG."""
    quality, chroma_420 = draw_jpeg(recipe, len(picture), generator)
    chosen = quality.nonzero()[:, 0]
    return _apply(picture, chosen, lambda part: jpeg(part, quality[chosen], chroma_420))


def gaussian_blur(picture: Tensor, blur: BlurDraw, unit: float) -> Tensor:
    """Blurs each picture with its own Gaussian; beyond the borders, edge pixels are repeated.

    A product with the Gaussian's transfer function in Fourier space: exact for every sigma, centred, and of the same
    cost for a small blur and a large one.

    Args:
        picture: float (N, C, H, W) in [0, 1].
        blur: N sigmas and angles.
        unit: pixels of `picture` in one unit of the sigmas.
    """
    height, width = picture.shape[-2:]
    reach = math.ceil(4 * unit * float(blur.sigma.max()))
    full = [-(-(side + 2 * reach) // _TRANSFORM_MULTIPLE) * _TRANSFORM_MULTIPLE for side in (height, width)]
    sides = (reach, full[1] - width - reach, reach, full[0] - height - reach)
    spectrum = torch.fft.rfft2(F.pad(picture, sides, mode="replicate"))
    result = torch.fft.irfft2(spectrum * _transfer(full, blur, unit).to(picture).unsqueeze(1), s=full)
    return result[..., reach : reach + height, reach : reach + width].clamp(0, 1)


def add_noise(picture: Tensor, noise: NoiseDraw, field: Tensor) -> Tensor:
    """Adds noise to each picture and clips.

    Args:
        picture: float (N, 3, H, W) in [0, 1].
        noise: N sigmas in levels of 0..255.
        field: standard normal, of the shape of `picture`.
    """
    grey = noise.grey.to(picture.device).view(-1, 1, 1, 1)
    gaussian, shot = (s.to(picture).view(-1, 1, 1, 1) / 255 for s in (noise.gaussian, noise.shot))
    field = torch.where(grey, field[:, :1], field)
    brightness = torch.where(grey, picture.mean(1, keepdim=True), picture)
    return (picture + field * (gaussian + shot * brightness.sqrt())).clamp(0, 1)


def draw_steps(recipe: DegradationRecipe, generator: torch.Generator) -> tuple[StepName, ...]:
    """The order: every round shuffled, then `to_lr`; often the last JPEG is taken out and put behind it."""
    shuffled = [torch.randperm(len(ROUND), generator=generator).tolist() for _ in range(recipe.rounds)]
    *before, last = ([ROUND[i] for i in order] for order in shuffled)
    tail: list[StepName] = ["to_lr"]
    if _bernoulli(1, recipe.jpeg_last_probability, generator):
        last.remove("jpeg")
        tail.append("jpeg")
    return tuple([step for order in [*before, last] for step in order] + tail)


def draw_blur(recipe: DegradationRecipe, count: int, generator: torch.Generator) -> BlurDraw:
    """A Gaussian for each of `count` samples."""
    blurred = _bernoulli(count, recipe.blur_probability, generator)
    anisotropic = _bernoulli(count, recipe.anisotropic_probability, generator)
    sigma = _uniform(recipe.blur_sigma, (count, 2), generator)
    angle = _uniform(recipe.blur_angle, (count,), generator)
    across = torch.where(anisotropic, sigma[:, 1], sigma[:, 0])
    return BlurDraw(torch.stack([sigma[:, 0], across], dim=1) * blurred.unsqueeze(1), angle.deg2rad())


def draw_resize(recipe: DegradationRecipe, generator: torch.Generator) -> tuple[float | None, ResizeKind]:
    """Another size for a whole group, in sides of LR, or None; and the kind of resizing."""
    resized = bool(_bernoulli(1, recipe.resize_probability, generator))
    side = float(_uniform(recipe.resize_side, (1,), generator))
    return side if resized else None, draw_kind(recipe, generator)


def draw_kind(recipe: DegradationRecipe, generator: torch.Generator) -> ResizeKind:
    """One of the listed kinds of resizing."""
    return recipe.resize_kinds[int(torch.randint(len(recipe.resize_kinds), (1,), generator=generator))]


def draw_noise(recipe: DegradationRecipe, count: int, generator: torch.Generator) -> NoiseDraw:
    """Gaussian noise, shot noise or none for each of `count` samples."""
    noisy = _bernoulli(count, recipe.noise_probability, generator)
    shot = _bernoulli(count, recipe.shot_probability, generator)
    gaussian_sigma = _uniform(recipe.noise_sigma, (count,), generator)
    shot_sigma = _uniform(recipe.shot_sigma, (count,), generator)
    grey = _bernoulli(count, recipe.grey_probability, generator)
    return NoiseDraw(gaussian_sigma * (noisy & ~shot), shot_sigma * (noisy & shot), grey)


def draw_jpeg(recipe: DegradationRecipe, count: int, generator: torch.Generator) -> tuple[Tensor, bool]:
    """Qualities (count,) of 1 to 100, 0 where nothing is compressed; and whether all are 4:2:0."""
    compressed = _bernoulli(count, recipe.jpeg_probability, generator)
    low, high = recipe.jpeg_quality
    quality = torch.randint(low, high + 1, (count,), generator=generator)
    return quality * compressed, bool(_bernoulli(1, recipe.chroma_420_probability, generator))


def _apply(picture: Tensor, chosen: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
    """The pictures, those of the indices `chosen` changed."""
    if len(chosen) == 0:
        return picture
    if len(chosen) == len(picture):
        return change(picture)
    return picture.index_copy(0, where := chosen.to(picture.device), change(picture[where]))


def _transfer(sides: list[int], blur: BlurDraw, unit: float) -> Tensor:
    """What each Gaussian leaves of every frequency, (N, height, width // 2 + 1)."""
    v, u = torch.fft.fftfreq(sides[0]).view(1, -1, 1), torch.fft.rfftfreq(sides[1]).view(1, 1, -1)
    cos, sin = (f(blur.angle).view(-1, 1, 1) for f in (torch.cos, torch.sin))
    along, across = (blur.sigma * unit).square().unsqueeze(-1).unsqueeze(-1).unbind(1)
    exponent = along * (u * cos + v * sin).square() + across * (v * cos - u * sin).square()
    return torch.exp(-2 * math.pi**2 * exponent)


def _bernoulli(count: int, probability: float, generator: torch.Generator) -> Tensor:
    """Bools (count,), true with `probability`."""
    return torch.rand(count, generator=generator) < probability


def _uniform(limits: tuple[float, float], shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    low, high = limits
    return low + (high - low) * torch.rand(shape, generator=generator)
