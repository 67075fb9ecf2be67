"""Networks from tensors alone, as programs hand them on that read the file themselves and drop its metadata.

Names and shapes say everything but the windows and the mean colour, which are then taken to be those of the paper. Of
the layouts in `convert`, those with mean keys say the mean as well.
"""

import re
from collections.abc import Mapping

from torch import Tensor

from elansr.errors import ConfigError, WeightsError
from elansr.nn.config import ELANConfig
from elansr.weights.checks import require_room
from elansr.weights.contents import Contents
from elansr.weights.convert import DEFAULT_WINDOWS
from elansr.weights.layouts import FIRST_EXPAND, HEAD, TAIL, from_theirs
from elansr.weights.tensors import arrays, check_tensors, skeleton

OUR_HEAD, OUR_EXPAND = "head.weight", "body.0.local.0.expand.conv.weight"
OUR_TAIL = "tail.0.weight"
OUR_ATTENTION, THEIR_ATTENTION = (
    "body.0.attention.project.conv.weight",
    "body.0.modules_gmsa.gmsa_0.project_inp.0.weight",
)
OURS = {OUR_HEAD, OUR_TAIL, OUR_EXPAND, OUR_ATTENTION}
THEIRS = {HEAD, TAIL, FIRST_EXPAND, THEIR_ATTENTION}
"""Names that every ELAN has, and together no other network."""
STEP = re.compile(r"body\.([0-9]+)\.local\.([0-9]+)\.")


def is_elan(tensors: Mapping[str, object]) -> bool:
    """Whether a state is that of an ELAN, by our names or by the authors'."""
    return tensors.keys() >= OURS or tensors.keys() >= THEIRS


def contents_of(tensors: Mapping[str, object], windows: tuple[int, ...] = DEFAULT_WINDOWS) -> Contents:
    """The contents of a file whose metadata, wrapper and prefix are gone.

    Args:
        tensors: an ELAN's, by our names or by the authors', on any device; without mean keys, the authors' names are
            taken for traiNNer-redux's network for pictures in 0..1.
        windows: sides of the attention windows in pixels.

    Raises:
        WeightsError: another network, a damaged one, or a grey one by our names, whose mean only the metadata says.
    """
    state = _plain(tensors)
    if state.keys() >= OURS:
        config = _config_of_ours(state, windows)
        require_room(config, state)
        return Contents("elansr", config, arrays(check_tensors(state, skeleton(config))))
    config, ours, white = from_theirs(state, windows, may_lack_mean=True)
    return Contents("trainner" if white == 1 else "official", config, arrays(ours))


def _plain(tensors: Mapping[str, object]) -> dict[str, Tensor]:
    state = {}
    for name, value in tensors.items():
        if not isinstance(value, Tensor):
            raise WeightsError(f"{name!r:.80} is no tensor: save the network's state_dict and nothing else")
        state[name] = value
    return state


def _config_of_ours(state: Mapping[str, Tensor], windows: tuple[int, ...]) -> ELANConfig:
    if any(state[key].ndim != 4 or 0 in state[key].shape for key in OURS):
        raise WeightsError(f"not an ELAN: one of {', '.join(sorted(OURS))} is no convolution: use weights of ELAN")
    channels, colors = state[OUR_HEAD].shape[:2]
    if colors != 3:
        raise WeightsError(f"{OUR_HEAD} takes {colors} colours: only weights for RGB can be opened without metadata")
    steps = [found.groups() for name in state if (found := STEP.match(name))]
    elabs, locals_ = {elab for elab, _ in steps}, {local for _, local in steps}
    try:
        return ELANConfig(
            scale=round((state[OUR_TAIL].shape[0] / colors) ** 0.5),
            channels=channels,
            blocks=len(elabs) * len(locals_),
            n_share=len(locals_) - 1,
            expansion=state[OUR_EXPAND].shape[0] // channels,
            windows=windows,
        )
    except ConfigError as error:
        raise WeightsError(f"shapes that an ELAN cannot have, {error}: use weights of ELAN") from error
