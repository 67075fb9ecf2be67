"""Features put together and taken apart by what infer/calls.h says about memory, without the native library."""

import numpy as np
import torch
from torch import Tensor

from elansr.engines.cpu.native_calls import MARGIN, Features, PackedLayer, Run, pack

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def dtype_of(run: Run) -> torch.dtype:
    return DTYPES[run.precision]


def room(run: Run, like: Features, channels: int) -> Features:
    """Room for features of the same pictures, full of what must not come out of it."""
    pictures, height = like.words.shape[:2]
    found = Features.room(pictures, height, like.width, channels // run.pair)
    found.words.fill(np.nan)
    return found


def encoded(picture: Tensor, run: Run) -> Features:
    """Features (N, C, H, W) as the library has them, everything that it may not look at full of NaN."""
    pictures, channels, height, width = picture.shape
    features = Features.room(pictures, height, width, channels // run.pair)
    features.words.fill(np.nan)
    features.words[..., MARGIN - 1] = features.words[..., MARGIN + width] = 0
    values = picture.movedim(1, 2).to(dtype_of(run))
    if run.precision == "fp32":
        words = values.numpy()
    else:
        pairs = values.unflatten(2, (-1, 2)).movedim(3, -1).contiguous()
        words = pairs.view(torch.int16).numpy().view(np.float32)[..., 0]
    features.words[..., MARGIN : MARGIN + width] = words
    return features


def decoded(features: Features, run: Run) -> Tensor:
    """The inverse, float64 (N, C, H, W)."""
    words = torch.from_numpy(features.words[..., MARGIN : MARGIN + features.width].copy())
    if run.precision == "bf16":
        words = words.view(torch.bfloat16).unflatten(-1, (features.width, 2)).movedim(-1, 3).flatten(2, 3).float()
    return words.movedim(2, 1).double()


def packed(weight: Tensor, bias: Tensor, run: Run, by_color: bool = False) -> PackedLayer:
    """A layer as `run` reads it; 3x3 ones are float32 in every precision."""
    precision = "fp32" if weight.ndim == 4 else run.precision
    return pack(weight.numpy(), bias.numpy(), precision, run.level, by_color)


def relative_error(actual: Tensor, expected: Tensor) -> float:
    """Of the whole tensor, by the norm."""
    return ((actual.double() - expected).norm() / expected.norm()).item()
