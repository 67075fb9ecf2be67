"""ELAN for the programs that load models with spandrel, such as ComfyUI and chaiNNer.

>>> from elansr.engines.spandrel import install
>>> install()
>>> model = spandrel.ModelLoader().load_from_file("elan-light-x4.safetensors")

Importing this module imports spandrel.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from elansr.engines.cpu.native_engine import NativeEngine, runs_natively
from elansr.engines.device import torchvision_remedy
from elansr.engines.pytorch import DTYPES, FusedELAN
from elansr.errors import MissingExtraError
from elansr.nn.config import PRESETS, ELANConfig
from elansr.nn.elan import check_batch
from elansr.text import one_line
from elansr.weights.foreign import contents_of, is_elan
from elansr.weights.inference import InferenceForm

try:
    from spandrel import MAIN_REGISTRY, Architecture, ArchRegistry, ArchSupport, ImageModelDescriptor
except (ImportError, RuntimeError, OSError) as error:
    remedy = torchvision_remedy(error, "spandrel")
    raise MissingExtraError(f"spandrel cannot be imported ({one_line(error)}): {remedy}") from error

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


class CastableELAN(FusedELAN):
    """A `FusedELAN` that `to`, `half`, `bfloat16`, `float` and `double` may cast at any time.

    Programs call `module.half()` and feed half-precision pictures. Of an `ELAN` that leaves a residual stream that
    overflows float16, and a mean and a tail too coarse for 8-bit pictures. Here head, tail and mean stay in float32;
    the body takes the dtype, and so does the first of `parameters()`, by which programs tell a module's dtype. On a CPU
    the native library runs it where it can.

    Args:
        form: of the network.
        closed: see `FusedELAN`.
    """

    def __init__(self, form: InferenceForm, closed: bool = False) -> None:
        super().__init__(form, torch.float32, closed)
        self._native: NativeEngine | None = None
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        """As `FusedELAN.forward`, of any float dtype, which the result has too."""
        native = self._native_engine(x)
        if native is None:
            return super().forward(x).to(x.dtype)
        check_batch(x, self.config)
        tile = native(x.detach().float().reshape(1, -1, *x.shape[-2:]).numpy())
        return torch.from_numpy(tile).reshape(len(x), -1, *tile.shape[-2:]).to(x.dtype)

    def _native_engine(self, x: Tensor) -> NativeEngine | None:
        """The whole network in the native library; None where PyTorch has to do it, as for a gradient."""
        precision = next((name for name, dtype in DTYPES.items() if dtype == self.dtype), "fp64")
        differentiable = torch.is_grad_enabled() and x.requires_grad
        if x.device.type != "cpu" or differentiable or not runs_natively(self.config, precision):
            return None
        if self._native is None:
            self._native = NativeEngine(self.form, precision, self.closed)
        return self._native

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "CastableELAN":
        """What every move and cast of a module goes through."""
        self.body._apply(fn, recurse)
        self.head._apply(lambda tensor: tensor.to(fn(tensor).device), recurse)
        self.tail._apply(lambda tensor: tensor.to(fn(tensor).device), recurse)
        self.mean = self.mean.to(fn(self.mean).device)
        self.dtype = next(self.body.parameters()).dtype
        self._native = self._triton = self._triton_for = None  # packed for where the body was
        return self


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
