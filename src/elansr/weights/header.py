"""The network's config as JSON, and back without trusting what is read."""

import dataclasses
import json
import sys

from elansr.errors import ConfigError, WeightsError
from elansr.nn.config import ELANConfig
from elansr.text import listed


def config_to_json(config: ELANConfig) -> str:
    """One JSON object with every field of the config.

    Raises:
        WeightsError: a value that `config_from_json` would refuse.
    """
    try:
        text = json.dumps(dataclasses.asdict(config), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise WeightsError(f"{config} holds something else than finite numbers: make the network anew") from error
    config_from_json(text)
    return text


def config_from_json(text: str) -> ELANConfig:
    """The inverse of `config_to_json`.

    Raises:
        WeightsError: not JSON, an unknown or missing key, a value of a wrong type or one that `ELANConfig` refuses.
    """
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise WeightsError("config is not valid JSON: copy or save the weights again") from error
    if not isinstance(values, dict):
        raise WeightsError("config is not a JSON object: copy or save the weights again")
    _require_keys(set(values))
    try:
        return ELANConfig(
            scale=_integer("scale", values["scale"]),
            channels=_integer("channels", values["channels"]),
            blocks=_integer("blocks", values["blocks"]),
            n_share=_integer("n_share", values["n_share"]),
            expansion=_integer("expansion", values["expansion"]),
            windows=tuple(_integer("windows", window) for window in _list("windows", values["windows"])),
            rgb_mean=tuple(_number("rgb_mean", mean) for mean in _list("rgb_mean", values["rgb_mean"])),
            rgb_range=_number("rgb_range", values["rgb_range"]),
        )
    except ConfigError as error:
        raise WeightsError(f"config {error!s:.200}: such a network does not exist, save the weights again") from error


def _require_keys(found: set[str]) -> None:
    names = {field.name for field in dataclasses.fields(ELANConfig)}
    if found != names:
        raise WeightsError(
            f"config has {listed(names - found)} missing and {listed(found - names)} unknown: "
            "install the elansr that wrote the file or save the weights again"
        )


def _integer(name: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ConfigError(f"{name}={value!r:.60}: must be a whole number")
    return value


def _number(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= sys.float_info.max:
        raise ConfigError(f"{name}={value!r:.60}: must be a finite number")
    return float(value)


def _list(name: str, value: object) -> list[object]:
    if not isinstance(value, list):
        raise ConfigError(f"{name}={value!r:.60}: must be a list")
    return value
