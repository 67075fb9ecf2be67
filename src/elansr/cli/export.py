"""`elansr export`: weights as a file for ONNX Runtime, OpenVINO, TensorRT or plain PyTorch."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from elansr.cli import options as o
from elansr.cli.options import parse_size
from elansr.errors import MissingExtraError
from elansr.text import data_size, shown

if TYPE_CHECKING:
    from elansr.export import ExportResult

TO_HELP = "onnx: ONNX Runtime, TensorRT and others. openvino: .xml and .bin. pt2: torch.export, one size only."
PRECISION_HELP = "Precision of weights and body; attention logits and softmax stay in fp32. onnx: fp32 or fp16."
SIZE_HELP = "The only input size, in multiples of 16 pixels; required for pt2. Default: any."
OUTPUT_HELP = "File to write: .onnx, .xml or .pt2. Default: the weights' name in this folder."
SCALE_HELP = "Scale, for a family such as elan-light."


def export(
    model: Annotated[str, typer.Argument(metavar="NAME|FILE", help="Released weights or a weights file.")],
    to: Annotated[Literal["onnx", "openvino", "pt2"], typer.Option("--to", help=TO_HELP)] = "onnx",
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="PATH", help=OUTPUT_HELP)] = None,
    scale: Annotated[
        int | None, typer.Option("-s", "--scale", metavar="2|3|4", parser=o.parse_scale, help=SCALE_HELP)
    ] = None,
    precision: Annotated[Literal["fp32", "fp16", "bf16"], typer.Option("--precision", help=PRECISION_HELP)] = "fp32",
    size: Annotated[str | None, typer.Option("--size", metavar="WIDTHxHEIGHT", help=SIZE_HELP)] = None,
    border: Annotated[Literal["closed", "cyclic"], typer.Option("--border", help=o.BORDER_HELP)] = "closed",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it exists.")] = False,
) -> None:
    """Export weights to ONNX, OpenVINO or PyTorch.

    The file is tested against PyTorch on a photo, and deleted if they differ too much.
    To use an ONNX or OpenVINO file: elansr upscale -n FILE.
    """
    extent = None if size is None else parse_size(size)[::-1]
    from elansr.cli.progress import ProgressBars

    with ProgressBars() as bars:
        bars.show(f"exporting {model}", 0, None)
        try:
            from elansr.export import export
        except ModuleNotFoundError as error:
            raise MissingExtraError(f"export needs {error.name}: pip install '.[export]' in elansr's folder") from error

        written = export(
            model,
            output,
            to,
            scale=scale,
            precision=precision,
            size=extent,
            closed=border == "closed",
            overwrite=overwrite,
        )
    typer.echo(_line(written, to), err=True)


def _line(written: "ExportResult", to: str) -> str:
    """The file written, and its difference from PyTorch."""
    exported, parity = written.exported, written.parity
    height, width = exported.size or (0, 0)
    size = f"{width}x{height}" if exported.size else f"any multiple of {exported.config.multiple}"
    kind = f"{to}, {exported.precision}, x{exported.config.scale}, {size}, {data_size(written.bytes)}"
    apart = f"at most {parity.worst * 255:.3f}/255, PSNR-Y {0.0 - round(parity.loss, 4):+.4f} dB"
    return f"{exported.model} -> {shown(written.files[0])}: {kind}; difference from PyTorch in fp32: {apart}"
