"""The state of a training run, written so that a crash at any moment leaves a good file.

A checkpoint holds everything the next step depends on, so that interrupted and resumed equals uninterrupted.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from elansr.errors import DataError


@dataclass
class TrainState:
    """What changes from step to step."""

    network: nn.Module
    ema: nn.Module
    optimizer: Optimizer
    generator: torch.Generator
    step: int = 0
    best: float = float("-inf")

    def save(self, path: Path) -> None:
        """Writes the state beside `path`, then puts it in place of an older one in one move."""
        beside = path.with_name(path.name + ".partial")
        try:
            with beside.open("wb") as file:
                torch.save(self._tensors(), file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, path)
        finally:
            beside.unlink(missing_ok=True)

    def restore(self, path: Path) -> None:
        """Takes up the state that `save` wrote.

        Raises:
            DataError: the file is not a checkpoint of this network.
        """
        try:
            saved = torch.load(path, map_location="cpu", weights_only=True)
            self.network.load_state_dict(saved["network"])
            self.ema.load_state_dict(saved["ema"])
            self.optimizer.load_state_dict(saved["optimizer"])
            self.generator.set_state(saved["generator"])
            self.step, self.best = saved["step"], saved["best"]
        except (OSError, KeyError, RuntimeError, ValueError, TypeError) as error:
            reason = str(error).splitlines()[0]
            raise DataError(f"{path}: not a checkpoint of this run: {reason}") from error

    def _tensors(self) -> dict[str, object]:
        return {
            "network": self.network.state_dict(),
            "ema": self.ema.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
            "step": self.step,
            "best": self.best,
        }


@torch.no_grad()
def update_ema(ema: nn.Module, network: nn.Module, decay: float, step: int) -> None:
    """Moves every float of `ema`, BatchNorm's running statistics among them, towards `network`.

    The decay grows with the step, so that an average over few steps does not remember the initial weights.
    """
    decay = min(decay, (1 + step) / (10 + step))
    current: dict[str, Tensor] = network.state_dict()
    for name, average in ema.state_dict().items():
        if average.is_floating_point():
            average.lerp_(current[name].to(average.dtype), 1 - decay)
        else:
            average.copy_(current[name])
