"""What a run tells while it goes on: its log, TensorBoard, a picture of the curves, and whoever listens."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from statistics import fmean

from torch.utils.tensorboard import SummaryWriter

from elansr.training.curves import draw_curves
from elansr.training.record import CURVES, TENSORBOARD, Entry, Progress, RunFolder, Validation


@dataclass(frozen=True)
class Step:
    """One step.

    Attributes:
        loss: of pictures in [0, 1]; may be infinite or NaN, as the norm.
        gradient_norm: before clipping.
        learning_rate: of this step.
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


class Diary:
    """Writes what happened.

    Args:
        folder: of the run.
        step: from which the run goes on; what an interrupted run wrote after it is dropped.
        listener: told every entry.
    """

    def __init__(self, folder: RunFolder, step: int, listener: Callable[[Entry], None]) -> None:
        folder.forget_after(step)
        self._folder, self._listener = folder, listener
        self._steps: list[Step] = []
        self._board = SummaryWriter(str(folder.path / TENSORBOARD), purge_step=step + 1)

    def add(self, step: Step) -> None:
        """Remembers a step for the next line."""
        self._steps.append(step)

    def write(self, step: int) -> None:
        """Writes the mean of the steps since the last line."""
        steps, self._steps = self._steps, []
        good = [s for s in steps if s.finite]
        seconds = sum(s.seconds for s in steps)
        self._publish(
            Progress(
                step=step,
                loss=fmean(s.loss for s in good) if good else float("nan"),
                learning_rate=steps[-1].learning_rate,
                gradient_norm=fmean(s.gradient_norm for s in good) if good else float("nan"),
                bad_steps=len(steps) - len(good),
                seconds_per_step=seconds / len(steps),
                data_share=sum(s.waited for s in steps) / seconds,
            )
        )

    def write_validation(self, step: int, validate: Callable[[], float]) -> Validation:
        """Validates and writes the result; the curves are drawn anew."""
        started = time.monotonic()
        result = Validation(step, validate(), time.monotonic() - started)
        self._publish(result)
        draw_curves(self._folder.entries(), self._folder.path / CURVES)
        return result

    def _publish(self, entry: Entry) -> None:
        self._folder.log(entry)
        for name, value in asdict(entry).items():
            if name != "step":
                self._board.add_scalar(f"{type(entry).__name__.lower()}/{name}", value, entry.step)
        self._board.flush()
        self._listener(entry)
