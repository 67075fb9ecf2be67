"""The training loss: L1, as in the paper (section 4.1), with an optional term on the spectra."""

import torch
from torch import Tensor


def l1(sr: Tensor, hr: Tensor, fft_weight: float = 0.0) -> Tensor:
    """Mean absolute difference, plus `fft_weight` times that of the 2-D spectra.

    The spectra are those of an orthonormal FFT, whose magnitudes are of the order of the pixels'; real and imaginary
    parts count alike.

    Args:
        sr, hr: float (N, 3, H, W) in [0, 1], the same shape.
        fft_weight: 0 leaves the spectra out.

    Returns:
        A scalar, float32 at least.
    """
    difference = sr.float() - hr.float() if sr.dtype != torch.float64 else sr - hr
    loss = difference.abs().mean()
    if fft_weight:
        spectrum = torch.view_as_real(torch.fft.rfft2(difference, norm="ortho"))
        loss = loss + fft_weight * spectrum.abs().mean()
    return loss
