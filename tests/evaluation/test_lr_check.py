"""Pairs of photos that fit, and every way in which they do not, made by other means than the check's."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from PIL.Image import Resampling

from elansr.errors import DataError
from elansr.evaluation.datasets import RGB, BenchmarkSet, read_rgb
from elansr.evaluation.lr_check import check_pairs, lr_problem
from elansr.images import Picture, crop_to_multiple, downscale, imresize, write

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
CITY, OTTER = (read_rgb(EXAMPLES / name) for name in ("cityscape.png", "otter.jpg"))
PHOTOS = {
    "city": CITY[60:228, 100:292],
    "otter": OTTER[40:208, 80:272],
    "night": CITY[:97, 20:150],
    "fur": OTTER[120:, 60:245].swapaxes(0, 1),
    "grey": OTTER[10:131, :150, 1:2].repeat(3, axis=2),
}
"""Small, and only the first two multiples of the scales."""

Make = Callable[[RGB, int], RGB]
each_scale = pytest.mark.parametrize("scale", [2, 3, 4])
each_photo = pytest.mark.parametrize("photo", PHOTOS)


def to_8_bits(values: NDArray[np.floating], rounded: Callable[..., NDArray[np.floating]] = np.round) -> RGB:
    return np.clip(rounded(values), 0, 255).astype(np.uint8)


def clause(make: Make, photo: str, scale: int) -> str:
    """What is said about an LR made of the cropped HR."""
    lr = np.ascontiguousarray(make(crop_to_multiple(PHOTOS[photo], scale), scale))
    return lr_problem(lr, PHOTOS[photo], scale) or "fits"


# What fits.


@each_scale
def test_the_published_lr_files_fit(data_dir: Path, scale: int) -> None:
    folder = data_dir / "benchmark" / "Set5"
    for hr in sorted((folder / "HR").glob("*.png")):
        lr = folder / "LR_bicubic" / f"X{scale}" / f"{hr.stem}x{scale}.png"
        assert lr_problem(read_rgb(lr), read_rgb(hr), scale) is None, lr.name


def in_double(hr: RGB, scale: int) -> RGB:
    """As MATLAB does it with `im2double`: no rounding between the axes, none of half up."""
    return to_8_bits(downscale(hr.astype(np.float64) / 255, scale) * 255)


def in_single_width_first(hr: RGB, scale: int) -> RGB:
    """As the usual re-implementations in NumPy and PyTorch."""
    turned = hr.swapaxes(0, 1).astype(np.float32) / 255
    return to_8_bits(downscale(turned, scale).swapaxes(0, 1) * 255)


def rounded_width_first(hr: RGB, scale: int) -> RGB:
    return downscale(hr.swapaxes(0, 1), scale).swapaxes(0, 1)


@each_scale
@each_photo
@pytest.mark.parametrize("make", [downscale, in_double, in_single_width_first, rounded_width_first])
def test_matlabs_bicubic_fits_however_it_is_rounded(make: Make, photo: str, scale: int) -> None:
    assert clause(make, photo, scale) == "fits"


# What was made in another way.


def pillow(resample: Resampling) -> Make:
    def make(hr: RGB, scale: int) -> RGB:
        return np.asarray(Image.fromarray(hr).resize((hr.shape[1] // scale, hr.shape[0] // scale), resample))

    return make


def pytorch(mode: str, antialias: bool) -> Make:
    def make(hr: RGB, scale: int) -> RGB:
        x = torch.from_numpy(hr.copy()).permute(2, 0, 1)[None] / 255
        size = (hr.shape[0] // scale, hr.shape[1] // scale)
        return to_8_bits(F.interpolate(x, size, mode=mode, antialias=antialias)[0].permute(1, 2, 0).numpy() * 255)

    return make


def four_taps(a: float) -> Make:
    """Cubic interpolation at the middle of scale x scale pixels, in OpenCV's fixed point of 11 bits an axis."""

    def weight(x: float) -> float:
        x = abs(x)
        return (a + 2) * x**3 - (a + 3) * x**2 + 1 if x <= 1 else a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a

    def one_axis(picture: NDArray[np.int64], scale: int) -> NDArray[np.int64]:
        size, centre = len(picture) // scale, (scale - 1) / 2
        rows = np.zeros((size, *picture.shape[1:]), np.int64)
        for tap in range(int(centre) - 1, int(centre) + 3):
            at = np.clip(np.arange(size) * scale + tap, 0, len(picture) - 1)
            rows += round(2048 * weight(centre - tap)) * picture[at]
        return rows

    def make(hr: RGB, scale: int) -> RGB:
        both = one_axis(one_axis(hr.astype(np.int64), scale).swapaxes(0, 1), scale).swapaxes(0, 1)
        return to_8_bits(both / 2048**2)

    return make


def opencv_area(hr: RGB, scale: int) -> RGB:
    height, width = hr.shape[0] // scale, hr.shape[1] // scale
    return to_8_bits(hr.reshape(height, scale, width, scale, 3).mean(axis=(1, 3)))


OTHER_FILTERS: dict[str, tuple[Make, str]] = {
    "Pillow bicubic": (pillow(Resampling.BICUBIC), "made with Pillow's or PyTorch's antialiased bicubic"),
    "PyTorch bicubic": (pytorch("bicubic", antialias=True), "made with Pillow's or PyTorch's antialiased bicubic"),
    "Pillow Lanczos": (pillow(Resampling.LANCZOS), "made with Lanczos"),
    "Pillow bilinear": (pillow(Resampling.BILINEAR), "made with antialiased bilinear"),
    "Pillow box": (pillow(Resampling.BOX), "made with averaging"),
    "Pillow nearest": (pillow(Resampling.NEAREST), "made with nearest neighbour (Pillow's)"),
    "OpenCV area": (opencv_area, "made with averaging"),
    "OpenCV nearest": (lambda hr, scale: hr[::scale, ::scale], "made with nearest neighbour (OpenCV's, PyTorch's)"),
    "OpenCV bicubic": (four_taps(-0.75), "OpenCV's or PyTorch's bicubic, which is not antialiased"),
    "PyTorch plain bicubic": (
        pytorch("bicubic", antialias=False),
        "OpenCV's or PyTorch's bicubic, which is not antialiased",
    ),
    "PyTorch plain bilinear": (
        pytorch("bilinear", antialias=False),
        "OpenCV's or PyTorch's bilinear, which is not antialiased",
    ),
    "MATLAB not antialiased": (four_taps(-0.5), "MATLAB's bicubic without antialiasing"),
    "cut off": (
        lambda hr, scale: to_8_bits(downscale(hr.astype(np.float64), scale), np.floor),
        "bicubic, truncated instead of rounded",
    ),
}


@each_scale
@each_photo
@pytest.mark.parametrize("kind", OTHER_FILTERS)
def test_another_filter_is_named(kind: str, photo: str, scale: int) -> None:
    make, says = OTHER_FILTERS[kind]
    assert says in clause(make, photo, scale)


def test_filters_that_are_one_at_a_scale_are_named_together() -> None:
    """At x3 whatever only interpolates takes the middle pixel; at x2 bilinear is the average of four."""
    middle = clause(lambda hr, scale: hr[1::3, 1::3], "city", 3)
    assert middle.startswith("LR is made with nearest neighbour (Pillow's) or OpenCV's or PyTorch's bicubic, which")
    assert middle.endswith(" or MATLAB's bicubic without antialiasing")
    assert "averaging (box, area) or OpenCV's or PyTorch's bilinear" in clause(opencv_area, "city", 2)


def test_a_filter_that_nobody_names_is_given_in_numbers() -> None:
    def blurred(hr: RGB, scale: int) -> RGB:
        return downscale(np.asarray(Image.fromarray(hr).resize((hr.shape[1] // 5, hr.shape[0] // 5)).resize(
            (hr.shape[1], hr.shape[0]))), scale)  # fmt: skip

    assert "LR is not the MATLAB bicubic of HR: 9" in clause(blurred, "city", 2)


@each_scale
def test_pillows_bicubic_of_a_picture_with_a_flat_frame_cannot_be_told_and_fits(scale: int) -> None:
    framed = np.pad(CITY[:, :264], ((24, 24), (24, 24), (0, 0)))
    lr = pillow(Resampling.BICUBIC)(framed, scale)
    assert not np.array_equal(lr, downscale(framed, scale))
    assert lr_problem(lr, framed, scale) is None


# What lies elsewhere.


def moved(down: int, right: int) -> Make:
    """Of HR that is moved by whole pixels."""
    return lambda hr, scale: downscale(np.roll(hr, (down, right), (0, 1)), scale)


@each_scale
@each_photo
@pytest.mark.parametrize(
    ("down", "right", "says"),
    [
        (0, 1, "1 HR pixel right"),
        (0, -1, "1 HR pixel left"),
        (1, 0, "1 HR pixel down"),
        (1, -5, "5 HR pixels left and 1 HR pixel down"),
    ],
)
def test_hr_that_moved_is_named_with_its_direction(down: int, right: int, says: str, photo: str, scale: int) -> None:
    assert clause(moved(down, right), photo, scale) == f"LR is shifted by {says}"


@each_scale
@each_photo
@pytest.mark.parametrize(("down", "right", "says"), [(0, 1, "1 LR pixel right"), (-2, 0, "2 LR pixels up")])
def test_lr_that_moved_is_named_with_its_direction(down: int, right: int, says: str, photo: str, scale: int) -> None:
    assert (
        clause(lambda hr, s: np.roll(downscale(hr, s), (down, right), (0, 1)), photo, scale)
        == f"LR is shifted by {says}"
    )


@each_scale
@each_photo
def test_pixels_on_the_first_of_every_few_are_named_as_a_convention(photo: str, scale: int) -> None:
    """LR pixel i at HR pixel i * scale: the middle pixels of what is twice as large, moved by scale - 1 of those."""

    def on_the_first(hr: RGB, scale: int) -> RGB:
        twice = imresize(hr.astype(np.float64), 2 * hr.shape[0], 2 * hr.shape[1])
        return to_8_bits(downscale(np.roll(twice, (scale - 1, scale - 1), (0, 1)), 2 * scale))

    n = f"{(scale - 1) / 2:g} HR pixel{'' if scale == 3 else 's'}"
    expected = f"LR is shifted by {n} right and {n} down, its pixels sit on the first of every {scale} and not in their"
    assert clause(on_the_first, photo, scale).startswith(expected)


@each_photo
@pytest.mark.parametrize(
    ("rearrange", "says"),
    [
        (lambda lr: lr[:, ::-1], "LR is mirrored left to right"),
        (lambda lr: lr[::-1], "LR is mirrored top to bottom"),
        (lambda lr: lr[::-1, ::-1], "LR is rotated by 180 degrees"),
    ],
)
def test_a_picture_the_wrong_way_round_is_named(rearrange: Callable[[RGB], RGB], says: str, photo: str) -> None:
    assert clause(lambda hr, scale: rearrange(downscale(hr, scale)), photo, 3) == says


def test_red_and_blue_swapped_are_named() -> None:
    for photo in "city", "otter", "night", "fur":
        said = clause(lambda hr, scale: downscale(hr, scale)[..., ::-1], photo, 2)
        assert said == "LR is MATLAB's bicubic with red and blue swapped"


# What is not the same picture any more.


@each_photo
@pytest.mark.parametrize(("quality", "subsampling"), [(95, 2), (75, 2), (90, 0), (40, 2)])
def test_jpeg_is_named_with_its_quality(quality: int, subsampling: int, photo: str) -> None:
    def compressed(hr: RGB, scale: int) -> RGB:
        file = io.BytesIO()
        Image.fromarray(downscale(hr, scale)).save(file, "JPEG", quality=quality, subsampling=subsampling)
        return np.asarray(Image.open(file))

    assert clause(compressed, photo, 2) == f"LR was compressed as JPEG of quality {quality}"


@each_scale
def test_another_picture_of_the_same_size_is_named(scale: int) -> None:
    others = [CITY, OTTER, imresize(CITY[:120, :160], 240, 320)]
    for i, hr in enumerate(others):
        for j, other in enumerate(others):
            lr = downscale(crop_to_multiple(other, scale), scale)
            assert lr_problem(lr, hr, scale) == (None if i == j else "LR shows another picture")


def test_noise_and_brightness_are_given_in_numbers() -> None:
    noise = np.random.default_rng(0).normal(0, 3, (1000, 1000, 3))
    for change in (lambda lr: lr + noise[: lr.shape[0], : lr.shape[1]], lambda lr: lr * 0.97):
        said = clause(lambda hr, scale, change=change: to_8_bits(change(downscale(hr, scale))), "otter", 2)  # type: ignore[misc]
        assert said.startswith("LR is not the MATLAB bicubic of HR: ")


# Sizes.


@pytest.mark.parametrize(
    ("lr", "hr", "says"),
    [
        ((32, 48), (64, 96), "LR is 48x32 and HR 96x64 pixels: this is x2, and x4 is 24x16"),
        ((21, 32), (64, 96), "LR is 32x21 and HR 96x64 pixels: this is x3, and x4 is 24x16"),
        ((8, 12), (64, 96), "LR is 12x8 and HR 96x64 pixels: this is x8, and x4 is 24x16"),
        ((64, 96), (64, 96), "LR is 96x64 and HR 96x64 pixels: the same size"),
        ((64, 96), (16, 24), "LR is 96x64 and HR 24x16 pixels: swapped"),
        ((64, 96), (32, 48), "LR is 96x64 and HR 48x32 pixels: swapped"),
        ((24, 16), (64, 96), "LR is 16x24 and HR 96x64 pixels: x4 is 24x16, so it is rotated by 90 degrees"),
        (
            (17, 25),
            (65, 98),
            "LR is 25x17 and HR 98x65 pixels: made from HR before it was cropped to a multiple of 4, which gives 24x16",
        ),
        ((15, 24), (64, 96), "LR is 24x15 and HR 96x64 pixels: x4 is 24x16"),
        ((1, 1), (3, 5), "LR is 1x1 and HR 5x3 pixels: this is x3, and x4 is 1x0"),
    ],
)
def test_sizes_that_do_not_go_together(lr: tuple[int, int], hr: tuple[int, int], says: str) -> None:
    found = lr_problem(np.zeros((*lr, 3), np.uint8), np.zeros((*hr, 3), np.uint8), 4)
    assert (found or "").startswith(says)


@each_photo
def test_hr_that_was_not_cropped_first_is_named(photo: str) -> None:
    hr = PHOTOS[photo][:90, :117]
    lr = imresize(hr, 90 // 4, 117 // 4)
    assert lr_problem(lr, hr, 4) == "LR is made from HR before it was cropped to a multiple of 4"


@given(st.integers(1, 20), st.integers(1, 20), st.integers(1, 4), st.integers(0, 2**31), st.sampled_from("nfg"))
def test_small_flat_and_grey_pictures_are_no_trouble(height: int, width: int, scale: int, seed: int, kind: str) -> None:
    generator = np.random.default_rng(seed)
    shape = (height * scale, width * scale, 3)
    hr = generator.integers(0, 256, (1, 1, 3) if kind == "f" else shape, np.uint8)
    hr = np.broadcast_to(hr[..., :1] if kind == "g" else hr, shape)
    assert lr_problem(downscale(hr, scale), hr, scale) is None
    assert lr_problem(in_double(hr, scale), hr, scale) is None
    far_off = downscale(hr, scale) // 2 + generator.integers(100, 128, (height, width, 3), np.uint8)
    assert (lr_problem(far_off, hr, scale) or "LR").startswith("LR")


# Files.


def write_file(path: Path, pixels: RGB) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write(Picture((pixels,)), path)


def test_pairs_that_fit_pass_the_check(data_dir: Path) -> None:
    calls: list[tuple[int, int]] = []
    sets = [BenchmarkSet.of(data_dir / "benchmark" / name, 4) for name in ("Set14", "Set5")]
    check_pairs(sets, lambda done, total: calls.append((done, total)))
    assert calls == [(n, 5) for n in range(1, 6)]  # Set14 has no LR files


def test_a_pair_that_does_not_belong_together_fails_the_check_by_name(tmp_path: Path) -> None:
    smooth = np.linspace(0, 255, 48 * 60 * 3).reshape(48, 60, 3).astype(np.uint8)
    smooth[20:30, 20:40] = CITY[:10, :20]
    write_file(tmp_path / "HR" / "a.png", smooth)
    write_file(tmp_path / "LR_bicubic" / "X4" / "ax4.png", downscale(smooth, 4))
    check_pairs([BenchmarkSet.of(tmp_path, 4)])
    write_file(tmp_path / "LR_bicubic" / "X3" / "ax3.png", downscale(smooth, 3)[:, ::-1])
    with pytest.raises(DataError, match=r"ax3\.png: .*`check=False`"):
        check_pairs([BenchmarkSet.of(tmp_path, 3)])
    write_file(tmp_path / "LR_bicubic" / "X2" / "ax2.png", smooth)
    with pytest.raises(DataError, match=r"ax2\.png: .*60x48"):
        check_pairs([BenchmarkSet.of(tmp_path, 2)])
