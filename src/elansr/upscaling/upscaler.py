"""`Upscaler`: array in, array out."""

from pathlib import Path
from typing import TYPE_CHECKING, cast

from elansr.engines import Engine, open_engine
from elansr.upscaling.tile_size import require_pixels
from elansr.upscaling.tiled import Border, TiledNetwork, require_border

if TYPE_CHECKING:
    from elansr.engines.exported import EngineName
    from elansr.nn.elan import ELAN

__all__ = ["Border", "Upscaler", "load"]


class Upscaler(TiledNetwork):
    """Super-resolves pictures of any size with one network.

    Args:
        network: an ELAN, see `elansr.load_network`; or an exported one, opened by `open_engine`, which has its device
            and precision already and needs the border that it was exported with.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".
        precision: "auto", "fp32", "bf16" or "fp16".
        tile: side of a tile in LR pixels; 0 chooses by the memory that is free.
        border: "closed" ends the attention windows at the picture's border; "cyclic", the paper's form, has shifted
            ones go on at the opposite border, which then leaks in (docs/tiling.md).
        margin: reflected pixels around the picture, at most 256, cut away after; rounded up to the window grid.
            Pictures of fewer than `TINY` pixels on a side get some anyway.
        tta: average over the eight flips and transpositions: eight times slower, a little better.

    Attributes:
        scale: super-resolution factor.

    Raises:
        DeviceError: a device or precision that is unknown or not there.
        ConfigError: an unknown border, see `require_pixels`.
    """

    def __init__(
        self,
        network: "ELAN | Engine | str | Path",
        *,
        device: str = "auto",
        precision: str = "auto",
        tile: int = 0,
        border: Border = "closed",
        margin: int = 0,
        tta: bool = False,
        scale: int | None = None,
        engine: "EngineName" = "auto",
    ) -> None:
        require_border(border)
        require_pixels(tile, margin)
        if hasattr(network, "digest"):
            opened = cast(Engine, network)
        else:
            opened = open_engine(
                cast("ELAN | str | Path", network),
                scale=scale,
                engine=engine,
                device=device,
                precision=precision,
                closed=border == "closed",
            )
        super().__init__(opened, tile=tile, border=border, margin=margin, tta=tta)


def load(
    name_or_file: str | Path,
    *,
    scale: int | None = None,
    device: str = "auto",
    precision: str = "auto",
    tile: int = 0,
    border: Border = "closed",
    margin: int = 0,
    tta: bool = False,
    engine: "EngineName" = "auto",
) -> Upscaler:
    """An `Upscaler` with released weights ("elan-light-x4") or those of a file; see there for the arguments.

    A file that `elansr export` wrote ("model.onnx", "model.xml") runs in ONNX Runtime or OpenVINO; `engine` "auto" goes
    by its ending, any other has to fit it.

    Raises:
        WeightsError: an unknown name, or a file that is not a network of ours.
        ConfigError: an engine that does not run such a file, or what contradicts how it was exported.
        MissingExtraError: its run time is not installed.
    """
    return Upscaler(
        name_or_file,
        scale=scale,
        engine=engine,
        device=device,
        precision=precision,
        tile=tile,
        border=border,
        margin=margin,
        tta=tta,
    )
