"""Colour codes of ITU-T H.273, as in AVIF (`nclx`) and PNG (`cICP`), and HDR to SDR.

`Cicp` is (primaries, transfer); how samples are stored besides, matrix and range, is settled when they are decoded.
"""

from typing import Any, TypeAlias

import numpy as np
import pyvips

from elansr.images.colour.icc import SRGB_CURVE, SRGB_PRIMARIES, Chromaticities, ColourSpace, Curve, gamma, rgb_to_xyz

Cicp: TypeAlias = tuple[int, int]

SRGB: Cicp = (1, 13)
_LINEAR, _PQ, _HLG = 8, 16, 18
_REFERENCE_WHITE = 203.0
"""cd/m2 of white paper in HDR (ITU-R BT.2408); what SDR calls white."""
_HLG_PEAK = 1000.0
"""cd/m2 of the display that HLG is shown on (ITU-R BT.2100)."""
_KNEE = 0.75
"""Of SDR white: light above it is compressed, so that highlights of any brightness stay below 1."""

_D65, _C = (0.3127, 0.3290), (0.310, 0.316)
_PRIMARIES: dict[int, Chromaticities] = {
    1: SRGB_PRIMARIES,
    4: (*_C, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08),
    5: (*_D65, 0.64, 0.33, 0.29, 0.60, 0.15, 0.06),
    6: (*_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    7: (*_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    8: (*_C, 0.681, 0.319, 0.243, 0.692, 0.145, 0.049),
    9: (*_D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),
    11: (0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    12: (*_D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    22: (*_D65, 0.630, 0.340, 0.295, 0.605, 0.155, 0.077),
}
_BT709: Curve = (1 / 0.45, 1 / 1.099, 0.099 / 1.099, 1 / 4.5, 0.081)
_CURVES: dict[int, Curve] = {
    **dict.fromkeys((1, 6, 11, 12, 14, 15), _BT709),
    4: gamma(2.2),
    5: gamma(2.8),
    7: (1 / 0.45, 1 / 1.1115, 0.1115 / 1.1115, 1 / 4.0, 0.0912),
    _LINEAR: gamma(1.0),
    13: SRGB_CURVE,
    17: gamma(2.6),
}


def is_known(cicp: Cicp) -> bool:
    """Whether both numbers mean something here; "unspecified" does not."""
    return cicp[0] in _PRIMARIES and (cicp[1] in _CURVES or is_hdr(cicp))


def is_hdr(cicp: Cicp) -> bool:
    """Whether the transfer is PQ or HLG, which no ICC profile describes."""
    return cicp[1] in (_PQ, _HLG)


def is_linear(cicp: Cicp) -> bool:
    """Whether samples are proportional to light."""
    return cicp[1] == _LINEAR


def colour_space(cicp: Cicp) -> ColourSpace:
    """What an ICC profile says in their place; not of HDR."""
    return ColourSpace(_PRIMARIES[cicp[0]], _CURVES[cicp[1]])


def to_sdr(image: Any, cicp: Cicp) -> Any:
    """An HDR image, a libvips one of RGB with or without alpha, as sRGB of the same depth.

    White paper stays white paper; what shines more is compressed by one factor for all three colours, which keeps hues.
    """
    deep, colours = image.format == "ushort", image[:3]
    light = colours.maplut(_light_table(cicp[1], 65536 if deep else 256))
    if cicp[1] == _HLG:
        weights = rgb_to_xyz(_PRIMARIES[cicp[0]])[1]
        luminance = light.recomb(pyvips.Image.new_from_array([weights.tolist()]))
        light = light * luminance**0.2 * (_HLG_PEAK / _REFERENCE_WHITE)
    matrix = np.linalg.inv(rgb_to_xyz(SRGB_PRIMARIES)) @ rgb_to_xyz(_PRIMARIES[cicp[0]])
    light = light.recomb(pyvips.Image.new_from_array(matrix.tolist()))
    light = (light > 0).ifthenelse(light, 0)
    brightest = light[0].bandrank([light[1], light[2]], index=2)
    above = (brightest - _KNEE) / (1 - _KNEE)
    compressed = (1 - (above * -1).exp()) * (1 - _KNEE) + _KNEE
    light = light * (brightest > _KNEE).ifthenelse(compressed / brightest, 1.0)
    shown = light.copy(interpretation="scrgb").colourspace("rgb16" if deep else "srgb")
    return shown.bandjoin(image[3]) if image.bands > 3 else shown


def _light_table(transfer: int, size: int) -> Any:
    """Light of each sample value: PQ in units of white paper, HLG as scene light in 0..1 (ITU-R BT.2100)."""
    value = np.linspace(0, 1, size)
    if transfer == _PQ:
        power = value ** (1 / 78.84375)
        light = (np.maximum(power - 0.8359375, 0) / (18.8515625 - 18.6875 * power)) ** (1 / 0.1593017578125)
        light *= 10_000 / _REFERENCE_WHITE
    else:
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        light = np.where(value <= 0.5, value**2 / 3, (np.exp((value - c) / a) + b) / 12)
    return pyvips.Image.new_from_array(light.reshape(1, -1).astype(np.float32))
