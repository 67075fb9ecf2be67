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

import torch
from torch import Tensor

from elansr.errors import WeightsError
from elansr.nn.config import ELANConfig

MEAN_KEYS = ("sub_mean.weight", "sub_mean.bias", "add_mean.weight", "add_mean.bias")
WAY_OUT = "a network with this mean shift cannot be expressed, use the weights as ELAN's code wrote them"


def mean_shift_tensors(config: ELANConfig, white: float) -> dict[str, Tensor]:
    """Their four tensors for a network of ours.

    Args:
        config: of our network.
        white: in the pictures that their program feeds, 255 or 1.

    Returns:
        float32: weights (colors, colors, 1, 1), biases (colors,).
    """
    k = config.rgb_range / white
    identity = torch.eye(config.colors).view(config.colors, config.colors, 1, 1)
    b = torch.tensor(config.rgb_mean) * config.rgb_range
    tensors = (identity * k, -b, identity / k, b / k)
    return dict(zip(MEAN_KEYS, tensors, strict=True))


def mean_shift_of(config: ELANConfig, tensors: Mapping[str, Tensor]) -> tuple[ELANConfig, float]:
    """The config with the mean and the range of a file, and white in its pictures.

    Args:
        config: right but for `rgb_mean` and `rgb_range`.
        tensors: the four of `MEAN_KEYS` in the precision of the file, shapes as `mean_shift_tensors` has them.

    Raises:
        WeightsError: not a mean shift, or the two do not undo each other.
    """
    scale, bias, back_scale, back_bias = (tensors[key].detach().cpu() for key in MEAN_KEYS)
    k, back_k = _factor(scale, MEAN_KEYS[0]), _factor(back_scale, MEAN_KEYS[2])
    b = -bias.double()
    tolerance = 4 * torch.finfo(bias.dtype).eps
    if not (_close(torch.tensor(k * back_k), torch.tensor(1.0), tolerance) and _close(back_bias * k, b, tolerance)):
        raise WeightsError(f"add_mean does not undo sub_mean: {WAY_OUT}")
    white = _white(k, b)
    rgb_range = _shortest(k * white, lambda value: _stored(value / white, scale) == k)
    means = [_shortest(float(v) / rgb_range, _reproduces(float(v), rgb_range, bias)) for v in b]
    return dataclasses.replace(config, rgb_mean=tuple(means), rgb_range=rgb_range), white


def require_expressible(config: ELANConfig, white: float) -> None:
    """Refuses a mean shift that would be read as another one, since a file does not say `white`.

    Args:
        config: of our network.
        white: in the pictures that their program feeds, 255 or 1.

    Raises:
        WeightsError: reading back gives another mean or range.
    """
    back, _ = mean_shift_of(config, mean_shift_tensors(config, white))
    if not torch.equal(_mean_and_range(back), _mean_and_range(config)):
        raise WeightsError(
            f"rgb_mean={config.rgb_mean} and rgb_range={config.rgb_range} would be read as {back.rgb_mean} and "
            f"{back.rgb_range} in this layout: keep the weights as elansr"
        )


def _mean_and_range(config: ELANConfig) -> Tensor:
    """What the network uses of them, in its precision: float32, (colors + 1,)."""
    return torch.tensor([*config.rgb_mean, 1.0]) * config.rgb_range


def _factor(weight: Tensor, name: str) -> float:
    """The k of a 1x1 convolution that is k times the identity."""
    k = float(weight.flatten()[0])
    identity = torch.eye(weight.shape[0]).view(weight.shape)
    if k <= 0 or not torch.equal(weight.double(), identity.double() * k):
        raise WeightsError(f"{name} is not a positive multiple of the identity: {WAY_OUT}")
    return k


def _white(k: float, b: Tensor) -> float:
    """White in the pictures that a file is for: what puts the mean between black and white."""
    lowest, highest = float(b.min()) / k, float(b.max()) / k
    if lowest < 0 or highest > 255:
        raise WeightsError(f"sub_mean subtracts {lowest:g} to {highest:g}, which is no mean colour: {WAY_OUT}")
    if highest == 0:
        return 255.0 if k == 1 else 1.0
    return 255.0 if highest > 1 else 1.0


def _close(a: Tensor, b: Tensor, tolerance: float) -> bool:
    return torch.allclose(a.double(), b.double(), rtol=tolerance, atol=tolerance)


def _stored(value: float, like: Tensor) -> float:
    """`value` after a trip through float32 and the precision of the file."""
    return float(torch.tensor(value, dtype=torch.float32).to(like.dtype))


def _reproduces(b: float, rgb_range: float, like: Tensor) -> Callable[[float], bool]:
    """Whether a mean gives the stored bias: in float32, as `mean_shift_tensors` computes it."""
    return lambda mean: float((torch.tensor(mean, dtype=torch.float32) * rgb_range).to(like.dtype)) == b


def _shortest(value: float, fits: Callable[[float], bool]) -> float:
    """The shortest decimal near `value` that fits, so that 114.444 / 255 reads 0.4488; `value` where none does."""
    candidates = (round(value, digits) for digits in range(17))
    return next((candidate for candidate in candidates if fits(candidate)), value)
