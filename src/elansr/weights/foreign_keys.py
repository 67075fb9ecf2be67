"""Parameter names in the authors' code and in the projects that use it.

Their names, i = ELAB, j = 0 .. n_share (gmsa_0 computes the attention, the others share it):

    sub_mean.{weight,bias}  add_mean.{weight,bias}  head.0.{weight,bias}  tail.0.{weight,bias}
    body.{i}.modules_lfe.lfe_{j}.conv{0|1}.shift_conv.weight                   the shift as a constant 3x3 kernel
    body.{i}.modules_lfe.lfe_{j}.conv{0|1}.shift_conv.conv1x1.{weight,bias}    expand, reduce
    body.{i}.modules_gmsa.gmsa_{j}.project_inp.{0|1}.*                         1x1 convolution, BatchNorm
    body.{i}.modules_gmsa.gmsa_{j}.project_out.{weight,bias}                   merge

Everything but the windows and the activation (ReLU, as in the paper) follows from names and shapes. Pure functions of
arrays by name; files are the business of `foreign`.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elansr.errors import ConfigError, WeightsError
from elansr.nn.config import SHIFT_GROUPS, ELANConfig
from elansr.text import listed
from elansr.weights.contents import State, blank_state, checked, require_room
from elansr.weights.mean_shift import MEAN_KEYS, mean_shift_arrays, mean_shift_of

PARTS = {
    ".expand.conv.": ".conv0.shift_conv.conv1x1.",
    ".reduce.conv.": ".conv1.shift_conv.conv1x1.",
    ".project.conv.": ".project_inp.0.",
    ".project.norm.": ".project_inp.1.",
    ".merge.": ".project_out.",
}
"""Our and their names of the parts of a step."""
KERNEL = ".shift_conv.weight"


def their_name(name: str) -> str:
    """Their name of an entry of our state."""
    name = re.sub(r"^head\.", "head.0.", name).replace(".attention.", ".modules_gmsa.gmsa_0.")
    name = re.sub(r"\.shared\.([0-9]{1,9})\.", lambda found: f".modules_gmsa.gmsa_{int(found[1]) + 1}.", name)
    name = re.sub(r"\.local\.([0-9]+)\.", r".modules_lfe.lfe_\1.", name)
    for ours, theirs in PARTS.items():
        name = name.replace(ours, theirs)
    return name


OURS = (
    "head.weight",
    "tail.0.weight",
    "body.0.local.0.expand.conv.weight",
    "body.0.attention.project.conv.weight",
)
"""Names that every ELAN has, and together no other network."""
THEIRS = tuple(map(their_name, OURS))


def config_of(arrays: Mapping[str, NDArray[Any]], windows: tuple[int, ...]) -> ELANConfig:
    """The config that their names and shapes imply, of mean 0 and range 255.

    Raises:
        WeightsError: not the names and shapes of an ELAN.
    """
    head, tail, expand, _ = THEIRS
    needed = {head, tail, expand}
    if missing := needed - arrays.keys():
        raise WeightsError(f"not an ELAN: no {listed(missing)}, but {listed(arrays)}: use a checkpoint of ELAN")
    if any(arrays[key].ndim != 4 or 0 in arrays[key].shape for key in needed):
        raise WeightsError(f"not an ELAN: one of {listed(needed)} is not a convolution: use a checkpoint of ELAN")
    channels, colors = arrays[head].shape[:2]
    if colors not in (1, 3):
        raise WeightsError(f"{head} has {colors} colours: elansr supports 1 or 3")
    steps = {found[1] for name in arrays if (found := re.match(r"body\.0\.modules_gmsa\.gmsa_([0-9]+)\.", name))}
    elabs = {found[1] for name in arrays if (found := re.match(r"body\.([0-9]+)\.", name))}
    try:
        config = ELANConfig(
            scale=math.isqrt(arrays[tail].shape[0] // colors),
            channels=channels,
            blocks=len(elabs) * len(steps),
            n_share=len(steps) - 1,
            expansion=arrays[expand].shape[0] // channels,
            windows=windows,
            rgb_mean=(0.0,) * colors,
        )
    except ConfigError as error:
        raise WeightsError(f"shapes that ELAN cannot have, {error}: use a checkpoint of ELAN") from error
    require_room(config, arrays)
    return config


def to_theirs(config: ELANConfig, state: Mapping[str, NDArray[Any]], white: float) -> State:
    """The state of our network under their names, with the constants that they store.

    Args:
        config: of our network.
        state: every entry of `ELAN(config).state_dict()`.
        white: in the pictures that their program feeds to the network, 255 or 1.
    """
    theirs = {their_name(name): array for name, array in state.items()}
    conv = ".shift_conv.conv1x1.weight"
    kernels = {n.replace(conv, KERNEL): shift_kernel(a.shape[1]) for n, a in theirs.items() if n.endswith(conv)}
    return {**mean_shift_arrays(config, white), **kernels, **theirs}


def from_theirs(
    arrays: Mapping[str, NDArray[Any]], windows: tuple[int, ...], may_lack_mean: bool
) -> tuple[ELANConfig, State, float]:
    """Our config and state from theirs; what they do not have in common is refused.

    Args:
        arrays: by their names, without prefix.
        windows: side of the attention windows in pixels, which their files do not say.
        may_lack_mean: whether the layout has a form without mean shift, for pictures in 0..1.

    Returns:
        The config, the state for `ELAN(config)` and white in their pictures, 255 or 1.

    Raises:
        WeightsError: another network, or one that ours cannot express; the message names the arrays.
    """
    config = config_of(arrays, windows)
    has_mean = not may_lack_mean or any(key in arrays for key in MEAN_KEYS)
    blank = blank_state(config)
    theirs = to_theirs(config, blank, white=255)
    found = checked(arrays, {name: array for name, array in theirs.items() if has_mean or name not in MEAN_KEYS})
    for name in found:
        if name.endswith(KERNEL) and not np.array_equal(found[name], theirs[name]):
            raise WeightsError(f"{name} is not ELAN's constant shift: elansr has no network with another shift")
    state = {name: found[their_name(name)] for name in blank}
    if not has_mean:
        return config, _for_white_255(state), 1.0
    config, white = mean_shift_of(config, {key: arrays[key] for key in MEAN_KEYS})
    return config, state, white


def shift_kernel(channels: int) -> NDArray[np.float32]:
    """The shift of shift-conv as a depthwise kernel.

    Args:
        channels: C, in five groups of C // 5, the last of which takes the remainder.

    Returns:
        float32, (C, 1, 3, 3): one 1 a channel, at the neighbour that its group reads: right, left, below, above, self.
    """
    group = channels // SHIFT_GROUPS
    kernel = np.zeros((channels, 1, 3, 3), np.float32)
    for i, (row, column) in enumerate([(1, 2), (1, 0), (2, 1), (0, 1)]):
        kernel[i * group : (i + 1) * group, 0, row, column] = 1
    kernel[4 * group :, 0, 1, 1] = 1
    return kernel


def _for_white_255(state: State) -> State:
    """The same function for pictures in 0..255 instead of 0..1, which is what our network computes with inside."""
    head, weight, bias = state["head.weight"] / 255, state["tail.0.weight"] * 255, state["tail.0.bias"] * 255
    return {**state, "head.weight": head, "tail.0.weight": weight, "tail.0.bias": bias}
