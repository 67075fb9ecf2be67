"""The log of a run while it goes on: a line every few steps, TensorBoard, a picture of the curves, and a listener."""

import io
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch.utils.tensorboard import SummaryWriter

from elansr.training.run_folder import CURVES, TENSORBOARD, LogEntry, RunFolder, TrainingEntry, ValidationEntry
from elansr.training.validation import Scores


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
        step: from which the run goes on; what an interrupted run wrote after it is dropped.
    """

    def __init__(self, folder: RunFolder, step: int, listener: Callable[[LogEntry], None]) -> None:
        folder.drop_after(step)
        self._folder, self._listener = folder, listener
        self._steps: list[StepResult] = []
        self._board = SummaryWriter(str(folder.path / TENSORBOARD), purge_step=step + 1)

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
        for name, value in asdict(entry).items():
            if name != "step" and value is not None:
                self._board.add_scalar(f"{group}/{name}", value, entry.step)
        self._board.flush()
        self._listener(entry)


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
