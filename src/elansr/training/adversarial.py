"""The adversarial stage: a discriminator that tells SR from HR, and so teaches the network texture.

The discriminator looks at patches (Isola et al. 2017, arXiv 1611.07004, section 3.2) and sees the enlarged LR beside
the picture, so that it judges whether the picture fits its input, not only whether it is crisp. Its convolutions are
under spectral norm (Miyato et al. 2018, arXiv 1802.05957), its loss is the hinge, and the network is also drawn towards
the features that the discriminator has of the HR picture (Wang et al. 2018, arXiv 1711.11585, section 3.1).
"""

from itertools import pairwise
from typing import Any

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from elansr.training.recipe import AdversarialRecipe

SLOPE = 0.2


class Discriminator(nn.Module):
    """Four convolutions and a last one that gives a logit for every 8x8 pixels of the picture.

    Args:
        channels: of the first convolution; each of the next three doubles them. 32 makes 0.7 M parameters.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        widths = [6, channels, 2 * channels, 4 * channels, 8 * channels]
        first = spectral_norm(nn.Conv2d(widths[0], widths[1], 3, padding=1))
        halving = [spectral_norm(nn.Conv2d(a, b, 4, stride=2, padding=1)) for a, b in pairwise(widths[1:])]
        self.layers = nn.ModuleList([first, *halving])
        self.last = spectral_norm(nn.Conv2d(widths[-1], 1, 3, padding=1))

    def forward(self, picture: Tensor, lr: Tensor) -> list[Tensor]:
        """The features of every layer, the logits (N, 1, H / 8, W / 8) last.

        Args:
            picture: float (N, 3, H, W) in about [0, 1].
            lr: float (N, 3, h, w), enlarged to the picture's size here.
        """
        enlarged = F.interpolate(lr, size=picture.shape[-2:], mode="bicubic", align_corners=False)
        x = torch.cat([picture, enlarged], dim=1) * 2 - 1
        features = []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), SLOPE)
            features.append(x)
        return [*features, self.last(x)]


class Adversary:
    """A discriminator and its optimiser.

    Args:
        recipe: see `AdversarialRecipe`.
        fabric: of the run.
    """

    def __init__(self, recipe: AdversarialRecipe, fabric: Fabric) -> None:
        self._recipe = recipe
        self._network = Discriminator(recipe.channels)
        optimizer = torch.optim.Adam(self._network.parameters(), recipe.learning_rate, (0.5, 0.9))
        self._module, self._optimizer = fabric.setup(self._network, optimizer)
        self._fabric = fabric

    def learn(self, sr: Tensor, hr: Tensor, lr: Tensor) -> Tensor:
        """One step of the discriminator; returns its hinge loss.

        Args:
            sr: the network's pictures, (N, 3, H, W), without a gradient.
            hr, lr: the pair that they belong to.
        """
        self._network.requires_grad_(True)
        real, fake = (self._module(picture, lr)[-1].float() for picture in (hr, sr))
        loss = F.relu(1 - real).mean() + F.relu(1 + fake).mean()
        self._fabric.backward(loss)
        self._optimizer.step()
        self._optimizer.zero_grad()
        return loss.detach()

    def loss(self, sr: Tensor, hr: Tensor, lr: Tensor) -> Tensor:
        """What the network's loss gains: -logit and the distance of the features, each with its weight."""
        self._network.requires_grad_(False)
        *features, logits = self._module(sr, lr)
        with torch.no_grad():
            targets = self._module(hr, lr)[:-1]
        pairs = zip(features, targets, strict=True)
        distance = torch.stack([(a.float() - b.float()).abs().mean() for a, b in pairs]).mean()
        return -self._recipe.weight * logits.float().mean() + self._recipe.feature_weight * distance

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"network": self._network.state_dict(), "optimizer": self._optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes up what `state_dict` gave."""
        self._network.load_state_dict(state["network"])
        self._optimizer.load_state_dict(state["optimizer"])
