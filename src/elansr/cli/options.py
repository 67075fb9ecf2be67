"""The options of the commands, with the names that users of Real-ESRGAN know."""

import re
from typing import Annotated, Literal

import typer

from elansr.errors import ConfigError

RESULT, NETWORK, SPEED = "Result", "Network", "Speed and memory"


def parse_scale(text: str) -> int:
    """The scale that "4", "x4" or "4x" means; Typer reports the ValueError of anything else."""
    digits = text.lower().strip("x")
    if not digits.isdecimal():
        raise ValueError("must be 2, 3 or 4")
    return int(digits)


INPUTS_HELP = "Pictures, folders, patterns such as 'photos/*.jpg', or URLs; - is standard input."
Inputs = Annotated[list[str], typer.Argument(metavar="INPUT", help=INPUTS_HELP)]
Recursive = Annotated[bool, typer.Option("-r", "--recursive", help="Include subfolders.")]
MaxPixels = Annotated[int | None, typer.Option("--max-pixels", min=1, metavar="N", help="Refuse larger pictures.")]
PREVIEW_HELP = (
    "Write only PHOTO_preview.png (PHOTO_preview_X_Y.png), which compares all weights and strengths on a part of the "
    "photo: around the pixel X,Y, or the most detailed part."
)
Preview = Annotated[str | None, typer.Option("--preview", metavar="[X,Y]", help=PREVIEW_HELP)]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document with one record per file.")]

OUTPUT_HELP = (
    "File or folder to write; - is standard output. Default: photo_x4.jpg for photo.jpg, photos_x4 for a folder photos."
)
Output = Annotated[str | None, typer.Option("-o", "--output", metavar="PATH", rich_help_panel=RESULT, help=OUTPUT_HELP)]
OUTSCALE_HELP = "Final enlargement factor, such as 2.5; at most 16."
Outscale = Annotated[float | None, typer.Option("--outscale", metavar="F", rich_help_panel=RESULT, help=OUTSCALE_HELP)]
WIDTH_HELP = "Final width in pixels; keeps the aspect ratio."
Width = Annotated[int | None, typer.Option("--width", metavar="W", rich_help_panel=RESULT, help=WIDTH_HELP)]
HEIGHT_HELP = "Final height in pixels; keeps the aspect ratio."
Height = Annotated[int | None, typer.Option("--height", metavar="H", rich_help_panel=RESULT, help=HEIGHT_HELP)]
EXT_HELP = "Format of the results. auto: the input's."
EXTENSIONS = "auto|png|jpg|webp|tiff|avif|gif"
Ext = Annotated[str, typer.Option("--ext", "--format", "-f", metavar=EXTENSIONS, rich_help_panel=RESULT, help=EXT_HELP)]
Quality = Annotated[
    int | None,
    typer.Option(
        "--quality", min=1, max=100, metavar="1..100", rich_help_panel=RESULT, help="Quality of JPEG, WebP and AVIF."
    ),
]
PYRAMID_HELP = "Write a TIFF with tiles and smaller copies, for viewers of large pictures."
Pyramid = Annotated[bool, typer.Option("--pyramid", rich_help_panel=RESULT, help=PYRAMID_HELP)]
SUFFIX_HELP = "Text added to the names of results. Default: the scale, such as _x4."
Suffix = Annotated[str | None, typer.Option("--suffix", metavar="TEXT", rich_help_panel=RESULT, help=SUFFIX_HELP)]
OVERWRITE_HELP = "Replace existing results."
Overwrite = Annotated[bool, typer.Option("--overwrite", rich_help_panel=RESULT, help=OVERWRITE_HELP)]
SKIP_HELP = (
    "Skip existing results. This is the default for several files; for one file, an existing result is an error."
)
SkipExisting = Annotated[bool, typer.Option("--skip-existing", rich_help_panel=RESULT, help=SKIP_HELP)]

SCALE_HELP = "Scale of the network. Default: the smallest that reaches the final size, or 4."
Scale = Annotated[
    int | None,
    typer.Option("-s", "--scale", metavar="2|3|4", parser=parse_scale, rich_help_panel=NETWORK, help=SCALE_HELP),
]
OWN_SCALE_HELP = "Scale of the network. Default: that of the weights, or 4."
OwnScale = Annotated[
    int | None, typer.Option("-s", "--scale", metavar="2|3|4", parser=parse_scale, help=OWN_SCALE_HELP)
]
MODEL_HELP = (
    "Released weights (see `elansr info`), a weights file, a hub folder or an exported file. auto: -real weights for "
    "lossy (JPEG below quality 85), noisy or soft pictures, if the scale has them; otherwise elan-light."
)
Model = Annotated[
    str, typer.Option("-n", "--model", metavar="auto|NAME|FILE", rich_help_panel=NETWORK, help=MODEL_HELP)
]
STRENGTH_HELP = "Mix of elan-light (0) and -real weights, or those of a file (1). Default: the weights as they are."
Strength = Annotated[
    float | None,
    typer.Option("--strength", min=0, max=1, metavar="0..1", rich_help_panel=NETWORK, help=STRENGTH_HELP),
]
TTA_HELP = "Average over eight flips and turns: slightly better, eight times slower."
Tta = Annotated[bool, typer.Option("--tta", "-x", rich_help_panel=NETWORK, help=TTA_HELP)]
BORDER_HELP = "closed: attention windows end at the border. cyclic: they wrap around, as in the paper."
Border = Annotated[Literal["closed", "cyclic"], typer.Option("--border", rich_help_panel=NETWORK, help=BORDER_HELP)]
MARGIN_HELP = "Pad the picture with this many mirrored pixels, and crop the result; at most 256."
Margin = Annotated[int, typer.Option("--margin", min=0, metavar="PIXELS", rich_help_panel=NETWORK, help=MARGIN_HELP)]

TILE_HELP = "Tile size; 0 is automatic, as large as memory allows."
Tile = Annotated[int, typer.Option("-t", "--tile", min=0, metavar="PIXELS", rich_help_panel=SPEED, help=TILE_HELP)]
Device = Annotated[
    str,
    typer.Option("--device", metavar="auto|cpu|cuda|cuda:N|mps", rich_help_panel=SPEED, help="Device to run on."),
]
Precision = Annotated[
    Literal["auto", "fp32", "bf16", "fp16"],
    typer.Option("--precision", rich_help_panel=SPEED, help="Precision of the network."),
]
ENGINE_HELP = "torch forces PyTorch; onnx and openvino run exported files. auto: by the file."
Engine = Annotated[
    Literal["auto", "torch", "onnx", "openvino"], typer.Option("--engine", rich_help_panel=SPEED, help=ENGINE_HELP)
]
THREADS_HELP = "CPU threads; 0 is one per core."
Threads = Annotated[int, typer.Option("--threads", min=0, metavar="N", rich_help_panel=SPEED, help=THREADS_HELP)]

SIZE = re.compile(r"([1-9]\d*)[xX]([1-9]\d*)", re.ASCII)
DIGITS = 5


def parse_size(size: str) -> tuple[int, int]:
    """Width and height of a size such as 320x180.

    Raises:
        ConfigError: something else, or a side of 100,000 pixels or more.
    """
    match = SIZE.fullmatch(size.strip())
    if not match:
        raise ConfigError(f"size {size!r}: must be WIDTHxHEIGHT in pixels, such as 320x180")
    if max(map(len, match.groups())) > DIGITS:
        raise ConfigError(f"size {size.strip():.40}: too large: a side is at most {10**DIGITS - 1} pixels")
    return int(match[1]), int(match[2])
