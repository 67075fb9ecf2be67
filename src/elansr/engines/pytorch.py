"""`TorchEngine`: the inference form in PyTorch, on any of its devices, with NumPy arrays in and out.

Mean shift, head, long skip and tail are float32, since bfloat16 would round an 8-bit input; the body is of any type. On
a GPU the body runs in Triton kernels where they can run (`elansr.engines.cuda`).
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from elansr.engines.closed_attention import closed_group_attention
from elansr.engines.cuda import support as triton
from elansr.engines.cuda.graphs import GraphRunner
from elansr.engines.engine import Tile
from elansr.nn.attention import Attention, group_attention
from elansr.nn.config import ELANConfig
from elansr.nn.elan import ELAN, check_batch
from elansr.nn.ops import crop, pad_to_multiple, shift, to_picture, to_pixels
from elansr.weights.inference import Convolution, InferenceBlock, InferenceForm, fold

if TYPE_CHECKING:
    from elansr.engines.cuda.body import TritonBody

DTYPES: dict[str, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}

BYTES_PER_CHANNEL = 85
"""Peak bytes that a pixel of a tile takes per network channel (docs/tiling.md); half precision takes a little less."""


def inference_form(network: ELAN) -> InferenceForm:
    """The inference form of a network, on any device and of any float type, as it is now."""
    state = {name: tensor.detach().cpu().double().numpy() for name, tensor in network.state_dict().items()}
    return fold(network.config, state)


class TorchEngine:
    """Runs the inference form with PyTorch, see `Engine`.

    Args:
        form: of the network.
        device: "cpu", "cuda", "cuda:N" or "mps".
        precision: "fp32", "bf16" or "fp16", of the network's body.
        closed: whether attention windows end at a tile's border, see `FusedELAN`.

    Attributes:
        network: the inference form as a module, on the device.
        run: runs it on tensors there; on a GPU as CUDA graphs, see `GraphRunner`.
    """

    def __init__(self, form: InferenceForm, device: str, precision: str, closed: bool) -> None:
        self.form, self.config, self.device, self.precision = form, form.config, device, precision
        self.size: tuple[int, int] | None = None
        self.bytes_per_pixel = BYTES_PER_CHANNEL * form.config.channels
        self.network = FusedELAN(form, DTYPES[precision], closed).to(device)
        on_gpu = torch.device(device).type == "cuda"
        self.run: Callable[[Tensor], Tensor] = GraphRunner(self.network) if on_gpu else self.network

    @torch.no_grad()
    def __call__(self, tile: Tile) -> Tile:
        """See `Engine`.

        Raises:
            MemoryError: the device has not enough memory.
        """
        try:
            batch = torch.from_numpy(tile).to(self.device).reshape(-1, self.config.colors, *tile.shape[-2:])
            result = self.run(batch)
            return result.reshape(1, -1, *result.shape[-2:]).cpu().numpy()
        except RuntimeError as error:
            if not _is_out_of_memory(error):
                raise
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            raise MemoryError(str(error)) from error

    def digest(self) -> str:
        """See `Engine`."""
        return self.form.digest()


def _is_out_of_memory(error: RuntimeError) -> bool:
    """Whether PyTorch says so: its error for a GPU is a class of its own, that of the CPU is known by its words."""
    text = str(error).lower()
    words = ("out of memory", "can't allocate memory", "not enough memory", "alloc_cpu")
    return isinstance(error, torch.OutOfMemoryError) or any(word in text for word in words)


class FusedELAN(nn.Module):
    """An ELAN for inference only.

    Args:
        form: of the network.
        dtype: of the body: float32, bfloat16, float16 (or float64 for tests, then all is float64).
        closed: whether windows end at the picture's border; else shifted ones continue at the opposite one, as in the
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
        self._triton: TritonBody | None = None
        self._triton_for: torch.device | None = None

    def forward(self, x: Tensor) -> Tensor:
        """As `ELAN.forward`: float32 (N, 3, H, W) in [0, 1] to float32 (N, 3, H * scale, W * scale)."""
        check_batch(x, self.config)
        height, width = x.shape[-2:]
        x = x.to(self.outer_dtype)
        x = x if self.closed else pad_to_multiple(x, self.config.multiple)
        on_gpu = self._triton_body(x)
        if on_gpu:
            x = x.contiguous(memory_format=torch.channels_last)  # in which order everything stays, up to the tail
        features = self.head(x * self.config.rgb_range - self.mean)
        body = to_picture((on_gpu or self.body)(to_pixels(features.to(self.dtype))))
        pixels = F.pixel_shuffle(self.tail(features + body.to(self.outer_dtype)), self.config.scale)
        x = (pixels + self.mean) / self.config.rgb_range
        return crop(x, 0, 0, height * self.config.scale, width * self.config.scale)

    def _triton_body(self, x: Tensor) -> "TritonBody | None":
        """The body in Triton kernels; None where PyTorch has to do it, as for a gradient."""
        if not triton.takes(x) or (torch.is_grad_enabled() and x.requires_grad):
            return None
        if x[:, 0].numel() * self.config.channels >= 2**31:  # kernels count in 32 bits
            return None
        if self._triton_for != x.device:
            self._triton, self._triton_for = triton.attempt(lambda: self._make_triton_body(x.device)), x.device
        return self._triton

    def _make_triton_body(self, device: torch.device) -> "TritonBody | None":
        from elansr.engines.cuda.body import TritonBody
        from elansr.engines.cuda.launches import supports

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
