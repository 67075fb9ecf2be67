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
    ("table", "reason"),
    [
        ({"blur_sigma": [2, 1]}, "a range runs from low to high, and 2.0 is more than 1.0"),
        ({"jpeg_quality": [80, 70]}, "80 is more than 70"),
        ({"jpeg_quality": [0, 70]}, "greater than or equal to 1"),
        ({"jpeg_quality": [30, 101]}, "less than or equal to 100"),
        ({"jpeg_quality": [30.5, 90]}, "integer"),
        ({"blur_probability": 1.01}, "less than or equal to 1"),
        ({"clean_probability": -0.1}, "greater than or equal to 0"),
        ({"noise_probability": float("nan")}, "less than or equal to 1"),
        ({"noise_sigma": [0, float("inf")]}, "less than or equal to 255"),
        ({"noise_sigma": [3]}, "Field required"),
        ({"resize_side": [0, 2]}, "greater than or equal to 0.25"),
        ({"resize_kinds": []}, "at least 1"),
        ({"resize_kinds": ["area", "area"]}, "listed twice"),
        ({"resize_kinds": ["lanczos"]}, "'area', 'bilinear' or 'bicubic'"),
        ({"rounds": 3}, "1 or 2"),
        ({"blur": 1}, "Unexpected keyword argument"),
    ],
)
def test_what_makes_no_sense_is_refused(table: dict[str, object], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        READ(table)
