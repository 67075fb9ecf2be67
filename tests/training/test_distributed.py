"""Two real processes on one batch: the losses of one process."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from elansr.errors import DeviceError
from elansr.training.distributed import start_fabric
from elansr.training.recipe import RunRecipe
from elansr.training.run_folder import LOG
from tests.training.recipes import recipe_file

PROCESSES = 2
ROUNDING = 1e-4
"""Of float32 sums in another order, after a few steps."""


@pytest.mark.skipif(sys.platform == "win32", reason="gloo under torchrun")
def test_two_processes_have_the_loss_curve_of_one_with_the_same_batch(tmp_path: Path) -> None:
    """With BatchNorm frozen: on a CPU its statistics are those of a process's share."""
    frozen = {"start_from": "elan-light-x2", "freeze_norm_for": 4, "log_every": 1, "batch": 4}
    alone = [sys.executable, "-m", "elansr"]
    together = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={PROCESSES}"]
    curves = []
    for run, command in (("alone", alone), ("together", [*together, "-m", "elansr"])):
        path = recipe_file(tmp_path, run, **frozen)
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        result = subprocess.run([*command, "train", str(path)], capture_output=True, text=True, env=environment)
        assert result.returncode == 0, result.stderr
        assert result.stdout.count("best weights:") == 1
        lines = [json.loads(line) for line in (tmp_path / run / LOG).read_text().splitlines()]
        curves.append([line["loss"] for line in lines if "loss" in line])
    assert len(curves[0]) == len(curves[1]) == 4
    assert curves[0] == pytest.approx(curves[1], rel=ROUNDING)


def test_a_gpu_that_is_not_there_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(DeviceError, match=r"run.accelerator='cuda'"):
        start_fabric(RunRecipe(folder="x", accelerator="cuda"))
