"""The inference form of ELAN: fewer operations, safe in half precision, the same numbers.

* BatchNorm is folded into the 1x1 convolution before it.
* The residual stream runs at 1/64 of its size. LFE with ReLU is positively homogeneous and everything else reads or
  writes the stream through a linear layer, so the scale moves into weights and biases; a power of two changes no bit
  in float32, and float16 no longer overflows.
* Mean shift, head, long skip and tail stay in float32: bfloat16 would round an 8-bit input.
* Where the native library can (`elansr.engines.cpu`), it runs the body, packed for the processor; on a GPU, where
  Triton can
  (`elansr.engines.cuda`), its kernels do.

Its borders may be closed. The paper's shifted windows go on at the opposite border, so that what is there leaks in, and
its pictures are padded to whole windows. Closed, windows end at the border: every pixel attends to its own surroundings
only, and nothing is padded (docs/tiling.md).
"""

import copy
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from elansr.engines.cpu.attention import takes
from elansr.engines.cpu.body import RowsBody, suits
from elansr.engines.cuda import choice as triton
from elansr.nn.elan import ELAN, check_batch
from elansr.nn.layers import GroupwiseSelfAttention, LocalFeatureExtraction, Projection, SharedGroupwiseSelfAttention
from elansr.nn.ops import crop, pad_to_multiple, to_picture, to_pixels

if TYPE_CHECKING:
    from elansr.engines.cuda.body import TritonBody

STREAM_SCALE = 2.0**-6


class FusedELAN(nn.Module):
    """An ELAN for inference only; a copy, so that the network it is made from stays as it is.

    Args:
        network: any ELAN; its BatchNorm statistics are taken as they are.
        dtype: of the body: float32, bfloat16, float16 (or float64 for tests).
        closed: whether windows end at the picture's border; else shifted ones go on at the opposite one, as in the
            paper.
    """

    mean: Tensor

    def __init__(self, network: ELAN, dtype: torch.dtype = torch.float32, closed: bool = False) -> None:
        super().__init__()
        network = copy.deepcopy(network).eval().requires_grad_(False).double()
        _fuse(network)
        outer = torch.promote_types(dtype, torch.float32)
        self.config, self.dtype, self.outer_dtype, self.closed = network.config, dtype, outer, closed
        self.register_buffer("mean", network.mean.to(outer), persistent=False)
        self.head, self.tail = network.head.to(outer), network.tail.to(outer)
        self.body = network.body.to(dtype)
        self._in_rows: RowsBody | None = None
        self._triton: TritonBody | None = None
        self._triton_for: torch.device | None = None
        for module in self.body.modules():
            if isinstance(module, GroupwiseSelfAttention):
                module.closed = closed

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
        in_rows = self._rows_body(features)
        if in_rows:
            x = in_rows(features)
        else:
            body = to_picture((on_gpu or self.body)(to_pixels(features.to(self.dtype))))
            x = (self.tail(features + body.to(self.outer_dtype)) + self.mean) / self.config.rgb_range
        return crop(x, 0, 0, height * self.config.scale, width * self.config.scale)

    def _rows_body(self, features: Tensor) -> RowsBody | None:
        """All that follows on the head, in the native library; None where PyTorch has to do it, as for a gradient."""
        if not takes(features) or (torch.is_grad_enabled() and features.requires_grad):
            return None
        if self._in_rows is None and suits(self.body, self.config, self.dtype):
            self._in_rows = RowsBody(self.config, self.body, self.tail[0], self.mean, self.dtype)
        return self._in_rows

    def _triton_body(self, x: Tensor) -> "TritonBody | None":
        """The body in Triton kernels; None where PyTorch has to do it."""
        if not triton.takes(x) or (torch.is_grad_enabled() and x.requires_grad):
            return None
        if x[:, 0].numel() * self.config.channels >= 2**31:  # kernels count in 32 bits
            return None
        if self._triton_for != x.device:
            self._triton, self._triton_for = triton.tried(lambda: self._tried_out(x.device)), x.device
        return self._triton

    def _tried_out(self, device: torch.device) -> "TritonBody | None":
        from elansr.engines.cuda.body import TritonBody, suits

        if not suits(self.body, self.config, self.dtype):
            return None
        body, side = TritonBody(self.config, self.body, self.dtype), self.config.multiple
        body(torch.zeros(1, side, side, self.config.channels, dtype=self.dtype, device=device))
        torch.cuda.synchronize(device)  # what fails on the GPU fails here
        return body


def _fuse(network: ELAN) -> None:
    """Folds and rescales in place."""
    _multiply(network.head, STREAM_SCALE, STREAM_SCALE)
    for module in network.modules():
        if isinstance(module, LocalFeatureExtraction):
            _multiply(module.expand.conv, 1.0, STREAM_SCALE)
            _multiply(module.reduce.conv, 1.0, STREAM_SCALE)
        elif isinstance(module, (GroupwiseSelfAttention, SharedGroupwiseSelfAttention)):
            assert isinstance(module.project, Projection)
            module.project = fuse_conv_bn_eval(module.project.conv, module.project.norm)
            _multiply(module.project, 1 / STREAM_SCALE, 1.0)
            _multiply(module.merge, STREAM_SCALE, STREAM_SCALE)
    _multiply(network.tail[0], 1 / STREAM_SCALE, 1.0)


def _multiply(conv: nn.Module, weight: float, bias: float) -> None:
    assert isinstance(conv, nn.Conv2d)
    assert conv.bias is not None
    conv.weight.mul_(weight)
    conv.bias.mul_(bias)
