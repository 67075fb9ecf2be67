"""JPEG compression in PyTorch: the loss of libjpeg's baseline encoder and decoder, without a file.

The facts are those of ITU-T T.81 and of libjpeg: full-range BT.601 YCbCr, the two example tables of T.81 annex K scaled
by quality, every stage rounded to whole levels, 4:2:0 by the mean of 2x2 and back by the triangle filter ("fancy
upsampling"). Against Pillow's libjpeg-turbo the pixels differ by a level here and there, because its DCT works on
integers; `tests/training/degradation/test_jpeg.py` states how many.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from elansr.images.jpeg_tables import BLOCK, TABLES

_TABLES = torch.from_numpy(TABLES)
_K = torch.arange(BLOCK, dtype=torch.float64)
DCT = torch.cos(math.pi * (2 * _K + 1) * _K.unsqueeze(1) / (2 * BLOCK)) / 2
DCT[0] /= math.sqrt(2)
"""The orthonormal DCT of eight samples, (8, 8), rows of rising frequency."""
BETWEEN, BEHIND = 4 * math.sqrt(8), 8.0
"""Of the fixed-point numbers in libjpeg's integer DCT: the unit is 1/BETWEEN after one axis, 1/BEHIND after both."""


def jpeg(rgb: Tensor, quality: Tensor, chroma_420: bool) -> Tensor:
    """Compresses and decompresses pictures.

    Args:
        rgb: float (N, 3, H, W) in [0, 1], any size; rounded to 8 bits first.
        quality: (N,), 1 to 100.
        chroma_420: whether the colour planes are halved on both axes.

    Returns:
        float (N, 3, H, W) in [0, 1], in steps of 1/255.
    """
    height, width = rgb.shape[-2:]
    luma, chroma = _to_ycbcr(_rounded(rgb * 255)).split([1, 2], dim=1)
    tables = quantisation_tables(quality).to(rgb)
    luma = _coded(_padded(luma, BLOCK), tables[:, :1])[..., :height, :width]
    if chroma_420:
        small = _coded(_padded(_halved(chroma), BLOCK), tables[:, 1:])
        chroma = _doubled(small[..., : (height + 1) // 2, : (width + 1) // 2])[..., :height, :width]
    else:
        chroma = _coded(_padded(chroma, BLOCK), tables[:, 1:])[..., :height, :width]
    return _to_rgb(torch.cat([luma, chroma], dim=1)) / 255


def quantisation_tables(quality: Tensor) -> Tensor:
    """libjpeg's tables of luma and chroma, (N, 2, 8, 8), whole numbers in 1..255, for qualities (N,) of 1 to 100."""
    return _TABLES.to(quality.device)[quality.long() - 1].float()


def _rounded(levels: Tensor) -> Tensor:
    return (levels + 0.5).floor().clamp(0, 255)


def _to_ycbcr(rgb: Tensor) -> Tensor:
    """JFIF's full range, in whole levels, with libjpeg's factors: multiples of 1/65536, so float32 is exact here."""
    r, g, b = rgb.unbind(1)
    y = (19595 * r + 38470 * g + 7471 * b) / 65536 + 0.5
    below_half = 32767 / 65536
    cb = (-11059 * r - 21709 * g + 32768 * b) / 65536 + (128 + below_half)
    cr = (32768 * r - 27439 * g - 5329 * b) / 65536 + (128 + below_half)
    return torch.stack([y, cb, cr], dim=1).floor()


def _to_rgb(ycbcr: Tensor) -> Tensor:
    y, cb, cr = ycbcr[:, 0], ycbcr[:, 1] - 128, ycbcr[:, 2] - 128
    r = y + (91881 * cr / 65536 + 0.5).floor()
    g = y + ((-22554 * cb - 46802 * cr) / 65536 + 0.5).floor()
    b = y + (116130 * cb / 65536 + 0.5).floor()
    return torch.stack([r, g, b], dim=1).clamp(0, 255)


def _padded(plane: Tensor, multiple: int) -> Tensor:
    """Repeats the last row and column up to a multiple."""
    height, width = plane.shape[-2:]
    return F.pad(plane, (0, -width % multiple, 0, -height % multiple), mode="replicate")


def _halved(plane: Tensor) -> Tensor:
    """Means of 2x2, halves rounded down and up in turn along a row, as libjpeg does to keep the mean.

    Rows are filled to an even number and then columns to whole blocks before the mean is taken, again as libjpeg does;
    the missing rows of the small plane are left to `_padded`.
    """
    height, width = plane.shape[-2:]
    plane = F.pad(plane, (0, -width % (2 * BLOCK), 0, height % 2), mode="replicate")
    means = F.avg_pool2d(plane, 2)
    bias = torch.tensor([0.25, 0.5], device=plane.device).repeat(means.shape[-1] // 2)
    return (means + bias).floor()


def _doubled(plane: Tensor) -> Tensor:
    """The triangle filter: three parts of the nearer sample and one of the farther, on both axes.

    Rounded to whole levels, halves up in even columns and down in odd ones.
    """
    doubled = F.interpolate(plane, scale_factor=2, mode="bilinear", align_corners=False)
    bias = torch.tensor([8 / 16, 7 / 16], device=plane.device).repeat(plane.shape[-1])
    return (doubled + bias).floor()


def _coded(plane: Tensor, table: Tensor) -> Tensor:
    """DCT, quantisation and back: whole levels (N, C, H, W), whole blocks only, with tables (N, 1, 8, 8).

    Between the axes and after them libjpeg keeps so many bits that coefficients are multiples of 1/8. Without that,
    every coefficient on the border between two steps could fall to the other side.
    """
    n, c, height, width = plane.shape
    blocks = plane.view(n, c, height // BLOCK, BLOCK, width // BLOCK, BLOCK).transpose(3, 4) - 128
    dct, step = DCT.to(plane), table[:, :, None, None]
    coefficients = _whole(dct @ _whole(blocks @ dct.T, BETWEEN), BEHIND)
    steps = coefficients / step
    kept = steps.sign() * (steps.abs() + 0.5).floor() * step
    pixels = _rounded(_whole(dct.T @ kept, BETWEEN) @ dct + 128)
    return pixels.transpose(3, 4).reshape(n, c, height, width)


def _whole(values: Tensor, units: float) -> Tensor:
    return (values * units + 0.5).floor() / units
