"""An ELAN for programs that move and cast modules themselves: right in whatever dtype it is moved to.

Such programs call `module.half()` and feed half-precision pictures. Of an `ELAN` that leaves a residual stream that
overflows float16, and a mean and a tail too coarse for 8-bit pictures. A `CastableELAN` casts its body only.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from elansr.engines.fused import FusedELAN
from elansr.weights.inference import InferenceForm


class CastableELAN(FusedELAN):
    """A `FusedELAN` that `to`, `half`, `bfloat16`, `float` and `double` may cast at any time.

    Head, tail and mean stay in float32; the body takes the dtype, and so does the first of `parameters()`, by which
    programs tell a module's dtype. Casting back to float32 does not bring rounded weights back, as for any module.

    Args:
        form: of the network.
        closed: see `FusedELAN`.
    """

    def __init__(self, form: InferenceForm, closed: bool = False) -> None:
        super().__init__(form, torch.float32, closed)
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        """As `FusedELAN.forward`, of any float dtype, which the result has too."""
        return super().forward(x).to(x.dtype)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "CastableELAN":
        """What every move and cast of a module goes through."""
        self.body._apply(fn, recurse)
        self.head._apply(lambda tensor: tensor.to(fn(tensor).device), recurse)
        self.tail._apply(lambda tensor: tensor.to(fn(tensor).device), recurse)
        self.mean = self.mean.to(fn(self.mean).device)
        self.dtype = next(self.body.parameters()).dtype
        self._native = self._triton = self._triton_for = None  # packed for where the body was
        return self
