"""Small networks with random weights, and random pictures for them."""

import dataclasses
from typing import Any

import torch
from torch import Tensor, nn

from elansr.nn.config import ELANConfig
from elansr.nn.elan import ELAN

TINY = ELANConfig(scale=2, channels=12, blocks=2, n_share=0)
"""12 channels: shift groups of 2, 2, 2, 2, 4 and in the expanded features 4, 4, 4, 4, 8."""


def config_of(elabs: int, n_share: int, **changes: Any) -> ELANConfig:
    return dataclasses.replace(TINY, blocks=elabs * (n_share + 1), n_share=n_share, **changes)


@torch.no_grad()
def randomised(config: ELANConfig) -> ELAN:
    """A network in float64, evaluation mode, with random weights and BatchNorm far from its initial 0 and 1.

    The running variance has the size of the features, so that the logits are near 1 and every pixel of a window
    counts: with large logits each pixel would attend to itself alone and hide a wrong window.
    """
    torch.manual_seed(0)
    model = ELAN(config).eval().double()
    # The mean was made in float32, which is 1e-8 off; `double` does not bring the rest back.
    model.mean.copy_(torch.tensor(config.rgb_mean, dtype=torch.float64).view(1, -1, 1, 1) * config.rgb_range)
    for norm in model.modules():
        if isinstance(norm, nn.BatchNorm2d):
            assert norm.running_mean is not None
            assert norm.running_var is not None
            norm.weight.uniform_(-1.5, 1.5)
            norm.bias.uniform_(-0.5, 0.5)
            norm.running_mean.uniform_(-20, 20)
            norm.running_var.uniform_(0.5, 2).mul_((config.rgb_range / 8) ** 2)
    return model


def random_picture(config: ELANConfig, height: int, width: int, n: int = 1) -> Tensor:
    """float64, (N, colors, H, W), uniform in [0, 1]."""
    generator = torch.Generator().manual_seed(height * 100 + width)
    return torch.rand(n, config.colors, height, width, generator=generator, dtype=torch.float64)
