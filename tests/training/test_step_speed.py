"""Steps are timed in turns, after a warm-up, and nothing is trained or written."""

from pathlib import Path

from elansr.training.recipe import load_recipe
from elansr.training.step_speed import time_steps
from tests.training.recipes import recipe_file


def test_each_way_is_timed_so_many_times(tmp_path: Path) -> None:
    ours, authors = time_steps(load_recipe(recipe_file(tmp_path, batch=4)), 2)
    assert len(ours.seconds) == len(authors.seconds) == 2
    assert min(ours.seconds + authors.seconds) > 0
    assert authors.first == ours.seconds
    assert not (tmp_path / "run").exists()
