"""Real runs of the real loop: it learns, and interrupted + resumed = uninterrupted, bit for bit, after kill -9."""

import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from elansr.errors import ConfigError, DataError, MissingExtraError, TrainingError
from elansr.nn.elan import create_model
from elansr.training import loop
from elansr.training.checkpoint import Checkpoints
from elansr.training.loop import train
from elansr.training.loss import l1
from elansr.training.recipe import load_recipe
from elansr.training.run_folder import CURVES, LOG, TENSORBOARD, WANDB_ID, WEIGHTS, LogEntry, TrainingEntry
from elansr.training.schedule import CropSize
from elansr.weights.weights_file import load
from tests.training.recipes import recipe_file

LIGHTNING = pytest.mark.filterwarnings("ignore")
NEAR_THE_SAME_LOSS = 1e-3


def newest(folder: Path) -> dict[str, Any]:
    """The newest checkpoint of a run."""
    return dict(torch.load(Checkpoints(folder, keep=1).newest_first()[0], weights_only=True))


@LIGHTNING
def test_a_run_learns_and_leaves_what_it_says(tmp_path: Path) -> None:
    steps: list[int] = []
    recipe = load_recipe(recipe_file(tmp_path, steps=20, log_every=5, validate_every=10, checkpoint_every=8))
    weights = train(recipe, progress=lambda step, _: steps.append(step))
    folder = tmp_path / "run"
    lines = [json.loads(line) for line in (folder / LOG).read_text().splitlines()]
    validations = [line for line in lines if "val_psnr_y" in line]
    progress = [line for line in lines if "loss" in line]
    assert steps == list(range(21))
    assert [line["step"] for line in validations] == [0, 10, 20]
    assert [line["step"] for line in progress] == [5, 10, 15, 20]
    assert validations[-1]["val_psnr_y"] > validations[0]["val_psnr_y"] + 0.3
    assert progress[-1]["loss"] < progress[0]["loss"] / 2
    assert all(0 < line["data_share"] < 0.05 for line in progress)
    assert sorted(path.name for path in folder.glob("*.ckpt")) == ["step_000000016.ckpt", "step_000000020.ckpt"]
    network, story = load(weights)
    assert network.config.scale == 2
    assert story.name == "run"
    assert story.metrics["val PSNR-Y"] == round(max(line["val_psnr_y"] for line in validations), 3)
    assert json.loads(story.recipe)["schedule"]["steps"] == 20
    assert not list(folder.glob("*.part"))
    with Image.open(folder / CURVES) as curves:
        assert curves.size == (800, 600)
    events = EventAccumulator(str(folder / TENSORBOARD)).Reload()
    assert [e.step for e in events.Scalars("validation/val_psnr_y")] == [0, 10, 20]
    assert events.Scalars("training/loss")[-1].value == pytest.approx(progress[-1]["loss"])


@LIGHTNING
def test_weights_and_biases_gets_the_log_as_one_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Offline; a run that goes on goes on there too."""
    wandb = pytest.importorskip("wandb", reason="the extra `wandb` is not installed")
    sent: list[dict[str, float]] = []
    original = wandb.Run.log
    monkeypatch.setattr(wandb.Run, "log", lambda run, data, *a, **b: (sent.append(data), original(run, data, *a, **b)))
    for name, value in (("MODE", "offline"), ("SILENT", "true"), ("DIR", str(tmp_path))):
        monkeypatch.setenv(f"WANDB_{name}", value)
    path = recipe_file(tmp_path, log_every=2)
    train(load_recipe(path, ["run.wandb=elan"]))
    folder = tmp_path / "run"
    (folder / "step_000000004.ckpt").unlink()
    train(load_recipe(path, ["run.wandb=elan"]))  # from step 3 on
    assert [(d["trainer/global_step"], "training/loss" in d) for d in sent] == [
        (0, False),
        *[(step, loss) for step, loss in ((2, True), (4, True), (4, False), (4, True), (4, False))],
    ]
    log = [json.loads(line) for line in (folder / LOG).read_text().splitlines()]
    assert sent[-1]["validation/val_psnr_y"] == log[-1]["val_psnr_y"]
    (run_id,) = {path.stem.split("-")[-1] for path in folder.rglob("run-*.wandb")}
    assert (folder / WANDB_ID).read_text() == run_id
    assert wandb.run is None


@LIGHTNING
def test_without_wandb_a_run_that_asks_for_it_does_not_begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lightning.pytorch.loggers.wandb._WANDB_AVAILABLE", False)
    with pytest.raises(MissingExtraError, match="wandb"):
        train(load_recipe(recipe_file(tmp_path), ["run.wandb=elan"]))
    assert not list((tmp_path / "run").glob("*.ckpt"))


@LIGHTNING
def test_killed_and_resumed_equals_uninterrupted_bit_for_bit(tmp_path: Path) -> None:
    train(load_recipe(recipe_file(tmp_path, "straight", steps=12, log_every=1, validate_every=12, optimizer="muon")))
    path = recipe_file(tmp_path, "killed", steps=12, log_every=1, validate_every=12, optimizer="muon")
    for kill_at in (2, 5):
        _run_and_kill(path, tmp_path / "killed", kill_at)
    train(load_recipe(path))
    straight, killed = (newest(tmp_path / run) for run in ("straight", "killed"))
    assert straight["step"] == killed["step"] == 12
    for part in ("network", "ema"):
        assert all(torch.equal(straight[part][k], killed[part][k]) for k in straight[part])
    moments = [s["optimizer"]["state"] for s in (straight, killed)]
    assert {k for i in moments[0] for k in moments[0][i]} == {"momentum", "exp_avg", "exp_avg_sq", "step"}
    assert all(torch.equal(moments[0][i][k], moments[1][i][k]) for i in moments[0] for k in moments[0][i])
    weights = [load_file(tmp_path / run / WEIGHTS) for run in ("straight", "killed")]
    assert all(torch.equal(weights[0][k], weights[1][k]) for k in weights[0])
    logs = [(tmp_path / run / LOG).read_text().splitlines() for run in ("straight", "killed")]
    counts = ("step", "loss", "val_psnr_y")
    repeatable = [[{k: v for k, v in json.loads(line).items() if k in counts} for line in log] for log in logs]
    assert repeatable[0] == repeatable[1]


def _run_and_kill(recipe: Path, folder: Path, step: int) -> None:
    """Starts the command and kills it without warning once it has saved a checkpoint of `step` or later."""
    process = subprocess.Popen([sys.executable, "-m", "elansr", "train", str(recipe)], stderr=subprocess.DEVNULL)
    try:
        for _ in range(15000):
            assert process.poll() is None, "the run ended before it could be killed"
            found = Checkpoints(folder, keep=2).newest_first()
            if found and int(found[0].stem.removeprefix("step_")) >= step:
                return
            time.sleep(0.02)
        pytest.fail(f"no checkpoint of step {step} within five minutes")
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()


@LIGHTNING
def test_the_folder_of_another_recipe_is_refused(tmp_path: Path) -> None:
    train(load_recipe(recipe_file(tmp_path, steps=4)))
    with pytest.raises(ConfigError, match=r"run\.folder="):
        train(load_recipe(recipe_file(tmp_path, steps=5)))


@LIGHTNING
def test_gradients_that_stay_infinite_end_the_run_and_leave_the_weights_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class NaNBatches(loop.Batches):
        def draw(self, size: CropSize, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
            lr, hr = super().draw(size, generator)
            return lr, hr * float("nan")

    monkeypatch.setattr(loop, "Batches", NaNBatches)
    with pytest.raises(TrainingError, match=r"step 10: .*schedule\.learning_rate"):
        train(load_recipe(recipe_file(tmp_path, steps=30, validate_every=30, checkpoint_every=9)))
    network = newest(tmp_path / "run")["network"]
    torch.manual_seed(0)
    untrained = create_model("elan-light", 2).state_dict()
    learnt = [name for name in untrained if "running" not in name and "num_batches" not in name]
    assert all(torch.equal(network[name], untrained[name]) for name in learnt)


@LIGHTNING
def test_a_few_bad_steps_are_left_out_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class SometimesInfinite(loop.Batches):
        calls = 0

        def draw(self, size: CropSize, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
            self.calls += 1
            lr, hr = super().draw(size, generator)
            return lr, hr + (float("inf") if self.calls in (2, 3) else 0)

    monkeypatch.setattr(loop, "Batches", SometimesInfinite)
    entries: list[LogEntry] = []
    train(load_recipe(recipe_file(tmp_path, log_every=4)), report=entries.append)
    progress = [entry for entry in entries if isinstance(entry, TrainingEntry)]
    assert [entry.bad_steps for entry in progress] == [2]
    assert 0 < progress[0].loss < 1


@LIGHTNING
@pytest.mark.parametrize(
    "changes",
    [
        {"accumulate": 2, "batch": 8},
        {"fft_weight": 0.05},
        {"halve_at": [2, 3]},
        {"stages": [{"from_step": 2, "patch": 32, "batch": 4}]},
        {"precision": "bf16-mixed"},
        {"clip_norm": 0.0, "ema": 0.0},
        {"degradation": {}},
        {"pool": "cpu"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_every_setting_of_a_recipe_trains(tmp_path: Path, changes: dict[str, object]) -> None:
    entries: list[LogEntry] = []
    train(load_recipe(recipe_file(tmp_path, **changes)), report=entries.append)
    assert entries[-1].step == 4
    assert all(math.isfinite(e.loss) and e.bad_steps == 0 for e in entries if isinstance(e, TrainingEntry))


@LIGHTNING
def test_every_step_trains_on_crops_of_the_size_that_the_recipe_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes: list[tuple[torch.Size, torch.Size]] = []

    def recorded(sr: torch.Tensor, hr: torch.Tensor, fft_weight: float) -> torch.Tensor:
        shapes.append((sr.shape, hr.shape))
        return l1(sr, hr, fft_weight)

    monkeypatch.setattr(loop, "l1", recorded)
    stages = [{"from_step": 2, "patch": 16, "batch": 6}]
    train(load_recipe(recipe_file(tmp_path, steps=3, patch=32, batch=4, stages=stages)))
    expected = [torch.Size(shape) for shape in ((4, 3, 64, 64), (4, 3, 64, 64), (6, 3, 32, 32))]
    assert shapes == [(shape, shape) for shape in expected]


@LIGHTNING
def test_accumulated_parts_give_the_gradient_of_the_whole_batch(tmp_path: Path) -> None:
    """With BatchNorm frozen: its statistics are those of a part."""
    losses = []
    for parts in (1, 2):
        entries: list[LogEntry] = []
        changes = {"start_from": "elan-light-x2", "freeze_norm_for": 4, "accumulate": parts, "log_every": 1}
        train(load_recipe(recipe_file(tmp_path, f"parts{parts}", **changes)), report=entries.append)
        losses.append([e.loss for e in entries if isinstance(e, TrainingEntry)])
    assert losses[0] == pytest.approx(losses[1], rel=NEAR_THE_SAME_LOSS)


@LIGHTNING
def test_a_run_goes_on_from_a_named_checkpoint_in_another_folder_only(tmp_path: Path) -> None:
    train(load_recipe(recipe_file(tmp_path, "first", steps=4, checkpoint_every=2, keep_checkpoints=2)))
    earlier = tmp_path / "first" / "step_000000002.ckpt"
    with pytest.raises(DataError, match=r"step_000000004.*run\.folder"):
        train(load_recipe(tmp_path / "first.toml"), resume=earlier)
    steps: list[int] = []
    second = load_recipe(recipe_file(tmp_path, "second", steps=4, checkpoint_every=2))
    train(second, resume=earlier, progress=lambda step, _: steps.append(step))
    assert steps == [2, 3, 4]
    runs = [newest(tmp_path / run)["network"] for run in ("first", "second")]
    assert all(torch.equal(runs[0][k], runs[1][k]) for k in runs[0])


@LIGHTNING
def test_a_run_does_not_go_on_with_other_pictures(tmp_path: Path) -> None:
    recipe = load_recipe(recipe_file(tmp_path, steps=3, validate_every=3))
    train(recipe)
    picture = tmp_path / "val/otter.png"
    with Image.open(picture) as image:
        image.rotate(180).save(picture)
    for _ in range(2):
        with pytest.raises(DataError, match=r"otter\.png"):
            train(recipe)
