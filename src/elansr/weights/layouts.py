"""How the authors' code, and the projects that took it over, name what our network has.

Their names, i = ELAB, j = 0 .. n_share (gmsa_0 computes the attention, the others share it):

    sub_mean.{weight,bias}  add_mean.{weight,bias}  head.0.{weight,bias}  tail.0.{weight,bias}
    body.{i}.modules_lfe.lfe_{j}.conv{0|1}.shift_conv.weight                   the shift as a constant 3x3 kernel
    body.{i}.modules_lfe.lfe_{j}.conv{0|1}.shift_conv.conv1x1.{weight,bias}    expand, reduce
    body.{i}.modules_gmsa.gmsa_{j}.project_inp.{0|1}.*                         1x1 convolution, BatchNorm
    body.{i}.modules_gmsa.gmsa_{j}.project_out.{weight,bias}                   merge

Everything but the windows and the activation (ReLU, as in the paper) follows from names and shapes. Pure functions of
tensors by name; files are the business of `convert`.
"""

import math
import re
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from elansr.errors import ConfigError, WeightsError
from elansr.nn.config import SHIFT_GROUPS, ELANConfig
from elansr.text import listed
from elansr.weights.checks import require_room
from elansr.weights.mean_shift import MEAN_KEYS, mean_shift_of, mean_shift_tensors
from elansr.weights.tensors import check_tensors, skeleton

HEAD, TAIL = "head.0.weight", "tail.0.weight"
FIRST_EXPAND = "body.0.modules_lfe.lfe_0.conv0.shift_conv.conv1x1.weight"


def to_theirs(config: ELANConfig, state: Mapping[str, Tensor], white: float) -> dict[str, Tensor]:
    """The state of our network under their names, with the constants that they store.

    Args:
        config: of our network.
        state: every entry of `ELAN(config).state_dict()`.
        white: in the pictures that their program feeds to the network, 255 or 1.
    """
    modules = dict(_modules(config))
    theirs = mean_shift_tensors(config, white) | _shift_kernels(config)
    for name, tensor in state.items():
        module, _, entry = name.rpartition(".")
        theirs[f"{modules[module]}.{entry}"] = tensor
    return theirs


def from_theirs(
    tensors: Mapping[str, Tensor], windows: tuple[int, ...], may_lack_mean: bool
) -> tuple[ELANConfig, dict[str, Tensor], float]:
    """Our config and state from theirs; what they do not have in common is refused.

    Args:
        tensors: by their names, without prefix.
        windows: side of the attention windows in pixels, which their files do not say.
        may_lack_mean: whether the layout has a form without mean shift, for pictures in 0..1.

    Returns:
        The config, the state for `ELAN(config)` and white in their pictures, 255 or 1.

    Raises:
        WeightsError: another network, or one that ours cannot express; the message names the tensors.
    """
    config = _config_of(tensors, windows)
    require_room(config, tensors)
    has_mean = not may_lack_mean or any(key in tensors for key in MEAN_KEYS)
    expected = to_theirs(config, skeleton(config), white=255)
    checked = check_tensors(tensors, {k: v for k, v in expected.items() if has_mean or k not in MEAN_KEYS})
    _require_shift_kernels(config, checked)
    state = _renamed(config, checked)
    if not has_mean:
        return config, _for_white_255(state), 1.0
    config, white = mean_shift_of(config, {key: tensors[key] for key in MEAN_KEYS})
    return config, state, white


def _config_of(tensors: Mapping[str, Tensor], windows: tuple[int, ...]) -> ELANConfig:
    """The config that names and shapes imply; mean and range are provisional."""
    missing = {HEAD, TAIL, FIRST_EXPAND} - tensors.keys()
    if missing:
        raise WeightsError(f"not an ELAN: no {listed(missing)}, but {listed(set(tensors))}: use a checkpoint of ELAN")
    if any(tensors[key].ndim != 4 or 0 in tensors[key].shape for key in (HEAD, TAIL, FIRST_EXPAND)):
        raise WeightsError(f"not an ELAN: {HEAD}, {TAIL} or {FIRST_EXPAND} is no convolution: use a checkpoint of ELAN")
    channels, colors = tensors[HEAD].shape[:2]
    if colors not in (1, 3):
        raise WeightsError(f"{HEAD} takes {colors} colours: our ELAN has 1 or 3, use a checkpoint of such a network")
    sharing = {found[1] for key in tensors if (found := re.match(r"body\.0\.modules_gmsa\.gmsa_([0-9]+)\.", key))}
    elabs = {found[1] for key in tensors if (found := re.match(r"body\.([0-9]+)\.", key))}
    try:
        return ELANConfig(
            scale=math.isqrt(tensors[TAIL].shape[0] // colors),
            channels=channels,
            blocks=len(elabs) * len(sharing),
            n_share=len(sharing) - 1,
            expansion=tensors[FIRST_EXPAND].shape[0] // channels,
            windows=windows,
            rgb_mean=(0.0,) * colors,
        )
    except ConfigError as error:
        raise WeightsError(f"shapes that our ELAN cannot have, {error}: use a checkpoint of ELAN") from error


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


def _renamed(config: ELANConfig, theirs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The entries of our state, constants left out."""
    modules = {their: our for our, their in _modules(config)}
    parts = ((*key.rpartition("."), tensor) for key, tensor in theirs.items())
    return {f"{modules[module]}.{entry}": tensor for module, _, entry, tensor in parts if module in modules}


def shift_kernel(channels: int) -> Tensor:
    """The shift of shift-conv as a depthwise kernel.

    Args:
        channels: C, in five groups of C // 5, the last of which takes the remainder.

    Returns:
        float32, (C, 1, 3, 3): one 1 a channel, at the neighbour that its group reads: right, left, below, above, self.
    """
    group = channels // SHIFT_GROUPS
    kernel = torch.zeros(channels, 1, 3, 3)
    for i, (row, column) in enumerate([(1, 2), (1, 0), (2, 1), (0, 1)]):
        kernel[i * group : (i + 1) * group, 0, row, column] = 1
    kernel[4 * group :, 0, 1, 1] = 1
    return kernel


def _shift_kernels(config: ELANConfig) -> dict[str, Tensor]:
    """The constant kernel of every shift-conv, by their names."""
    kernels = {
        "conv0": shift_kernel(config.channels),
        "conv1": shift_kernel(config.channels * config.expansion),
    }
    convs = [their.removesuffix(".conv1x1") for _, their in _modules(config) if their.endswith(".conv1x1")]
    return {f"{conv}.weight": kernels[conv.split(".")[-2]].clone() for conv in convs}


def _require_shift_kernels(config: ELANConfig, tensors: Mapping[str, Tensor]) -> None:
    for key, kernel in _shift_kernels(config).items():
        if not torch.equal(tensors[key], kernel):
            raise WeightsError(f"{key} is not ELAN's constant shift: a network with another shift cannot be expressed")


def _for_white_255(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same function for pictures in 0..255 instead of 0..1, which is what our network computes with inside."""
    head, weight, bias = state["head.weight"] / 255, state["tail.0.weight"] * 255, state["tail.0.bias"] * 255
    return {**state, "head.weight": head, "tail.0.weight": weight, "tail.0.bias": bias}
