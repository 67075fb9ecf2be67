"""ELAN for `torch.hub.load("OWNER/elansr", "elan_light", scale=4)`; elansr need not be installed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from elansr import ELAN

dependencies = ["numpy", "safetensors", "torch"]

# Import the package from this clone, so that code and weights have the same version. Its modules find each other
# through the package afterwards, so the path can be removed.
_SOURCE = str(Path(__file__).resolve().parent / "src")
sys.path.insert(0, _SOURCE)
try:
    import elansr as _elansr
finally:
    sys.path.remove(_SOURCE)


def elan_light(scale: int = 4, pretrained: bool = True) -> ELAN:
    """ELAN-light, 0.6 M parameters, for clean pictures (bicubic downscaling).

    Args:
        scale: super-resolution factor, 2, 3 or 4; untrained 1 to 8.
        pretrained: whether to load the released weights (eval mode) or none (training mode).

    Returns:
        A network from float (N, 3, H, W), RGB in [0, 1], to (N, 3, H * scale, W * scale), not clamped.

    Raises:
        elansr.ElansrError: the scale is not available.
    """
    _require_number(scale)
    return _fast(_elansr.load_network("elan-light", scale) if pretrained else _elansr.create_model("elan-light", scale))


def elan_light_real(scale: int = 4) -> ELAN:
    """ELAN-light with the released weights for everyday photos: mild blur, noise, JPEG.

    Args:
        scale: super-resolution factor, 2 or 4.

    Returns:
        As `elan_light`, in eval mode.

    Raises:
        elansr.ElansrError: a scale without such weights.
    """
    _require_number(scale)
    return _fast(_elansr.load_network("elan-light-real", scale))


def elan(scale: int = 4, pretrained: bool = False) -> ELAN:
    """ELAN, 8.3 M parameters.

    Args:
        scale: super-resolution factor, 1 to 8.
        pretrained: no weights of this size are released yet, so True is an error.

    Returns:
        As `elan_light`, untrained, in training mode.

    Raises:
        elansr.ElansrError: a scale out of range, or `pretrained`.
    """
    _require_number(scale)
    if pretrained:
        raise _elansr.ElansrError(
            f"elan: no weights of full ELAN are released, only {', '.join(_released())}: "
            "take elan_light() or elan_light_real(), or pretrained=False to train it"
        )
    return _fast(_elansr.create_model("elan", scale))


def _fast(network: ELAN) -> ELAN:
    """With native layers on a CPU, if the clone's native library was built."""
    from elansr.engines.cpu.training import accelerate

    return accelerate(network)


def _released() -> list[str]:
    from elansr.weights.released import RELEASED

    return list(RELEASED)


def _require_number(scale: object) -> None:
    """`torch.hub.load` hands on whatever it is given."""
    if not isinstance(scale, int):
        raise _elansr.ElansrError(f"scale={scale!r}: must be a whole number, such as 4")
