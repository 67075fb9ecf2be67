"""The table [data.degradation]: what it takes and what it refuses."""

import pytest
from pydantic import TypeAdapter, ValidationError

from elansr.training.degradation import DegradationRecipe

READ = TypeAdapter(DegradationRecipe).validate_python


def test_an_empty_table_is_the_mild_default() -> None:
    recipe = READ({})
    assert recipe == DegradationRecipe()
    assert (recipe.rounds, recipe.jpeg_quality) == (1, (30, 95))


def test_ranges_and_kinds_come_as_lists() -> None:
    recipe = READ({"blur_sigma": [0, 2], "jpeg_quality": [60, 60], "resize_kinds": ["area"]})
    assert (recipe.blur_sigma, recipe.jpeg_quality, recipe.resize_kinds) == ((0.0, 2.0), (60, 60), ("area",))


@pytest.mark.parametrize(
    "table",
    [
        {"blur_sigma": [2, 1]},
        {"jpeg_quality": [80, 70]},
        {"jpeg_quality": [0, 70]},
        {"jpeg_quality": [30, 101]},
        {"jpeg_quality": [30.5, 90]},
        {"blur_probability": 1.01},
        {"clean_probability": -0.1},
        {"noise_probability": float("nan")},
        {"noise_sigma": [0, float("inf")]},
        {"noise_sigma": [3]},
        {"resize_side": [0, 2]},
        {"resize_kinds": []},
        {"resize_kinds": ["area", "area"]},
        {"resize_kinds": ["lanczos"]},
        {"rounds": 3},
        {"blur": 1},
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused(table: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as refused:
        READ(table)
    assert {problem["loc"][0] for problem in refused.value.errors()} == set(table)
