"""Integers and floats: there and back without a loss, halves to even or up as said."""

from fractions import Fraction

import numpy as np
import pytest

from elansr.images import from_float, in_8_bits, rounded, rounded_half_up, to_float

DTYPES = [np.uint8, np.uint16]


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_sample_comes_back(dtype: type[np.uint8 | np.uint16]) -> None:
    every = np.arange(np.iinfo(dtype).max + 1, dtype=dtype)
    floats = to_float(every)
    assert floats.dtype == np.float32
    assert (floats[0], floats[-1]) == (0, 1)
    assert np.array_equal(from_float(floats, dtype), every)
    assert from_float(floats, dtype).dtype == dtype


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_outside_is_cut(dtype: type[np.uint8 | np.uint16]) -> None:
    white = np.iinfo(dtype).max
    assert from_float(np.array([-0.2, 0, 1, 7], np.float32), dtype).tolist() == [0, 0, white, white]
    assert rounded(np.array([-3.0, white + 9.0]), dtype).tolist() == [0, white]
    assert rounded_half_up(np.array([-3.0, white + 9.0]), dtype).tolist() == [0, white]


def test_halves() -> None:
    halves = np.array([0.5, 1.5, 2.5, 3.5])
    assert rounded(halves, np.uint8).tolist() == [0, 2, 2, 4]
    assert rounded_half_up(halves, np.uint8).tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_are_cut_and_not_rounded(dtype: type[np.floating]) -> None:
    values = np.array([-1, 0.25, 0.3, 2], np.float32)
    assert from_float(values, dtype).tolist() == np.array([0, 0.25, np.float32(0.3), 1], dtype).tolist()
    assert to_float(values.astype(dtype)).tolist() == values.astype(dtype).astype(np.float32).tolist()


def test_16_bits_become_the_nearest_of_8() -> None:
    every = np.arange(2**16, dtype=np.uint16)
    assert in_8_bits(every).tolist() == [round(Fraction(int(sample) * 255, 65535)) for sample in every]
    few = np.array([0, 7, 255], np.uint8)
    assert in_8_bits(few) is few
