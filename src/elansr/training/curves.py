"""A run's curves as one picture: the loss and the learning rate above, the validation below."""

import io
from collections.abc import Sequence
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from elansr.training.record import Entry, Progress, Validation
from elansr.weights.disk import write_atomically


def draw_curves(entries: Sequence[Entry], path: Path) -> None:
    """Writes a PNG in place of an older one.

    Args:
        entries: the log of a run.
        path: of the PNG.
    """
    steps = [entry for entry in entries if isinstance(entry, Progress)]
    validations = [entry for entry in entries if isinstance(entry, Validation)]
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
    write_atomically(path, picture.getvalue(), overwrite=True)
