"""PSNR and SSIM against scikit-image and closed forms, consistency against its definition."""

import math

import numpy as np
import pytest
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from elansr.errors import DataError
from elansr.evaluation.metrics import BAND, consistency, psnr, psnr_y, ssim, ssim_y
from elansr.images import downscale

RNG = np.random.default_rng(0)
HR = RNG.integers(0, 256, (40, 53, 3), np.uint8)
SR = np.clip(HR + RNG.normal(0, 12, HR.shape), 0, 255).astype(np.uint8)


def test_psnr_of_a_constant_difference_is_known() -> None:
    plane = np.full((8, 8), 100.0)
    assert psnr(plane, plane + 1) == pytest.approx(20 * math.log10(255))
    assert psnr(plane, plane) == math.inf


@pytest.mark.parametrize("border", [0, 2, 3, 4])
def test_psnr_equals_scikit_image(border: int) -> None:
    inner = slice(border, -border or None)
    sr, hr = (rgb2ycbcr(picture)[inner, inner, 0] for picture in (SR, HR))
    assert psnr_y(SR, HR, border) == pytest.approx(peak_signal_noise_ratio(hr, sr, data_range=255), abs=1e-9)


@pytest.mark.parametrize("border", [0, 2, 3, 4])
def test_ssim_equals_scikit_image_on_valid_windows(border: int) -> None:
    inner = slice(border, -border or None)
    sr, hr = (rgb2ycbcr(picture)[inner, inner, 0] for picture in (SR, HR))
    _, ssim_map = structural_similarity(
        sr, hr, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True
    )
    assert ssim_y(SR, HR, border) == pytest.approx(ssim_map[5:-5, 5:-5].mean(), abs=1e-12)


def test_the_border_is_left_out() -> None:
    damaged = HR.copy()
    damaged[:4], damaged[-4:], damaged[:, :4], damaged[:, -4:] = 0, 0, 0, 0
    assert psnr_y(damaged, HR, 4) == math.inf
    assert psnr_y(damaged, HR, 3) < 40


@pytest.mark.parametrize("metric", [psnr, ssim])
def test_shapes_that_differ_are_refused(metric: object) -> None:
    with pytest.raises(DataError, match="12x20 and 12x21"):
        metric(np.zeros((20, 12)), np.zeros((21, 12)))  # type: ignore[operator]


def test_too_small_for_a_window_is_refused() -> None:
    with pytest.raises(DataError, match="10x30"):
        ssim(np.zeros((30, 10)), np.zeros((30, 10)))
    with pytest.raises(DataError, match="8x8"):
        psnr_y(np.zeros((8, 8, 3)), np.zeros((8, 8, 3)), 4)


@pytest.mark.parametrize("height", [11, 12, BAND + 9, BAND + 10, BAND + 11, 2 * BAND + 10])
def test_ssim_is_the_same_however_many_bands_there_are(height: int) -> None:
    x, y = RNG.normal(128, 50, (2, height, 23))
    _, ssim_map = structural_similarity(
        x, y, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True
    )
    assert ssim(x, y) == pytest.approx(ssim_map[5:-5, 5:-5].mean(), abs=1e-12)


SR_X6 = RNG.integers(0, 256, (24, 36, 3), np.uint8)


def test_sr_that_shrinks_to_lr_is_infinitely_consistent() -> None:
    assert consistency(SR_X6, downscale(SR_X6, 3), 3) == math.inf


def test_every_pixel_and_channel_counts_the_same() -> None:
    lr = downscale(SR_X6, 2)
    assert lr.shape == (12, 18, 3)
    lr[0, 0, 2] ^= 8  # a corner, blue: neither border nor luma
    assert consistency(SR_X6, lr, 2) == pytest.approx(10 * math.log10(255**2 * lr.size / 64))


def test_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(DataError):
        consistency(SR_X6, SR_X6, 2)
