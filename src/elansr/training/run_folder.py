"""The files in a run's folder: recipe, log, TensorBoard events, curves, checkpoints and the best weights."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from elansr.disk import write_atomically, writing_errors
from elansr.errors import ConfigError, DataError, TrainingError
from elansr.nn.elan import ELAN
from elansr.text import listed
from elansr.training.checkpoint import PATTERN
from elansr.training.recipe import Recipe
from elansr.weights.provenance import Provenance
from elansr.weights.weights_file import save

RECIPE, LOG, WEIGHTS, CURVES, TENSORBOARD = "recipe.json", "log.jsonl", "best.safetensors", "curves.png", "tensorboard"
PICTURES = "pictures.json"
WANDB_ID = "wandb_id.txt"


@dataclass(frozen=True)
class TrainingEntry:
    """A line of the log: the steps since the last such line.

    Attributes:
        step: optimiser steps so far.
        loss: mean training loss, of pictures in [0, 1].
        learning_rate: at the last of these steps.
        gradient_norm: mean, before clipping, over the steps whose gradient was finite.
        bad_steps: steps left out because loss or gradient was not finite.
        seconds_per_step: wall clock, validation and checkpoints left out.
        data_share: of that time, the share in which the loop waited for its crops (on a GPU, for their launch).
    """

    step: int
    loss: float
    learning_rate: float
    gradient_norm: float
    bad_steps: int
    seconds_per_step: float
    data_share: float


@dataclass(frozen=True)
class ValidationEntry:
    """A line of the log: one validation.

    Attributes:
        step: optimiser steps so far.
        val_psnr_y: PSNR-Y of the EMA weights in dB, mean over the validation pictures.
        seconds: it took.
        sharpness: see `elansr.training.validation.Scores`; None in logs of older versions.
    """

    step: int
    val_psnr_y: float
    seconds: float
    sharpness: float | None = None


LogEntry = TrainingEntry | ValidationEntry


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run."""

    path: Path

    @staticmethod
    def of(recipe: Recipe) -> "RunFolder":
        """Makes the folder, or finds the one of an earlier start of the same recipe.

        A start that failed before its first log line or checkpoint leaves nothing that another recipe would spoil.

        Raises:
            ConfigError: the folder cannot be made or written into, or holds the run of another recipe.
        """
        path = Path(recipe.run.folder)
        text = json.dumps(_decisive_values(recipe), indent=2)
        try:
            path.mkdir(parents=True, exist_ok=True)
            begun = (path / LOG).exists() or any(path.glob(PATTERN))
            earlier = (path / RECIPE).read_text(encoding="utf-8") if (path / RECIPE).exists() else ""
            if earlier != text and not (begun and earlier):
                write_atomically(path / RECIPE, text.encode(), overwrite=True)
                earlier = text
        except OSError as error:
            raise ConfigError(f"run.folder={recipe.run.folder!r}: cannot be used: {error.strerror}") from error
        if earlier != text:
            key = _first_difference(json.loads(earlier), json.loads(text))
            raise ConfigError(
                f"run.folder={recipe.run.folder!r}: contains the run of another recipe, with another {key}; choose "
                "another folder"
            )
        return RunFolder(path)

    def require_same_pictures(self, digests: Mapping[str, str], begun: bool) -> None:
        """Takes note of the pictures of a run, or compares them with those that it began with.

        Args:
            digests: by path, see `data.digests`.
            begun: whether there is a checkpoint to continue from.

        Raises:
            DataError: they are not the same; the first few are named.
        """
        file = self.path / PICTURES
        if not (begun and file.exists()):
            self.write(PICTURES, json.dumps(digests, indent=0).encode())
            return
        before = json.loads(file.read_text(encoding="utf-8"))
        kinds = {
            "changed": [path for path in digests if before.get(path, digests[path]) != digests[path]],
            "new": digests.keys() - before.keys(),
            "gone": before.keys() - digests.keys(),
        }
        found = "; ".join(f"{kind}: {listed(paths)}" for kind, paths in kinds.items() if paths)
        if found:
            way_out = "restore them, or choose another run.folder; network.start_from can use these weights"
            raise DataError(f"run.folder={str(self.path)!r}: its pictures have changed; {found}; {way_out}")

    def entries(self) -> list[LogEntry]:
        """The log, without a last line that was cut off."""
        if not (self.path / LOG).exists():
            return []
        lines = (self.path / LOG).read_text(encoding="utf-8").splitlines()
        return [_entry(json.loads(line)) for line in lines if line.endswith("}")]

    def log(self, entry: LogEntry) -> None:
        """Appends a line to the log.

        Raises:
            TrainingError: it cannot be written.
        """
        path = self.path / LOG
        with writing_errors(path, TrainingError), path.open("a", encoding="utf-8") as file:
            file.write(_line(entry))

    def drop_after(self, step: int) -> None:
        """Drops what an interrupted run logged after the checkpoint from which it continues."""
        kept = "".join(_line(entry) for entry in self.entries() if entry.step <= step)
        if (self.path / LOG).exists():
            self.write(LOG, kept.encode())

    def write(self, name: str, data: bytes) -> None:
        """Puts a file in place of an older one.

        Raises:
            TrainingError: it cannot be written; the older one is untouched.
        """
        with writing_errors(self.path / name, TrainingError):
            write_atomically(self.path / name, data, overwrite=True)

    def save_weights(self, network: ELAN, recipe: Recipe, result: ValidationEntry) -> None:
        """Puts the best weights in place of the earlier best."""
        save(network, self.path / WEIGHTS, provenance(recipe, result), overwrite=True)


def provenance(recipe: Recipe, result: ValidationEntry) -> Provenance:
    """What the weights file says about how it came to be; its name is that of the run's folder."""
    metrics = {"val PSNR-Y": result.val_psnr_y, "val sharpness": result.sharpness}
    return Provenance(
        name=Path(recipe.run.folder).resolve().name,
        recipe=json.dumps(dataclasses.asdict(recipe)),
        data=recipe.data.description,
        licence=recipe.data.licence,
        steps=result.step,
        started_from=recipe.network.start_from or "",
        metrics={name: round(value, 3) for name, value in metrics.items() if value is not None},
    )


def _entry(fields: dict[str, float]) -> LogEntry:
    return ValidationEntry(**fields) if "val_psnr_y" in fields else TrainingEntry(**fields)  # type: ignore[arg-type]


def _line(entry: LogEntry) -> str:
    return json.dumps(dataclasses.asdict(entry)) + "\n"


def _first_difference(before: object, now: object, path: str = "") -> str:
    """The first key whose values differ, such as "schedule.steps"."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key in [*now, *(before.keys() - now.keys())]:
            if key not in before or key not in now or before[key] != now[key]:
                return _first_difference(before.get(key), now.get(key), f"{path}.{key}" if path else key)
    return path


def _decisive_values(recipe: Recipe) -> dict[str, object]:
    """What the trained weights depend on: not the folder's name, nor how often the run logs, saves and validates."""
    whole: dict[str, object] = dataclasses.asdict(recipe)
    return whole | {"run": {"seed": recipe.run.seed, "precision": recipe.run.precision}}
