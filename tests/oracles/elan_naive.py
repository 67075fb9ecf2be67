"""ELAN in plain loops over pixels, channels and windows: slow and obviously right.

Written from the paper (arXiv 2203.06697, sections 3.1 to 3.4), to check the network against. Everything is numpy,
float64, one picture (C, H, W) at a time; the only vectorised steps are small matrix-vector products at one pixel.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from elansr.nn.config import ELANConfig

Array = NDArray[np.float64]
State = Mapping[str, Array]
Pixel = tuple[int, int]
WindowMap = tuple[list[Pixel], Array]
"""The pixels (y, x) of one window and their attention map (L, L)."""

BATCH_NORM_EPS = 1e-5


def elan_naive(picture: Array, state: State, config: "ELANConfig") -> Array:
    """The whole network with BatchNorm in its evaluation form.

    Args:
        picture: (colors, H, W), RGB in [0, 1].
        state: the network's state dict as float64 arrays.
        config: sizes of the network.

    Returns:
        (colors, H * scale, W * scale), RGB near [0, 1], not clamped.
    """
    colors, height, width = picture.shape
    multiple = next(n for n in range(1, 10**6) if all(n % window == 0 for window in config.windows))
    x = np.pad(picture, ((0, 0), (0, -height % multiple), (0, -width % multiple)), mode="reflect")
    x = np.stack([x[c] * config.rgb_range - config.rgb_mean[c] * config.rgb_range for c in range(colors)])
    features = conv3x3_naive(x, state["head.weight"], state["head.bias"])
    features = features + body_naive(features, state, config)
    x = conv3x3_naive(features, state["tail.0.weight"], state["tail.0.bias"])
    x = pixel_shuffle_naive(x, config.scale)
    x = np.stack([(x[c] + config.rgb_mean[c] * config.rgb_range) / config.rgb_range for c in range(colors)])
    return x[:, : height * config.scale, : width * config.scale]


def body_naive(x: Array, state: State, config: "ELANConfig") -> Array:
    """The blocks one after another, numbered as in the paper: every (n_share + 1)-th computes an attention anew."""
    maps: list[list[WindowMap]] = []
    for block in range(config.blocks):
        elab, step = divmod(block, config.n_share + 1)
        local = f"body.{elab}.local.{step}"
        x = x + local_features_naive(x, state, local)
        if step == 0:
            name = f"body.{elab}.attention"
            queries_and_values = project_naive(x, state, f"{name}.project")
            half = x.shape[0] // len(config.windows)
            queries, values = [], []
            for group in range(len(config.windows)):
                first = group * 2 * half
                queries.append(queries_and_values[first : first + half])
                values.append(queries_and_values[first + half : first + 2 * half])
            shifted = elab % 2 == 1
            maps = [attention_maps_naive(q, w, shifted) for q, w in zip(queries, config.windows, strict=True)]
        else:
            name = f"body.{elab}.shared.{step - 1}"
            all_values = project_naive(x, state, f"{name}.project")
            size = x.shape[0] // len(config.windows)
            values = [all_values[group * size : (group + 1) * size] for group in range(len(config.windows))]
        attended = np.concatenate([apply_maps_naive(m, v) for m, v in zip(maps, values, strict=True)])
        x = x + conv1x1_naive(attended, state[f"{name}.merge.weight"], state[f"{name}.merge.bias"])
    return x


def local_features_naive(x: Array, state: State, name: str) -> Array:
    """LFE: shift-conv, ReLU, shift-conv."""
    expanded = conv1x1_naive(shift_naive(x), state[f"{name}.expand.conv.weight"], state[f"{name}.expand.conv.bias"])
    for index in np.ndindex(expanded.shape):
        expanded[index] = max(expanded[index], 0.0)
    return conv1x1_naive(shift_naive(expanded), state[f"{name}.reduce.conv.weight"], state[f"{name}.reduce.conv.bias"])


def project_naive(x: Array, state: State, name: str) -> Array:
    """1x1 convolution, then BatchNorm with its running statistics."""
    out = conv1x1_naive(x, state[f"{name}.conv.weight"], state[f"{name}.conv.bias"])
    mean, variance = state[f"{name}.norm.running_mean"], state[f"{name}.norm.running_var"]
    weight, bias = state[f"{name}.norm.weight"], state[f"{name}.norm.bias"]
    for c in range(out.shape[0]):
        out[c] = (out[c] - mean[c]) / np.sqrt(variance[c] + BATCH_NORM_EPS) * weight[c] + bias[c]
    return out


def shift_naive(x: Array) -> Array:
    """Five channel groups: from the right, the left, below, above, in place; zeros from outside the picture."""
    channels, height, width = x.shape
    out = np.zeros_like(x)
    for c in range(channels):
        group = min(c // (channels // 5), 4)
        dy, dx = [(0, 1), (0, -1), (1, 0), (-1, 0), (0, 0)][group]
        for y in range(height):
            for column in range(width):
                if 0 <= y + dy < height and 0 <= column + dx < width:
                    out[c, y, column] = x[c, y + dy, column + dx]
    return out


def conv1x1_naive(x: Array, weight: Array, bias: Array) -> Array:
    """`weight` is (out, in, 1, 1), `bias` (out,)."""
    _, height, width = x.shape
    out = np.zeros((weight.shape[0], height, width))
    for y in range(height):
        for column in range(width):
            out[:, y, column] = weight[:, :, 0, 0] @ x[:, y, column] + bias
    return out


def conv3x3_naive(x: Array, weight: Array, bias: Array) -> Array:
    """`weight` is (out, in, 3, 3), `bias` (out,); zeros outside the picture, no flip of the kernel."""
    _, height, width = x.shape
    out = np.zeros((weight.shape[0], height, width))
    for y in range(height):
        for column in range(width):
            out[:, y, column] = bias
            for i in range(3):
                for j in range(3):
                    from_y, from_x = y + i - 1, column + j - 1
                    if 0 <= from_y < height and 0 <= from_x < width:
                        out[:, y, column] += weight[:, :, i, j] @ x[:, from_y, from_x]
    return out


def window_pixels_naive(height: int, width: int, window: int, shifted: bool) -> list[list[Pixel]]:
    """The pixels of each window. Rolling by -window//2 moves pixel y to (y - window//2) mod height before the cut."""
    offset = window // 2 if shifted else 0
    windows: dict[Pixel, list[Pixel]] = {}
    for y in range(height):
        for x in range(width):
            key = ((y - offset) % height // window, (x - offset) % width // window)
            windows.setdefault(key, []).append((y, x))
    return list(windows.values())


def attention_map_naive(queries: Array) -> Array:
    """softmax(q @ q^T) of the queries (L, D) of one window: (L, L), every row sums to 1."""
    rows = []
    for query in queries:
        logits = queries @ query
        weights = np.exp(logits - logits.max())
        rows.append(weights / weights.sum())
    return np.array(rows)


def attention_maps_naive(queries: Array, window: int, shifted: bool) -> list[WindowMap]:
    """The attention map of each window of one channel group; `queries` is (D, H, W)."""
    maps = []
    _, height, width = queries.shape
    for pixels in window_pixels_naive(height, width, window, shifted):
        maps.append((pixels, attention_map_naive(np.array([queries[:, y, x] for y, x in pixels]))))
    return maps


def apply_maps_naive(maps: Sequence[WindowMap], values: Array) -> Array:
    """Every pixel becomes the weighted mean of the values (D, H, W) in its window."""
    out = np.zeros_like(values)
    for pixels, attention_map in maps:
        members = np.array([values[:, y, x] for y, x in pixels])
        for (y, x), weights in zip(pixels, attention_map, strict=True):
            out[:, y, x] = weights @ members
    return out


def pixel_shuffle_naive(x: Array, scale: int) -> Array:
    """(C * scale^2, H, W) -> (C, H * scale, W * scale): channel c*s*s + i*s + j holds row i, column j of each cell."""
    channels, height, width = x.shape[0] // scale**2, x.shape[1], x.shape[2]
    out = np.zeros((channels, height * scale, width * scale))
    for c, y, column in np.ndindex(out.shape):
        i, j = y % scale, column % scale
        out[c, y, column] = x[c * scale**2 + i * scale + j, y // scale, column // scale]
    return out


def reflected_indices_naive(size: int, before: int, after: int) -> list[int]:
    """Source index of each sample of an axis padded by reflection: a walker turns round at either end of the axis."""

    def walk(start: int, step: int, count: int) -> list[int]:
        visited, position = [], start
        for _ in range(count):
            if not 0 <= position + step < size:
                step = -step
            if size > 1:
                position += step
            visited.append(position)
        return visited

    return walk(0, -1, before)[::-1] + list(range(size)) + walk(size - 1, 1, after)


def reflect_pad_naive(x: Array, left: int, right: int, top: int, bottom: int) -> Array:
    """Pads (C, H, W) pixel by pixel by repeated reflection that does not repeat the border pixel."""
    rows = reflected_indices_naive(x.shape[1], top, bottom)
    columns = reflected_indices_naive(x.shape[2], left, right)
    out = np.zeros((x.shape[0], len(rows), len(columns)))
    for c, y, column in np.ndindex(out.shape):
        out[c, y, column] = x[c, rows[y], columns[column]]
    return out
