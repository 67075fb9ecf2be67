"""What runs the network: an engine takes a tile on the CPU and gives the super-resolved tile back on the CPU."""

import torch
from torch import Tensor

from elansr.inference.device import DTYPES
from elansr.nn.elan import ELAN
from elansr.nn.fused import FusedELAN


class TorchEngine:
    """Runs ELAN's inference form with PyTorch.

    Args:
        network: any ELAN.
        device: where it runs.
        precision: "fp32", "bf16" or "fp16", of the network's body.
        closed: whether attention windows end at a tile's border, see `FusedELAN`.
    """

    def __init__(self, network: ELAN, device: torch.device, precision: str, closed: bool) -> None:
        self.device = device
        self.colors = network.config.colors
        self.network = FusedELAN(network, DTYPES[precision], closed).to(device)

    @torch.no_grad()
    def __call__(self, tile: Tensor) -> Tensor:
        """Super-resolves one tile; a network of one colour is given the three colours one by one.

        Args:
            tile: float32, (1, 3, h, w), RGB in [0, 1].

        Returns:
            float32, (1, 3, h * scale, w * scale).
        """
        batch = tile.to(self.device).reshape(-1, self.colors, *tile.shape[-2:])
        result: Tensor = self.network(batch)
        return result.reshape(1, -1, *result.shape[-2:]).cpu()


class SelfEnsemble:
    """Averages the engine's answers to the eight flips and transpositions of a tile (EDSR's x8 "+" models).

    Args:
        engine: any engine.
    """

    def __init__(self, engine: TorchEngine) -> None:
        self.engine = engine

    def __call__(self, tile: Tensor) -> Tensor:
        """As `TorchEngine.__call__`."""
        answers = (_turn_back(self.engine(_turn(tile, turns).contiguous()), turns) for turns in range(8))
        return sum(answers, start=torch.zeros(())) / 8


def _turn(x: Tensor, turns: int) -> Tensor:
    """One of the eight symmetries of the square: bit 0 flips left-right, bit 1 up-down, bit 2 transposes last."""
    x = x.flip([d for d, bit in ((-1, 1), (-2, 2)) if turns & bit])
    return x.transpose(-2, -1) if turns & 4 else x


def _turn_back(x: Tensor, turns: int) -> Tensor:
    """The inverse of `_turn`."""
    x = x.transpose(-2, -1) if turns & 4 else x
    return x.flip([d for d, bit in ((-1, 1), (-2, 2)) if turns & bit])
