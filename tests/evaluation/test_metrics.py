"""PSNR and SSIM against scikit-image and closed forms."""

import math

import numpy as np
import pytest
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from elansr.errors import DataError
from elansr.evaluation.metrics import psnr, psnr_y, ssim, ssim_y

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
