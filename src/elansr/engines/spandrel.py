"""ELAN for the programs that load models with spandrel, such as ComfyUI and chaiNNer.

>>> from elansr.engines.spandrel import install
>>> install()
>>> model = spandrel.ModelLoader().load_from_file("elan-light-x4.safetensors")

Importing this module imports spandrel.
"""

from typing import Any

import torch

from elansr.engines.castable import CastableELAN
from elansr.errors import MissingExtraError
from elansr.nn.config import PRESETS, ELANConfig
from elansr.text import one_line
from elansr.weights.bare import contents_of, is_elan


def _way_out(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError):
        return "pip install '.[spandrel]' in elansr's folder, with the torchvision that belongs to your torch"
    fitting = f"torchvision does not belong to your torch {torch.__version__}: `pip uninstall torchvision`"
    return f"{fitting}, then install both together, with the command that PyTorch's install page gives"


try:
    from spandrel import MAIN_REGISTRY, Architecture, ArchRegistry, ArchSupport, ImageModelDescriptor
except (ImportError, RuntimeError, OSError) as error:
    raise MissingExtraError(f"spandrel cannot be imported ({one_line(error)}): {_way_out(error)}") from error

ID = "elansr"
"""Not "ELAN": an architecture of that name, should spandrel get one, would not know our files."""


def install(registry: ArchRegistry = MAIN_REGISTRY) -> None:
    """Teaches spandrel to open ELAN's files; a second time it does nothing.

    Args:
        registry: where to add the architecture; by default spandrel's own, which every program uses that made none.
    """
    # Ours goes by names that no other network has. Others may be less strict, so they are asked later.
    others = tuple(support.architecture.id for support in registry)
    registry.add(ArchSupport.from_architecture(ELANArchitecture(), before=others), ignore_duplicates=True)


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
        config, model = contents.config, CastableELAN(contents.inference_form(), closed=True)
        return ImageModelDescriptor(
            model,
            model.state_dict(),
            architecture=self,
            purpose="SR" if config.scale > 1 else "Restoration",
            tags=_tags(config),
            supports_half=True,
            supports_bfloat16=True,
            scale=config.scale,
            input_channels=config.colors,
            output_channels=config.colors,
        )


def _tags(config: ELANConfig) -> list[str]:
    """What spandrel shows beside the name: the preset, if it is one, and the size."""
    size = (config.channels, config.blocks)
    names = [name for name, preset in PRESETS.items() if (preset.channels, preset.blocks) == size]
    return [*names, f"{config.channels}ch", f"{config.blocks}blocks"]
