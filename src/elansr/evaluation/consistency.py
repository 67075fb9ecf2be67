"""Consistency of SR with its LR: a check that needs no HR.

SR that adds detail and changes nothing else gives LR back when it is shrunk as LR was made. So SR, rounded to 8 bits,
is shrunk by MATLAB's bicubic with antialiasing (rounded half up after each axis, as LR files are), and its PSNR against
LR is taken over all pixels and the three channels R, G and B together, peak 255, no border cropped. A high value says
that SR does not contradict LR, not that it is sharp: plain bicubic has a fair one too.
"""

import numpy as np

from elansr.evaluation.datasets import RGB
from elansr.evaluation.metrics import psnr
from elansr.images import downscale


def consistency(sr: RGB, lr: RGB, scale: int) -> float:
    """PSNR in dB of SR shrunk `scale` times against LR; infinite when they are equal.

    Args:
        sr: uint8, (h * scale, w * scale, 3).
        lr: uint8, (h, w, 3).
        scale: super-resolution factor.

    Raises:
        DataError: sizes that do not fit.
    """
    return psnr(downscale(sr, scale).astype(np.float64), lr.astype(np.float64))
