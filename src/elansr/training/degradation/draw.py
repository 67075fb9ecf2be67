"""What a blind degradation draws at random: numbers only, on the CPU, from the ranges of a recipe."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from elansr.training.degradation.recipe import DegradationRecipe, ResizeKind

Step = Literal["blur", "resize", "noise", "jpeg", "to_lr"]
ROUND: tuple[Step, ...] = ("blur", "resize", "noise", "jpeg")


@dataclass(frozen=True)
class BlurDraw:
    """Gaussians of N samples: `sigma` (N, 2) along and across `angle` (N,) in radians, 0 where nothing is blurred."""

    sigma: Tensor
    angle: Tensor


@dataclass(frozen=True)
class ResizeDraw:
    """The other size on the way to LR: `side` in sides of LR, None to stay; and the kind of resizing."""

    side: float | None
    kind: ResizeKind


@dataclass(frozen=True)
class NoiseDraw:
    """Noise of N samples: `gaussian` and `shot` sigmas (N,) in levels, of which one or both are 0; `grey` (N,) bool."""

    gaussian: Tensor
    shot: Tensor
    grey: Tensor


@dataclass(frozen=True)
class JpegDraw:
    """JPEG of N samples: `quality` (N,) of 1 to 100, 0 where nothing is compressed; 4:2:0 or not, for all."""

    quality: Tensor
    chroma_420: bool


def draw_steps(recipe: DegradationRecipe, generator: torch.Generator) -> tuple[Step, ...]:
    """The order: every round shuffled, then `to_lr`; often the last JPEG is taken out and put behind it."""
    shuffled = [torch.randperm(len(ROUND), generator=generator).tolist() for _ in range(recipe.rounds)]
    *before, last = ([ROUND[i] for i in order] for order in shuffled)
    tail: list[Step] = ["to_lr"]
    if _share(1, recipe.jpeg_last_probability, generator):
        last.remove("jpeg")
        tail.append("jpeg")
    return tuple([step for order in [*before, last] for step in order] + tail)


def draw_blur(recipe: DegradationRecipe, count: int, generator: torch.Generator) -> BlurDraw:
    """A Gaussian for each of `count` samples."""
    blurred = _share(count, recipe.blur_probability, generator)
    anisotropic = _share(count, recipe.anisotropic_probability, generator)
    sigma = _between(recipe.blur_sigma, (count, 2), generator)
    angle = _between(recipe.blur_angle, (count,), generator)
    across = torch.where(anisotropic, sigma[:, 1], sigma[:, 0])
    return BlurDraw(torch.stack([sigma[:, 0], across], dim=1) * blurred.unsqueeze(1), angle.deg2rad())


def draw_resize(recipe: DegradationRecipe, generator: torch.Generator) -> ResizeDraw:
    """Another size or none, for a whole group."""
    resized = bool(_share(1, recipe.resize_probability, generator))
    side = float(_between(recipe.resize_side, (1,), generator))
    return ResizeDraw(side if resized else None, draw_kind(recipe, generator))


def draw_kind(recipe: DegradationRecipe, generator: torch.Generator) -> ResizeKind:
    """One of the listed kinds of resizing."""
    return recipe.resize_kinds[int(torch.randint(len(recipe.resize_kinds), (1,), generator=generator))]


def draw_noise(recipe: DegradationRecipe, count: int, generator: torch.Generator) -> NoiseDraw:
    """Gaussian noise, shot noise or none for each of `count` samples."""
    noisy = _share(count, recipe.noise_probability, generator)
    shot = _share(count, recipe.shot_probability, generator)
    gaussian_sigma = _between(recipe.noise_sigma, (count,), generator)
    shot_sigma = _between(recipe.shot_sigma, (count,), generator)
    grey = _share(count, recipe.grey_probability, generator)
    return NoiseDraw(gaussian_sigma * (noisy & ~shot), shot_sigma * (noisy & shot), grey)


def draw_jpeg(recipe: DegradationRecipe, count: int, generator: torch.Generator) -> JpegDraw:
    """A quality or no JPEG for each of `count` samples."""
    compressed = _share(count, recipe.jpeg_probability, generator)
    low, high = recipe.jpeg_quality
    quality = torch.randint(low, high + 1, (count,), generator=generator)
    return JpegDraw(quality * compressed, bool(_share(1, recipe.chroma_420_probability, generator)))


def _share(count: int, probability: float, generator: torch.Generator) -> Tensor:
    """Bools (count,), true with `probability`."""
    return torch.rand(count, generator=generator) < probability


def _between(limits: tuple[float, float], shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    low, high = limits
    return low + (high - low) * torch.rand(shape, generator=generator)
