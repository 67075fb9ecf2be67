"""The options of the commands, with the names that users of Real-ESRGAN know."""

from typing import Annotated, Literal

import typer

RESULT, NETWORK, SPEED = "Result", "Network", "Speed and memory"


Inputs = Annotated[
    list[str],
    typer.Argument(metavar="INPUT", help="Pictures, folders of pictures, patterns such as 'photos/*.jpg'."),
]
Recursive = Annotated[
    bool, typer.Option("-r", "--recursive", help="Also take the folders inside folders; the results keep them.")
]
MaxPixels = Annotated[
    int | None, typer.Option("--max-pixels", min=1, metavar="N", help="Refuse pictures with more pixels.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document with a record for each file.")]

OUTPUT_HELP = "File or folder to write. Default: beside a file; for FOLDER a new folder FOLDER_x4."
Output = Annotated[str | None, typer.Option("-o", "--output", metavar="PATH", rich_help_panel=RESULT, help=OUTPUT_HELP)]
OUTSCALE_HELP = "Final enlargement, such as 2.5: above 0, at most 16."
Outscale = Annotated[float | None, typer.Option("--outscale", metavar="F", rich_help_panel=RESULT, help=OUTSCALE_HELP)]
WIDTH_HELP = "Final width in pixels; the height follows."
Width = Annotated[int | None, typer.Option("--width", metavar="W", rich_help_panel=RESULT, help=WIDTH_HELP)]
HEIGHT_HELP = "Final height in pixels; the width follows."
Height = Annotated[int | None, typer.Option("--height", metavar="H", rich_help_panel=RESULT, help=HEIGHT_HELP)]
Ext = Annotated[
    Literal["auto", "png", "jpg", "webp", "tiff", "avif"],
    typer.Option("--ext", rich_help_panel=RESULT, help="Format of the results; auto keeps the input's."),
]
Quality = Annotated[
    int | None,
    typer.Option("--quality", min=1, max=100, metavar="1..100", rich_help_panel=RESULT, help="Of a lossy format."),
]
PYRAMID_HELP = "Write TIFF with smaller copies, for viewers of large pictures."
Pyramid = Annotated[bool, typer.Option("--pyramid", rich_help_panel=RESULT, help=PYRAMID_HELP)]
SUFFIX_HELP = "Added to the names of results. Default: the enlargement, such as _x4."
Suffix = Annotated[str | None, typer.Option("--suffix", metavar="TEXT", rich_help_panel=RESULT, help=SUFFIX_HELP)]
OVERWRITE_HELP = "Replace results that exist already."
Overwrite = Annotated[bool, typer.Option("--overwrite", rich_help_panel=RESULT, help=OVERWRITE_HELP)]
SKIP_HELP = "Pass over results that exist already: for several files the default, for a single one else an error."
SkipExisting = Annotated[bool, typer.Option("--skip-existing", rich_help_panel=RESULT, help=SKIP_HELP)]

SCALE_HELP = "Scale of the network. Default: the smallest that reaches the final size, else 4."
Scale = Annotated[
    int | None,
    typer.Option("-s", "--scale", metavar="2|3|4", rich_help_panel=NETWORK, help=SCALE_HELP),
]
MODEL_HELP = (
    "Released weights, see `elansr info`, a weights file, or what `elansr export` wrote. auto: for a file compressed "
    "with loss (JPEG below quality 85) -real weights, where the scale has them, else those for clean pictures."
)
Model = Annotated[
    str, typer.Option("-n", "--model", metavar="auto|NAME|FILE", rich_help_panel=NETWORK, help=MODEL_HELP)
]
TTA_HELP = "Average over eight flips and turns: a little better, eight times slower."
Tta = Annotated[bool, typer.Option("--tta", rich_help_panel=NETWORK, help=TTA_HELP)]
BORDER_HELP = "Attention windows end at the picture's border, or go on at the opposite one as in the paper."
Border = Annotated[Literal["closed", "cyclic"], typer.Option("--border", rich_help_panel=NETWORK, help=BORDER_HELP)]
MARGIN_HELP = "Reflected pixels around the picture, at most 256, cut away after."
Margin = Annotated[int, typer.Option("--margin", min=0, metavar="PIXELS", rich_help_panel=NETWORK, help=MARGIN_HELP)]

TILE_HELP = "Side of a tile; 0 chooses by the memory that is free."
Tile = Annotated[int, typer.Option("-t", "--tile", min=0, metavar="PIXELS", rich_help_panel=SPEED, help=TILE_HELP)]
Device = Annotated[
    str,
    typer.Option("--device", metavar="auto|cpu|cuda|cuda:N|mps", rich_help_panel=SPEED, help="What runs the network."),
]
Precision = Annotated[
    Literal["auto", "fp32", "bf16", "fp16"],
    typer.Option("--precision", rich_help_panel=SPEED, help="Of the network's numbers."),
]
ENGINE_HELP = "What runs the network; onnx and openvino run files of `elansr export`. auto goes by the file."
Engine = Annotated[
    Literal["auto", "torch", "onnx", "openvino"], typer.Option("--engine", rich_help_panel=SPEED, help=ENGINE_HELP)
]
THREADS_HELP = "CPU threads; 0 leaves the number to PyTorch."
Threads = Annotated[int, typer.Option("--threads", min=0, metavar="N", rich_help_panel=SPEED, help=THREADS_HELP)]
