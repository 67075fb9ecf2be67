"""The inference form of ELAN: fewer operations, safe in half precision, the same function; NumPy arrays, no PyTorch.

* BatchNorm is folded into the 1x1 convolution before it.
* The residual stream runs at 1/64 of its size. LFE with ReLU is positively homogeneous and everything else reads or
  writes the stream through a linear layer, so the scale moves into weights and biases; a power of two changes no bit
  in float32, and float16 no longer overflows.

Every engine and every exporter is made from it: `read_weights(name_or_file).inference_form()`.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elansr.nn.config import ELANConfig

STREAM_SCALE = 2.0**-6
BATCH_NORM_EPS = 1e-5
"""PyTorch's default, which the paper's network uses."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Convolution:
    """Weight, float64 (outputs, inputs) or (outputs, inputs, 3, 3), and bias, float64 (outputs,)."""

    weight: Array
    bias: Array

    def scaled(self, weight: float, bias: float) -> "Convolution":
        """With both multiplied."""
        return Convolution(self.weight * weight, self.bias * bias)


@dataclass(frozen=True)
class InferenceBlock:
    """One step: `x += lfe(x)`, then `x += merge(attention(project(x)))` (arXiv 2203.06697, figure 2).

    Attributes:
        expand: C to rC, first shift-conv of local feature extraction (LFE).
        reduce: rC to C, the second.
        project: C to 2C, each group's queries and then its values; or C to C, values alone, where `shares`.
        merge: C to C.
        shares: whether the attention of the block before is applied to the values.
        shifted: whether the attention windows lie half a window further down and to the right.
    """

    expand: Convolution
    reduce: Convolution
    project: Convolution
    merge: Convolution
    shares: bool
    shifted: bool


@dataclass(frozen=True)
class InferenceForm:
    """A network folded for inference.

        features = head(x * rgb_range - mean)
        y = (pixel_shuffle(tail(features + body(features))) + mean) / rgb_range

    Attributes:
        config: of the network.
        head: 3x3 convolution, colours to C.
        blocks: the body, in order.
        tail: 3x3 convolution, C to colours * scale^2.
    """

    config: ELANConfig
    head: Convolution
    blocks: tuple[InferenceBlock, ...]
    tail: Convolution

    @property
    def mean(self) -> NDArray[np.float32]:
        """The mean colour in the units of `rgb_range`, float32 (colors,)."""
        return np.array(self.config.rgb_mean, np.float32) * np.float32(self.config.rgb_range)

    def digest(self) -> str:
        """SHA-256 of the network, in hex."""
        digest = hashlib.sha256(repr(self.config).encode())
        steps = ((block.expand, block.reduce, block.project, block.merge) for block in self.blocks)
        for convolution in (self.head, self.tail, *chain.from_iterable(steps)):
            digest.update(convolution.weight.tobytes())
            digest.update(convolution.bias.tobytes())
        return digest.hexdigest()


def fold(config: ELANConfig, state: Mapping[str, NDArray[Any]]) -> InferenceForm:
    """The inference form of a network's state.

    Args:
        config: of the network.
        state: every entry of `ELAN(config).state_dict()` as an array of any float type.
    """

    def convolution(name: str) -> Convolution:
        weight = state[f"{name}.weight"].astype(np.float64)
        weight = weight[..., 0, 0] if weight.shape[2:] == (1, 1) else weight
        return Convolution(weight, state[f"{name}.bias"].astype(np.float64))

    def projection(name: str) -> Convolution:
        conv = convolution(f"{name}.conv")
        gain, bias, mean, variance = (
            state[f"{name}.norm.{entry}"].astype(np.float64)
            for entry in ("weight", "bias", "running_mean", "running_var")
        )
        inverse = 1 / np.sqrt(variance + BATCH_NORM_EPS)
        return Convolution(conv.weight * (gain * inverse)[:, None], (conv.bias - mean) * inverse * gain + bias)

    def block(elab: int, step: int) -> InferenceBlock:
        local = f"body.{elab}.local.{step}"
        attention = f"body.{elab}.shared.{step - 1}" if step else f"body.{elab}.attention"
        return InferenceBlock(
            expand=convolution(f"{local}.expand.conv").scaled(1.0, STREAM_SCALE),
            reduce=convolution(f"{local}.reduce.conv").scaled(1.0, STREAM_SCALE),
            project=projection(f"{attention}.project").scaled(1 / STREAM_SCALE, 1.0),
            merge=convolution(f"{attention}.merge").scaled(STREAM_SCALE, STREAM_SCALE),
            shares=step > 0,
            shifted=elab % 2 == 1,
        )

    steps = config.n_share + 1
    return InferenceForm(
        config=config,
        head=convolution("head").scaled(STREAM_SCALE, STREAM_SCALE),
        blocks=tuple(block(i // steps, i % steps) for i in range(config.blocks)),
        tail=convolution("tail.0").scaled(1 / STREAM_SCALE, 1.0),
    )
