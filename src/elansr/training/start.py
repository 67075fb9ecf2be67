"""The initial network of a run: untrained, or from other weights, possibly of another scale."""

import dataclasses

import torch
from torch import Tensor

from elansr.engines.cpu.training import accelerate
from elansr.errors import ConfigError
from elansr.nn.config import PRESETS, ELANConfig
from elansr.nn.elan import ELAN
from elansr.training.recipe import NetworkRecipe, Recipe
from elansr.weights.load import describe, load_network


def starting_network(recipe: Recipe) -> ELAN:
    """The recipe's network; with `start_from`, its parameters, the tail resampled if the scale differs.

    Raises:
        ConfigError: there is no such network, the other weights are not of it, or not those of `start_sha256`.
        WeightsError: the other weights cannot be loaded.
    """
    wanted = recipe.network
    model = accelerate(ELAN(_config(wanted)))
    if wanted.start_from is None:
        return model
    _require_sha256(wanted)
    source = load_network(wanted.start_from)
    if dataclasses.replace(source.config, scale=wanted.scale) != model.config:
        raise ConfigError(f"start_from={wanted.start_from!r}: another network than [network]")
    state = source.state_dict()
    for name in ("tail.0.weight", "tail.0.bias"):
        state[name] = resample_tail(state[name], source.config.scale, wanted.scale)
    model.load_state_dict(state)
    return model


def _require_sha256(wanted: NetworkRecipe) -> None:
    if wanted.start_from is None or wanted.start_sha256 is None:
        return
    found = describe(wanted.start_from).sha256
    if found != wanted.start_sha256:
        raise ConfigError(
            f"start_from={wanted.start_from!r}: the file's sha256 is {found}, the recipe has {wanted.start_sha256}; "
            "use the file that the recipe was written for"
        )


def _config(wanted: NetworkRecipe) -> ELANConfig:
    """The preset with what the recipe has changed."""
    try:
        return dataclasses.replace(PRESETS[wanted.preset], scale=wanted.scale, **wanted.changes)
    except ConfigError as error:
        raise ConfigError(f"[network] of the recipe: {error}") from error


def resample_tail(parameter: Tensor, scale: int, new_scale: int) -> Tensor:
    """The tail's weight or bias (colors * scale**2, ...) for another scale: each sub-pixel takes the nearest one's."""
    grid = parameter.unflatten(0, (-1, scale, scale))
    nearest = (torch.arange(new_scale) * 2 + 1) * scale // (2 * new_scale)
    return grid[:, nearest][:, :, nearest].flatten(0, 2)
