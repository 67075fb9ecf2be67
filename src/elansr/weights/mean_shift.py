"""The mean shift as the authors' files store it: two 1x1 convolutions around the network.

Their network computes, with `white` = 255 or 1 for white in the pictures that their program feeds,

    white * y = add_mean(f(sub_mean(white * x)))        sub_mean(p) = k * p - b        add_mean(p) = (p + b) / k

and ours `y = (f(rgb_range * x - rgb_range * rgb_mean) + rgb_range * rgb_mean) / rgb_range`. They are the same for
`rgb_range = k * white` and `rgb_mean = b / rgb_range`. The authors have k = 1, white = 255; traiNNer-redux feeds
pictures in 0..1, which needs k = 255 for the same weights.

A file does not say `white`; `b / k` is the mean in units of the pictures, above 1 only where white is 255.
"""

import dataclasses
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elansr.errors import WeightsError
from elansr.nn.config import ELANConfig

MEAN_KEYS = ("sub_mean.weight", "sub_mean.bias", "add_mean.weight", "add_mean.bias")
NO_SUCH_NETWORK = "elansr has no network with this mean shift; use the weights as ELAN's code wrote them"


def mean_shift_arrays(config: ELANConfig, white: float) -> dict[str, NDArray[np.float32]]:
    """Their four arrays for a network of ours.

    Args:
        config: of our network.
        white: in the pictures that their program feeds, 255 or 1.

    Returns:
        float32: weights (colors, colors, 1, 1), biases (colors,).
    """
    k = np.float32(config.rgb_range / white)
    identity = np.eye(config.colors, dtype=np.float32)[:, :, None, None]
    b = np.array(config.rgb_mean, np.float32) * np.float32(config.rgb_range)
    return dict(zip(MEAN_KEYS, (identity * k, -b, identity / k, b / k), strict=True))


def mean_shift_of(config: ELANConfig, arrays: Mapping[str, NDArray[Any]]) -> tuple[ELANConfig, float]:
    """The config with the mean and the range of a file, and white in its pictures.

    Args:
        config: right but for `rgb_mean` and `rgb_range`.
        arrays: the four of `MEAN_KEYS` in the precision of the file, shapes as `mean_shift_arrays` has them.

    Raises:
        WeightsError: not a mean shift, or the two do not undo each other.
    """
    scale, bias, back_scale, back_bias = (arrays[key] for key in MEAN_KEYS)
    k, back_k = _factor(scale, MEAN_KEYS[0]), _factor(back_scale, MEAN_KEYS[2])
    b = -bias.astype(np.float64)
    error = _rounding_error(bias, back_bias)
    undone = np.allclose(back_bias.astype(np.float64) * k, b, rtol=error, atol=error)
    if not undone or abs(k * back_k - 1) > error:
        raise WeightsError(f"add_mean does not undo sub_mean: {NO_SUCH_NETWORK}")
    white = _white(k, b)

    def is_range(value: float) -> bool:
        return bool(np.float32(value / white).astype(scale.dtype) == k)

    def gives(mean: float, v: float) -> bool:
        return bool((np.float32(mean) * np.float32(rgb_range)).astype(bias.dtype) == v)

    rgb_range = _shortest(k * white, is_range)
    means = [_shortest(v / rgb_range, partial(gives, v=v)) for v in b.tolist()]
    return dataclasses.replace(config, rgb_mean=tuple(means), rgb_range=rgb_range), white


def require_expressible(config: ELANConfig, white: float) -> None:
    """Refuses a mean shift that would be read as another one, since a file does not say `white`.

    Args:
        config: of our network.
        white: in the pictures that their program feeds, 255 or 1.

    Raises:
        WeightsError: reading back gives another mean or range.
    """
    back, _ = mean_shift_of(config, mean_shift_arrays(config, white))
    if not np.array_equal(_mean_and_range(back), _mean_and_range(config)):
        raise WeightsError(
            f"rgb_mean={config.rgb_mean} and rgb_range={config.rgb_range} would become {back.rgb_mean} and "
            f"{back.rgb_range} in this layout: keep the layout elansr"
        )


def _mean_and_range(config: ELANConfig) -> NDArray[np.float32]:
    """What the network uses of them, in its precision: float32, (colors + 1,)."""
    return np.array([*config.rgb_mean, 1.0], np.float32) * np.float32(config.rgb_range)


def _factor(weight: NDArray[Any], name: str) -> float:
    """The k of a 1x1 convolution that is k times the identity."""
    k = float(weight.flat[0])
    if k <= 0 or not np.array_equal(weight[..., 0, 0], np.eye(len(weight)) * k):
        raise WeightsError(f"{name} is not a positive multiple of the identity: {NO_SUCH_NETWORK}")
    return k


def _rounding_error(*arrays: NDArray[Any]) -> float:
    """How much numbers of a file may differ for being rounded; bfloat16 was read as float32 with 16 zero bits."""
    if all(array.dtype == np.float32 and not (array.view(np.uint32) & 0xFFFF).any() for array in arrays):
        return 2.0**-7
    return 4 * float(np.finfo(np.float16 if arrays[0].dtype == np.float16 else np.float32).eps)


def _white(k: float, b: NDArray[np.float64]) -> float:
    """White in the pictures that a file is for: what puts the mean between black and white."""
    lowest, highest = float(b.min()) / k, float(b.max()) / k
    if lowest < 0 or highest > 255:
        raise WeightsError(
            f"sub_mean subtracts {lowest:g} to {highest:g}, which is not a mean colour: {NO_SUCH_NETWORK}"
        )
    if highest == 0:
        return 255.0 if k == 1 else 1.0
    return 255.0 if highest > 1 else 1.0


def _shortest(value: float, fits: Callable[[float], bool]) -> float:
    """The shortest decimal near `value` that fits, so that 114.444 / 255 reads 0.4488; `value` where none does."""
    candidates = (round(value, digits) for digits in range(17))
    return next((candidate for candidate in candidates if fits(candidate)), value)
