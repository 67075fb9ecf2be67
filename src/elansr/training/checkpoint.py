"""The state of a training run, written so that a crash at any moment leaves a valid file.

A checkpoint holds everything the next step depends on, so that interrupted and resumed equals uninterrupted.
"""

import contextlib
import io
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from elansr.disk import write_atomically, writing_errors
from elansr.errors import DataError, TrainingError
from elansr.training.adversarial import Adversary

PATTERN = "step_*.ckpt"


@dataclass
class TrainState:
    """What changes from step to step.

    Attributes:
        ema: the average of its float state.
        generator: draws the crops.
        precision: the state of the mixed-precision plug-in (fp16's loss scale); None if it has none.
        best: the best validation so far, PSNR-Y in dB.
        adversary: of a finishing stage; None if there is none.
    """

    network: nn.Module
    ema: nn.Module
    optimizer: Optimizer
    generator: torch.Generator
    precision: Any = None
    step: int = 0
    best: float = float("-inf")
    config: Mapping[str, object] = field(default_factory=dict)
    """Of the network; a checkpoint of another network is refused."""
    adversary: Adversary | None = None

    def save(self, path: Path) -> None:
        """Writes the state, in place of an older one.

        Raises:
            TrainingError: it cannot be written; what stood at `path` is untouched.
        """
        buffer = io.BytesIO()  # as PyTorch's writer has errors of its own for a full disk
        torch.save(self._tensors(), buffer)
        with writing_errors(path, TrainingError):
            write_atomically(path, buffer.getvalue(), overwrite=True)

    def restore(self, path: Path) -> None:
        """Takes up the state that `save` wrote.

        Raises:
            DataError: the file is not a checkpoint of this network.
        """
        try:
            saved = torch.load(path, map_location="cpu", weights_only=True)
            if saved["config"] != dict(self.config):
                raise ValueError("another network")
            self.network.load_state_dict(saved["network"])
            self.ema.load_state_dict(saved["ema"])
            self.optimizer.load_state_dict(saved["optimizer"])
            self.generator.set_state(saved["generator"])
            if self.precision is not None and saved["precision"]:
                self.precision.load_state_dict(saved["precision"])
            if self.adversary is not None:
                self.adversary.load_state_dict(saved["adversary"])
            self.step, self.best = saved["step"], saved["best"]
        except (OSError, EOFError, KeyError, RuntimeError, ValueError, TypeError, pickle.UnpicklingError) as error:
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise DataError(f"{path}: not a checkpoint of this run: {reason}") from error

    def _tensors(self) -> dict[str, object]:
        return {
            "config": dict(self.config),
            "network": self.network.state_dict(),
            "ema": self.ema.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
            "precision": self.precision.state_dict() if self.precision is not None else {},
            "adversary": self.adversary.state_dict() if self.adversary is not None else {},
            "step": self.step,
            "best": self.best,
        }


@dataclass(frozen=True)
class Checkpoints:
    """The newest `keep` checkpoints of a run, in its folder."""

    folder: Path
    keep: int

    def newest_first(self) -> list[Path]:
        """By step, so that a clock that was set back does not matter."""
        return sorted(self.folder.glob(PATTERN), reverse=True)

    def save(self, state: TrainState) -> None:
        """Writes the state under its step's name, then removes what is older than the newest `keep`."""
        state.save(self.folder / PATTERN.replace("*", f"{state.step:09d}"))
        for old in self.newest_first()[self.keep :]:
            old.unlink(missing_ok=True)

    def resume(self, state: TrainState, path: Path | None = None) -> None:
        """Takes up the checkpoint at `path`, else the newest, if there is one; a damaged newest yields to the next.

        Args:
            path: of this run, or of another run of the same network.

        Raises:
            DataError: no checkpoint of this network, or the run's folder has later ones than `path`, which going on
                would leave in a false order.
        """
        found = self.newest_first()
        if path is not None:
            if found and found[0].resolve() != path.resolve():
                raise DataError(
                    f"{self.folder}: contains {found[0].name}; to continue from {path}, choose another run.folder"
                )
            found = [path]
        for candidate in found:
            with contextlib.suppress(DataError):
                state.restore(candidate)
                return
        if found:
            state.restore(found[0])  # none is sound: raises what is wrong with the first
