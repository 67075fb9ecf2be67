"""The settings of a run, and which of them affect the results."""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from elansr.arguments import require_choice
from elansr.images import DEFAULT_MAX_PIXELS, DEFAULT_MAX_STREAMED
from elansr.upscaling import Extension, FinalSize
from elansr.weights.released import SUFFIXES, is_path, resolve

if TYPE_CHECKING:
    from elansr.engines.exported import EngineName
    from elansr.upscaling import Border, Options, TiledNetwork, Upscalers

SPLIT_PIXELS = 2**25
"""Pixels from which on a picture is cut into strips for several workers: 33.6 million."""
_SPEED = {"device", "engine", "max_pixels", "split_pixels"}
"""What a run may change without its results counting as others."""


@dataclass(frozen=True)
class Settings:
    """The options of `elansr upscale`, and `split_pixels`: pictures with more go to several workers; 0 is never.

    Attributes:
        digest: of the weights where `model` is a file, so that another file of that name is noticed.
    """

    model: str = "auto"
    scale: int | None = None
    strength: float | None = None
    outscale: float | None = None
    width: int | None = None
    height: int | None = None
    ext: Extension = "auto"
    quality: int | None = None
    pyramid: bool = False
    suffix: str | None = None
    tta: bool = False
    border: "Border" = "closed"
    margin: int = 0
    tile: int = 0
    device: str = "auto"
    precision: str = "auto"
    engine: "EngineName" = "auto"
    max_pixels: int | None = None
    split_pixels: int = SPLIT_PIXELS
    digest: str = ""

    def __post_init__(self) -> None:
        require_choice("ext", self.ext, get_args(Extension))

    @property
    def size(self) -> FinalSize:
        """Of the results."""
        return FinalSize(self.outscale, self.width, self.height)

    def deciding(self) -> dict[str, object]:
        """What decides the results, as JSON knows it."""
        from elansr import __version__

        chosen = {name: value for name, value in asdict(self).items() if name not in _SPEED}
        model = Path(self.model).name if self.digest else self.model
        return chosen | {"model": model, "elansr": __version__}

    def fingerprint(self) -> str:
        """The same for runs whose results can stand side by side."""
        return hashlib.sha256(json.dumps(self.deciding(), sort_keys=True).encode()).hexdigest()[:16]

    def options(self) -> "Options":
        """For the work on files; a result that is there was not finished, or is to be replaced."""
        from elansr.upscaling import Options

        return Options(
            self.size,
            "replace",
            self.quality,
            self.max_pixels or DEFAULT_MAX_PIXELS,
            self.max_pixels or DEFAULT_MAX_STREAMED,
            self.pyramid,
        )

    def upscalers(self, device: str, model: str | None = None, tile: int = 0) -> "Upscalers":
        """The upscaler for each picture.

        Args:
            model: in the place of the one named: where a worker put the weights file.
            tile: in the place of the one chosen by the memory.
        """
        from elansr.upscaling import TiledNetwork, Upscalers

        def opened(name: str, scale: int | None) -> "TiledNetwork":
            return TiledNetwork.open(
                name,
                scale=scale,
                strength=self.strength,
                device=device,
                precision=self.precision if device == self.device else "auto",
                tile=self.tile or tile,
                border=self.border,
                margin=self.margin,
                tta=self.tta,
                engine=self.engine,
            )

        return Upscalers(model or self.model, self.scale, self.size, opened, self.strength)


def identified(settings: Settings) -> Settings:
    """The settings with the digest of their weights file, if they name one."""
    if is_path(settings.model):
        settings = replace(settings, model=str(resolve(settings.model)))  # of a folder the file
    content = weights_bytes(settings.model)
    return settings if content is None else replace(settings, digest=hashlib.sha256(content).hexdigest())


def weights_bytes(model: str) -> bytes | None:
    """The content of a weights file, for workers that do not have it; None where every worker finds it by name.

    Raises:
        WeightsError: a file that is not there or cannot be read.
    """
    from elansr.weights.weights_file import require_readable

    if not is_path(model) or Path(model).suffix.lower() not in (*SUFFIXES, ".onnx"):
        return None
    require_readable(Path(model))
    return Path(model).read_bytes()
