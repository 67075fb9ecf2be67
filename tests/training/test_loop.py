"""Real runs of the real loop: it learns, and interrupted + resumed = uninterrupted, bit for bit, after kill -9."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from elansr.errors import ConfigError, TrainingError
from elansr.training import loop
from elansr.training.config import Recipe, load_recipe
from elansr.training.loop import learning_rate, train
from elansr.training.record import CHECKPOINT, LOG, WEIGHTS
from elansr.weights.files import load

ROOT = Path(__file__).parents[2]
LIGHTNING = pytest.mark.filterwarnings("ignore")


def recipe_file(folder: Path, run: str = "run", **changes: object) -> Path:
    """The tiny recipe, smaller still, with `changes` to single lines."""
    settings = {"steps": 6, "patch": 16, "warmup": 2, "freeze_norm_for": 2, "validate_every": 2, "checkpoint_every": 1}
    values = settings | {"val_pictures": 1, "threads": 1, "folder": str(folder / run)} | changes
    lines = (ROOT / "recipes" / "tiny_cpu.toml").read_text().replace('["examples"]', f'["{ROOT}/examples"]')
    lines = lines.replace("[schedule]", "val_pictures = 1\n[schedule]").replace("[run]", "[run]\nthreads = 1")
    for key, value in values.items():
        told = json.dumps(value)
        lines = "\n".join(f"{key} = {told}" if x.startswith(f"{key} =") else x for x in lines.splitlines())
    path = folder / f"{run}.toml"
    path.write_text(lines)
    return path


@LIGHTNING
def test_a_run_learns_and_leaves_what_it_says(tmp_path: Path) -> None:
    steps: list[int] = []
    recipe = load_recipe(recipe_file(tmp_path, steps=30, validate_every=10, checkpoint_every=15))
    weights = train(recipe, progress=lambda step, _: steps.append(step))
    records = [json.loads(line) for line in (tmp_path / "run" / LOG).read_text().splitlines()]
    assert steps == list(range(31))
    assert [r["step"] for r in records] == [10, 20, 30]
    assert records[-1]["val_psnr_y"] > records[0]["val_psnr_y"] + 1
    network, story = load(weights)
    assert network.config.scale == 2
    assert story.name == "elan-light-x2"
    assert story.metrics["val PSNR-Y"] == round(max(r["val_psnr_y"] for r in records), 3)
    assert json.loads(story.recipe)["schedule"]["steps"] == 30


@LIGHTNING
def test_killed_and_resumed_equals_uninterrupted_bit_for_bit(tmp_path: Path) -> None:
    train(load_recipe(recipe_file(tmp_path, "straight", steps=8)))
    path = recipe_file(tmp_path, "killed", steps=8)
    for kill_at in (2, 5):
        _run_and_kill(path, tmp_path / "killed", kill_at)
    train(load_recipe(path))
    straight, killed = (torch.load(tmp_path / run / CHECKPOINT, weights_only=True) for run in ("straight", "killed"))
    assert straight["step"] == killed["step"] == 8
    for part in ("network", "ema"):
        assert all(torch.equal(straight[part][k], killed[part][k]) for k in straight[part])
    moments = [s["optimizer"]["state"] for s in (straight, killed)]
    assert all(torch.equal(moments[0][i][k], moments[1][i][k]) for i in moments[0] for k in ("exp_avg", "exp_avg_sq"))
    assert (tmp_path / "straight" / WEIGHTS).read_bytes()[-10000:] == (tmp_path / "killed" / WEIGHTS).read_bytes()[
        -10000:
    ]


def _run_and_kill(recipe: Path, folder: Path, step: int) -> None:
    """Starts the command and kills it without warning once it has saved a checkpoint of `step` or later."""
    process = subprocess.Popen([sys.executable, "-m", "elansr", "train", str(recipe)], stderr=subprocess.DEVNULL)
    try:
        for _ in range(3000):
            assert process.poll() is None, "the run ended before it could be killed"
            if (folder / CHECKPOINT).exists() and torch.load(folder / CHECKPOINT, weights_only=True)["step"] >= step:
                return
            time.sleep(0.1)
        pytest.fail(f"no checkpoint of step {step} within five minutes")
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()


@LIGHTNING
def test_the_folder_of_another_recipe_is_refused(tmp_path: Path) -> None:
    train(load_recipe(recipe_file(tmp_path, steps=1)))
    with pytest.raises(ConfigError, match="another recipe"):
        train(load_recipe(recipe_file(tmp_path, steps=2)))


@LIGHTNING
def test_gradients_that_stay_infinite_end_the_run_and_leave_the_weights_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class NaNPool(loop.PairPool):
        def sample(self, batch: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
            lr, hr = super().sample(batch, generator)
            return lr, hr * float("nan")

    monkeypatch.setattr(loop, "PairPool", NaNPool)
    with pytest.raises(TrainingError, match="step 10: 10 gradients in a row"):
        train(load_recipe(recipe_file(tmp_path, steps=30, validate_every=30)))


def test_the_learning_rate_warms_up_and_falls_to_zero() -> None:
    rates = [learning_rate(step, 1.0, 10, 110) for step in range(111)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[10] == max(rates) == 1.0
    assert rates[60] == pytest.approx(0.5)
    assert rates[110] == pytest.approx(0)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"scale": 9}, "network.scale"),
        ({"preset": "elan-huge"}, "network.preset"),
        ({"patch": 40}, "data.patch"),
        ({"batch": 2}, "schedule.batch"),
        ({"learning_rate": -1.0}, "schedule.learning_rate"),
        ({"steps": "many"}, "schedule.steps"),
    ],
)
def test_a_recipe_that_breaks_a_rule_is_refused_by_key(tmp_path: Path, changes: dict[str, object], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        load_recipe(recipe_file(tmp_path, **changes))


def test_unknown_and_missing_keys_and_no_toml_are_refused(tmp_path: Path) -> None:
    path = recipe_file(tmp_path)
    good = path.read_text()
    for text, reason in (
        (good + "\nspeed = 3", "run.speed"),
        (good.replace("batch = 4", ""), "schedule.batch"),
        ("not toml", "not TOML"),
    ):
        path.write_text(text)
        with pytest.raises(ConfigError, match=reason):
            load_recipe(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        load_recipe(tmp_path / "missing.toml")


@pytest.mark.parametrize("path", sorted((ROOT / "recipes").glob("*.toml")), ids=lambda path: path.stem)
def test_every_recipe_that_ships_is_valid(path: Path) -> None:
    assert isinstance(load_recipe(path), Recipe)
