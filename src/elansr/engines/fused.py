"""The inference form of ELAN as a PyTorch module: on a CPU, a GPU or Apple's MPS.

Mean shift, head, long skip and tail are float32, since bfloat16 would round an 8-bit input; the body is of any type. On
a GPU the body runs in Triton kernels where they can run (`elansr.engines.cuda`), on a CPU the whole network in the
native library (`elansr.engines.cpu`).
"""

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elansr.engines.closed_attention import closed_group_attention
from elansr.engines.cpu.attention import takes
from elansr.engines.cpu.engine import NativeEngine, runs_natively
from elansr.engines.cuda import choice as triton
from elansr.nn.attention import Attention, group_attention
from elansr.nn.config import ELANConfig
from elansr.nn.elan import ELAN, check_batch
from elansr.nn.ops import crop, pad_to_multiple, shift, to_picture, to_pixels
from elansr.weights.inference import Convolution, InferenceBlock, InferenceForm, fold

if TYPE_CHECKING:
    from elansr.engines.cuda.body import TritonBody

NATIVE = {torch.float32: "fp32", torch.bfloat16: "bf16"}
"""Types of the body that the native library may have."""


def inference_form(network: ELAN) -> InferenceForm:
    """The inference form of a network, on any device and of any float type, as it is now."""
    state = {name: tensor.detach().cpu().double().numpy() for name, tensor in network.state_dict().items()}
    return fold(network.config, state)


class FusedELAN(nn.Module):
    """An ELAN for inference only.

    Args:
        form: of the network.
        dtype: of the body: float32, bfloat16, float16 (or float64 for tests, then all is float64).
        closed: whether windows end at the picture's border; else shifted ones go on at the opposite one, as in the
            paper.
    """

    mean: Tensor

    def __init__(self, form: InferenceForm, dtype: torch.dtype = torch.float32, closed: bool = False) -> None:
        super().__init__()
        self.form, self.config, self.dtype, self.closed = form, form.config, dtype, closed
        self.outer_dtype = torch.promote_types(dtype, torch.float32)
        self.body: nn.Module = FusedBody(form, dtype, closed)
        self.head, self.tail = (_convolution(conv, self.outer_dtype) for conv in (form.head, form.tail))
        mean = torch.from_numpy(form.mean).to(self.outer_dtype).view(1, -1, 1, 1)
        self.register_buffer("mean", mean, persistent=False)
        self._native: NativeEngine | None = None
        self._triton: TritonBody | None = None
        self._triton_for: torch.device | None = None

    def forward(self, x: Tensor) -> Tensor:
        """As `ELAN.forward`: float32 (N, 3, H, W) in [0, 1] to float32 (N, 3, H * scale, W * scale)."""
        check_batch(x, self.config)
        height, width = x.shape[-2:]
        x = x.to(self.outer_dtype)
        native = self._native_engine(x)
        if native:
            tile = native(x.numpy().reshape(1, -1, height, width))
            return torch.from_numpy(tile).reshape(len(x), -1, *tile.shape[-2:])
        x = x if self.closed else pad_to_multiple(x, self.config.multiple)
        on_gpu = self._triton_body(x)
        if on_gpu:
            x = x.contiguous(memory_format=torch.channels_last)  # in which order everything stays, up to the tail
        features = self.head(x * self.config.rgb_range - self.mean)
        body = to_picture((on_gpu or self.body)(to_pixels(features.to(self.dtype))))
        pixels = F.pixel_shuffle(self.tail(features + body.to(self.outer_dtype)), self.config.scale)
        x = (pixels + self.mean) / self.config.rgb_range
        return crop(x, 0, 0, height * self.config.scale, width * self.config.scale)

    def _native_engine(self, x: Tensor) -> NativeEngine | None:
        """The whole network in the native library; None where PyTorch has to do it, as for a gradient."""
        precision = NATIVE.get(self.dtype, "")
        if not takes(x) or (torch.is_grad_enabled() and x.requires_grad) or not runs_natively(self.config, precision):
            return None
        if self._native is None:
            self._native = NativeEngine(self.form, precision, self.closed)
        return self._native

    def _triton_body(self, x: Tensor) -> "TritonBody | None":
        """The body in Triton kernels; None where PyTorch has to do it, as for a gradient."""
        if not triton.takes(x) or (torch.is_grad_enabled() and x.requires_grad):
            return None
        if x[:, 0].numel() * self.config.channels >= 2**31:  # kernels count in 32 bits
            return None
        if self._triton_for != x.device:
            self._triton, self._triton_for = triton.tried(lambda: self._tried_out(x.device)), x.device
        return self._triton

    def _tried_out(self, device: torch.device) -> "TritonBody | None":
        from elansr.engines.cuda.body import TritonBody
        from elansr.engines.cuda.layers import supports

        if not supports(self.config.channels, self.config.windows, self.dtype):
            return None
        body, side = TritonBody(self.form, self.dtype, self.closed, device), self.config.multiple
        body(torch.zeros(1, side, side, self.config.channels, dtype=self.dtype, device=device))
        torch.cuda.synchronize(device)  # what fails on the GPU fails here
        return body


class FusedBody(nn.Module):
    """The blocks, from features (N, H, W, C) to features of the same shape and type."""

    def __init__(self, form: InferenceForm, dtype: torch.dtype, closed: bool) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(FusedBlock(block, form.config, dtype, closed) for block in form.blocks)

    def forward(self, x: Tensor) -> Tensor:
        """Features to features."""
        attention = None
        for block in self.blocks:
            x, attention = block(x, attention)
        return x


class FusedBlock(nn.Module):
    """One step of LFE and GMSA, each with its residual."""

    def __init__(self, block: InferenceBlock, config: ELANConfig, dtype: torch.dtype, closed: bool) -> None:
        super().__init__()
        self._windows, self._shifted, self._shares = config.windows, block.shifted, block.shares
        self._group_attention = closed_group_attention if closed else group_attention
        self.expand, self.reduce = PixelLinear(block.expand, dtype), PixelLinear(block.reduce, dtype)
        self.project, self.merge = PixelLinear(block.project, dtype), PixelLinear(block.merge, dtype)

    def forward(self, x: Tensor, attention: Attention | None) -> tuple[Tensor, Attention]:
        """Features (N, H, W, C) and the attention of the block before to new features and the attention used."""
        x = x + self.reduce(shift(torch.relu(self.expand(shift(x)))))
        projected = self.project(x)
        if self._shares:
            assert attention is not None
            attended = attention(projected)
        else:
            attended, attention = self._group_attention(projected, self._windows, self._shifted)
        return x + self.merge(attended), attention


class PixelLinear(nn.Linear):
    """A 1x1 convolution of (N, H, W, C); in float16 on a CPU its sums are float32, as they are on a GPU."""

    def __init__(self, conv: Convolution, dtype: torch.dtype) -> None:
        outputs, inputs = conv.weight.shape
        super().__init__(inputs, outputs, device="meta")
        _set(self, conv, dtype)

    def forward(self, x: Tensor) -> Tensor:
        """(..., inputs) to (..., outputs)."""
        if x.dtype == torch.float16 and x.device.type == "cpu" and not torch.compiler.is_compiling():
            # Most CPUs have no float16 products, and PyTorch's take ten times as long.
            return F.linear(x.float(), self.weight.float(), self.bias.float()).half()
        return F.linear(x, self.weight, self.bias)


def _convolution(conv: Convolution, dtype: torch.dtype) -> nn.Conv2d:
    outputs, inputs = conv.weight.shape[:2]
    layer = nn.Conv2d(inputs, outputs, 3, padding=1, device="meta")
    _set(layer, conv, dtype)
    return layer


def _set(layer: nn.Linear | nn.Conv2d, conv: Convolution, dtype: torch.dtype) -> None:
    """Gives a layer its numbers, as constants."""
    layer.weight = nn.Parameter(torch.from_numpy(conv.weight).to(dtype, copy=True), requires_grad=False)
    layer.bias = nn.Parameter(torch.from_numpy(conv.bias).to(dtype, copy=True), requires_grad=False)
