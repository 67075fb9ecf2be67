"""ELAN for the programs that load models with spandrel, such as ComfyUI and chaiNNer.

>>> from elansr.weights.spandrel import install
>>> install()
>>> model = spandrel.ModelLoader().load_from_file("elan-light-x4.safetensors")
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from elansr.errors import MissingExtraError
from elansr.text import one_line

if TYPE_CHECKING:
    from spandrel import ArchRegistry


def install(registry: ArchRegistry | None = None) -> None:
    """Teaches spandrel to open ELAN's files; a second time it does nothing.

    Args:
        registry: where to add the architecture; None is spandrel's own, which every program uses that made none.

    Raises:
        MissingExtraError: spandrel, or the torchvision it needs, cannot be imported.
    """
    try:
        from spandrel import MAIN_REGISTRY, ArchSupport

        from elansr.weights.architecture import ELANArchitecture
    except (ImportError, RuntimeError, OSError) as error:
        raise MissingExtraError(f"spandrel cannot be imported ({one_line(error)}): {_way_out(error)}") from error
    registry = MAIN_REGISTRY if registry is None else registry
    # Ours goes by names that no other network has. Others may be less strict, so they are asked later.
    others = tuple(support.architecture.id for support in registry)
    registry.add(ArchSupport.from_architecture(ELANArchitecture(), before=others), ignore_duplicates=True)


def _way_out(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError):
        return "pip install '.[spandrel]' in elansr's folder, with the torchvision that belongs to your torch"
    fitting = f"torchvision does not belong to your torch {torch.__version__}: `pip uninstall torchvision`"
    return f"{fitting}, then install both together, with the command that PyTorch's install page gives"
