"""Measures released weights by running `elansr evaluate --json`."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import torch

from elansr import __version__
from elansr.engines.device import pick_device
from elansr.errors import DataError
from elansr.weights.released import ReleasedWeights
from tools.figures import SETS, Kind, Mean, Measurement

DECIMALS = 6
"""Of what is stored: far more than is printed, fewer than differ from machine to machine."""


def benchmarks(root: Path, data: Path | None) -> Path:
    """The folder of the benchmark sets.

    Args:
        root: the repository.
        data: the data folder; None takes ELANSR_DATA, or shared/data beside the repository.

    Raises:
        DataError: a set is not there.
    """
    folder = (data or Path(os.environ.get("ELANSR_DATA", root.parent / "shared" / "data"))).resolve() / "benchmark"
    for name in SETS["fp32"]:
        if not (folder / name).is_dir():
            raise DataError(f"{folder / name}: there is no such set: give --data, or set ELANSR_DATA (CONTRIBUTING.md)")
    return folder


def command(row: ReleasedWeights, kind: Kind) -> list[str]:
    """The command line that measures `kind` for a row, run in the folder of the sets."""
    model = ["bicubic", "-s", str(row.scale)] if kind == "bicubic" else [row.name]
    precision = ["--precision", kind] if kind in ("bf16", "fp16") else []
    data = [word for name in SETS[kind] for word in ("--data", name)]
    return ["elansr", "evaluate", "-n", *model, *data, *precision, "--json"]


def measure(row: ReleasedWeights, kind: Kind, folder: Path) -> Measurement:
    """Runs the command; its progress bars and errors go to the terminal.

    Args:
        row: the weights; the installed file of that name is measured.
        kind: what to measure.
        folder: of the sets.

    Raises:
        DataError: the command fails.
    """
    words = command(row, kind)
    run = subprocess.run([sys.executable, "-m", *words], cwd=folder, stdout=subprocess.PIPE, text=True, check=False)
    if run.returncode:
        raise DataError(f"{shlex.join(words)}: ended with exit code {run.returncode}, for the reason above")
    sets = json.loads(run.stdout)["sets"]
    means = {name: Mean(round(sets[name]["psnr"], DECIMALS), round(sets[name]["ssim"], DECIMALS)) for name in sets}
    return Measurement(shlex.join(words), __version__, torch.__version__, pick_device().partition(":")[0], means)
