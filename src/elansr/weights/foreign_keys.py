"""How the authors' code, and the projects that took it over, name what our network has.

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
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elansr.errors import ConfigError, WeightsError
from elansr.nn.config import SHIFT_GROUPS, ELANConfig
from elansr.text import listed
from elansr.weights.contents import Shaped, State, checked, entries, require_room
from elansr.weights.mean_shift import MEAN_KEYS, mean_shift_arrays, mean_shift_of


@dataclass(frozen=True)
class Naming:
    """Names from which the config follows.

    Attributes:
        head, tail, expand, attention: weights that every ELAN has, and together no other network.
        step: the beginning of the names of a step of the first ELAB; its group is the number of the step.
    """

    head: str
    tail: str
    expand: str
    attention: str
    step: str

    def fits(self, names: Collection[str]) -> bool:
        """Whether these are the names of an ELAN."""
        return {self.head, self.tail, self.expand, self.attention} <= set(names)


OURS = Naming(
    head="head.weight",
    tail="tail.0.weight",
    expand="body.0.local.0.expand.conv.weight",
    attention="body.0.attention.project.conv.weight",
    step=r"body\.0\.local\.([0-9]+)\.",
)
THEIRS = Naming(
    head="head.0.weight",
    tail="tail.0.weight",
    expand="body.0.modules_lfe.lfe_0.conv0.shift_conv.conv1x1.weight",
    attention="body.0.modules_gmsa.gmsa_0.project_inp.0.weight",
    step=r"body\.0\.modules_gmsa\.gmsa_([0-9]+)\.",
)


def config_of(arrays: Mapping[str, Shaped], naming: Naming, windows: tuple[int, ...]) -> ELANConfig:
    """The config that names and shapes imply, of mean 0 and range 255.

    Raises:
        WeightsError: not the names and shapes of an ELAN.
    """
    needed = {naming.head, naming.tail, naming.expand}
    if missing := needed - arrays.keys():
        raise WeightsError(f"not an ELAN: no {listed(missing)}, but {listed(arrays)}: use a checkpoint of ELAN")
    if any(len(arrays[key].shape) != 4 or 0 in arrays[key].shape for key in needed):
        raise WeightsError(f"not an ELAN: one of {listed(needed)} is no convolution: use a checkpoint of ELAN")
    channels, colors = arrays[naming.head].shape[:2]
    if colors not in (1, 3):
        raise WeightsError(f"{naming.head} takes {colors} colours: our ELAN has 1 or 3, use a checkpoint of such a one")
    steps = {found[1] for name in arrays if (found := re.match(naming.step, name))}
    elabs = {found[1] for name in arrays if (found := re.match(r"body\.([0-9]+)\.", name))}
    try:
        config = ELANConfig(
            scale=math.isqrt(arrays[naming.tail].shape[0] // colors),
            channels=channels,
            blocks=len(elabs) * len(steps),
            n_share=len(steps) - 1,
            expansion=arrays[naming.expand].shape[0] // channels,
            windows=windows,
            rgb_mean=(0.0,) * colors,
        )
    except ConfigError as error:
        raise WeightsError(f"shapes that our ELAN cannot have, {error}: use a checkpoint of ELAN") from error
    require_room(config, arrays)
    return config


def to_theirs(config: ELANConfig, state: Mapping[str, NDArray[Any]], white: float) -> State:
    """The state of our network under their names, with the constants that they store.

    Args:
        config: of our network.
        state: every entry of `ELAN(config).state_dict()`.
        white: in the pictures that their program feeds to the network, 255 or 1.
    """
    names = _their_names(config)
    return {**mean_shift_arrays(config, white), **_shift_kernels(config)} | {names[n]: a for n, a in state.items()}


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
    config = config_of(arrays, THEIRS, windows)
    names, kernels = _their_names(config), _shift_kernels(config)
    expected: dict[str, Shaped] = {**{names[name]: entry for name, entry in entries(config).items()}, **kernels}
    has_mean = not may_lack_mean or any(key in arrays for key in MEAN_KEYS)
    if has_mean:
        expected |= mean_shift_arrays(config, white=255)
    found = checked(arrays, expected)
    for name, kernel in kernels.items():
        if not np.array_equal(found[name], kernel):
            raise WeightsError(f"{name} is not ELAN's constant shift: elansr has no network with another shift")
    state = {name: found[their] for name, their in names.items()}
    if not has_mean:
        return config, _for_white_255(state), 1.0
    config, white = mean_shift_of(config, {key: arrays[key] for key in MEAN_KEYS})
    return config, state, white


def _their_names(config: ELANConfig) -> dict[str, str]:
    """Their name of every entry of our state."""
    modules = dict(_modules(config))
    parts = (name.rpartition(".") for name in entries(config))
    return {f"{module}.{entry}": f"{modules[module]}.{entry}" for module, _, entry in parts}


def _modules(config: ELANConfig) -> Iterator[tuple[str, str]]:
    """Pairs of our and their names of every part that has weights."""
    yield "head", "head.0"
    yield "tail.0", "tail.0"
    for i in range(config.blocks // (config.n_share + 1)):
        for j in range(config.n_share + 1):
            local, lfe = f"body.{i}.local.{j}", f"body.{i}.modules_lfe.lfe_{j}"
            yield f"{local}.expand.conv", f"{lfe}.conv0.shift_conv.conv1x1"
            yield f"{local}.reduce.conv", f"{lfe}.conv1.shift_conv.conv1x1"
            attention = f"body.{i}.shared.{j - 1}" if j else f"body.{i}.attention"
            gmsa = f"body.{i}.modules_gmsa.gmsa_{j}"
            yield f"{attention}.project.conv", f"{gmsa}.project_inp.0"
            yield f"{attention}.project.norm", f"{gmsa}.project_inp.1"
            yield f"{attention}.merge", f"{gmsa}.project_out"


def _shift_kernels(config: ELANConfig) -> dict[str, NDArray[np.float32]]:
    """The constant kernel of every shift-conv, by their names."""
    kernels = {"conv0": _shift_kernel(config.channels), "conv1": _shift_kernel(config.channels * config.expansion)}
    convs = [their.removesuffix(".conv1x1") for _, their in _modules(config) if their.endswith(".conv1x1")]
    return {f"{conv}.weight": kernels[conv.split(".")[-2]].copy() for conv in convs}


def _shift_kernel(channels: int) -> NDArray[np.float32]:
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
