"""Recipes are strict: every key is known, every value in its range, and an error names the key."""

from pathlib import Path

import jsonschema
import pytest

from elansr.errors import ConfigError
from elansr.training.recipe import PictureFolder, Recipe, _put, load_recipe, recipe_schema, tomllib
from elansr.weights.released import RELEASED
from tests.training.recipes import ROOT, recipe_file
from tools.recipe_schema import FILE, schema_text

SCHEMA = jsonschema.Draft202012Validator(recipe_schema())


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"scale": 9}, "network.scale"),
        ({"preset": "elan-huge"}, "network.preset"),
        ({"patch": 40}, "data.patch"),
        ({"batch": 0}, "schedule.batch"),
        ({"learning_rate": -1.0}, "schedule.learning_rate"),
        ({"seed": 2**63}, "run.seed"),
        ({"speed": 3}, "schedule.speed: .*weight_decay"),
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
        (good.replace("[schedule]", "[shedule]"), "shedule: .*did you mean schedule"),
        ("not toml", path.name),
    ):
        path.write_text(text)
        with pytest.raises(ConfigError, match=reason):
            load_recipe(path)
    with pytest.raises(ConfigError, match=r"missing\.toml"):
        load_recipe(tmp_path / "missing.toml")


@pytest.mark.parametrize(
    ("change", "meant"),
    [
        ("schedule.stpes=4", "steps"),
        ("data.degradation.jpeg_qualty=[30, 90]", "jpeg_quality"),
        ("schedule.stages=[{from_step=2, patches=16, batch=4}]", "patch"),
        ("data.train=[{hr='a', shares=1}]", "share"),
        ("run.steps=4", "schedule.steps"),
    ],
)
def test_a_misspelled_key_is_told_which_one_was_meant(tmp_path: Path, change: str, meant: str) -> None:
    with pytest.raises(ConfigError, match=rf"did you mean {meant}\?"):
        load_recipe(recipe_file(tmp_path), [change])


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
        ("steps=5", "'steps=5'"),
        ("schedule.steps", "table.key=value"),
        ("schedule.speed=5", "schedule.speed"),
        ("schedule.steps=soon", "schedule.steps: .*'soon'"),
        ("schedule.halve_at=100,200", r"schedule.halve_at: .*\[1000, 2000\].*'100,200'"),
        ("data.degradation.jpeg_quality=30", r"data.degradation.jpeg_quality: .*\["),
        ("run.folder=''", "run.folder"),
        ("schedule.steps.more=5", "'steps'"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused(tmp_path: Path, change: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        load_recipe(recipe_file(tmp_path), [change])


@pytest.mark.parametrize("path", sorted((ROOT / "recipes").glob("*.toml")), ids=lambda path: path.stem)
def test_every_recipe_that_ships_is_valid(path: Path) -> None:
    assert isinstance(load_recipe(path), Recipe)


def test_the_schema_for_editors_is_that_of_the_code() -> None:
    assert FILE.read_text(encoding="utf-8") == schema_text(), "run python -m tools.recipe_schema"


@pytest.mark.parametrize("path", sorted((ROOT / "recipes").glob("*.toml")), ids=lambda path: path.stem)
def test_the_schema_accepts_every_recipe_that_ships(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith(f"#:schema ./{FILE.name}\n")
    SCHEMA.validate(tomllib.loads(text))


@pytest.mark.parametrize(
    "change", ["schedule.stpes=4", "schedule.steps=0", "data.train=[3]", "data.train='photos'", "network.scale=9"]
)
def test_the_schema_refuses_what_the_code_refuses(tmp_path: Path, change: str) -> None:
    path = recipe_file(tmp_path)
    with pytest.raises(ConfigError):
        load_recipe(path, [change])
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    _put(table, change)
    with pytest.raises(jsonschema.ValidationError):
        SCHEMA.validate(table)


@pytest.mark.parametrize("path", sorted((ROOT / "recipes").glob("*.toml")), ids=lambda path: path.stem)
def test_a_recipe_starts_from_nothing_or_from_published_weights(path: Path) -> None:
    """By digest, for a released name may stand for another file one day; and under a name that is not the released."""
    recipe = load_recipe(path)
    network = recipe.network
    if network.start_from is not None:
        assert network.start_sha256 == RELEASED[network.start_from].sha256
    assert Path(recipe.run.folder).name not in RELEASED
