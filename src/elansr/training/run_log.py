"""The log of a run: a line every few steps, TensorBoard, a plot of the curves, and a listener.

With `run.wandb` the lines also go to Weights & Biases, through Lightning's logger.
"""

import io
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from lightning.fabric.loggers.logger import Logger
from lightning.fabric.loggers.tensorboard import TensorBoardLogger
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from elansr.errors import MissingExtraError
from elansr.training.run_folder import (
    CURVES,
    RECIPE,
    TENSORBOARD,
    WANDB_ID,
    LogEntry,
    RunFolder,
    TrainingEntry,
    ValidationEntry,
)
from elansr.training.validation import Scores

if TYPE_CHECKING:
    from lightning.pytorch.loggers import WandbLogger


@dataclass(frozen=True)
class StepResult:
    """One step.

    Attributes:
        loss: of pictures in [0, 1]; may be infinite or NaN, as the norm.
        gradient_norm: before clipping.
        seconds: of the whole step.
        waited: of which for the crops.
    """

    loss: float
    gradient_norm: float
    learning_rate: float
    seconds: float
    waited: float

    @property
    def finite(self) -> bool:
        """Whether the step was taken."""
        return abs(self.loss) < float("inf") and self.gradient_norm < float("inf")


class RunLog:
    """Writes what happens.

    Args:
        step: where the run continues; later entries of an interrupted run are dropped.
        wandb: a project of Weights & Biases; "" for none.

    Raises:
        MissingExtraError: wandb is asked for and not installed.
    """

    def __init__(self, folder: RunFolder, step: int, listener: Callable[[LogEntry], None], wandb: str = "") -> None:
        folder.drop_after(step)
        self._folder, self._listener = folder, listener
        self._steps: list[StepResult] = []
        self._wandb = _wandb_logger(folder, wandb) if wandb else None
        board = TensorBoardLogger(folder.path, name="", version=TENSORBOARD, purge_step=step + 1)
        self._loggers: list[Logger] = [board, *([self._wandb] if self._wandb else [])]

    def add(self, result: StepResult) -> None:
        """Keeps a step for the next line."""
        self._steps.append(result)

    def write(self, step: int) -> None:
        """Writes the mean of the steps since the last line."""
        steps, self._steps = self._steps, []
        good = [s for s in steps if s.finite]
        seconds = sum(s.seconds for s in steps)
        entry = TrainingEntry(
            step=step,
            loss=fmean(s.loss for s in good) if good else float("nan"),
            learning_rate=steps[-1].learning_rate,
            gradient_norm=fmean(s.gradient_norm for s in good) if good else float("nan"),
            bad_steps=len(steps) - len(good),
            seconds_per_step=seconds / len(steps),
            data_share=sum(s.waited for s in steps) / seconds,
        )
        self._publish(entry, "training")

    def write_validation(self, step: int, validate: Callable[[], Scores]) -> ValidationEntry:
        """Validates and writes the result; the curves are drawn anew."""
        started = time.monotonic()
        scores = validate()
        entry = ValidationEntry(step, scores.psnr_y, time.monotonic() - started, scores.sharpness)
        self._publish(entry, "validation")
        self._folder.write(CURVES, curves_png(self._folder.entries()))
        return entry

    def _publish(self, entry: LogEntry, group: str) -> None:
        self._folder.log(entry)
        values = {name: value for name, value in asdict(entry).items() if name != "step" and value is not None}
        for logger in self._loggers:
            logger.log_metrics({f"{group}/{name}": value for name, value in values.items()}, entry.step)
            logger.save()
        self._listener(entry)

    def close(self) -> None:
        """Ends the logs of a run that is done."""
        for logger in self._loggers:
            logger.finalize("success")
        if self._wandb:
            self._wandb.experiment.finish()


def _wandb_logger(folder: RunFolder, project: str) -> "WandbLogger":
    """The run in Weights & Biases that belongs to the folder: a new one, or the one of an earlier start."""
    from lightning.pytorch.loggers import WandbLogger

    kept = folder.path / WANDB_ID
    try:
        logger = WandbLogger(
            project=project,
            name=folder.path.resolve().name,
            id=kept.read_text(encoding="utf-8") if kept.exists() else None,
            save_dir=folder.path,
            resume="allow",
        )
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"run.wandb={project!r} needs wandb: pip install '.[wandb]' in elansr's folder"
        ) from error
    logger.log_hyperparams(json.loads((folder.path / RECIPE).read_text(encoding="utf-8")))
    folder.write(WANDB_ID, str(logger.version).encode())
    return logger


def curves_png(entries: Sequence[LogEntry]) -> bytes:
    """A picture of a log: loss and learning rate above, the validation below."""
    steps = [entry for entry in entries if isinstance(entry, TrainingEntry)]
    validations = [entry for entry in entries if isinstance(entry, ValidationEntry)]
    figure = Figure(figsize=(8, 6), layout="constrained")
    FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1, sharex=True)
    above.plot([e.step for e in steps], [e.loss for e in steps], color="tab:blue")
    above.set_ylabel("training loss")
    above.set_yscale("log")
    rate = above.twinx()
    rate.plot([e.step for e in steps], [e.learning_rate for e in steps], color="tab:gray", linewidth=0.8)
    rate.set_ylabel("learning rate (grey)")
    below.plot([e.step for e in validations], [e.val_psnr_y for e in validations], marker="o", color="tab:green")
    below.set_ylabel("validation PSNR-Y of the EMA weights, dB")
    below.set_xlabel("step")
    for axes in (above, below):
        axes.grid(alpha=0.3)
    picture = io.BytesIO()
    figure.savefig(picture, dpi=100, format="png")
    return picture.getvalue()
