"""The loss against numpy."""

import numpy as np
import pytest
import torch

from elansr.training.loss import l1


def test_without_spectra_it_is_the_mean_absolute_difference() -> None:
    sr, hr = torch.rand(2, 3, 8, 6), torch.rand(2, 3, 8, 6)
    assert l1(sr, hr).item() == pytest.approx(np.abs(sr.numpy() - hr.numpy()).mean(), rel=1e-6)


def test_the_spectra_are_those_of_numpy() -> None:
    sr, hr = torch.rand(2, 3, 8, 6, dtype=torch.float64), torch.rand(2, 3, 8, 6, dtype=torch.float64)
    difference = (sr - hr).numpy()
    spectrum = np.fft.rfft2(difference, norm="ortho")
    expected = np.abs(difference).mean() + 0.3 * np.abs(np.stack([spectrum.real, spectrum.imag])).mean()
    assert l1(sr, hr, 0.3).item() == pytest.approx(expected, rel=1e-12)


def test_half_precision_is_subtracted_in_float32() -> None:
    sr = torch.full((1, 3, 4, 4), 0.5, dtype=torch.bfloat16)
    hr = torch.full((1, 3, 4, 4), 0.5 + 2**-12)
    assert l1(sr, hr).dtype == torch.float32
    assert l1(sr, hr).item() == 2**-12
