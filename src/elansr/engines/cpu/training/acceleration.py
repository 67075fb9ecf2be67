"""Native layers in place of plain ones: window attention and shift, with gradients.

    network = accelerate(ELAN(config))

The network's function and its state stay the same. `elansr.nn` knows nothing of this.
"""

from torch import Tensor, nn

from elansr.engines.cpu import bindings
from elansr.engines.cpu.training.native_attention import attend, takes
from elansr.engines.cpu.training.shift import shift
from elansr.nn.attention import Attention
from elansr.nn.elan import ELAB, ELAN
from elansr.nn.layers import GroupwiseSelfAttention, LocalFeatureExtraction


def accelerate(network: ELAN) -> ELAN:
    """Gives the network, in place, layers that run natively on whatever the native library takes.

    Elsewhere (on a GPU, in float64, under `torch.compile`, without the library) they do what the plain layers do.

    Args:
        network: any ELAN; its parameters, buffers and their names stay.

    Returns:
        The same network.
    """
    if bindings.available():
        for elab in network.body:
            if isinstance(elab, ELAB):
                elab.local = nn.ModuleList(map(_local_features, elab.local))
                elab.attention = NativeGroupwiseSelfAttention(elab.attention)
    return network


def _local_features(plain: nn.Module) -> "NativeLocalFeatureExtraction":
    assert isinstance(plain, LocalFeatureExtraction)
    return NativeLocalFeatureExtraction(plain)


class NativeLocalFeatureExtraction(LocalFeatureExtraction):
    """LFE whose shifts are one native pass each, the second together with the ReLU.

    Args:
        plain: the layer whose parameters it shares.
    """

    def __init__(self, plain: LocalFeatureExtraction) -> None:
        nn.Module.__init__(self)
        self.expand, self.reduce = plain.expand, plain.reduce

    def forward(self, x: Tensor) -> Tensor:
        """As `LocalFeatureExtraction.forward`."""
        if not takes(x):
            return super().forward(x)
        hidden = self.expand.conv(shift(x))
        return self.reduce.conv(shift(hidden, rectified=True))


class NativeGroupwiseSelfAttention(GroupwiseSelfAttention):
    """GMSA whose windows are addresses and whose attention maps never leave the processor's cache.

    Args:
        plain: the layer whose parameters it shares.
    """

    def __init__(self, plain: GroupwiseSelfAttention) -> None:
        nn.Module.__init__(self)
        self.windows, self.shifted = plain.windows, plain.shifted
        self.project, self.merge = plain.project, plain.merge

    def attend(self, projected: Tensor) -> tuple[Tensor, Attention]:
        """As `GroupwiseSelfAttention.attend`."""
        if not takes(projected):
            return super().attend(projected)

        def attended(values: Tensor) -> Tensor:
            return attend(projected, values, self.windows, self.shifted)

        return attended(projected), lambda values: attended(values.to(projected.dtype))
