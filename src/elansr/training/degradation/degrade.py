"""Blind degradation: makes LR crops from HR crops at random, on their device.

`DegradationRecipe` names the model's sources and every range. What is drawn, and for whom:

* Each sample's own: whether it is clean; whether and how strongly it is blurred, noisy and compressed.
* Shared by a group of samples: the order of the steps, the other size, the kinds of resizing, 4:2:0 or not. A batch has
  at most `GROUPS` groups: up to that many samples share nothing, and a large batch on a GPU costs few launches.

Everything random, noise fields included, is drawn on the CPU from one generator: the same state gives the same LR
crops in every run, and on another device the same up to the last bits of float arithmetic.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from elansr.errors import ConfigError
from elansr.evaluation import RGB
from elansr.images import crop_to_multiple, from_float, to_float
from elansr.training.degradation.ranges import DegradationRecipe
from elansr.training.degradation.resampling import resize, resize_matrix
from elansr.training.degradation.steps import (
    draw_kind,
    draw_steps,
    random_blur,
    random_jpeg,
    random_noise,
    random_resize,
)

GROUPS = 8
BORDER = 12
"""LR pixels of surroundings that `degrade_crops` needs on each side of its crops."""
PHASES = 16
"""Corners of an LR crop relative to JPEG's grid: 8 for luma, 16 for colour at 4:2:0."""
_MARGIN = BORDER - PHASES // 2
"""LR pixels at the borders of a degraded crop that are never seen."""


def degrade_crops(
    hr: Tensor, scale: int, patch: int, recipe: DegradationRecipe, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Degrades HR crops with their surroundings and cuts patches out of them.

    JPEG's grid starts at the corner of what is compressed, so a patch that starts there too would teach the network to
    expect block borders at fixed places of its windows. Each patch is cut at its own offset, evenly one of `PHASES` on
    both axes, and stays clear of the degraded crop's borders, where blur and resizing had to invent what lies outside.

    Args:
        hr: float (N, 3, S, S) in [0, 1] with S = (patch + 2 * BORDER) * scale.
        patch: side of the LR patches in pixels.
        generator: on the CPU.

    Returns:
        LR (N, 3, patch, patch) in steps of 1/255 and the HR that fits it, (N, 3, patch * scale, patch * scale).
    """
    lr = degrade(hr, scale, recipe, generator)
    corner = torch.randint(_MARGIN, _MARGIN + PHASES, (len(hr), 2), generator=generator)
    return _cut(lr, corner, patch), _cut(hr, corner * scale, patch * scale)


def degrade_pictures(
    pictures: Sequence[RGB], scale: int, recipe: DegradationRecipe, seed: int
) -> list[tuple[RGB, RGB]]:
    """Whole pictures for validation, degraded once.

    Picture i is degraded in the same way whatever the other pictures are.

    Args:
        pictures: HR, uint8 (H, W, 3) of any sizes from `scale` pixels on; cropped to multiples of `scale`.

    Returns:
        uint8 (LR, HR), (h, w, 3) and (h * scale, w * scale, 3).
    """
    pairs = []
    for index, picture in enumerate(pictures):
        hr = crop_to_multiple(picture, scale)
        own = int(np.random.SeedSequence([seed, index]).generate_state(1, np.uint64)[0] >> np.uint64(1))
        x = torch.from_numpy(to_float(hr)).permute(2, 0, 1).unsqueeze(0)
        lr = degrade(x, scale, recipe, torch.Generator().manual_seed(own))
        pairs.append((from_float(lr[0].permute(1, 2, 0).contiguous().numpy(), np.uint8), hr))
    return pairs


def degrade(hr: Tensor, scale: int, recipe: DegradationRecipe, generator: torch.Generator) -> Tensor:
    """LR from HR by a random degradation; see the module for what is random. LR stays aligned with HR.

    Args:
        hr: float (N, 3, H, W) in [0, 1] on any device, H and W multiples of `scale`.
        generator: on the CPU.

    Returns:
        float (N, 3, H / scale, W / scale) in [0, 1], in steps of 1/255, on the device of `hr`.

    Raises:
        ConfigError: `hr` has another shape or the generator is not on the CPU.
    """
    _check(hr, scale, generator)
    size = (hr.shape[2] // scale, hr.shape[3] // scale)
    lr = hr.new_empty(len(hr), 3, *size)
    clean = torch.rand(len(hr), generator=generator) < recipe.clean_probability
    for samples in (~clean).nonzero()[:, 0].chunk(GROUPS):
        samples = samples.to(hr.device)
        lr[samples] = _blind(hr[samples], size, recipe, generator)
    if clean.any():
        samples = clean.nonzero()[:, 0].to(hr.device)
        lr[samples] = _clean(hr[samples], size)
    return lr


def _check(hr: Tensor, scale: int, generator: torch.Generator) -> None:
    if hr.ndim != 4 or hr.shape[1] != 3 or not hr.is_floating_point():
        raise ConfigError(f"HR of shape {tuple(hr.shape)} and type {hr.dtype}: must be float (N, 3, H, W) in [0, 1]")
    if min(hr.shape[2:]) < scale or hr.shape[2] % scale or hr.shape[3] % scale:
        raise ConfigError(f"HR of {hr.shape[3]}x{hr.shape[2]} pixels at x{scale}: crop both sides to multiples of it")
    if generator.device.type != "cpu":
        raise ConfigError(f"a generator on {generator.device}: must be on the CPU, on any device of the pictures")


def _clean(hr: Tensor, size: tuple[int, int]) -> Tensor:
    """The literature's bicubic as `elansr.images.downscale` has it: height first, 8 bits after each axis."""
    rows, columns = (resize_matrix(hr.shape[2 + i], size[i], "bicubic").to(hr.device) for i in range(2))
    shorter = _levels(rows @ hr.double())
    return (_levels(shorter / 255 @ columns.T) / 255).to(hr.dtype)


def _levels(picture: Tensor) -> Tensor:
    """Whole levels in 0..255, rounded half up; a hair below a half, where float64 ends by chance, counts as one."""
    return (picture * 255 + (0.5 + 1e-9)).floor().clamp(0, 255)


def _blind(picture: Tensor, size: tuple[int, int], recipe: DegradationRecipe, generator: torch.Generator) -> Tensor:
    """One group, HR to LR of `size`."""
    for step in draw_steps(recipe, generator):
        if step == "blur":
            picture = random_blur(picture, picture.shape[-1] / size[1], recipe, generator)
        elif step == "resize":
            picture = random_resize(picture, size, recipe, generator)
        elif step == "noise":
            picture = random_noise(picture, recipe, generator)
        elif step == "jpeg":
            picture = random_jpeg(picture, recipe, generator)
        else:
            picture = resize(picture, *size, draw_kind(recipe, generator)).clamp(0, 1)
    return _levels(picture) / 255


def _cut(pictures: Tensor, corner: Tensor, side: int) -> Tensor:
    """Squares of `side` pixels whose top left corners are (row, column) = `corner` (N, 2)."""
    pieces = zip(pictures, corner.tolist(), strict=True)
    return torch.stack([picture[:, top : top + side, left : left + side] for picture, (top, left) in pieces])
