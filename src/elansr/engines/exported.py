"""What an exported model says about itself, in the metadata of an ONNX file or the `rt_info` of an OpenVINO one."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from elansr.errors import WeightsError
from elansr.nn.config import ELANConfig
from elansr.weights.header import config_from_json, config_to_json

KEY = "elansr"
"""Under which the metadata stands, as one JSON object."""


@dataclass(frozen=True)
class Exported:
    """An exported network.

    Attributes:
        model: the weights, by released name or file name.
        config: of the network.
        closed: whether attention windows end at the border of what it is given.
        precision: "fp32", "fp16" or "bf16", of the body.
        size: height and width that it takes, in pixels, multiples of `config.multiple`; None is any such.
        licence: of the weights; "" if they do not say.
    """

    model: str
    config: ELANConfig
    closed: bool
    precision: str
    size: tuple[int, int] | None = None
    licence: str = ""

    def to_metadata(self) -> dict[str, str]:
        """Text by name, for the file."""
        values = {**self.__dict__, "config": json.loads(config_to_json(self.config))}
        return {KEY: json.dumps(values)}

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> "Exported":
        """The inverse of `to_metadata`.

        Raises:
            WeightsError: nothing of ours is in it, or something that `to_metadata` does not write.
        """
        try:
            values = json.loads(metadata[KEY])
            config = config_from_json(json.dumps(values.pop("config")))
            values["size"] = values["size"] and tuple(values["size"])
            return _checked(cls(config=config, **values))
        except (KeyError, ValueError, TypeError, AttributeError, WeightsError) as error:
            raise WeightsError("not a model that `elansr export` wrote: export it again") from error

    def extent(self, height: int, width: int) -> tuple[int, int]:
        """Height and width that the model is given for so many pixels: whole windows, or the one size it takes."""
        multiple = self.config.multiple
        return self.size or (-(-height // multiple) * multiple, -(-width // multiple) * multiple)


def _checked(found: Exported) -> Exported:
    """Refuses, with a ValueError, what has other types or sides than an export writes."""
    kinds: dict[str, Any] = {"model": str, "closed": bool, "precision": str, "licence": str}
    height, width = found.size or (found.config.multiple,) * 2
    whole = all(type(side) is int and side > 0 and side % found.config.multiple == 0 for side in (height, width))
    if not whole or any(type(getattr(found, name)) is not kind for name, kind in kinds.items()):
        raise ValueError(f"{found}: a wrong type or size")
    return found
