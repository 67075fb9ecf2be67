"""Recipes are strict: every key is known, every value in its range, and an error names the key."""

from pathlib import Path

import pytest

from elansr.errors import ConfigError
from elansr.training.recipe import PictureFolder, Recipe, load_recipe
from tests.training.recipes import ROOT, recipe_file


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"scale": 9}, "network.scale"),
        ({"preset": "elan-huge"}, "network.preset"),
        ({"patch": 40}, "data.patch"),
        ({"batch": 0}, "schedule.batch"),
        ({"learning_rate": -1.0}, "schedule.learning_rate"),
        ({"seed": 2**63}, "run.seed"),
        ({"speed": 3}, r"schedule.speed: there is no such key \(found 3\)"),
        ({"steps": "many"}, "schedule.steps"),
        ({"optimizer": "sgd"}, "schedule.optimizer"),
        ({"betas": [0.9]}, "schedule.betas"),
        ({"stages": [{"from_step": 3, "patch": 32}]}, "schedule.stages.0.batch"),
        ({"degradation": {"strength": 3}}, "data.degradation.strength"),
        ({"keep_checkpoints": 0}, "run.keep_checkpoints"),
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


def test_changes_are_put_over_the_values_of_the_file(tmp_path: Path) -> None:
    changes = [
        "schedule.steps=77",
        "schedule.learning_rate = 1e-3",
        "data.train=['a', 'b']",
        "schedule.optimizer=muon",
        "run.folder=runs/other one",
        "data.degradation.clean_probability=0.5",
    ]
    recipe = load_recipe(recipe_file(tmp_path), changes)
    assert (recipe.schedule.steps, recipe.schedule.learning_rate, recipe.schedule.optimizer) == (77, 1e-3, "muon")
    assert recipe.data.train == [PictureFolder("a"), PictureFolder("b")]
    assert recipe.run.folder == "runs/other one"
    assert recipe.data.degradation is not None
    assert recipe.data.degradation.clean_probability == 0.5


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("steps=5", r"--set 'steps=5': must be table.key=value"),
        ("schedule.steps", "must be table.key=value"),
        ("schedule.speed=5", "schedule.speed"),
        ("schedule.steps=soon", "schedule.steps"),
        ("run.folder=''", "run.folder"),
        ("schedule.steps.more=5", "'steps' is a value, not a table"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused(tmp_path: Path, change: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        load_recipe(recipe_file(tmp_path), [change])


@pytest.mark.parametrize("path", sorted((ROOT / "recipes").glob("*.toml")), ids=lambda path: path.stem)
def test_every_recipe_that_ships_is_valid(path: Path) -> None:
    assert isinstance(load_recipe(path), Recipe)
