"""Text as pixels: how large it is, where it is cut, and that no name is markup."""

import numpy as np
import pytest
from PIL import ImageFont

from elansr.evaluation.lettering import lettering, line_height


@pytest.mark.parametrize("text", ["elan-light-x4", "图片.png", "naïve.png", "a"])
def test_a_line_has_its_height_and_ink(text: str) -> None:
    drawn = lettering(text, 18, 500)
    assert drawn.dtype == np.uint8
    assert drawn.shape[0] == line_height(18)
    assert 1 < drawn.shape[1] < 200
    assert drawn.max() > 200
    assert (drawn.max(axis=1) == 0).any(), "room above or below"


def test_a_long_text_loses_its_middle() -> None:
    text = "a_very_long_name_of_a_weights_file_in_some_folder_x4.safetensors"
    drawn = lettering(text, 18, 200)
    assert drawn.shape[1] <= 200
    head = lettering("a_very", 18, 500)
    ink = slice(0, head.shape[1] - 4)
    np.testing.assert_array_equal(drawn[:, ink], head[:, ink])
    assert drawn.shape[1] > 150


def test_nothing_needs_nothing() -> None:
    assert lettering("", 18, 100).max() == 0


def test_the_width_is_that_of_pillows_own_font() -> None:
    width = ImageFont.load_default(20).getlength("HR and SR")
    assert lettering("HR and SR", 20, 500).shape[1] == pytest.approx(width, abs=2)


def test_other_scripts_are_text_and_no_markup() -> None:
    plain = lettering("é <b>x</b> & y", 18, 500)
    assert plain.shape[1] > lettering("é x & y", 18, 500).shape[1]
    assert lettering("é <b>", 18, 500).max() > 0, "unclosed markup is an error to Pango"
