"""Parameters, multiply-adds and activations of a network, counted in one run without data.

The plain form of each network runs on PyTorch's "meta" device, where tensors have shapes and no values, so that a
picture of any size costs nothing. Counted are

* multiply-adds: those of convolutions, linear layers and attention products, each once; not those of biases, norms,
  softmax, bicubic or the mean;
* activations: the numbers that convolutions and linear layers put out (those of convolutions are what the NTIRE
  challenges on efficient super-resolution count; a linear layer is a 1x1 convolution).

Padding to whole windows is left out, as papers do: per pixel, the counts of whole windows hold for any picture. The
shift of ELAN moves pixels and multiplies nothing; only in its authors' form it is a convolution and counts as one.
"""

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from elansr.benchmark.networks.authors import DenseLocalFeatureExtraction, MaterialisedBody, authors_elan
from elansr.benchmark.networks.swinir import Seams, SwinIR
from elansr.nn.config import ELANConfig
from elansr.nn.elan import ELAN

METHOD = (
    "multiply-adds of convolutions, linear layers and attention products, for the picture without padding; "
    "activations: outputs of convolutions and linear layers"
)
LAYERS = {torch.ops.aten.convolution, torch.ops.aten.addmm, torch.ops.aten.mm}
FLOPS = 2
"""What PyTorch counts a multiply-add as."""


@dataclass(frozen=True)
class Complexity:
    """What one picture costs.

    Attributes:
        multiply_adds: every one.
        multiply_adds_in_the_paper: as ELAN's paper counts, without the attention products of the blocks that share;
            None for other networks.
    """

    parameters: int
    multiply_adds: int
    multiply_adds_in_the_paper: int | None
    activations: int


def complexity(network: nn.Module, width: int, height: int) -> Complexity:
    """Counts what a network computes for one RGB picture.

    Args:
        network: ELAN, as itself or as `authors_elan` makes it, or one of `elansr.benchmark.networks`, on any device.
        width, height: of the LR picture, in pixels.
    """
    parameters = sum(p.numel() for p in network.parameters() if p.requires_grad)
    if not isinstance(network, ELAN):
        counts = _counted(_on_paper(network), 3, _multiple(network), width, height)
        return Complexity(parameters, counts.multiply_adds, None, counts.activations)
    config = network.config
    plain = counts = _counted(_elan(config), config.colors, config.multiple, width, height)
    if isinstance(network.body, MaterialisedBody):
        counts = _counted(_authors(config), config.colors, config.multiple, width, height)
    # A block multiplies queries by queries and maps by values, one that shares maps by values alone: equal products.
    in_the_paper = plain.multiply_adds - plain.products * config.n_share // (2 + config.n_share)
    return Complexity(parameters, counts.multiply_adds, in_the_paper, counts.activations)


@dataclass(frozen=True)
class _Counts:
    multiply_adds: int
    products: int  # those of them that multiply features by features
    activations: int


def _counted(network: nn.Module, colors: int, multiple: int, width: int, height: int) -> _Counts:
    """The counts of whole windows, brought down to the picture, which is several for a network of fewer colours."""
    whole_width, whole_height = (side + -side % multiple for side in (width, height))
    picture = torch.empty(3 // colors, colors, whole_height, whole_width, device="meta")
    tally = _Tally()
    with torch.no_grad(), tally:
        network.eval()(picture)
    numbers = (tally.layers + tally.products, tally.products, tally.activations)
    return _Counts(*(number * width * height // (whole_width * whole_height) for number in numbers))


class _Tally(TorchDispatchMode):
    """Adds up what runs, by PyTorch's own formulas.

    Attributes:
        layers, products: multiply-adds of convolutions and linear layers, and of everything else.
        activations: what convolutions and linear layers put out.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.layers = self.products = self.activations = 0

    def __torch_dispatch__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        del types
        kwargs = kwargs or {}
        result = function(*args, **kwargs)
        operation = function.overloadpacket
        if operation in flop_registry:
            multiply_adds = flop_registry[operation](*args, **kwargs, out_val=result) // FLOPS
            if operation in LAYERS:
                self.layers += multiply_adds
                self.activations += result.numel()
            else:
                self.products += multiply_adds
        return result


def _multiple(network: nn.Module) -> int:
    """Sides that are multiples of this are not padded."""
    return network.config.window if isinstance(network, SwinIR) else 1


def _on_paper(network: nn.Module) -> nn.Module:
    """A network without data; one of ELAN is `_elan` or `_authors`."""
    if isinstance(network, SwinIR):
        with torch.device("meta"):
            return _SeamlessSwinIR(network.scale, network.config)
    return copy.deepcopy(network).to("meta")


def _authors(config: ELANConfig) -> ELAN:
    with torch.device("meta"):
        return authors_elan(config)


def _elan(config: ELANConfig) -> ELAN:
    """Its maps are written once, as the authors write them, and its shift is no convolution."""
    network = _authors(config)
    for part in network.modules():
        if isinstance(part, DenseLocalFeatureExtraction):
            part.expand, part.reduce = part.expand.conv, part.reduce.conv  # type: ignore[assignment]
    return network


class _SeamlessSwinIR(SwinIR):
    """SwinIR but for the windows at the seams, which our way of masking attends to a second time."""

    def _seams_of(self, x: Tensor) -> Seams:
        pixels = self.config.window**2
        return Seams(x.new_empty(0, dtype=torch.long), x.new_empty(0, 1, pixels, pixels))
