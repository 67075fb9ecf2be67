"""Checks of arguments: what passes, and the value and the rule in the error."""

import math
from pathlib import Path

import numpy as np
import pytest

from elansr.arguments import require_choice, require_flag, require_number, require_path, require_whole
from elansr.errors import ConfigError

OBJECT = object()


def test_numbers_of_numpy_are_numbers() -> None:
    assert type(require_whole("tile", np.int64(3))) is int
    assert require_number("strength", np.float32(0.5), 0, 1) == 0.5
    assert require_number("strength", 1, 0, 1) == 1.0


@pytest.mark.parametrize("value", [-1, 257, 2.0, "2", True, None, OBJECT])
def test_what_is_no_whole_number_of_the_range(value: object) -> None:
    with pytest.raises(ConfigError) as caught:
        require_whole("margin", value, most=256)
    assert str(caught.value).startswith(f"`margin={value!r}`: ")
    assert "256" in str(caught.value)


@pytest.mark.parametrize("value", [-0.1, 1.5, math.nan, math.inf, "1", True, None])
def test_what_is_no_number_of_the_range(value: object) -> None:
    with pytest.raises(ConfigError, match="`strength="):
        require_number("strength", value, 0, 1)


@pytest.mark.parametrize("value", ["", "Closed", None, 3])
def test_what_is_none_of_the_words(value: object) -> None:
    require_choice("border", "closed", ("closed", "cyclic"))
    with pytest.raises(ConfigError, match="closed or cyclic"):
        require_choice("border", value, ("closed", "cyclic"))


def test_a_word_that_comes_near_is_named() -> None:
    with pytest.raises(ConfigError, match=r"did you mean png\?"):
        require_choice("ext", "pgn", ("png", "jpg"))


def test_flags_and_paths() -> None:
    require_flag("tta", False)
    assert require_path("output", "a/b") == require_path("output", Path("a/b")) == Path("a/b")
    with pytest.raises(ConfigError, match="`tta='yes'`"):
        require_flag("tta", "yes")
    with pytest.raises(ConfigError, match="`output=5`"):
        require_path("output", 5)


def test_a_long_value_is_cut_and_on_one_line() -> None:
    with pytest.raises(ConfigError) as caught:
        require_flag("tta", np.zeros((50, 50)))
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 120
