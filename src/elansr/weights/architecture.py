"""ELAN as an architecture of spandrel; importing this module imports spandrel."""

from typing import Any

from spandrel import Architecture, ImageModelDescriptor

from elansr.engines.castable import CastableELAN
from elansr.engines.fused import inference_form
from elansr.nn.config import PRESETS, ELANConfig
from elansr.weights.bare import contents_of, is_elan

ID = "elansr"
"""Not "ELAN": an architecture of that name, should spandrel get one, would not know our files."""


class ELANArchitecture(Architecture[CastableELAN]):
    """Detects and loads our files and those of the authors, BasicSR and traiNNer-redux."""

    def __init__(self) -> None:
        super().__init__(id=ID, name="ELAN", detect=is_elan)

    def load(self, state_dict: dict[str, Any]) -> ImageModelDescriptor[CastableELAN]:
        """The network of a state, with the borders closed that `elansr upscale` has.

        Args:
            state_dict: tensors by name, as spandrel reads them: without the metadata of the file, see `contents_of`.

        Raises:
            WeightsError: see `contents_of`.
        """
        contents = contents_of(state_dict)
        config = contents.config
        model = CastableELAN(inference_form(contents.network()), closed=True)
        return ImageModelDescriptor(
            model,
            model.state_dict(),
            architecture=self,
            purpose="SR" if config.scale > 1 else "Restoration",
            tags=tags(config),
            supports_half=True,
            supports_bfloat16=True,
            scale=config.scale,
            input_channels=config.colors,
            output_channels=config.colors,
        )


def tags(config: ELANConfig) -> list[str]:
    """What spandrel shows beside the name: the preset, if it is one, and the size."""
    size = (config.channels, config.blocks)
    names = [name for name, preset in PRESETS.items() if (preset.channels, preset.blocks) == size]
    return [*names, f"{config.channels}ch", f"{config.blocks}blocks"]
