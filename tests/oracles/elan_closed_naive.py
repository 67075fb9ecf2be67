"""ELAN with closed borders in plain loops: every window ends at the picture's border, and nothing is padded.

What does not change is taken from `elan_naive`; windows and the way through the blocks are written out again.
"""

from typing import TYPE_CHECKING

import numpy as np

from tests.oracles.elan_naive import (
    Array,
    Pixel,
    State,
    WindowMap,
    apply_maps_naive,
    attention_map_naive,
    conv1x1_naive,
    conv3x3_naive,
    local_features_naive,
    pixel_shuffle_naive,
    project_naive,
)

if TYPE_CHECKING:
    from elansr.nn.config import ELANConfig


def closed_window_pixels_naive(height: int, width: int, window: int, shifted: bool) -> list[list[Pixel]]:
    """The pixels of each window of an endless grid that are the picture's; a shifted grid has a corner at window//2."""
    corner = window // 2 if shifted else 0
    found = []
    for top in range(corner - window, height, window):
        for left in range(corner - window, width, window):
            rows = [y for y in range(top, top + window) if 0 <= y < height]
            columns = [x for x in range(left, left + window) if 0 <= x < width]
            if rows and columns:
                found.append([(y, x) for y in rows for x in columns])
    return found


def elan_closed_naive(picture: Array, state: State, config: "ELANConfig") -> Array:
    """As `elan_naive`, with closed borders: (colors, H, W) to (colors, H * scale, W * scale)."""
    mean = np.array(config.rgb_mean)[:, None, None]
    features = conv3x3_naive((picture - mean) * config.rgb_range, state["head.weight"], state["head.bias"])
    features = features + closed_body_naive(features, state, config)
    x = conv3x3_naive(features, state["tail.0.weight"], state["tail.0.bias"])
    return pixel_shuffle_naive(x, config.scale) / config.rgb_range + mean


def closed_body_naive(x: Array, state: State, config: "ELANConfig") -> Array:
    """The ELABs one after another, every second one with shifted windows."""
    depth = x.shape[0] // len(config.windows)
    for elab in range(config.blocks // (config.n_share + 1)):
        maps: list[list[WindowMap]] = []
        for step in range(config.n_share + 1):
            x = x + local_features_naive(x, state, f"body.{elab}.local.{step}")
            name = f"body.{elab}.shared.{step - 1}" if step else f"body.{elab}.attention"
            groups = np.split(project_naive(x, state, f"{name}.project"), len(config.windows))
            if not step:
                maps = [
                    closed_maps_naive(group[:depth], window, elab % 2 == 1)
                    for group, window in zip(groups, config.windows, strict=True)
                ]
            values = [group[-depth:] for group in groups]
            attended = np.concatenate([apply_maps_naive(m, v) for m, v in zip(maps, values, strict=True)])
            x = x + conv1x1_naive(attended, state[f"{name}.merge.weight"], state[f"{name}.merge.bias"])
    return x


def closed_maps_naive(queries: Array, window: int, shifted: bool) -> list[WindowMap]:
    """The attention map of each window of one channel group; `queries` is (D, H, W)."""
    maps = []
    for pixels in closed_window_pixels_naive(*queries.shape[1:], window, shifted):
        maps.append((pixels, attention_map_naive(np.array([queries[:, y, x] for y, x in pixels]))))
    return maps
