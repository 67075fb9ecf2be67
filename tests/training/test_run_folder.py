"""The folder of a run: the log survives a crash, weights carry the name of the run."""

import json
from pathlib import Path

import pytest

from elansr.errors import ConfigError, DataError, TrainingError
from elansr.training.recipe import load_recipe
from elansr.training.run_folder import LOG, RunFolder, TrainingEntry, ValidationEntry, provenance
from tests.training.recipes import recipe_file

STEPS = TrainingEntry(
    step=10, loss=0.1, learning_rate=1e-3, gradient_norm=2.0, bad_steps=0, seconds_per_step=0.5, data_share=0.01
)


@pytest.mark.parametrize("degradation", [None, {}])
def test_weights_carry_the_name_of_the_run_and_not_a_released_one(tmp_path: Path, degradation: object) -> None:
    changes = {} if degradation is None else {"degradation": degradation}
    recipe = load_recipe(recipe_file(tmp_path, "my photos", **changes))
    story = provenance(recipe, ValidationEntry(step=300, val_psnr_y=30.12345, seconds=1.0))
    assert story.name == "my photos"
    assert (story.steps, story.metrics) == (300, {"val PSNR-Y": 30.123})
    assert json.loads(story.recipe)["network"]["preset"] == "elan-light"


def test_the_name_of_a_run_in_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = load_recipe(recipe_file(tmp_path), ["run.folder=."])
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert provenance(recipe, ValidationEntry(1, 30.0, 1.0)).name == "here"


def test_the_log_comes_back_and_is_cut_where_a_run_goes_on(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    assert folder.entries() == []
    folder.drop_after(0)
    entries = [
        ValidationEntry(0, 29.0, 1.0),
        STEPS,
        ValidationEntry(10, 30.0, 2.0),
        ValidationEntry(20, 31.0, 2.0, 0.9),
    ]
    for entry in entries:
        folder.log(entry)
    assert folder.entries() == entries
    with (tmp_path / LOG).open("a") as file:
        file.write('{"step": 25, "lo')  # the process was killed here
    assert folder.entries() == entries
    folder.drop_after(10)
    assert folder.entries() == entries[:3]


def test_another_recipe_is_refused_with_the_first_key_that_differs(tmp_path: Path) -> None:
    path = recipe_file(tmp_path)
    RunFolder.of(load_recipe(path)).log(STEPS)
    with pytest.raises(ConfigError, match=r"schedule\.steps"):
        RunFolder.of(load_recipe(path, ["schedule.steps=7", "run.seed=5"]))


def test_what_cannot_be_written_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(TrainingError):
        RunFolder(tmp_path / "gone").log(STEPS)
    with pytest.raises(TrainingError):
        RunFolder(tmp_path / "gone").write("curves.png", b"")


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    recipe = load_recipe(recipe_file(tmp_path), [f"run.folder={tmp_path / 'file' / 'run'}"])
    with pytest.raises(ConfigError):
        RunFolder.of(recipe)


def test_a_start_that_failed_does_not_keep_the_folder(tmp_path: Path) -> None:
    RunFolder.of(load_recipe(recipe_file(tmp_path, steps=4)))
    other = load_recipe(recipe_file(tmp_path, steps=5))
    folder = RunFolder.of(other)
    folder.log(STEPS)
    assert RunFolder.of(other) == folder
    with pytest.raises(ConfigError):
        RunFolder.of(load_recipe(recipe_file(tmp_path, steps=4)))


def test_pictures_that_changed_are_noticed_once_the_run_has_begun(tmp_path: Path) -> None:
    folder, pictures = RunFolder.of(load_recipe(recipe_file(tmp_path))), {"in/a.png": "1", "in/b.png": "2"}
    folder.require_same_pictures(pictures | {"in/c.png": "3"}, begun=False)
    folder.require_same_pictures(pictures, begun=False)  # nothing was trained on the others
    folder.require_same_pictures(pictures, begun=True)
    for changed, name in (
        (pictures | {"in/a.png": "9"}, "a.png"),
        (pictures | {"in/new.png": "3"}, "new.png"),
        ({"in/a.png": "1"}, "b.png"),
    ):
        with pytest.raises(DataError) as caught:
            folder.require_same_pictures(changed, begun=True)
        assert name in str(caught.value)


def test_a_run_of_an_older_version_takes_note_of_its_pictures(tmp_path: Path) -> None:
    folder = RunFolder.of(load_recipe(recipe_file(tmp_path)))
    folder.require_same_pictures({"a.png": "1"}, begun=True)
    with pytest.raises(DataError):
        folder.require_same_pictures({"a.png": "2"}, begun=True)
