"""Compares an exported file with PyTorch on a photo: the largest difference and the change in PSNR-Y."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from elansr.engines.exported import FileEngine
from elansr.engines.pytorch import FusedELAN
from elansr.errors import ExportError
from elansr.evaluation import psnr_y, read_rgb
from elansr.images import crop_to_multiple, downscale, from_float, to_float
from elansr.weights.inference import InferenceForm

PHOTO = Path(__file__).with_name("photo.jpg")
"""An otter, 320x240 (the one of examples/README.md, by Derrick Coetzee, CC0)."""
WORST = 1 / 255
"""The largest difference of a sample in fp32."""
LOSS = 0.02
"""The largest change of PSNR-Y in half precision, in dB."""


@dataclass(frozen=True)
class Parity:
    """How far a file is from PyTorch in fp32, on the photo.

    Attributes:
        worst: the largest difference of a sample, in [0, 1].
        loss: PSNR-Y of PyTorch's result less that of the file's, both against the photo, in dB.
    """

    worst: float
    loss: float

    def require(self, precision: str) -> None:
        """Refuses more than `WORST` in fp32, or `LOSS` either way in half precision.

        Raises:
            ExportError: it is more, or not a number.
        """
        if precision == "fp32" and not self.worst <= WORST:
            raise ExportError(
                f"not written: differs from PyTorch by up to {self.worst * 255:.2f}/255, more than 1/255: "
                "install another version of the runtime"
            )
        if not abs(self.loss) <= LOSS:
            raise ExportError(
                f"not written: PSNR-Y differs from PyTorch by {self.loss:.3f} dB, more than {LOSS} dB: export fp32"
            )


def parity(form: InferenceForm, engine: FileEngine) -> Parity:
    """Runs the file and the inference form on the photo, made small by MATLAB's bicubic.

    A model of one size is given as much of the photo as fits, reflected at the right and the bottom up to its size.
    """
    scale = form.config.scale
    hr = crop_to_multiple(read_rgb(PHOTO), scale)
    if engine.size is not None:
        hr = hr[: engine.size[0] * scale, : engine.size[1] * scale]
    lr = to_float(downscale(hr, scale)).transpose(2, 0, 1)[np.newaxis]
    theirs, ours = engine(lr), _pytorch(form, engine)(lr)
    loss = psnr_y(_pixels(ours), hr, scale) - psnr_y(_pixels(theirs), hr, scale)
    return Parity(float(np.abs(theirs - ours).max()), loss)


def _pytorch(form: InferenceForm, engine: FileEngine) -> FileEngine:
    """PyTorch in fp32 in place of the file, with the same padding."""
    network = FusedELAN(form, torch.float32, engine.exported.closed)
    return FileEngine(engine.path, "cpu", engine.exported, lambda x: network(torch.from_numpy(x)).numpy())


def _pixels(sr: NDArray[np.float32]) -> NDArray[np.uint8]:
    """As a file would have them: uint8, (H, W, 3)."""
    return from_float(sr[0].transpose(1, 2, 0), np.uint8)
