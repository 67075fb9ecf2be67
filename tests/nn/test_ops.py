"""The parameter-free operations against numpy, plain loops and each other's inverse."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from elansr.nn.ops import (
    crop,
    from_windows,
    pad,
    pad_to_multiple,
    reflected_indices,
    roll,
    shift,
    to_picture,
    to_pixels,
    to_windows,
)
from tests.oracles.elan_naive import reflect_pad_naive, reflected_indices_naive, shift_naive

sides = st.integers(1, 9)
margins = st.integers(0, 20)
layouts = st.sampled_from(["contiguous", "channels_last", "cut_out"])
quick = settings(max_examples=60, deadline=None)


def distinct_picture(n: int, channels: int, height: int, width: int, layout: str = "contiguous") -> Tensor:
    """float64, (N, C, H, W), every value different, in one of the memory layouts that pictures come in."""
    x = torch.arange(n * channels * height * width, dtype=torch.float64).reshape(n, channels, height, width)
    if layout == "channels_last":
        return x.contiguous(memory_format=torch.channels_last)
    if layout == "cut_out":
        larger = torch.full((n, channels, height + 2, width + 3), -1.0, dtype=torch.float64)
        larger[..., 1:-1, 2:-1] = x
        return larger[..., 1:-1, 2:-1]
    return x


@pytest.mark.parametrize("size", range(1, 7))
def test_reflected_indices_are_those_of_numpy_and_of_a_walker_that_turns_at_the_ends(size: int) -> None:
    for before, after in itertools.product(range(15), repeat=2):
        indices = reflected_indices(size, before, after)
        assert indices.dtype == torch.int64
        assert indices.tolist() == reflected_indices_naive(size, before, after)
        assert indices.tolist() == np.pad(np.arange(size), (before, after), mode="reflect").tolist()


@pytest.mark.parametrize(("height", "width"), list(itertools.product(range(1, 6), repeat=2)))
def test_pad_is_numpy_reflect_at_every_small_size(height: int, width: int) -> None:
    x = distinct_picture(1, 1, height, width)
    for left, right, top, bottom in itertools.product((0, 2, 11), repeat=4):
        expected = np.pad(x.numpy(), ((0, 0), (0, 0), (top, bottom), (left, right)), mode="reflect")
        np.testing.assert_array_equal(pad(x, left, right, top, bottom).numpy(), expected)


@quick
@given(st.integers(1, 2), st.integers(1, 3), sides, sides, margins, margins, margins, margins, layouts)
def test_pad_matches_numpy_and_crop_undoes_it(
    n: int, channels: int, height: int, width: int, left: int, right: int, top: int, bottom: int, layout: str
) -> None:
    x = distinct_picture(n, channels, height, width, layout)
    padded = pad(x, left, right, top, bottom)
    expected = np.pad(x.numpy(), ((0, 0), (0, 0), (top, bottom), (left, right)), mode="reflect")
    np.testing.assert_array_equal(padded.numpy(), expected)
    assert torch.equal(crop(padded, left, top, height, width), x)


def test_numpy_reflect_is_the_walk_pixel_by_pixel() -> None:
    x = distinct_picture(1, 2, 2, 3)[0].numpy()
    expected = np.pad(x, ((0, 0), (7, 6), (9, 8)), mode="reflect")
    np.testing.assert_array_equal(reflect_pad_naive(x, left=9, right=8, top=7, bottom=6), expected)


def test_pad_has_the_gradient_of_every_copy() -> None:
    x = torch.zeros(1, 1, 1, 3, dtype=torch.float64, requires_grad=True)
    pad(x, 4, 5, 0, 2).sum().backward()
    copies = np.bincount(reflected_indices_naive(3, 4, 5)) * 3
    assert x.grad is not None
    assert x.grad.flatten().tolist() == copies.tolist()


@quick
@given(sides, sides, st.data())
def test_crop_is_a_slice(height: int, width: int, data: st.DataObject) -> None:
    x = distinct_picture(2, 2, height, width)
    top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    rows, columns = data.draw(st.integers(1, height - top)), data.draw(st.integers(1, width - left))
    out = crop(x, left, top, rows, columns)
    assert out.shape == (2, 2, rows, columns)
    assert out[1, 1, 0, 0] == x[1, 1, top, left]
    assert out[1, 1, -1, -1] == x[1, 1, top + rows - 1, left + columns - 1]


@quick
@given(sides, sides, st.integers(1, 17))
def test_pad_to_multiple_adds_the_least_at_the_right_and_the_bottom(height: int, width: int, multiple: int) -> None:
    x = distinct_picture(1, 2, height, width)
    padded = pad_to_multiple(x, multiple)
    rows = next(n for n in range(height, height + multiple) if n % multiple == 0)
    columns = next(n for n in range(width, width + multiple) if n % multiple == 0)
    expected = reflect_pad_naive(x[0].numpy(), left=0, right=columns - width, top=0, bottom=rows - height)
    np.testing.assert_array_equal(padded[0].numpy(), expected)


@pytest.mark.parametrize("channels", range(5, 17))
def test_shift_is_the_plain_loop_also_for_channels_not_divisible_by_five(channels: int) -> None:
    for height, width in itertools.product(range(1, 5), repeat=2):
        x = distinct_picture(2, channels, height, width) + 1
        expected = np.stack([shift_naive(picture.numpy()) for picture in x])
        np.testing.assert_array_equal(to_picture(shift(to_pixels(x))).numpy(), expected)


def test_shift_reads_right_left_below_above_and_stays() -> None:
    x = torch.zeros(1, 5, 3, 3)
    x[:, :, 1, 1] = 1  # one lit pixel: each group shows it opposite to the side it reads from
    lit = [tuple(plane.nonzero()[0].tolist()) for plane in to_picture(shift(to_pixels(x)))[0]]
    assert lit == [(1, 0), (1, 2), (0, 1), (2, 1), (1, 1)]


@pytest.mark.parametrize("channels", [5, 7, 12])
def test_the_gradient_of_the_shift_is_that_of_finite_differences(channels: int) -> None:
    x = torch.randn(2, 3, 4, channels, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(shift, x)
    assert torch.autograd.gradgradcheck(shift, x)


@quick
@given(sides, sides, st.integers(1, 4), layouts)
def test_to_pixels_moves_the_channels_last_in_memory_and_to_picture_undoes_it(
    height: int, width: int, channels: int, layout: str
) -> None:
    x = distinct_picture(2, channels, height, width, layout)
    pixels = to_pixels(x)
    assert pixels.shape == (2, height, width, channels)
    assert pixels.is_contiguous()
    assert torch.equal(to_picture(pixels), x)


@quick
@given(sides, sides, st.integers(-40, 40), layouts)
def test_roll_is_the_plain_loop_and_its_negative_undoes_it(height: int, width: int, d: int, layout: str) -> None:
    x = distinct_picture(1, 2, height, width, layout)
    rolled = to_picture(roll(x.movedim(1, -1), d))
    for row, column in np.ndindex(height, width):
        assert torch.equal(rolled[..., row, column], x[..., (row + d) % height, (column + d) % width])
    assert torch.equal(to_picture(roll(rolled.movedim(1, -1), -d)), x)


@quick
@given(st.integers(1, 2), st.integers(1, 3), st.integers(1, 4), st.integers(1, 4), st.integers(1, 7), layouts)
def test_to_windows_is_the_plain_loop_and_from_windows_undoes_it(
    n: int, channels: int, down: int, across: int, window: int, layout: str
) -> None:
    pictures = distinct_picture(n, channels, down * window, across * window, layout)
    windows = to_windows(pictures.movedim(1, -1), window)
    assert windows.shape == (n * down * across, window**2, channels)
    for index, (picture, row, column) in enumerate(np.ndindex(n, down, across)):
        for pixel, (y, x) in enumerate(np.ndindex(window, window)):
            expected = pictures[picture, :, row * window + y, column * window + x]
            assert torch.equal(windows[index, pixel], expected)
    assert torch.equal(to_picture(from_windows(windows, down * window, across * window)), pictures)


@quick
@given(st.integers(1, 2), st.integers(1, 3), st.integers(1, 4), st.integers(1, 4), st.integers(1, 7), st.booleans())
def test_to_windows_undoes_from_windows(
    n: int, channels: int, down: int, across: int, window: int, transposed: bool
) -> None:
    count = n * down * across
    windows = torch.arange(count * window**2 * channels, dtype=torch.float64)
    if transposed:  # attention may return its result with the channels before the pixels in memory
        windows = windows.reshape(count, channels, window**2).transpose(1, 2)
    windows = windows.reshape(count, window**2, channels)
    picture = from_windows(windows, down * window, across * window)
    assert picture.shape == (n, down * window, across * window, channels)
    assert torch.equal(to_windows(picture, window), windows)
