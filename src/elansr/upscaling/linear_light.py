"""Pictures whose samples are proportional to light: the network sees them as photos are stored."""

import numpy as np

from elansr.upscaling.tiling import Network, Samples


class LinearLight:
    """A network for linear samples: they get the curve of sRGB before it, which is taken back after it.

    Args:
        network: see `Network`; it learned from photos, in which equal steps look alike, as those of light do not.
    """

    def __init__(self, network: Network) -> None:
        self._network = network

    def __call__(self, tile: Samples) -> Samples:
        """See `Network`."""
        return to_light(self._network(from_light(tile)).clip(0, 1))


def from_light(light: Samples) -> Samples:
    """Light in [0, 1] -> samples with the curve of sRGB (IEC 61966-2-1)."""
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055).astype(np.float32)


def to_light(samples: Samples) -> Samples:
    """The inverse of `from_light`."""
    return np.where(samples <= 0.04045, samples / 12.92, ((samples + 0.055) / 1.055) ** 2.4).astype(np.float32)
