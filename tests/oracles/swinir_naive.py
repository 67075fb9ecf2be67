"""SwinIR in plain loops over pixels and heads: slow and obviously right.

Written from the paper (arXiv 2108.10257, sections 3.1 and 3.2), to check the network against. Everything is numpy,
float64, one picture (H, W, C) at a time; the only vectorised steps are small products at one pixel.
"""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tests.oracles.elan_naive import conv3x3_naive, pixel_shuffle_naive

Array = NDArray[np.float64]
Pixel = tuple[int, int]

LAYER_NORM_EPS = 1e-5
WRAPPED = -100.0
MEAN = np.array([0.4488, 0.4371, 0.4040])


def swinir_naive(picture: Array, state: Mapping[str, Array], depths: Sequence[int], heads: int, window: int) -> Array:
    """The network up to its reconstruction: features (H, W, C) of a picture (H, W, 3) of whole windows."""
    shallow = conv_naive(picture - MEAN, state, "conv_first")
    x = at_pixels(lambda pixel: layer_norm_naive(pixel, state, "patch_embed.norm"), shallow)
    for i, depth in enumerate(depths):
        group = x
        for j in range(depth):
            name = f"layers.{i}.residual_group.blocks.{j}."
            block = {key.removeprefix(name): value for key, value in state.items() if key.startswith(name)}
            group = layer_naive(group, block, heads, window, shift=window // 2 if j % 2 else 0)
        x = x + conv_naive(group, state, f"layers.{i}.conv")
    deep = at_pixels(lambda pixel: layer_norm_naive(pixel, state, "norm"), x)
    return shallow + conv_naive(deep, state, "conv_after_body")


def light_naive(features: Array, state: Mapping[str, Array], scale: int) -> Array:
    """(H * scale, W * scale, 3) by one convolution."""
    wide = conv_naive(features, state, "upsample.0")
    return np.moveaxis(pixel_shuffle_naive(np.moveaxis(wide, -1, 0), scale), 0, -1) + MEAN


def classical_x4_naive(features: Array, state: Mapping[str, Array]) -> Array:
    """(4 H, 4 W, 3) by two doublings."""
    x = conv_naive(features, state, "conv_before_upsample.0")
    x = np.where(x > 0, x, 0.01 * x)
    for step in "upsample.0", "upsample.2":
        x = np.moveaxis(pixel_shuffle_naive(np.moveaxis(conv_naive(x, state, step), -1, 0), 2), 0, -1)
    return conv_naive(x, state, "conv_last") + MEAN


def layer_naive(x: Array, state: Mapping[str, Array], heads: int, window: int, shift: int) -> Array:
    """A Swin transformer layer (H, W, C) (figure 2b)."""
    attention = {key.removeprefix("attn."): value for key, value in state.items() if key.startswith("attn.")}
    normal = at_pixels(lambda pixel: layer_norm_naive(pixel, state, "norm1"), x)
    x = x + attention_naive(normal, attention, heads, window, shift)
    return x + at_pixels(lambda pixel: perceptron_naive(layer_norm_naive(pixel, state, "norm2"), state), x)


def perceptron_naive(x: Array, state: Mapping[str, Array]) -> Array:
    hidden = linear_naive(x, state, "mlp.fc1")
    return linear_naive(np.array([h * (1 + math.erf(h / math.sqrt(2))) / 2 for h in hidden]), state, "mlp.fc2")


def conv_naive(x: Array, state: Mapping[str, Array], name: str) -> Array:
    """3x3, (H, W, C) to (H, W, C')."""
    return np.moveaxis(conv3x3_naive(np.moveaxis(x, -1, 0), state[f"{name}.weight"], state[f"{name}.bias"]), 0, -1)


def at_pixels(function: Callable[[Array], Array], x: Array) -> Array:
    return np.array([[function(pixel) for pixel in row] for row in x])


def linear_naive(x: Array, state: Mapping[str, Array], name: str) -> Array:
    return state[f"{name}.weight"] @ x + state[f"{name}.bias"]


def layer_norm_naive(x: Array, state: Mapping[str, Array], name: str) -> Array:
    """One pixel (C,)."""
    normal = (x - x.mean()) / np.sqrt(((x - x.mean()) ** 2).mean() + LAYER_NORM_EPS)
    return normal * state[f"{name}.weight"] + state[f"{name}.bias"]


def windows_naive(height: int, width: int, window: int, shift: int) -> list[list[Pixel]]:
    """The pixels of each window of a picture rolled up and left by `shift`, by their place before the roll."""
    return [
        [((top + i + shift) % height, (left + j + shift) % width) for i in range(window) for j in range(window)]
        for top in range(0, height, window)
        for left in range(0, width, window)
    ]


def attention_naive(x: Array, state: Mapping[str, Array], heads: int, window: int, shift: int) -> Array:
    """Attention within shifted windows, projection included, of (H, W, C).

    Two pixels of a window are neighbours in the picture, or the roll brought them together over a border, which takes
    100 from their logit.
    """
    height, width, channels = x.shape
    depth = channels // heads
    table = state["relative_position_bias_table"].reshape(2 * window - 1, 2 * window - 1, heads)
    out = np.zeros_like(x)
    for pixels in windows_naive(height, width, window, shift):
        queries, keys, values = (
            dict(zip(pixels, parts, strict=True))
            for parts in zip(*(np.split(linear_naive(x[p], state, "qkv"), 3) for p in pixels), strict=True)
        )
        for here, p in enumerate(pixels):
            heard = []
            for h in range(heads):
                head = slice(h * depth, (h + 1) * depth)
                logits = np.zeros(len(pixels))
                for there, other in enumerate(pixels):
                    dy, dx = here // window - there // window, here % window - there % window
                    logits[there] = queries[p][head] @ keys[other][head] / np.sqrt(depth)
                    logits[there] += table[dy + window - 1, dx + window - 1, h]
                    if (p[0] - other[0], p[1] - other[1]) != (dy, dx):
                        logits[there] += WRAPPED
                weights = np.exp(logits - logits.max())
                weights /= weights.sum()
                heard.append(sum(weight * values[other][head] for weight, other in zip(weights, pixels, strict=True)))
            out[p] = linear_naive(np.concatenate(heard), state, "proj")
    return out
