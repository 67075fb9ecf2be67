"""What runs the network: an engine takes a tile on the CPU and gives the super-resolved tile back on the CPU."""

import hashlib
from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from elansr.engines.cuda.graphs import Graphed
from elansr.engines.fused import FusedELAN
from elansr.nn.config import ELANConfig
from elansr.weights.inference import InferenceForm

DTYPES: dict[str, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}

BYTES_PER_CHANNEL = 85
"""Peak bytes that a pixel of a tile takes per network channel (docs/tiling.md); half precision takes a little less."""


class Engine(Protocol):
    """Runs one network on tiles.

    Attributes:
        config: of the network.
        device: where it runs.
        precision: "fp32", "bf16" or "fp16", of the network's body.
        size: height and width of the largest tile; None is any.
        bytes_per_pixel: that a pixel of a tile takes at the peak.
    """

    config: ELANConfig
    device: torch.device
    precision: str
    size: tuple[int, int] | None
    bytes_per_pixel: int

    def __call__(self, tile: Tensor, /) -> Tensor:
        """Super-resolves one tile, or tiles of several pictures at once.

        Args:
            tile: float32, (1, 3n, h, w), RGB in [0, 1]; a network of one colour is given the colours one by one.

        Returns:
            float32, (1, 3n, h * scale, w * scale).
        """

    def digest(self) -> str:
        """SHA-256 of what decides its answers besides the attributes, in hex."""


class TorchEngine:
    """Runs ELAN's inference form with PyTorch, see `Engine`.

    Args:
        form: of the network.
        device: where it runs.
        precision: "fp32", "bf16" or "fp16", of the network's body.
        closed: whether attention windows end at a tile's border, see `FusedELAN`.

    Attributes:
        network: the inference form as a module.
        run: runs it, on the device; on a GPU as CUDA graphs, see `Graphed`.
    """

    def __init__(self, form: InferenceForm, device: torch.device, precision: str, closed: bool) -> None:
        self.config, self.device, self.precision = form.config, device, precision
        self.size: tuple[int, int] | None = None
        self.bytes_per_pixel = BYTES_PER_CHANNEL * form.config.channels
        self.network = FusedELAN(form, DTYPES[precision], closed).to(device)
        self.run: Callable[[Tensor], Tensor] = Graphed(self.network) if device.type == "cuda" else self.network

    @torch.no_grad()
    def __call__(self, tile: Tensor) -> Tensor:
        """See `Engine`."""
        batch = tile.to(self.device).reshape(-1, self.config.colors, *tile.shape[-2:])
        result = self.run(batch)
        return result.reshape(1, -1, *result.shape[-2:]).cpu()

    def digest(self) -> str:
        """See `Engine`."""
        digest = hashlib.sha256(repr(self.config).encode())
        for name, value in sorted(self.network.state_dict().items()):
            digest.update(name.encode())
            digest.update(value.cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()


class SelfEnsemble:
    """Averages the engine's answers to the eight flips and transpositions of a tile (EDSR's x8 "+" models).

    Args:
        engine: any engine.
    """

    def __init__(self, engine: Callable[[Tensor], Tensor]) -> None:
        self.engine = engine

    def __call__(self, tile: Tensor) -> Tensor:
        """As `Engine.__call__`."""
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
