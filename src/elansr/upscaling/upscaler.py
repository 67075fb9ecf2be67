"""`Upscaler`: upscales NumPy arrays, Pillow images and PyTorch tensors."""

import os
import sys
from threading import Lock
from typing import TYPE_CHECKING, TypeVar, cast

import numpy as np

from elansr.engines.device import PrecisionName
from elansr.engines.exported import EngineName
from elansr.errors import PictureError
from elansr.images import Picture
from elansr.text import one_line
from elansr.upscaling.rows import Array
from elansr.upscaling.tiled_network import Border, TiledNetwork
from elansr.upscaling.tiling import Network, Progress, Samples

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

    from elansr.nn.elan import ELAN

_KEEP_PROFILE = ("L", "LA", "P", "PA", "RGB", "RGBA")
"""Modes of Pillow whose colour profile holds for the result too."""

Kind = TypeVar("Kind", bound="Array | Image | Tensor")


class Upscaler:
    """Super-resolves pictures of any size with one network. Several threads may call it: their tiles take turns.

    Args:
        network: released weights ("elan-light-x4"), a family ("elan-light-real") together with `scale`, the path of a
            weights file or of an exported file ("model.onnx", "model.xml"); or an ELAN, see
            `elansr.load_network`.
        scale: super-resolution factor that the weights must have.
        strength: 0 to 1, between the released weights for clean pictures (0) and -real weights, or weights from a file
            that were trained from them (1); None uses the weights as they are.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".
        precision: "auto", "fp32", "bf16" or "fp16".
        tile: side of a tile in LR pixels; 0 chooses by free memory.
        border: "closed" ends attention windows at the picture's border; "cyclic", the paper's form, continues shifted
            windows at the opposite border, which leaks in (docs/tiling.md).
        margin: reflected pixels around the picture, at most 256, cut away afterwards; rounded up to the window grid.
            Pictures with a side below 8 pixels always get a margin.
        tta: average over eight flips and transpositions: slightly better, eight times slower.
        engine: "auto" runs weights in the native library or PyTorch, and exported files in ONNX Runtime or OpenVINO;
            "torch", "onnx" and "openvino" must fit the file.

    Raises:
        WeightsError: an unknown name, or a file that is not an ELAN.
        DeviceError: an unknown or missing device, or an unknown precision.
        ConfigError: an invalid value, an engine that cannot run this file, or an argument that contradicts how the
            file was exported.
        MissingExtraError: a package that is needed to run the network is not installed.
    """

    def __init__(
        self,
        network: "ELAN | str | os.PathLike[str]",
        *,
        device: str = "auto",
        precision: PrecisionName = "auto",
        tile: int = 0,
        border: Border = "closed",
        margin: int = 0,
        tta: bool = False,
        engine: EngineName = "auto",
        scale: int | None = None,
        strength: float | None = None,
    ) -> None:
        self._name = os.fspath(network) if isinstance(network, (str, os.PathLike)) else type(network).__name__
        self._network = TiledNetwork.open(
            network,
            scale=scale,
            strength=strength,
            device=device,
            precision=precision,
            tile=tile,
            border=border,
            margin=margin,
            tta=tta,
            engine=engine,
        ).through(_one_at_a_time)
        self.config = self._network.config
        """Of the network, an `ELANConfig`."""
        self.scale: int = self._network.scale
        """Super-resolution factor."""
        self.device: str = self._network.device
        """Where the network runs: "cpu", "cuda:0", "mps"."""
        self.precision: str = self._network.precision
        """"fp32", "bf16" or "fp16"."""

    def __repr__(self) -> str:
        return f"Upscaler({self._name!r}, scale={self.scale}, device={self.device!r}, precision={self.precision!r})"

    @classmethod
    def from_pretrained(
        cls,
        name_or_repo: str | os.PathLike[str],
        *,
        scale: int | None = None,
        strength: float | None = None,
        revision: str | None = None,
        token: str | None = None,
        device: str = "auto",
        precision: PrecisionName = "auto",
        tile: int = 0,
        border: Border = "closed",
        margin: int = 0,
        tta: bool = False,
    ) -> "Upscaler":
        """An upscaler with released weights, those of a file or a folder, or of a repository on the Hugging Face Hub.

        Args:
            name_or_repo: "elan-light-x4"; a path; or "owner/name" on the Hub. Tried in this order.
            scale: super-resolution factor that the weights must have; a family ("elan-light") needs it.
            strength: see `Upscaler`.
            revision, token: of the repository, see `elansr.hub.from_pretrained`.
            device, precision, tile, border, margin, tta: see `Upscaler`.

        Raises:
            WeightsError: a name of none of these, unusable weights, or the Hub does not give them.
            MissingExtraError: a repository is asked for without `huggingface_hub`.
        """
        from elansr.weights.hub import find_weights

        path = find_weights(name_or_repo, revision, scale=scale, token=token)
        upscaler = cls(
            path,
            scale=scale,
            strength=strength,
            device=device,
            precision=precision,
            tile=tile,
            border=border,
            margin=margin,
            tta=tta,
        )
        upscaler._name = os.fspath(name_or_repo)
        return upscaler

    def __call__(self, picture: Kind, progress: Progress | None = None) -> Kind:
        """Super-resolves one picture.

        Args:
            picture: one of
                a NumPy array (H, W) or (H, W, C) with C = 1 grey, 2 grey + alpha, 3 RGB, 4 RGBA; uint8, uint16, or
                floating in [0, 1];
                a `PIL.Image` of any mode; palettes, CMYK, YCbCr ... are converted to RGB or RGBA as Pillow does, and
                an EXIF orientation is applied as `ImageOps.exif_transpose` does;
                a torch tensor (3, H, W) or (N, 3, H, W) on any device, RGB, floating in [0, 1] or uint8.
            progress: called with the number of LR pixels done and the total.

        Returns:
            The same kind, H * scale high and W * scale wide, clipped to its range: an array or a tensor of the same
            dtype (a tensor on the same device, without a gradient), or an image. Grey stays grey; alpha is
            super-resolved separately, and invisible colours do not bleed into visible ones.

        Raises:
            PictureError: another shape, dtype or type, floats outside [0, 1], several frames, or a damaged image.
            DeviceError: not enough memory for even the smallest tile.
        """
        if _is_tensor(picture):
            return cast(Kind, self._upscale_tensor(cast("Tensor", picture), progress))
        if _is_image(picture):
            return cast(Kind, self._upscale_image(cast("Image", picture), progress))
        if not hasattr(picture, "__array__"):
            raise PictureError(_no_array(picture))
        return cast(Kind, self._network(cast(Array, picture), progress))

    def _upscale_tensor(self, tensor: "Tensor", progress: Progress | None) -> "Tensor":
        torch = sys.modules["torch"]
        if tensor.ndim not in (3, 4) or tensor.shape[-3] != 3:
            raise PictureError(f"a tensor of shape {tuple(tensor.shape)}: must be (3, H, W) or (N, 3, H, W), RGB")
        batch = tensor.detach().reshape(-1, *tensor.shape[-3:])
        size = batch.shape[-2] * self.scale, batch.shape[-1] * self.scale
        # NumPy has no bfloat16
        half = tensor.is_floating_point() and tensor.element_size() == 2
        pictures = [(one.float() if half else one).permute(1, 2, 0).cpu().numpy() for one in batch]
        results = [torch.from_numpy(one).permute(2, 0, 1) for one in self._network.many(pictures, progress)]
        stack = torch.stack(results) if results else torch.empty(0, 3, *size)
        result: Tensor = stack.to(tensor.device, tensor.dtype).reshape(*tensor.shape[:-2], *size)
        return result

    def _upscale_image(self, image: "Image", progress: Progress | None) -> "Image":
        from PIL import Image

        result = Image.fromarray(self._network(_pixels(_upright(image)), progress))
        if image.mode in _KEEP_PROFILE and "icc_profile" in image.info:
            result.info["icc_profile"] = image.info["icc_profile"]
        return result


load = Upscaler
"""`elansr.load("elan-light-x4")`, as it reads in a program."""


def _is_tensor(picture: object) -> bool:
    """A tensor can only be there where PyTorch is loaded, so it is never imported."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(picture, torch.Tensor)


def _is_image(picture: object) -> bool:
    """As `_is_tensor`, for Pillow."""
    pillow = sys.modules.get("PIL.Image")
    return pillow is not None and isinstance(picture, pillow.Image)


def _no_array(picture: object) -> str:
    """What to do with something that is neither an array, nor an image, nor a tensor."""
    accepted = "a NumPy array, a PIL.Image or a torch tensor"
    if isinstance(picture, (str, os.PathLike, bytes)):
        return f"a {type(picture).__name__}: must be {accepted}; elansr.upscale takes files"
    if isinstance(picture, Picture):
        return f"a Picture: must be {accepted}: pass its `pixels`, or each of its `pages`"
    if isinstance(picture, (list, tuple)):
        return f"a {type(picture).__name__}: must be {accepted}: call it once for each picture"
    return f"a {type(picture).__name__}: must be {accepted}"


def _upright(image: "Image") -> "Image":
    """The image, decoded, as its EXIF orientation wants it to be shown.

    Raises:
        PictureError: several frames, of which only one would be upscaled; or the file behind it is damaged.
    """
    from PIL import ImageOps

    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":  # a JPEG of a phone, with previews behind the photo
        way_out = "pass a copy of one frame, or the file to elansr.upscale"
        raise PictureError(f"an image of {frames} frames: must have one frame: {way_out}")
    try:
        return ImageOps.exif_transpose(image)
    except (OSError, SyntaxError, ValueError) as error:
        raise PictureError(f"an image that cannot be decoded ({one_line(error)}): open a complete file") from error


def _pixels(image: "Image") -> Array:
    """Any mode as an array: uint8 grey, RGB or RGBA, or uint16 grey."""
    if image.mode == "I" or image.mode.startswith("I;16"):  # as Pillow opens 16-bit grey
        return np.asarray(image).clip(0, np.iinfo(np.uint16).max).astype(np.uint16)
    transparent = "transparency" in image.info or image.mode in ("LA", "La", "PA", "RGBA", "RGBa")
    if image.mode in ("1", "L", "F", "LA", "La"):
        return np.asarray(image.convert("LA" if transparent else "L"))
    return np.asarray(image.convert("RGBA" if transparent else "RGB"))


def _one_at_a_time(network: Network) -> Network:
    lock = Lock()

    def locked(tile: Samples) -> Samples:
        with lock:
            return network(tile)

    return locked
