"""What a run leaves in its folder: the recipe, a log, the last checkpoint and the best weights."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from elansr.errors import ConfigError
from elansr.nn.elan import ELAN
from elansr.training.config import Recipe
from elansr.weights.files import save
from elansr.weights.provenance import Provenance

RECIPE, LOG, CHECKPOINT, WEIGHTS = "recipe.json", "log.jsonl", "last.ckpt", "best.safetensors"


@dataclass(frozen=True)
class Record:
    """One validation.

    Attributes:
        step: optimiser steps so far.
        loss: mean L1 loss, in [0, 1], since the last record.
        val_psnr_y: PSNR-Y of the EMA weights in dB, mean over the validation pictures.
        seconds_per_step: since the last record.
    """

    step: int
    loss: float
    val_psnr_y: float
    seconds_per_step: float


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run."""

    path: Path

    @staticmethod
    def of(recipe: Recipe) -> "RunFolder":
        """Makes the folder, or finds the one of an earlier start of the same recipe.

        Raises:
            ConfigError: the folder cannot be made, or holds the run of another recipe.
        """
        path = Path(recipe.run.folder)
        told = json.dumps(_what_counts(recipe), indent=2)
        try:
            path.mkdir(parents=True, exist_ok=True)
            if not (path / RECIPE).exists():
                (path / RECIPE).write_text(told, encoding="utf-8")
            earlier = (path / RECIPE).read_text(encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"folder={recipe.run.folder!r}: cannot be used: {error.strerror}") from error
        if earlier != told:
            raise ConfigError(f"folder={recipe.run.folder!r}: holds the run of another recipe; name another folder")
        return RunFolder(path)

    def log(self, record: Record) -> None:
        """Appends a line to the log."""
        with (self.path / LOG).open("a", encoding="utf-8") as file:
            file.write(json.dumps(dataclasses.asdict(record)) + "\n")

    def save_weights(self, network: ELAN, story: Provenance) -> None:
        """Puts the best weights in place of the earlier best."""
        save(network, self.path / WEIGHTS, story, overwrite=True)


def _what_counts(recipe: Recipe) -> dict[str, object]:
    """What the trained weights depend on: not the folder's name, nor how often the run saves and validates."""
    told: dict[str, object] = dataclasses.asdict(recipe)
    return told | {"run": {"seed": recipe.run.seed, "precision": recipe.run.precision}}


def provenance(recipe: Recipe, record: Record) -> Provenance:
    """What the weights file says about how it came to be."""
    return Provenance(
        name=f"{recipe.network.preset}-x{recipe.network.scale}",
        recipe=json.dumps(dataclasses.asdict(recipe)),
        data=recipe.data.description,
        licence=recipe.data.licence,
        steps=record.step,
        started_from=recipe.network.start_from or "",
        metrics={"val PSNR-Y": round(record.val_psnr_y, 3)},
    )
